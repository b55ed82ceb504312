//! API keys of the signed-in user and of the active tenant.

use super::{Call, Json, list, list_of, maybe, rows_of, text, truth};
use crate::auth::error::AuthError;

#[derive(Debug, Default)]
pub(crate) struct NewApiKey<'a> {
    pub(crate) name: &'a str,
    pub(crate) permissions: &'a [String],
    pub(crate) roles: &'a [String],
    /// RFC 3339; `None` for as long as it is not revoked.
    pub(crate) expires_at: Option<&'a str>,
    /// A key of the tenant itself.
    pub(crate) for_tenant: bool,
}

/// Gives id, key and prefix; the key this once.
pub(crate) async fn create_api_key(call: &Call<'_>, input: NewApiKey<'_>) -> Result<Json, AuthError> {
    const SQL: &str = concat!(
        "select to_jsonb(r)::text from auth.create_api_key($1::text, ",
        list_of!("$2"),
        ", $3::timestamptz, ",
        list_of!("$4"),
        ", $5::boolean) as r"
    );
    let (permissions, roles) = (list(input.permissions), list(input.roles));
    let values = [
        text(input.name),
        text(&permissions),
        maybe(input.expires_at),
        text(&roles),
        truth(Some(input.for_tenant)),
    ];
    call.json(SQL, &values).await
}

pub(crate) async fn my_api_keys(call: &Call<'_>) -> Result<Json, AuthError> {
    call.json(rows_of!("auth.my_api_keys()"), &[]).await
}

/// All of the tenant; `None` when it is not the active one.
pub(crate) async fn tenant_api_keys(call: &Call<'_>, tenant: &str) -> Result<Option<Json>, AuthError> {
    const SQL: &str =
        concat!("select (", rows_of!("auth.tenant_api_keys()"), ") where auth.tenant_id() = $1::uuid");
    call.value(SQL, &[text(tenant)]).await
}

/// False when there is no such key that the caller may revoke.
pub(crate) async fn revoke_api_key(call: &Call<'_>, id: &str) -> Result<bool, AuthError> {
    call.done("select auth.revoke_api_key($1::uuid)", &[text(id)]).await
}

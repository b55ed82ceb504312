//! Roles of a tenant. `tenant`: for the operator; others mean the active one.

use super::outcome::string;
use super::{Call, Json, list, list_of, maybe, rows_of, text};
use crate::auth::error::AuthError;

pub(crate) async fn tenant_roles(call: &Call<'_>, tenant: Option<&str>) -> Result<Json, AuthError> {
    call.json(rows_of!("auth.tenant_roles($1::uuid)"), &[maybe(tenant)]).await
}

/// The permissions that the operator has described.
pub(crate) async fn described_permissions(call: &Call<'_>) -> Result<Json, AuthError> {
    call.json(rows_of!("auth.described_permissions()"), &[]).await
}

/// Gives its id.
pub(crate) async fn create_role(
    call: &Call<'_>,
    name: &str,
    permissions: &[String],
    description: Option<&str>,
    tenant: Option<&str>,
) -> Result<String, AuthError> {
    const SQL: &str =
        concat!("select auth.create_role($1::text, ", list_of!("$2"), ", $3::text, $4::uuid)::text");
    let permissions = list(permissions);
    let values = [text(name), text(&permissions), maybe(description), maybe(tenant)];
    call.json(SQL, &values).await.map(string)
}

/// What is `None` stays as it is.
#[derive(Debug, Default)]
pub(crate) struct RoleChanges<'a> {
    pub(crate) permissions: Option<&'a [String]>,
    pub(crate) name: Option<&'a str>,
    pub(crate) description: Option<&'a str>,
}

pub(crate) async fn update_role(
    call: &Call<'_>,
    role: &str,
    changes: RoleChanges<'_>,
    tenant: Option<&str>,
) -> Result<(), AuthError> {
    const SQL: &str = concat!(
        "select auth.update_role($1::text, ",
        list_of!("$2"),
        ", $3::text, $4::text, $5::uuid)::text"
    );
    let permissions = changes.permissions.map(list);
    let values = [
        text(role),
        maybe(permissions.as_deref()),
        maybe(changes.name),
        maybe(changes.description),
        maybe(tenant),
    ];
    call.value(SQL, &values).await.map(drop)
}

pub(crate) async fn delete_role(call: &Call<'_>, role: &str, tenant: Option<&str>) -> Result<(), AuthError> {
    call.value("select auth.delete_role($1::text, $2::uuid)::text", &[text(role), maybe(tenant)])
        .await
        .map(drop)
}

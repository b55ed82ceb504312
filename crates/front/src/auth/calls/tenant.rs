//! Tenants: those of the signed-in user, and the active one.

use serde_json::value::RawValue;

use super::outcome::{outcome_of, string};
use super::{Call, Json, Session, maybe, rows_of, text};
use crate::auth::error::AuthError;
use crate::metrics::Act;
use crate::tx::Work;

pub(crate) async fn my_tenants(call: &Call<'_>) -> Result<Json, AuthError> {
    call.json(rows_of!("auth.my_tenants()"), &[]).await
}

/// Gives its id.
pub(crate) async fn create_tenant(
    call: &Call<'_>,
    slug: &str,
    name: &str,
    isolated: bool,
) -> Result<String, AuthError> {
    const SQL: &str = "select auth.create_tenant($1::text, $2::text, $3::boolean)::text";
    let isolated = if isolated { "true" } else { "false" };
    call.json(SQL, &[text(slug), text(name), text(isolated)]).await.map(string)
}

/// A new access token of the same session, for another tenant of the user.
pub(crate) async fn switch_tenant(call: &Call<'_>, tenant: &str) -> Result<Session, AuthError> {
    call.outcome(Act::Account, Work::Quick, outcome_of!("auth.switch_tenant($1::uuid)"), &[text(tenant)])
        .await?
        .session()
}

/// `tenant`: for the operator; others change the active one. Gives all settings.
pub(crate) async fn update_tenant(
    call: &Call<'_>,
    changes: &RawValue,
    tenant: Option<&str>,
) -> Result<Json, AuthError> {
    const SQL: &str = "select auth.update_tenant($1::jsonb, $2::uuid)::text";
    call.json(SQL, &[text(changes.get()), maybe(tenant)]).await
}

/// `confirm_slug`: the tenant's slug again.
pub(crate) async fn delete_tenant(
    call: &Call<'_>,
    confirm_slug: &str,
    tenant: Option<&str>,
) -> Result<(), AuthError> {
    const SQL: &str = "select auth.delete_tenant($1::text, $2::uuid)::text";
    call.value(SQL, &[text(confirm_slug), maybe(tenant)]).await.map(drop)
}

/// Ends the user's membership of the tenant; false when it is not the active one.
pub(crate) async fn leave_tenant(call: &Call<'_>, tenant: &str) -> Result<bool, AuthError> {
    const SQL: &str = "select auth.leave_tenant()::text where auth.tenant_id() = $1::uuid";
    Ok(!call.rows(SQL, &[text(tenant)]).await?.is_empty())
}

/// The tenant's security events, the latest first; `None` when it is not the active one.
pub(crate) async fn tenant_events(
    call: &Call<'_>,
    tenant: &str,
    before: Option<i64>,
    page_size: Option<i64>,
) -> Result<Option<Json>, AuthError> {
    const SQL: &str = concat!(
        "select (",
        rows_of!("auth.tenant_events($2::bigint, coalesce($3::integer, 50))"),
        ") where auth.tenant_id() = $1::uuid"
    );
    let (before, size) = (before.map(|id| id.to_string()), page_size.map(|size| size.to_string()));
    call.value(SQL, &[text(tenant), maybe(before.as_deref()), maybe(size.as_deref())]).await
}

//! Members of a tenant. `tenant`: for the operator; others mean the active one.

use super::{Call, Json, maybe, rows_of, text};
use crate::auth::error::AuthError;

/// Up to `max` in the order of their ids, after the given one.
pub(crate) async fn tenant_members(
    call: &Call<'_>,
    tenant: Option<&str>,
    after: Option<&str>,
    max: Option<i64>,
) -> Result<Json, AuthError> {
    const SQL: &str = rows_of!("auth.tenant_members($1::uuid, $2::uuid, coalesce($3::integer, 1000))");
    let max = max.map(|max| max.to_string());
    call.json(SQL, &[maybe(tenant), maybe(after), maybe(max.as_deref())]).await
}

/// Gives all roles that the member holds then.
pub(crate) async fn grant_role(
    call: &Call<'_>,
    user: &str,
    role: &str,
    tenant: Option<&str>,
) -> Result<Json, AuthError> {
    const SQL: &str = "select to_json(auth.grant_role($1::uuid, $2::text, $3::uuid))::text";
    call.json(SQL, &[text(user), text(role), maybe(tenant)]).await
}

/// Gives the roles that are left.
pub(crate) async fn revoke_role(
    call: &Call<'_>,
    user: &str,
    role: &str,
    tenant: Option<&str>,
) -> Result<Json, AuthError> {
    const SQL: &str = "select to_json(auth.revoke_role($1::uuid, $2::text, $3::uuid))::text";
    call.json(SQL, &[text(user), text(role), maybe(tenant)]).await
}

pub(crate) async fn remove_member(
    call: &Call<'_>,
    user: &str,
    tenant: Option<&str>,
) -> Result<(), AuthError> {
    call.value("select auth.remove_member($1::uuid, $2::uuid)::text", &[text(user), maybe(tenant)])
        .await
        .map(drop)
}

/// Closes the tenant to a member, who keeps their roles, or opens it again.
pub(crate) async fn suspend_member(
    call: &Call<'_>,
    user: &str,
    suspended: bool,
    tenant: Option<&str>,
) -> Result<(), AuthError> {
    let sql = if suspended {
        "select auth.suspend_member($1::uuid, $2::uuid)::text"
    } else {
        "select auth.resume_member($1::uuid, $2::uuid)::text"
    };
    call.value(sql, &[text(user), maybe(tenant)]).await.map(drop)
}

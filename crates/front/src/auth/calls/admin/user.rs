//! Users, as the operator makes, changes and deletes them.

use bytes::Bytes;
use serde_json::value::RawValue;

use super::super::outcome::number;
use super::super::{Call, Json, UserJson, maybe, text, truth};
use crate::auth::error::AuthError;
use crate::auth::secret::Secret;
use crate::pg::Row;
use crate::tx::Work;

/// One page of users.
#[derive(Debug)]
pub(crate) struct UserPage {
    /// A JSON array.
    pub(crate) users: Json,
    /// Of all pages; beyond ten thousand an estimate.
    pub(crate) total: u64,
}

pub(crate) async fn admin_list_users(
    call: &Call<'_>,
    page: i64,
    per_page: i64,
    filter: Option<&str>,
) -> Result<UserPage, AuthError> {
    const SQL: &str = "select r.users::text, r.total::text from auth.admin_list_users($1::integer, $2::integer, $3::text) as r";
    let rows = call.rows(SQL, &[text(&page.to_string()), text(&per_page.to_string()), maybe(filter)]).await?;
    let columns: [Option<Bytes>; 2] = rows.first().map(Row::columns).unwrap_or_default();
    let [Some(users), total] = columns else {
        return Err(AuthError::internal("auth.admin_list_users gave no page"));
    };
    Ok(UserPage { users, total: total.and_then(number).unwrap_or_default() })
}

pub(crate) async fn admin_get_user(call: &Call<'_>, id: &str) -> Result<Option<UserJson>, AuthError> {
    Ok(call.value("select auth.admin_get_user($1::uuid)::text", &[text(id)]).await?.map(UserJson))
}

/// What is `None` stays as it is, or is not given to a new user.
#[derive(Debug, Default)]
pub(crate) struct AdminUser<'a> {
    pub(crate) email: Option<&'a str>,
    pub(crate) password: Option<&'a Secret>,
    /// Made elsewhere.
    pub(crate) password_hash: Option<&'a Secret>,
    pub(crate) email_confirm: Option<bool>,
    pub(crate) user_metadata: Option<&'a RawValue>,
    pub(crate) app_metadata: Option<&'a RawValue>,
    /// `none`, `infinity` or an interval.
    pub(crate) ban_duration: Option<&'a str>,
}

/// `id`: chosen by the operator.
pub(crate) async fn admin_create_user(
    call: &Call<'_>,
    user: AdminUser<'_>,
    id: Option<&str>,
) -> Result<UserJson, AuthError> {
    const SQL: &str = "select auth.admin_create_user(id => $1::uuid, email => $2::text, password => $3::text, \
                       password_hash => $4::text, email_confirm => coalesce($5::boolean, false), \
                       user_metadata => coalesce($6::jsonb, '{}'), app_metadata => coalesce($7::jsonb, '{}'), \
                       ban_duration => $8::text)::text";
    write(call, SQL, user, id).await
}

pub(crate) async fn admin_update_user(
    call: &Call<'_>,
    id: &str,
    user: AdminUser<'_>,
) -> Result<UserJson, AuthError> {
    const SQL: &str = "select auth.admin_update_user(id => $1::uuid, email => $2::text, password => $3::text, \
                       password_hash => $4::text, email_confirm => $5::boolean, user_metadata => $6::jsonb, \
                       app_metadata => $7::jsonb, ban_duration => $8::text)::text";
    write(call, SQL, user, Some(id)).await
}

async fn write(
    call: &Call<'_>,
    sql: &str,
    user: AdminUser<'_>,
    id: Option<&str>,
) -> Result<UserJson, AuthError> {
    let values = [
        maybe(id),
        maybe(user.email),
        maybe(user.password.map(Secret::expose)),
        maybe(user.password_hash.map(Secret::expose)),
        truth(user.email_confirm),
        maybe(user.user_metadata.map(RawValue::get)),
        maybe(user.app_metadata.map(RawValue::get)),
        maybe(user.ban_duration),
    ];
    let work = if user.password.is_some() { Work::Hashing } else { Work::Quick };
    let rows = call.rows_by(work, sql, &values).await?;
    let [json] = rows.first().map(Row::columns).unwrap_or_default();
    json.map(UserJson).ok_or_else(|| AuthError::internal("the function gave no user"))
}

/// False when there is none. `soft` keeps the bare id.
pub(crate) async fn admin_delete_user(call: &Call<'_>, id: &str, soft: bool) -> Result<bool, AuthError> {
    const SQL: &str = "select auth.admin_delete_user($1::uuid, $2::boolean)";
    call.done(SQL, &[text(id), truth(Some(soft))]).await
}

/// A JSON array; as the user has them, for clients need all members. `None` when there is no user.
pub(crate) async fn admin_user_factors(call: &Call<'_>, id: &str) -> Result<Option<Json>, AuthError> {
    const SQL: &str = "select coalesce(u -> 'factors', '[]')::text from auth.admin_get_user($1::uuid) as u where u is not null";
    call.value(SQL, &[text(id)]).await
}

/// False when the user has no such factor.
pub(crate) async fn admin_delete_factor(
    call: &Call<'_>,
    user: &str,
    factor: &str,
) -> Result<bool, AuthError> {
    call.done("select auth.admin_delete_factor($1::uuid, $2::uuid)", &[text(user), text(factor)]).await
}

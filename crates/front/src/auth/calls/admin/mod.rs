//! What runs the deployment does; the caller shows a token of `service_role`.

mod link;
mod user;

pub(crate) use link::*;
pub(crate) use user::*;

use super::{Call, Json, maybe, rows_of};
use crate::auth::error::AuthError;

#[derive(Debug, Default)]
pub(crate) struct EventFilter<'a> {
    /// The last id of the page before.
    pub(crate) before: Option<i64>,
    pub(crate) page_size: Option<i64>,
    pub(crate) user_id: Option<&'a str>,
    pub(crate) tenant_id: Option<&'a str>,
    pub(crate) event: Option<&'a str>,
}

/// The audit, the latest first.
pub(crate) async fn admin_list_events(call: &Call<'_>, filter: EventFilter<'_>) -> Result<Json, AuthError> {
    const SQL: &str = rows_of!(
        "auth.admin_list_events($1::bigint, coalesce($2::integer, 50), $3::uuid, $4::uuid, $5::text)"
    );
    let before = filter.before.map(|id| id.to_string());
    let page_size = filter.page_size.map(|size| size.to_string());
    let values = [
        maybe(before.as_deref()),
        maybe(page_size.as_deref()),
        maybe(filter.user_id),
        maybe(filter.tenant_id),
        maybe(filter.event),
    ];
    call.json(SQL, &values).await
}

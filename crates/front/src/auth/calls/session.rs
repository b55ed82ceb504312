//! The signed-in user's sessions.

use super::{Call, Json, maybe, rows_of, text};
use crate::auth::error::AuthError;

/// Living ones, the one used last first.
pub(crate) async fn my_sessions(call: &Call<'_>) -> Result<Json, AuthError> {
    call.json(rows_of!("auth.my_sessions()"), &[]).await
}

/// False when there is no such living session of the user.
pub(crate) async fn end_session(call: &Call<'_>, id: &str) -> Result<bool, AuthError> {
    call.done("select auth.end_session($1::uuid)", &[text(id)]).await
}

/// Names the device of the session that is asking.
pub(crate) async fn update_session(call: &Call<'_>, device_name: Option<&str>) -> Result<(), AuthError> {
    call.value("select auth.update_session($1::text)::text", &[maybe(device_name)]).await.map(drop)
}

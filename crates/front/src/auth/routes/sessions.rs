//! The user's sessions and devices.

use garde::Validate;
use serde::Deserialize;
use utoipa::ToSchema;

use super::Routes;
use crate::auth::calls;
use crate::auth::input::Text;
use crate::auth::openapi::{Doc, answers};
use crate::auth::request::{Answer, AuthRequest};
use crate::auth::respond;

#[derive(Deserialize, Validate, ToSchema)]
pub(super) struct SessionBody {
    /// What the user calls the device; null takes the name away.
    #[garde(dive)]
    #[schema(inline)]
    device_name: Option<Text<100>>,
}

pub(super) fn add(routes: Routes) -> Routes {
    let list_doc =
        Doc::new("sessions", "list_sessions", "The user's living sessions, the one used last first")
            .needs_token()
            .answers::<Vec<answers::DeviceSession>>("Sessions");
    let rename_doc = Doc::new("sessions", "update_session", "Name the device of the session that is asking")
        .needs_token()
        .body::<SessionBody>()
        .answers_with("204", "Named");
    let end_doc = Doc::new("sessions", "end_session", "End one of the user's sessions")
        .needs_token()
        .answers_with("204", "It has ended");
    routes.get("/sessions", list, list_doc).patch("/sessions/current", rename, rename_doc).delete(
        "/sessions/{session_id}",
        end,
        end_doc,
    )
}

async fn list(request: AuthRequest) -> Answer {
    respond::json(calls::my_sessions(&request.user()?).await?)
}

async fn rename(request: AuthRequest) -> Answer {
    let call = request.user()?;
    let body: SessionBody = request.body()?;
    calls::update_session(&call, body.device_name.as_ref().map(Text::as_str)).await?;
    respond::no_content()
}

async fn end(request: AuthRequest) -> Answer {
    let ended = calls::end_session(&request.user()?, request.id("session_id")?).await?;
    respond::done(ended, "session_not_found", "There is no such living session of yours")
}

//! What the layer itself answers, in the shape of the API that it stands before.

use axum::http::request::Parts;
use axum::http::{StatusCode, header};
use axum::response::Response;
use serde_json::json;

use crate::auth::error::{ApiVersion, AuthError};
use crate::response;

/// Which API the layer stands before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Api {
    Auth,
    Data,
}

pub(super) fn cross_site() -> AuthError {
    let text = "A request with the session's cookie that changes something must come from a page of the \
                application itself";
    AuthError::new(StatusCode::FORBIDDEN, "cross_site_request", text)
}

pub(super) fn session_over() -> AuthError {
    AuthError::new(StatusCode::UNAUTHORIZED, "session_not_found", "The session has ended; sign in again")
}

impl Api {
    pub(super) fn respond(self, error: AuthError, parts: &Parts) -> Response {
        match self {
            Self::Auth => error.respond(ApiVersion::parse(&parts.headers)),
            Self::Data => data(&error),
        }
    }
}

fn data(error: &AuthError) -> Response {
    let body = json!({ "code": error.code(), "details": null, "hint": null, "message": error.message() });
    let mut response = response::json(error.status(), body.to_string().into());
    if let Some(seconds) = error.retry_after() {
        response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
    }
    response
}

//! What a failed statement means to whoever asked.

use axum::http::StatusCode;

use super::{AuthError, table};
use crate::pg::{DbError, PgError};

/// What it means that the caller's database role may not call the function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Denied {
    /// The route is for users: the token is none of a user's.
    NoUser,
    /// The route is for the operator.
    NotAdmin,
}

/// The step of the pipeline that lets the caller in.
const PRELUDE: usize = 0;

impl AuthError {
    /// `denied`: `None` where the caller showed nothing.
    pub(in crate::auth) fn of_database(error: PgError, denied: Option<Denied>) -> Self {
        match error {
            PgError::Database { step: PRELUDE, error } if denied.is_some() && error.is_class("28") => {
                token(&error)
            }
            PgError::Database { error, .. } => refused(&error, denied),
            PgError::AcquisitionTimeout => {
                tracing::warn!("no connection became free for a call of the auth API");
                Self::new(StatusCode::GATEWAY_TIMEOUT, "request_timeout", "The database is busy").after(1)
            }
            PgError::QueueFull => {
                let unavailable = StatusCode::SERVICE_UNAVAILABLE;
                Self::new(unavailable, "over_capacity", "Too many are signing in at once; try again soon")
                    .after(2)
            }
            error => {
                tracing::error!(%error, "a call of the auth API failed");
                let unavailable = StatusCode::SERVICE_UNAVAILABLE;
                Self::new(unavailable, "unexpected_failure", "The database is not reachable").after(1)
            }
        }
    }
}

/// The token is not good, and why is a code in DETAIL. That its session has ended is told apart:
/// clients then sign out.
fn token(error: &DbError) -> AuthError {
    match error.detail.as_deref() {
        Some("token_revoked") => AuthError::named("session_not_found"),
        Some("token_expired") => AuthError::bad_jwt("invalid JWT: token has expired"),
        _ => AuthError::bad_jwt("invalid JWT: unable to parse or verify signature"),
    }
}

fn refused(error: &DbError, denied: Option<Denied>) -> AuthError {
    let detail = error.detail.as_deref().unwrap_or_default();
    if let Some(refusal) = table::find(detail) {
        let refused = AuthError::of_refusal(refusal, None);
        return if detail == "weak_password" { refused.because(&error.message) } else { refused };
    }
    match (error.code(), denied) {
        ("42501", Some(Denied::NoUser)) => AuthError::bad_jwt("This token belongs to no user"),
        ("42501", Some(Denied::NotAdmin)) => AuthError::named("operator_required"),
        ("40001" | "40P01" | "55P03", _) => {
            let text = "Another request changed the same thing at the same time; try again";
            AuthError::new(StatusCode::CONFLICT, "conflict", text)
        }
        ("22007" | "22008", _) => AuthError::invalid("A date or a length of time is malformed"),
        // A value that the type of its parameter does not take; the text would repeat it.
        (code, _) if code.starts_with("22") => AuthError::named("validation_failed"),
        ("57014", _) => {
            AuthError::new(StatusCode::GATEWAY_TIMEOUT, "request_timeout", "The database took too long")
                .after(1)
        }
        _ => {
            tracing::error!(%error, detail, "a call of the auth API failed");
            AuthError::unexpected()
        }
    }
}

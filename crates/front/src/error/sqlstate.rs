//! SQLSTATE to HTTP, PostgREST's table.

use axum::http::StatusCode;

use super::{Description, raised};
use crate::pg::DbError;

/// All that a 5xx says.
pub(super) const INTERNAL: &str = "Internal Server Error";

pub(super) fn describe(error: &DbError, authenticated: bool) -> Description {
    if error.code() == raised::CODE {
        return raised::describe(error);
    }
    let status = status(error, authenticated);
    if is_internal(error) {
        return Description::new(status, error.code(), INTERNAL);
    }
    let mut description = Description::new(status, error.code(), error.message.as_str());
    description.details = error.detail.clone().map(Into::into);
    description.hint.clone_from(&error.hint);
    description
}

/// Whether the text is about the server's inside: its files, its own bugs, what is behind foreign
/// tables. All else is about the statement, or what a developer raised for the client to see.
fn is_internal(error: &DbError) -> bool {
    const CLASSES: [&str; 6] = ["08", "58", "F0", "HV", "XX", "57"];
    // A cancelled statement is no secret.
    CLASSES.iter().any(|class| error.is_class(class)) && error.code() != "57014"
}

fn status(error: &DbError, authenticated: bool) -> StatusCode {
    let code = error.code();
    by_code(error, authenticated).unwrap_or_else(|| by_class(code.get(..2).unwrap_or_default()))
}

fn by_code(error: &DbError, authenticated: bool) -> Option<StatusCode> {
    Some(match error.code() {
        "21000" if error.message.ends_with("requires a WHERE clause") => StatusCode::BAD_REQUEST,
        "22023" if is_missing_role(&error.message) => StatusCode::UNAUTHORIZED,
        "23503" | "23505" => StatusCode::CONFLICT,
        "25006" => StatusCode::METHOD_NOT_ALLOWED,
        "42501" if authenticated => StatusCode::FORBIDDEN,
        "42501" => StatusCode::UNAUTHORIZED,
        "42883" if error.message.starts_with("function xmlagg(") => StatusCode::NOT_ACCEPTABLE,
        "42883" | "42P01" => StatusCode::NOT_FOUND,
        "42P17" | "53400" => StatusCode::INTERNAL_SERVER_ERROR,
        "57P01" => StatusCode::SERVICE_UNAVAILABLE,
        "P0001" => StatusCode::BAD_REQUEST,
        code => return custom(code),
    })
}

fn is_missing_role(message: &str) -> bool {
    message.starts_with("role ") && message.ends_with(" does not exist")
}

/// `raise sqlstate 'PT402'` chooses the status.
fn custom(code: &str) -> Option<StatusCode> {
    let status = code.strip_prefix("PT")?.parse().ok();
    Some(
        status
            .and_then(|status| StatusCode::from_u16(status).ok())
            .unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
    )
}

fn by_class(class: &str) -> StatusCode {
    match class {
        "08" | "53" => StatusCode::SERVICE_UNAVAILABLE,
        "0L" | "0P" | "28" => StatusCode::FORBIDDEN,
        "09" | "21" | "25" | "2D" | "38" | "39" | "3B" | "40" | "54" | "55" | "57" | "58" | "F0" | "HV"
        | "P0" | "XX" => StatusCode::INTERNAL_SERVER_ERROR,
        _ => StatusCode::BAD_REQUEST,
    }
}

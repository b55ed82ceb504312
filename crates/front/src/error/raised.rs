//! `raise sqlstate 'PGRST'`: the developer's own answer, its body in MESSAGE and its status and
//! headers in DETAIL, both JSON.

use std::collections::BTreeMap;

use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use serde::Deserialize;

use super::Description;
use crate::pg::DbError;

pub(super) const CODE: &str = "PGRST";

#[derive(Deserialize)]
struct Message {
    code: String,
    message: String,
    details: Option<String>,
    hint: Option<String>,
}

#[derive(Deserialize)]
struct Detail {
    status: u16,
    headers: BTreeMap<String, String>,
}

pub(super) fn describe(error: &DbError) -> Description {
    let Ok(message) = serde_json::from_str::<Message>(&error.message) else {
        return malformed(&format!("Invalid JSON value for MESSAGE: '{}'", error.message)).hint(
            "MESSAGE must be a JSON object with obligatory keys: 'code', 'message' and optional keys: \
             'details', 'hint'.",
        );
    };
    let Some(detail) = &error.detail else {
        return needs_detail("DETAIL is missing in the RAISE statement");
    };
    let Ok(Detail { status, headers }) = serde_json::from_str(detail) else {
        return needs_detail(&format!("Invalid JSON value for DETAIL: '{detail}'"));
    };
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut description = Description::new(status, &message.code, message.message);
    description.details = message.details.map(Into::into);
    description.hint = message.hint;
    description.headers = headers.into_iter().filter_map(header).collect::<HeaderMap>();
    description
}

fn header((name, value): (String, String)) -> Option<(HeaderName, HeaderValue)> {
    Some((HeaderName::try_from(name).ok()?, HeaderValue::try_from(value).ok()?))
}

fn malformed(details: &str) -> Description {
    Description::new(
        StatusCode::INTERNAL_SERVER_ERROR,
        "PGRST121",
        "Could not parse JSON in the \"RAISE SQLSTATE 'PGRST'\" error",
    )
    .details(details)
}

fn needs_detail(details: &str) -> Description {
    malformed(details).hint(
        "DETAIL must be a JSON object with obligatory keys: 'status', 'headers' and optional key: \
         'status_text'.",
    )
}

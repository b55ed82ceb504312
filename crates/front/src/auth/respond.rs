//! The forms that answers have.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use bytes::Bytes;
use serde_json::Value;

use super::calls::Session;
use super::error::AuthError;
use super::request::Answer;
use crate::response;

/// JSON bytes as they are.
pub(super) fn json(body: impl Into<Bytes>) -> Answer {
    Ok(response::json(StatusCode::OK, body.into()))
}

pub(super) fn value(value: &Value) -> Answer {
    json(value.to_string())
}

/// `{}`: done, and there is nothing to say.
pub(super) fn empty() -> Answer {
    json("{}")
}

pub(super) fn session(session: &Session) -> Answer {
    json(session.to_json()?)
}

pub(super) fn no_content() -> Answer {
    let mut response = Response::default();
    *response.status_mut() = StatusCode::NO_CONTENT;
    Ok(response)
}

/// Done, or there was nothing to do it to.
pub(super) fn done(done: bool, code: &'static str, message: &'static str) -> Answer {
    if done { no_content() } else { Err(AuthError::new(StatusCode::NOT_FOUND, code, message)) }
}

/// Sends a browser on. The page that it leaves had a token in its address, which nobody is to learn.
pub(super) fn see_other(url: &str) -> Answer {
    let location = HeaderValue::from_str(url).map_err(|_| AuthError::internal("a URL is no header"))?;
    let mut response = Response::default();
    *response.status_mut() = StatusCode::SEE_OTHER;
    response.headers_mut().insert(header::LOCATION, location);
    response.headers_mut().insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    Ok(response)
}

/// A document that is the same for everybody as long as this process runs.
pub(super) fn document(body: Bytes) -> Response {
    let mut response = response::json(StatusCode::OK, body);
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=600"));
    response
}

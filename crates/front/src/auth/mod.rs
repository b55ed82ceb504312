//! The auth API, in the form of Supabase Auth (GoTrue): each route is HTTP → one SQL call → HTTP.
//! What an answer means is decided in the database; here it only gets its HTTP form.
//!
//! These routes never look at `Authorization`: clients send an expired token to them too.

pub(crate) mod calls;
pub(crate) mod error;
pub(crate) mod jwks;
pub(crate) mod secret;
pub(crate) mod signup;
pub(crate) mod token;

use axum::body::Body;
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use bytes::Bytes;
use error::{ApiVersion, AuthError};
use serde::Deserialize;

use crate::data::read_body;
use crate::response;

/// Most bytes of a body.
const BODY_LIMIT: usize = 1024 * 1024;

/// No such route.
pub(crate) async fn not_found(parts: Parts) -> Response {
    finish(&parts, Err(AuthError::new(StatusCode::NOT_FOUND, "not_found", "Not Found")))
}

/// The route has other methods.
pub(crate) async fn method_not_allowed(parts: Parts) -> Response {
    finish(
        &parts,
        Err(AuthError::new(StatusCode::METHOD_NOT_ALLOWED, "bad_http_method", "Method Not Allowed")),
    )
}

/// The body, within the limit.
async fn body_of(body: Body) -> Result<Bytes, AuthError> {
    read_body(body, BODY_LIMIT).await.map_err(AuthError::from)
}

/// Members that the type does not have are ignored: clients send more than any one server reads.
fn parse<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, AuthError> {
    serde_json::from_slice(body).map_err(|_| {
        AuthError::new(StatusCode::BAD_REQUEST, "bad_json", "Could not parse request body as JSON")
    })
}

/// Nothing here is to be kept by anyone on the way.
fn finish(parts: &Parts, result: Result<Vec<u8>, AuthError>) -> Response {
    let mut response = match result {
        Ok(json) => response::json(StatusCode::OK, json.into()),
        Err(error) => error.respond(ApiVersion::parse(&parts.headers)),
    };
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

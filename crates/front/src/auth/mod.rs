//! The auth API, in the form of Supabase Auth (GoTrue): each route is HTTP → one SQL call → HTTP.
//! What an answer means is decided in the database; here it only gets its HTTP form.
//!
//! [`request`] frames every route, [`input`] reads bodies, [`routes`] are the routes with their
//! description, [`calls`] the SQL functions, [`error`] the refusals. Public routes never look at
//! `Authorization`: clients send an expired token to them too.

pub(crate) mod calls;
pub(crate) mod error;
mod input;
mod openapi;
mod redirect;
mod request;
mod respond;
mod routes;
pub(crate) mod secret;

use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::Response;
pub(crate) use error::ApiVersion;
use error::AuthError;
use request::finish;

use crate::error::Error;

pub(crate) use routes::{api, well_known};

/// No such route.
async fn not_found(parts: Parts) -> Response {
    let error = AuthError::new(StatusCode::NOT_FOUND, "not_found", "Not Found");
    finish(ApiVersion::parse(&parts.headers), Err(error))
}

/// The route has other methods.
async fn method_not_allowed(parts: Parts) -> Response {
    let error = AuthError::new(StatusCode::METHOD_NOT_ALLOWED, "bad_http_method", "Method Not Allowed");
    finish(ApiVersion::parse(&parts.headers), Err(error))
}

/// Refuses what never comes to a route, in the form that its client reads.
pub(crate) fn refuse(version: ApiVersion, error: Error) -> Response {
    finish(version, Err(error.into()))
}

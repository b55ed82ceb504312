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

use axum::body::Body;
use axum::http::{Request, StatusCode};
use axum::response::Response;
pub(crate) use error::ApiVersion;
use error::AuthError;
use request::finish;

use crate::error::Error;

pub(crate) use routes::{api, qr_code, well_known};

/// No such route.
async fn not_found(request: Request<Body>) -> Response {
    let error = AuthError::new(StatusCode::NOT_FOUND, "not_found", "Not Found");
    refuse_read(request, error).await
}

/// The route has other methods.
async fn method_not_allowed(request: Request<Body>) -> Response {
    let error = AuthError::new(StatusCode::METHOD_NOT_ALLOWED, "bad_http_method", "Method Not Allowed");
    refuse_read(request, error).await
}

/// What nobody reads would end the connection, and the client's next request with it.
async fn refuse_read(request: Request<Body>, error: AuthError) -> Response {
    let (parts, body) = request.into_parts();
    request::drain(body).await;
    finish(ApiVersion::parse(&parts.headers), Err(error))
}

/// Refuses what never comes to a route, in the form that its client reads.
pub(crate) fn refuse(version: ApiVersion, error: Error) -> Response {
    finish(version, Err(error.into()))
}

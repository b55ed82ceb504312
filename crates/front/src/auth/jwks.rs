//! `GET /.well-known/jwks.json`

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::request::Parts;
use axum::http::{HeaderValue, Request, StatusCode, header};
use axum::response::Response;
use bytes::Bytes;

use super::calls::{self, Call};
use super::error::AuthError;
use crate::app::App;
use crate::request::Variables;
use crate::response;

/// Ten minutes: clients fetch again on a key that they do not know.
const CACHE: HeaderValue = HeaderValue::from_static("public, max-age=600");

pub(crate) async fn handle(State(app): State<Arc<App>>, request: Request<Body>) -> Response {
    let parts = request.into_parts().0;
    match keys(&app, &parts).await {
        Ok(json) => {
            let mut response = response::json(StatusCode::OK, json);
            response.headers_mut().insert(header::CACHE_CONTROL, CACHE);
            response
        }
        Err(error) => super::finish(&parts, Err(error)),
    }
}

async fn keys(app: &App, parts: &Parts) -> Result<Bytes, AuthError> {
    let variables = Variables::of(parts);
    calls::jwks(&Call::public(app, &variables)).await
}

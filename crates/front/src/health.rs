//! `/live` and `/ready`, and what the admin port shows.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use tokio::time::timeout;

use crate::app::App;
use crate::error::Error;
use crate::pg::Step;
use crate::{metrics, response};

/// How long the database may take to answer before it counts as not there.
const PATIENCE: Duration = Duration::from_secs(2);

/// The process serves.
pub(crate) async fn live() -> StatusCode {
    StatusCode::OK
}

/// The schema cache is loaded and a pooled connection answers.
pub(crate) async fn ready(State(app): State<Arc<App>>) -> StatusCode {
    if app.schema_cache().is_none() || app.is_stale() {
        return StatusCode::SERVICE_UNAVAILABLE;
    }
    let ping = [Step::new("select 1", &[], &[])];
    match timeout(PATIENCE, app.database.pool().run(&ping)).await {
        Ok(Ok(_)) => StatusCode::OK,
        _ => StatusCode::SERVICE_UNAVAILABLE,
    }
}

/// The schema cache as JSON. For the admin port only.
pub(crate) async fn schema_cache(State(app): State<Arc<App>>) -> Response {
    let Some(cache) = app.schema_cache() else { return Error::SchemaCacheMissing.into_response() };
    response::json(StatusCode::OK, cache.to_json().to_string().into())
}

/// The configuration without its secrets. For the admin port only.
pub(crate) async fn config(State(app): State<Arc<App>>) -> Response {
    plain(app.config().to_text())
}

/// For the admin port only.
pub(crate) async fn metrics(State(app): State<Arc<App>>) -> Response {
    plain(metrics::text(&app))
}

fn plain(text: String) -> Response {
    let mut response = Response::new(text.into());
    let value = HeaderValue::from_static("text/plain; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, value);
    response
}

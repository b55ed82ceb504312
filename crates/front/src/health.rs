//! `/live` and `/ready`, and what the admin port shows.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use tokio::time::timeout;

use crate::app::App;
use crate::error::Error;
use crate::pg::Step;
use crate::response;

/// How long the database may take to answer before it counts as not there.
const PATIENCE: Duration = Duration::from_secs(2);

/// The process serves.
pub(crate) async fn live() -> StatusCode {
    StatusCode::OK
}

/// The schema cache is loaded and a pooled connection answers.
pub(crate) async fn ready(State(app): State<Arc<App>>) -> StatusCode {
    if app.schema_cache().is_none() {
        return StatusCode::SERVICE_UNAVAILABLE;
    }
    let ping = [Step { sql: "select 1", types: &[], values: &[], scope: 0 }];
    match timeout(PATIENCE, app.database.pool().run(&ping)).await {
        Ok(Ok(_)) => StatusCode::OK,
        _ => StatusCode::SERVICE_UNAVAILABLE,
    }
}

/// The schema cache as JSON. For the admin port only.
pub(crate) async fn schema_cache(State(app): State<Arc<App>>) -> Response {
    let Some(cache) = app.schema_cache() else { return Error::SchemaCacheMissing.into_response() };
    match serde_json::to_vec(&*cache) {
        Ok(json) => response::json(StatusCode::OK, json.into()),
        Err(_) => Error::Internal("the schema cache is not JSON").into_response(),
    }
}

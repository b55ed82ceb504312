//! The data API in five steps: credential → request → plan → transaction → response.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::State;
use axum::http::Request;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http_body_util::{BodyExt, Limited};
use hyper::body::Body as _;
use tokio::time::timeout;

use crate::app::App;
use crate::error::Error;
use crate::plan::Plan;
use crate::request::{ApiRequest, Credential, Variables};
use crate::response::{self, Shape};
use crate::sql::Statement;
use crate::tx::Context;

/// Most bytes of a body.
const BODY_LIMIT: usize = 16 * 1024 * 1024;
/// How long a body may take to arrive.
const BODY_TIMEOUT: Duration = Duration::from_secs(30);

/// Answers every path that no other route takes.
pub(crate) async fn handle(State(app): State<Arc<App>>, request: Request<Body>) -> Response {
    answer(&app, request).await.unwrap_or_else(IntoResponse::into_response)
}

async fn answer(app: &App, request: Request<Body>) -> Result<Response, Error> {
    let (parts, body) = request.into_parts();
    let credential = Credential::parse(&parts.headers)?;
    let cache = app.schema_cache().ok_or(Error::SchemaCacheMissing)?;
    let body = read_body(body, BODY_LIMIT).await?;

    let request = ApiRequest::parse(&parts, body, &app.config.schemas)?;
    let (profile, representation) = (request.profile, request.preferences.representation);
    let offset = request.query.offset;

    let plan = Plan::new(request, &cache, app.config.max_rows)?;
    let read_only = plan.reads();
    let shape = if read_only { Shape::Read { offset } } else { Shape::Insert { representation } };
    let statement = Statement::from(plan);

    let variables = Variables::of(&parts);
    let context =
        Context { credential: &credential, variables: &variables, schema: profile.schema, read_only };
    let rows = app.database.run(context, &statement).await?;

    response::data(shape, profile, &rows)
}

/// The whole body, within `limit` bytes and a fixed time.
pub(crate) async fn read_body(body: Body, limit: usize) -> Result<Bytes, Error> {
    if body.is_end_stream() {
        return Ok(Bytes::new());
    }
    if body.size_hint().lower() > limit as u64 {
        return Err(Error::BodyTooLarge { limit });
    }
    let collected = timeout(BODY_TIMEOUT, Limited::new(body, limit).collect()).await;
    match collected {
        Ok(Ok(collected)) => Ok(collected.to_bytes()),
        Ok(Err(error)) if error.is::<http_body_util::LengthLimitError>() => {
            Err(Error::BodyTooLarge { limit })
        }
        Ok(Err(_)) | Err(_) => Err(Error::BodyIncomplete),
    }
}

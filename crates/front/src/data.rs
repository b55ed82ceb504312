//! The data API in five steps: credential → request → plan → transaction → response.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::Poll;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::body::Body;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method, Request, header};
use axum::response::Response;
use bytes::Bytes;
use http_body_util::{BodyExt, Limited};
use hyper::body::{Body as _, Frame};
use tokio::time::timeout;

use crate::access_log::Queries;
use crate::app::App;
use crate::config::{Config, OpenApiMode};
use crate::error::Error;
use crate::openapi;
use crate::plan::{self, Plan, WriteKind};
use crate::request::{ApiRequest, Credential, Root, Terms, Variables};
use crate::response::{self, Timing};
use crate::schema_cache::SchemaCache;
use crate::sql::Statement;
use crate::tx::{Context, Identity};

/// Answers every path that no other route takes.
pub(crate) async fn handle(app: &App, request: Request<Body>) -> Response {
    let (parts, body) = request.into_parts();
    let config = app.config();
    let mut queries = config.log_query.then(Queries::default);
    let answered = answer(app, &config, &parts, body, queries.as_mut()).await;
    let mut response = answered.unwrap_or_else(|error| error.respond(config.verbose_errors));
    queries.and_then(|queries| response.extensions_mut().insert(queries));
    finish(&config, &parts, response.headers_mut());
    if parts.method == Method::HEAD { response.map(|_| Body::new(NoBody)) } else { response }
}

/// The body of an answer to HEAD: how long it would have been, nobody knows.
struct NoBody;

impl hyper::body::Body for NoBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(None)
    }
}

/// What every answer gets.
fn finish(config: &Config, parts: &Parts, headers: &mut HeaderMap) {
    if let Some(name) = &config.trace_header {
        let given = parts.headers.get(name).cloned();
        headers.insert(name, given.unwrap_or_else(|| HeaderValue::from_static("")));
    }
}

async fn answer(
    app: &App,
    config: &Config,
    parts: &Parts,
    body: Body,
    queries: Option<&mut Queries>,
) -> Result<Response, Error> {
    let mut timing = Timing::new(config.server_timing);
    let cache = app.schema_cache().ok_or(Error::SchemaCacheMissing)?;
    let verifies = config.tokens.is_some();
    let credential = Credential::parse(&parts.headers, !verifies)?;
    let identity = app.database.identify(&credential, now())?;
    timing.step("jwt");

    let body = read_body(body, config.http.limits.body, config.http.limits.body_timeout).await?;
    let root = root(config);
    let terms = Terms {
        schemas: &config.schemas,
        root: &root,
        may_end_transaction: config.transaction_end.overridable,
    };
    let request = ApiRequest::parse(parts, body, terms)?;
    timing.step("parse");

    let plan = Plan::new(&request, planning(config, &cache))?;
    timing.step("plan");

    let variables = if verifies { Variables::with_credentials(parts) } else { Variables::of(parts) };
    let context = context(config, &cache, &identity, &variables, &request, &plan);
    let mut response = match &plan {
        Plan::Describe { headers_only, version_3 } => {
            describe(app, config, context, &request, [*headers_only, *version_3], queries).await?
        }
        Plan::Info { .. } => response::data(&plan, &request, None, &crate::tx::Outcome::default())?,
        plan => run(app, config, context, &request, plan, queries).await?,
    };
    timing.step("transaction");

    let headers = response.headers_mut();
    warn_of_legacy_names(config, &plan, headers);
    if !headers.contains_key(header::VARY) {
        headers.insert(header::VARY, HeaderValue::from_static("Accept, Prefer, Range"));
    }
    timing.finish(headers);
    Ok(response)
}

async fn run(
    app: &App,
    config: &Config,
    context: Context<'_>,
    request: &ApiRequest<'_>,
    plan: &Plan<'_>,
    queries: Option<&mut Queries>,
) -> Result<Response, Error> {
    let missing = || Error::Internal("the plan has no statement");
    let statement =
        Statement::of(plan, &request.preferences, request.range, config.max_rows).ok_or_else(missing)?;
    let estimate = request.preferences.estimates().then(|| Statement::estimate(plan)).flatten();
    let outcome = app.database.run(context, &statement, estimate.as_ref(), queries).await;
    let outcome = outcome.map_err(|error| explain(error, plan))?;
    response::data(plan, request, config.max_rows, &outcome)
}

/// What a wrong number of rows means depends on what was asked for.
fn explain(error: Error, plan: &Plan<'_>) -> Error {
    match (error, plan) {
        (Error::WrongRows(_), Plan::Write(write)) if matches!(write.kind, WriteKind::Put { .. }) => {
            Error::PutMismatch
        }
        (Error::WrongRows(rows), Plan::Write(write)) if !write.output.media_type.is_singular() => {
            Error::MaxAffected { rows }
        }
        (Error::WrongRows(rows), Plan::Call(call)) if !call.output.media_type.is_singular() => {
            Error::MaxAffected { rows }
        }
        (Error::WrongRows(rows), _) => Error::NotSingular { rows },
        (error, _) => error,
    }
}

async fn describe(
    app: &App,
    config: &Config,
    context: Context<'_>,
    request: &ApiRequest<'_>,
    [headers_only, version_3]: [bool; 2],
    queries: Option<&mut Queries>,
) -> Result<Response, Error> {
    let everything = config.openapi.mode == OpenApiMode::IgnorePrivileges;
    let statement = crate::sql::description(request.profile.schema, everything);
    let outcome = app.database.run(context, &statement, None, queries).await?;
    openapi::respond(config, context.cache, request, &outcome, headers_only, version_3)
}

fn root(config: &Config) -> Root {
    match (&config.root, config.openapi.mode) {
        (_, OpenApiMode::Disabled) => Root::Disabled,
        (Some(function), _) => Root::Routine(function.name.clone()),
        (None, _) => Root::OpenApi,
    }
}

fn planning<'a>(config: &Config, cache: &'a SchemaCache) -> plan::Context<'a> {
    plan::Context {
        cache,
        max_rows: config.max_rows,
        aggregates: config.aggregates,
        plans: config.plans,
        legacy_names: config.legacy_names,
    }
}

fn context<'a>(
    config: &Config,
    cache: &'a SchemaCache,
    identity: &'a Identity<'a>,
    variables: &'a Variables,
    request: &'a ApiRequest<'a>,
    plan: &Plan<'a>,
) -> Context<'a> {
    let (routine, checks_rows) = match plan {
        Plan::Call(call) => (Some(call.routine), true),
        Plan::Read(read) => (None, read.output.media_type.is_singular()),
        Plan::Write(_) => (None, true),
        Plan::Describe { .. } | Plan::Info { .. } => (None, false),
    };
    Context {
        cache,
        identity,
        variables,
        schema: request.profile.schema,
        read_only: plan.reads(),
        rolls_back: request.rolls_back(config.transaction_end.rollback),
        timezone: request.preferences.timezone.as_deref(),
        checks_rows,
        routine,
    }
}

/// Clients that name an embedding by its relation where it has an alias should stop to.
fn warn_of_legacy_names(config: &Config, plan: &Plan<'_>, headers: &mut HeaderMap) {
    let names = plan.legacy_names();
    if !config.legacy_names || names.is_empty() {
        return;
    }
    let changes: Vec<_> = names.iter().map(|(name, alias)| format!("`{name}` to `{alias}`")).collect();
    let warning = format!(
        "299 PostgRESTv14-gatehouse \"Embedded resource was referenced by relation name even though it has \
         an alias. This is deprecated and will stop working in a future release. Update {} in query string \
         filters, orders or limits.\"",
        changes.join(", ")
    );
    response::insert(headers, header::WARNING, &warning);
}

/// Seconds since 1970.
pub(crate) fn now() -> i64 {
    let elapsed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(elapsed.as_secs()).unwrap_or(i64::MAX)
}

/// The whole body, within `limit` bytes and this time.
pub(crate) async fn read_body(body: Body, limit: usize, time: Duration) -> Result<Bytes, Error> {
    if body.is_end_stream() {
        return Ok(Bytes::new());
    }
    if body.size_hint().lower() > limit as u64 {
        return Err(Error::BodyTooLarge { limit });
    }
    let collected = timeout(time, Limited::new(body, limit).collect()).await;
    match collected {
        Ok(Ok(collected)) => Ok(collected.to_bytes()),
        Ok(Err(error)) if error.is::<http_body_util::LengthLimitError>() => {
            Err(Error::BodyTooLarge { limit })
        }
        Ok(Err(_)) | Err(_) => Err(Error::BodyIncomplete),
    }
}

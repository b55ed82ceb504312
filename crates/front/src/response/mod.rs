//! From the row that the database gives to HTTP. The body is the database's: its bytes are passed
//! on and never read.

mod answer;
mod cors;
mod range;
mod settings;
mod timing;

use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::Response;
use bytes::Bytes;

pub(crate) use cors::{allow_origin, preflight};
pub(crate) use timing::Timing;

use crate::error::Error;
use crate::plan::{CallPlan, Plan, ReadPlan, WriteKind, WritePlan};
use crate::request::{ApiRequest, CallMethod, Count, MediaType, Preferences, Representation, encode};
use crate::tx::Outcome;
use answer::Answer;

const JSON: HeaderValue = HeaderValue::from_static("application/json; charset=utf-8");
const PREFERENCE_APPLIED: HeaderName = HeaderName::from_static("preference-applied");
const CONTENT_PROFILE: HeaderName = HeaderName::from_static("content-profile");

/// Headers that an answer has in the end.
const USUAL_HEADERS: usize = 12;

/// The answer to a data request.
///
/// # Errors
/// What SQL says of status and headers can not be followed, or the rows that were asked for are not
/// there.
pub(crate) fn data(
    plan: &Plan<'_>,
    request: &ApiRequest<'_>,
    max_rows: Option<u64>,
    outcome: &Outcome,
) -> Result<Response, Error> {
    match plan {
        Plan::Read(read) if is_plan(&read.output.media_type) => {
            explained(&read.output.media_type, request, outcome)
        }
        Plan::Write(write) if is_plan(&write.output.media_type) => {
            explained(&write.output.media_type, request, outcome)
        }
        Plan::Call(call) if is_plan(&call.output.media_type) => {
            explained(&call.output.media_type, request, outcome)
        }
        Plan::Read(plan) => read(plan, request, max_rows, outcome),
        Plan::Write(plan) => written(plan, request, outcome),
        Plan::Call(plan) => called(plan, request, outcome),
        Plan::Info { allow } => Ok(info(allow)),
        Plan::Describe { .. } => Err(Error::Internal("a description is no data")),
    }
}

fn is_plan(media_type: &MediaType) -> bool {
    matches!(media_type, MediaType::Plan { .. })
}

fn read(
    plan: &ReadPlan<'_>,
    request: &ApiRequest<'_>,
    max_rows: Option<u64>,
    outcome: &Outcome,
) -> Result<Response, Error> {
    let mut answer = Answer::of_read(outcome)?;
    answer.total = total(request, max_rows, outcome, &answer);
    let (status, range) = range::of(request.range, &answer)?;
    let mut response = respond(status, answer.body.clone());
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_RANGE, range);
    insert(headers, header::CONTENT_LOCATION, &content_location(plan.relation, request));
    describe_content(headers, &plan.output.media_type, request);
    let preferences = Preferences {
        resolution: None,
        missing: None,
        representation: None,
        max_affected: None,
        ..request.preferences.clone()
    };
    apply(headers, &preferences);
    settings::follow(response, &answer)
}

/// An estimate takes the place of a count that ended at the most rows; without such a limit the
/// larger of the two counts.
fn total(request: &ApiRequest<'_>, max_rows: Option<u64>, outcome: &Outcome, answer: &Answer) -> Option<i64> {
    let estimate = || outcome.estimate.as_ref().and_then(answer::expected_rows);
    match request.preferences.count {
        Some(Count::Planned) => estimate(),
        Some(Count::Estimated) => {
            let most = max_rows.map_or(-1, |most| i64::try_from(most).unwrap_or(i64::MAX));
            let total = answer.total.filter(|total| *total > most);
            total.map_or(answer.total, |total| estimate().map(|estimate| estimate.max(total)))
        }
        _ => answer.total,
    }
}

fn content_location(relation: &str, request: &ApiRequest<'_>) -> String {
    let mut location = String::from("/");
    encode(relation, &mut location);
    if !request.query.canonical.is_empty() {
        location.push('?');
        location.push_str(&request.query.canonical);
    }
    location
}

fn written(plan: &WritePlan<'_>, request: &ApiRequest<'_>, outcome: &Outcome) -> Result<Response, Error> {
    let answer = Answer::of_write(outcome)?;
    let full = request.preferences.representation == Some(Representation::Full);
    let is_insert = matches!(plan.kind, WriteKind::Insert { .. });
    let status = write_status(plan, &answer, full);
    let body = if full { answer.body.clone() } else { Bytes::new() };
    let mut response = respond(status, body);
    let headers = response.headers_mut();
    if let Some(location) = &answer.location {
        insert(headers, header::LOCATION, &format!("{}{location}", content_path(&plan.relation.name.name)));
    }
    if !matches!(plan.kind, WriteKind::Put { .. }) {
        let total = request.preferences.counts().then_some(answer.page);
        let last = if matches!(plan.kind, WriteKind::Update { .. }) { answer.page - 1 } else { -1 };
        headers.insert(header::CONTENT_RANGE, range::header(0, last, total));
    }
    if full {
        describe_content(headers, &plan.output.media_type, request);
    }
    let on_conflict = is_insert && request.query.on_conflict.is_some();
    apply(headers, &plan.applied(&request.preferences, on_conflict));
    settings::follow(response, &answer)
}

fn content_path(relation: &str) -> String {
    let mut path = String::from("/");
    encode(relation, &mut path);
    path
}

fn write_status(plan: &WritePlan<'_>, answer: &Answer, full: bool) -> StatusCode {
    let inserted = answer.inserted.unwrap_or_default() > 0;
    match &plan.kind {
        WriteKind::Insert { .. } if plan.counts_inserted() && !inserted => StatusCode::OK,
        WriteKind::Insert { .. } => StatusCode::CREATED,
        _ if !full => StatusCode::NO_CONTENT,
        WriteKind::Put { .. } if inserted => StatusCode::CREATED,
        _ => StatusCode::OK,
    }
}

fn called(plan: &CallPlan<'_>, request: &ApiRequest<'_>, outcome: &Outcome) -> Result<Response, Error> {
    let answer = Answer::of_read(outcome)?;
    let (status, range) = range::of(request.range, &answer)?;
    let is_void = plan.routine.returns_void();
    let has_body = !is_void && plan.by != CallMethod::Head;
    let status = if is_void { StatusCode::NO_CONTENT } else { status };
    let mut response = respond(status, if has_body { answer.body.clone() } else { Bytes::new() });
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_RANGE, range);
    if !is_void {
        describe_content(headers, &plan.output.media_type, request);
    }
    apply(headers, &plan.applied(&request.preferences));
    settings::follow(response, &answer)
}

/// The lines of an execution plan.
fn explained(media_type: &MediaType, request: &ApiRequest<'_>, outcome: &Outcome) -> Result<Response, Error> {
    let mut body = Vec::new();
    for row in &outcome.rows {
        let [line] = row.columns();
        body.extend_from_slice(&line.unwrap_or_default());
        body.push(b'\n');
    }
    let mut response = respond(StatusCode::OK, body.into());
    describe_content(response.headers_mut(), media_type, request);
    Ok(response)
}

/// Which methods there are.
fn info(allow: &str) -> Response {
    let mut response = respond(StatusCode::OK, Bytes::new());
    let headers = response.headers_mut();
    insert(headers, header::ALLOW, allow);
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    response
}

fn respond(status: StatusCode, body: Bytes) -> Response {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    // What every answer gets on its way out has room at once.
    response.headers_mut().reserve(USUAL_HEADERS);
    response
}

/// `Content-Type`, and the schema if it was negotiated.
pub(crate) fn describe_content(headers: &mut HeaderMap, media_type: &MediaType, request: &ApiRequest<'_>) {
    match media_type {
        MediaType::Json => drop(headers.insert(header::CONTENT_TYPE, JSON)),
        other => insert(headers, header::CONTENT_TYPE, &other.content_type()),
    }
    if request.profile.negotiated {
        insert(headers, CONTENT_PROFILE, request.profile.schema);
    }
}

fn apply(headers: &mut HeaderMap, preferences: &Preferences) {
    if let Some(applied) = preferences.applied() {
        insert(headers, PREFERENCE_APPLIED, &applied);
    }
}

/// Sets a header; a value that can be none leaves it out.
pub(crate) fn insert(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_bytes(value.as_bytes()) {
        headers.insert(name, value);
    }
}

/// An answer of JSON bytes as they are.
pub(crate) fn json(status: StatusCode, body: Bytes) -> Response {
    let mut response = respond(status, body);
    response.headers_mut().insert(header::CONTENT_TYPE, JSON);
    response
}

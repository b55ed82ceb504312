//! `/dev/mail`, `/dev/mail/{id}`, `/dev/mail/{id}/raw` and `/dev/mail.json`.

use std::sync::{Arc, OnceLock};

use axum::Router;
use axum::extract::{Path, State};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use minijinja::value::Serde;
use minijinja::{Environment, Error, UndefinedBehavior};
use serde_json::{Value, json};

use super::guard::Local;
use super::received::Received;
use crate::app::App;

/// What a mail brings along is not run and loads nothing. Its page has the links once more, outside
/// of the frame.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'; \
     frame-ancestors 'none'",
);

/// The routes; for a front that has a mailbox.
pub(crate) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/dev/mail", get(list))
        .route("/dev/mail.json", get(list_json))
        .route("/dev/mail/{id}", get(show))
        .route("/dev/mail/{id}/raw", get(raw))
}

async fn list(_: Local, State(app): State<Arc<App>>) -> Response {
    let mails: Vec<_> = mails(&app).iter().map(|mail| mail.to_json()).collect();
    page("list.html", &json!({ "mails": mails }))
}

async fn list_json(_: Local, State(app): State<Arc<App>>) -> Response {
    let mails: Value = mails(&app).iter().map(|mail| mail.to_json()).collect();
    respond("application/json; charset=utf-8", mails.to_string().into_bytes())
}

async fn show(_: Local, State(app): State<Arc<App>>, Path(id): Path<String>) -> Response {
    match find(&app, &id) {
        Some(mail) => page("mail.html", &json!({ "mail": mail.to_json() })),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

async fn raw(_: Local, State(app): State<Arc<App>>, Path(id): Path<String>) -> Response {
    match find(&app, &id) {
        Some(mail) => respond("text/plain; charset=utf-8", mail.raw.clone()),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

fn mails(app: &App) -> Vec<Arc<Received>> {
    app.mailbox.as_ref().map(|mailbox| mailbox.list()).unwrap_or_default()
}

fn find(app: &App, id: &str) -> Option<Arc<Received>> {
    app.mailbox.as_ref()?.find(id.parse().ok()?)
}

fn page(name: &str, variables: &Value) -> Response {
    let environment = ENVIRONMENT.get_or_init(environment);
    let html = environment.as_ref().map_err(ToString::to_string).and_then(|environment| {
        let page = environment.get_template(name).and_then(|template| template.render(Serde(variables)));
        page.map_err(|error| error.to_string())
    });
    match html {
        Ok(html) => respond("text/html; charset=utf-8", html.into_bytes()),
        Err(error) => {
            tracing::error!(error, "a page of the mailbox can not be made");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

static ENVIRONMENT: OnceLock<Result<Environment<'static>, Error>> = OnceLock::new();

fn environment() -> Result<Environment<'static>, Error> {
    let mut environment = Environment::new();
    environment.set_auto_escape_callback(minijinja::default_auto_escape_callback);
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.add_template("layout.html", include_str!("../../../templates/dev/layout.html"))?;
    environment.add_template("list.html", include_str!("../../../templates/dev/list.html"))?;
    environment.add_template("mail.html", include_str!("../../../templates/dev/mail.html"))?;
    Ok(environment)
}

fn respond(content_type: &'static str, body: Vec<u8>) -> Response {
    let mut response = Response::new(body.into());
    let headers: [(HeaderName, HeaderValue); 5] = [
        (header::CONTENT_TYPE, HeaderValue::from_static(content_type)),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ];
    response.headers_mut().extend(headers);
    response
}

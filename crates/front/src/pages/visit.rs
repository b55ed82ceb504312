//! One request for a page: who asks, what they sent, and what the answer sets.

mod session;

use std::sync::Arc;

use axum::body::Body;
use axum::extract::FromRequest;
use axum::http::request::Parts;
use axum::http::{HeaderValue, Method, Request, StatusCode, header};
use axum::response::Response;
use minijinja::value::Serde;
use minijinja::{Value, context};
use serde::Deserialize;

use super::fields::Fields;
use super::link::Kind;
use super::next::{Next, REDIRECT_TO, with};
use super::notice::Notice;
use super::problem::Refused;
use super::render;
use crate::app::App;
use crate::auth::calls::{self, Call};
use crate::auth::error::AuthError;
use crate::auth::secret::Secret;
use crate::browser::{Cookies, SetCookies, is_from_own_page};
use crate::config::Config;
use crate::data;
use crate::request::Variables;

pub(super) struct Visit {
    pub(super) app: Arc<App>,
    pub(super) config: Arc<Config>,
    variables: Variables,
    path: String,
    pub(super) query: Fields,
    /// Of a POST; empty for others.
    pub(super) form: Fields,
    pub(super) cookies: Cookies,
    pub(super) set: SetCookies,
    /// Of whoever is signed in, once that is known.
    access: Option<Secret>,
}

/// What a page does with a visit.
#[derive(Debug)]
pub(super) enum Reply {
    Page(StatusCode, &'static str, Value),
    /// Whatever was posted is done: the browser gets the next page by GET (RFC 9110 §15.4.4). A path
    /// below the one that this front is seen at.
    Goto(String),
}

/// What pages need of `auth.public_settings`. What is not known is offered: the database refuses it.
#[derive(Debug, Deserialize)]
pub(super) struct Settings {
    pub(super) sign_up: bool,
    pub(super) password_min_length: Option<u32>,
}

impl Default for Settings {
    fn default() -> Self {
        Self { sign_up: true, password_min_length: None }
    }
}

pub(super) type Outcome = Result<Reply, AuthError>;

impl Reply {
    pub(super) fn page(name: &'static str, values: Value) -> Self {
        Self::Page(StatusCode::OK, name, values)
    }

    /// The form again, with what is wrong with it. Nothing was done, so that sending it again does no
    /// harm: no redirect.
    pub(super) fn refused(name: &'static str, refused: Refused, values: Value) -> Self {
        let Refused { status, retry_after, problems } = refused;
        let problems = Value::from(Serde(problems));
        Self::Page(status, name, context! { problems, retry_after, ..values })
    }
}

impl FromRequest<Arc<App>> for Visit {
    type Rejection = Response;

    async fn from_request(request: Request<Body>, app: &Arc<App>) -> Result<Self, Response> {
        let config = app.config();
        if !config.pages.enabled {
            return Err(data::handle(app, request).await);
        }
        let (mut parts, body) = request.into_parts();
        let cookies = Cookies::take(&mut parts.headers);
        let form = if parts.method == Method::POST {
            form(&parts, body, &config).await.map_err(|error| failed(&config, &error))?
        } else {
            Fields::default()
        };
        Ok(Self {
            app: Arc::clone(app),
            variables: Variables::of(&parts),
            path: parts.uri.path().to_owned(),
            query: Fields::of_query(parts.uri.query()),
            form,
            cookies,
            config,
            set: SetCookies::default(),
            access: None,
        })
    }
}

/// The body is read in any case: a connection with half a request in it could not go on.
async fn form(parts: &Parts, body: Body, config: &Config) -> Result<Fields, AuthError> {
    let fields = Fields::of_body(&parts.headers, body, config.http.limits.body_timeout).await;
    if !is_from_own_page(parts, &config.site) {
        let text = "This form was not sent by a page of ours. Open the page again and send it from there";
        return Err(AuthError::new(StatusCode::FORBIDDEN, "cross_site_request", text));
    }
    fields
}

/// What a page that can not be shown says instead.
pub(super) fn failed(config: &Config, error: &AuthError) -> Response {
    let refused = Refused::by(error, None);
    let texts: Vec<_> = refused.problems.iter().map(|problem| problem.text.as_str()).collect();
    let values = context! { title => "This did not work", text => texts.join(" "), wrong => true };
    let mut response = render::page(config, refused.status, "message", values);
    if let Some(seconds) = refused.retry_after {
        response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
    }
    response
}

impl Visit {
    pub(super) fn finish(mut self, outcome: Outcome) -> Response {
        let mut response = match outcome {
            Ok(Reply::Page(status, name, values)) => {
                let notice = Notice::take(&mut self);
                let retry_after =
                    values.get_attr("retry_after").ok().and_then(|value| u64::try_from(value).ok());
                let mut page = render::page(&self.config, status, name, context! { notice, ..values });
                if let Some(seconds) = retry_after {
                    page.headers_mut().insert(header::RETRY_AFTER, seconds.into());
                }
                page
            }
            Ok(Reply::Goto(path)) => redirect(&format!("{}{path}", self.config.site.base_path())),
            Err(error) => failed(&self.config, &error),
        };
        self.set.put(response.headers_mut());
        response
    }

    /// A call as nobody.
    pub(super) fn public(&self) -> Call<'_> {
        Call::public(&self.app, &self.variables)
    }

    /// A call as whoever is signed in.
    pub(super) fn call(&self) -> Call<'_> {
        match &self.access {
            Some(access) => Call::user(&self.app, &self.variables, access.expose()),
            None => self.public(),
        }
    }

    /// What everybody may know of how accounts are made here.
    pub(super) async fn settings(&self) -> Settings {
        let json = calls::public_settings(&self.public()).await.ok();
        json.and_then(|json| serde_json::from_slice(&json).ok()).unwrap_or_default()
    }

    /// The slug of the tenant that the form or the address names.
    pub(super) fn tenant(&self) -> Option<&str> {
        self.form.get("tenant").or_else(|| self.query.get("tenant"))
    }

    /// Where to sign in as somebody else, and go on from there.
    pub(super) fn sign_in_again(&self) -> String {
        with("/auth/sign-in", &[(REDIRECT_TO, self.next().given()), ("tenant", self.tenant())])
    }

    /// The page that this is a part of: `/auth/account` of `/auth/account/name`.
    fn page(&self) -> &str {
        let end = self.path.match_indices('/').nth(2).map_or(self.path.len(), |(at, _)| at);
        self.path.get(..end).unwrap_or(&self.path)
    }

    /// Where to go afterwards, as the form or the address says.
    pub(super) fn next(&self) -> Next {
        let text = self.form.get(REDIRECT_TO).or_else(|| self.query.get(REDIRECT_TO));
        Next::parse(text, &self.config.site)
    }

    pub(super) fn leave(&self, next: &Next) -> Reply {
        Reply::Goto(next.location(&self.config))
    }

    /// Where a mailed code or link of this kind leads in the end.
    pub(super) fn after(&self, kind: Kind, next: Next) -> Next {
        if !kind.needs_password() {
            return next;
        }
        Next::Own(with("/auth/new-password", &[(REDIRECT_TO, next.given())]))
    }
}

fn redirect(location: &str) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::SEE_OTHER;
    let headers = response.headers_mut();
    render::harden(headers, None);
    headers.remove(header::CONTENT_TYPE);
    // The address that is left may have held a mailed token.
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    if let Ok(location) = HeaderValue::from_str(location) {
        headers.insert(header::LOCATION, location);
    }
    response
}

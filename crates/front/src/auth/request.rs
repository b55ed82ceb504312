//! A request to the auth API, and the frame that every route of it has.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::rejection::RawPathParamsRejection;
use axum::extract::{RawPathParams, State};
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use axum::http::{HeaderValue, Method, Request, StatusCode, header};
use axum::response::Response;
use axum::routing::{MethodFilter, on};
use bytes::Bytes;
use garde::Validate;
use serde::de::DeserializeOwned;

use super::calls::{Call, Options};
use super::error::{ApiVersion, AuthError};
use super::input::{self, Id};
use crate::app::App;
use crate::config::Config;
use crate::data::read_body;
use crate::request::Variables;

/// Most bytes of a body.
const BODY_LIMIT: usize = 1024 * 1024;
/// How long a body that nobody asked for may take to arrive.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(2);

/// Everything of a request that a route may look at.
pub(super) struct AuthRequest {
    pub(super) app: Arc<App>,
    pub(super) config: Arc<Config>,
    parts: Parts,
    /// Of the path, by name.
    segments: Vec<(String, String)>,
    variables: Variables,
    body: Bytes,
}

/// What a route answers.
pub(super) type Answer = Result<Response, AuthError>;

/// Adds a route.
pub(super) fn add<F, Fut>(
    router: Router<Arc<App>>,
    method: MethodFilter,
    path: &str,
    route: F,
) -> Router<Arc<App>>
where
    F: Fn(AuthRequest) -> Fut + Clone + Send + Sync + 'static,
    Fut: Future<Output = Answer> + Send + 'static,
{
    let handler = move |State(app): State<Arc<App>>,
                        segments: Result<RawPathParams, RawPathParamsRejection>,
                        request: Request<Body>| {
        let route = route.clone();
        async move {
            let version = ApiVersion::parse(request.headers());
            finish(version, answer(app, segments, request, route).await)
        }
    };
    router.route(path, on(method, handler))
}

async fn answer<F, Fut>(
    app: Arc<App>,
    segments: Result<RawPathParams, RawPathParamsRejection>,
    request: Request<Body>,
    route: F,
) -> Answer
where
    F: Fn(AuthRequest) -> Fut,
    Fut: Future<Output = Answer>,
{
    let segments = segments.map_err(|_| AuthError::invalid("The path is not UTF-8"))?;
    let segments = segments.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    let (parts, body) = request.into_parts();
    let body = read_body(body, BODY_LIMIT, app.config().http.limits.body_timeout).await?;
    let variables = Variables::of(&parts);
    let config = app.config();
    route(AuthRequest { app, config, parts, segments, variables, body }).await
}

/// Reads a body that nobody asked for, as far as it is one that a route would take.
pub(super) async fn drain(body: Body) {
    let _ = read_body(body, BODY_LIMIT, DRAIN_TIMEOUT).await;
}

/// Nothing here is to be kept by anyone on the way, unless the route says so itself.
pub(super) fn finish(version: ApiVersion, answer: Answer) -> Response {
    let mut response = answer.unwrap_or_else(|error| error.respond(version));
    let headers = response.headers_mut();
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

impl AuthRequest {
    pub(super) fn method(&self) -> &Method {
        &self.parts.method
    }

    /// Calls as nobody in particular: clients show an expired token on public routes too.
    pub(super) fn public(&self) -> Call<'_> {
        Call::public(&self.app, &self.variables)
    }

    /// Calls as the user whose token is shown.
    pub(super) fn user(&self) -> Result<Call<'_>, AuthError> {
        Ok(Call::user(&self.app, &self.variables, self.bearer()?))
    }

    /// Calls as whoever's token is shown, on a route for the operator.
    pub(super) fn operator(&self) -> Result<Call<'_>, AuthError> {
        Ok(Call::operator(&self.app, &self.variables, self.bearer()?))
    }

    fn bearer(&self) -> Result<&str, AuthError> {
        let header = self.parts.headers.get(AUTHORIZATION).ok_or_else(AuthError::no_authorization)?;
        let header = header.to_str().map_err(|_| AuthError::bad_jwt("invalid JWT: not ASCII"))?;
        // The scheme's name may be in any case (RFC 9110 §11.1).
        let (scheme, token) = header.trim_start().split_once([' ', '\t']).unwrap_or_default();
        let token = token.trim();
        if scheme.eq_ignore_ascii_case("bearer") && !token.is_empty() {
            Ok(token)
        } else {
            Err(AuthError::no_authorization())
        }
    }

    pub(super) fn body<T>(&self) -> Result<T, AuthError>
    where
        T: DeserializeOwned + Validate<Context = ()>,
    {
        input::parse(&self.body)
    }

    /// The body, or what an empty object would be.
    pub(super) fn optional_body<T>(&self) -> Result<T, AuthError>
    where
        T: DeserializeOwned + Validate<Context = ()>,
    {
        input::parse_optional(&self.body)
    }

    /// The first query parameter of this name; an empty one counts as none.
    pub(super) fn query(&self, name: &str) -> Option<Cow<'_, str>> {
        let pairs = form_urlencoded::parse(self.parts.uri.query().unwrap_or_default().as_bytes());
        let mut values = pairs.filter(|(key, _)| key == name).map(|(_, value)| value);
        values.next().filter(|value| !value.is_empty())
    }

    /// A query parameter that is a whole number of this range.
    pub(super) fn number(
        &self,
        name: &str,
        range: std::ops::RangeInclusive<i64>,
    ) -> Result<Option<i64>, AuthError> {
        let Some(text) = self.query(name) else { return Ok(None) };
        match text.parse().ok().filter(|number| range.contains(number)) {
            Some(number) => Ok(Some(number)),
            None => {
                let (least, most) = (range.start(), range.end());
                Err(AuthError::invalid(format!("{name} must be a whole number from {least} to {most}")))
            }
        }
    }

    /// A query parameter that is a UUID.
    pub(super) fn query_id(&self, name: &'static str) -> Result<Option<Cow<'_, str>>, AuthError> {
        match self.query(name) {
            Some(id) if !Id::is_uuid(&id) => Err(AuthError::invalid(format!("{name} must be a UUID"))),
            id => Ok(id),
        }
    }

    /// A segment of the path.
    pub(super) fn segment(&self, name: &str) -> &str {
        let segment = self.segments.iter().find(|(key, _)| key == name);
        segment.map_or("", |(_, value)| value)
    }

    /// A segment of the path that is a UUID. Something else names nothing that there is.
    pub(super) fn id(&self, name: &'static str) -> Result<&str, AuthError> {
        let id = self.segment(name);
        if Id::is_uuid(id) {
            Ok(id)
        } else {
            let message = format!("{name} must be a UUID");
            Err(AuthError::new(StatusCode::NOT_FOUND, "validation_failed", message))
        }
    }

    /// Where to go in the end, as far as that is allowed.
    pub(super) fn redirect_to(&self) -> String {
        self.config.site.redirect(self.query("redirect_to").as_deref()).to_owned()
    }

    /// What to keep with the mail that is asked for.
    pub(super) fn options(&self, challenge: Option<&str>, method: Option<&str>) -> Options {
        Options {
            redirect_to: Some(self.redirect_to()),
            code_challenge: challenge.map(str::to_owned),
            // Clients may write it in upper case.
            code_challenge_method: method.map(str::to_ascii_lowercase),
            page: false,
        }
    }
}

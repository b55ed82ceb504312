//! What stands before the APIs: from a session's cookies to a bearer token, and back.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::header::{AUTHORIZATION, CACHE_CONTROL, CONTENT_LENGTH, VARY};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode};
use axum::middleware::Next;
use axum::response::Response;

use super::answer::keep_tokens;
use super::claims::Claims;
use super::cookies::Cookies;
use super::origin;
use super::refusal::{Api, cross_site, session_over};
use super::session::{Resolved, Tokens, resolve};
use super::set_cookie::SetCookies;
use crate::app::App;
use crate::auth::calls::Call;
use crate::auth::error::AuthError;
use crate::config::Config;
use crate::data::{self, now, read_body};
use crate::request::Variables;

const API_KEY: HeaderName = HeaderName::from_static("apikey");
/// Most bytes that are read of a request that is refused.
const DRAIN_LIMIT: usize = 64 * 1024;
/// Who somebody without a token is, if the configuration does not say.
const ANON_ROLE: &str = "anon";

/// Routes that look at nobody's token, by what follows the prefix of the API: there the session's
/// cookies count only if the request asks for cookies.
const PUBLIC: [&str; 12] = [
    ".well-known/jwks.json",
    ".well-known/openid-configuration",
    "health",
    "magiclink",
    "openapi.json",
    "otp",
    "recover",
    "resend",
    "settings",
    "signup",
    "token",
    "verify",
];

/// Before the auth API.
pub(crate) async fn auth_api(State(app): State<Arc<App>>, request: Request<Body>, next: Next) -> Response {
    answer(app, request, Onward::Route(next), Api::Auth).await
}

/// The data API, with what stands before it.
pub(crate) async fn data_api(State(app): State<Arc<App>>, request: Request<Body>) -> Response {
    answer(Arc::clone(&app), request, Onward::Data(app), Api::Data).await
}

/// What stands behind.
enum Onward {
    Data(Arc<App>),
    Route(Next),
}

impl Onward {
    async fn run(self, request: Request<Body>) -> Response {
        match self {
            Self::Data(app) => data::handle(&app, request).await,
            Self::Route(next) => next.run(request).await,
        }
    }
}

async fn answer(app: Arc<App>, request: Request<Body>, next: Onward, api: Api) -> Response {
    let (mut parts, body) = request.into_parts();
    let cookies = Cookies::take(&mut parts.headers);
    let config = app.config();
    let asked = api == Api::Auth && asks_for_cookies(&parts);
    let tokens = Tokens::of(&cookies).filter(|_| counts(&parts, &config, api, asked));
    if !config.pages.cookie_sessions || (tokens.is_none() && !asked) {
        return next.run(Request::from_parts(parts, body)).await;
    }
    let forged =
        !origin::is_safe(&parts.method) && !origin::is_allowed(&parts, &config.site, &config.cors_origins);
    if forged {
        // A connection with half a request in it could not go on.
        let _ = read_body(body, DRAIN_LIMIT, config.http.limits.body_timeout).await;
        return api.respond(cross_site(), &parts);
    }
    let mut exchange = Exchange { app: &app, api, cookies, set: SetCookies::default() };
    // Boxed: most requests have no cookies, and none of those is to hold room for this.
    let mut response = match Box::pin(exchange.run(&mut parts, body, tokens, next)).await {
        Ok(response) => response,
        Err(error) => api.respond(error, &parts),
    };
    let headers = response.headers_mut();
    headers.append(VARY, HeaderValue::from_static("Cookie"));
    // What a cookie opens is for its holder alone; other than with a bearer token, caches on the way
    // would not know (RFC 9111 §3.5).
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    exchange.set.put(headers);
    response
}

/// One request with cookies, or for them.
struct Exchange<'a> {
    app: &'a App,
    api: Api,
    cookies: Cookies,
    set: SetCookies,
}

impl Exchange<'_> {
    async fn run(
        &mut self,
        parts: &mut Parts,
        body: Body,
        tokens: Option<Tokens>,
        next: Onward,
    ) -> Result<Response, AuthError> {
        if self.api == Api::Auth && is_refresh(parts) {
            return self.refresh(parts, tokens, body, next).await;
        }
        let with_session = tokens.is_some();
        if let Some(tokens) = tokens {
            self.let_in(parts, tokens).await?;
        }
        let signs_out = self.api == Api::Auth && signs_out(parts) && with_session;
        let response = next.run(Request::from_parts(parts.clone(), body)).await;
        if signs_out && is_signed_out(response.status()) {
            self.set.clear_session(&self.cookies);
        }
        match self.api {
            Api::Auth => keep_tokens(response, &mut self.set, &self.cookies).await,
            Api::Data => Ok(response),
        }
    }

    /// Puts the access token where a bearer's stands.
    async fn let_in(&mut self, parts: &mut Parts, tokens: Tokens) -> Result<(), AuthError> {
        let variables = Variables::of(parts);
        let access = match resolve(&Call::public(self.app, &variables), tokens, now()).await {
            Resolved::Good(access) => access,
            Resolved::Renewed(session) => {
                self.set.session(&session, &self.cookies)?;
                session.access_token
            }
            Resolved::Over => {
                self.set.clear_session(&self.cookies);
                return Err(session_over());
            }
            Resolved::Unknown(error) => return Err(error),
        };
        let mut value =
            HeaderValue::try_from(format!("Bearer {}", access.expose())).map_err(|_| session_over())?;
        value.set_sensitive(true);
        parts.headers.insert(AUTHORIZATION, value);
        Ok(())
    }

    /// `POST /token?grant_type=refresh_token&cookie=true`: the token is in the cookie, not in the body.
    async fn refresh(
        &mut self,
        parts: &mut Parts,
        tokens: Option<Tokens>,
        body: Body,
        next: Onward,
    ) -> Result<Response, AuthError> {
        let Some(refresh) = tokens.and_then(|tokens| tokens.refresh) else {
            let response = next.run(Request::from_parts(parts.clone(), body)).await;
            return keep_tokens(response, &mut self.set, &self.cookies).await;
        };
        let json = serde_json::json!({ "refresh_token": refresh.expose() }).to_string();
        parts.headers.remove(CONTENT_LENGTH);
        let response = next.run(Request::from_parts(parts.clone(), Body::from(json))).await;
        if response.status() == StatusCode::BAD_REQUEST || response.status() == StatusCode::FORBIDDEN {
            self.set.clear_session(&self.cookies);
        }
        keep_tokens(response, &mut self.set, &self.cookies).await
    }
}

/// Whether the session's cookies stand for the caller: only where nobody else is shown.
fn counts(parts: &Parts, config: &Config, api: Api, asked: bool) -> bool {
    let is_public = api == Api::Auth && PUBLIC.contains(&route(parts));
    shows_nobody(&parts.headers, config.anon_role.as_deref().unwrap_or(ANON_ROLE)) && (asked || !is_public)
}

/// The key that says that the application is known, and nothing of a user, counts as nobody.
fn shows_nobody(headers: &HeaderMap, anon_role: &str) -> bool {
    let is_anon = |key: &HeaderValue| {
        key.is_empty() || key.to_str().is_ok_and(|key| Claims::of(key).has_role(anon_role))
    };
    !headers.contains_key(AUTHORIZATION) && headers.get_all(API_KEY).iter().all(is_anon)
}

/// Whether the answer's tokens are wanted in cookies.
fn asks_for_cookies(parts: &Parts) -> bool {
    parts.method == Method::POST && parameter(parts, "cookie") == Some("true")
}

fn is_refresh(parts: &Parts) -> bool {
    route(parts) == "token" && parameter(parts, "grant_type") == Some("refresh_token")
}

fn signs_out(parts: &Parts) -> bool {
    parts.method == Method::POST
        && route(parts) == "logout"
        && parameter(parts, "scope").is_none_or(|scope| scope != "others")
}

/// Also if the session was over before.
fn is_signed_out(status: StatusCode) -> bool {
    status.is_success()
        || matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN | StatusCode::NOT_FOUND)
}

/// What follows the prefix of the auth API, which the router may have taken off.
fn route(parts: &Parts) -> &str {
    let path = parts.uri.path();
    path.strip_prefix("/auth/v1").unwrap_or(path).trim_start_matches('/')
}

fn parameter<'a>(parts: &'a Parts, wanted: &str) -> Option<&'a str> {
    let pairs = parts.uri.query()?.split('&').filter_map(|pair| pair.split_once('='));
    pairs.filter(|(name, _)| *name == wanted).map(|(_, value)| value).next()
}

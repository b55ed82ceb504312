//! What every request passes on its way in and out, whatever route it takes: whose it is, whether
//! there are too many of that address, what browsers are told, how the answer is packed.

mod address;
mod compress;
mod flood;
mod host;
mod protect;
mod request_id;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Request, Version, header};
use axum::response::Response;
use flood::Flood;
use tokio::time::timeout;

pub(crate) use flood::network;

use crate::app::App;
use crate::config::{Config, Http};
use crate::error::Error;
use crate::{auth, pages, response, router};

/// What the database reads the client's address from: `pg_gatehouse.client_address_header`.
const CLIENT_ADDRESS: HeaderName = HeaderName::from_static("x-gatehouse-client-address");
const AUTH_API: &str = "/auth/v1/";
/// Where the auth API and the pages are, and what is for developers.
const AUTH: &str = "/auth/";
const DEVELOPERS: &str = "/dev/";

/// The limits that need a memory, and what of the configuration is ready-made.
#[derive(Debug)]
pub(crate) struct Door {
    http: Http,
    auth_flood: Option<Flood>,
    flood: Option<Flood>,
    hsts: Option<HeaderValue>,
}

/// What is known of a request beside what it says itself.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Origin {
    pub(crate) peer: Option<IpAddr>,
    pub(crate) is_tls: bool,
}

impl Door {
    pub(crate) fn new(http: &Http) -> Self {
        // Of other hosts below this one nothing is known here.
        let hsts = (!http.hsts.is_zero()).then(|| format!("max-age={}", http.hsts.as_secs()));
        Self {
            auth_flood: http.auth_rate.map(Flood::new),
            flood: http.rate.map(Flood::new),
            hsts: hsts.and_then(|hsts| HeaderValue::try_from(hsts).ok()),
            http: http.clone(),
        }
    }

    /// Whose request it is.
    pub(crate) fn client(&self, origin: Origin, headers: &HeaderMap) -> Option<IpAddr> {
        address::client(origin.peer, headers, &self.http.proxies)
    }

    /// Whether connections of this peer are many clients'.
    pub(crate) fn is_proxy(&self, peer: Option<IpAddr>) -> bool {
        self.http.proxies.include(peer)
    }

    /// To be called now and then.
    pub(crate) fn tidy(&self) {
        [&self.auth_flood, &self.flood].into_iter().flatten().for_each(Flood::tidy);
    }

    /// `Err`: how long the client is to wait.
    fn admit(&self, client: Option<IpAddr>, path: &str) -> Result<(), Duration> {
        let auth = self.auth_flood.as_ref().filter(|_| path.starts_with(AUTH));
        auth.into_iter().chain(&self.flood).try_for_each(|flood| flood.admit(client))
    }
}

/// How whatever is asked says no.
#[derive(Clone, Copy, Debug)]
enum Form<'a> {
    Auth(auth::ApiVersion),
    Data { verbose: bool },
    Page(&'a Config),
}

impl<'a> Form<'a> {
    fn of(request: &Request<Body>, config: &'a Config) -> Self {
        let path = request.uri().path();
        if config.pages.enabled && path.starts_with(AUTH) && !path.starts_with(AUTH_API) {
            Self::Page(config)
        } else if path.starts_with(AUTH) {
            Self::Auth(auth::ApiVersion::parse(request.headers()))
        } else {
            Self::Data { verbose: config.verbose_errors }
        }
    }

    fn refuse(self, error: Error) -> Response {
        match self {
            Self::Auth(version) => auth::refuse(version, error),
            Self::Data { verbose } => error.respond(verbose),
            Self::Page(config) => pages::refuse(config, error),
        }
    }
}

/// Names the request, tells the rest of the front and the database whose it is.
pub(crate) fn enter<B>(request: &mut Request<B>, client: Option<IpAddr>) -> HeaderValue {
    let headers = request.headers_mut();
    headers.remove(CLIENT_ADDRESS);
    let address = client.and_then(|client| HeaderValue::try_from(client.to_string()).ok());
    if let Some(address) = address {
        headers.insert(CLIENT_ADDRESS, address);
    }
    request_id::assign(headers)
}

/// Answers a request that has entered.
pub(crate) async fn pass(
    app: &Arc<App>,
    router: Router,
    request: Request<Body>,
    origin: Origin,
    client: Option<IpAddr>,
) -> Response {
    let (door, config) = (app.door(), app.config());
    let headers = request.headers();
    let from = headers.get(header::ORIGIN).cloned();
    let form = Form::of(&request, &config);
    let is_api = is_api(request.uri().path());
    let packing = compress::Packing::of(door.http.compression, headers);
    let mut answer = if let Some(refusal) = refuse(&door, &request, client, form) {
        app.metrics.held_back();
        refusal
    } else if let Some(preflight) = preflight(&request, &config.cors_origins) {
        return preflight;
    } else {
        // Boxed here: what holds it would be as large, and it moves.
        match timely(&door, Box::pin(router::answer(app, router, request))).await {
            Some(answer) => answer,
            None => form.refuse(Error::RequestTimeout),
        }
    };
    let is_auth = matches!(form, Form::Auth(_));
    if is_api {
        response::allow_origin(answer.headers_mut(), from.as_ref(), &config.cors_origins, is_auth);
    }
    protect::protect(answer.headers_mut(), door.hsts.as_ref().filter(|_| origin.is_tls));
    packing.pack(answer).await
}

/// Pages of other origins may call the APIs, and have no business with our own pages.
fn is_api(path: &str) -> bool {
    path.starts_with(AUTH_API) || !(path.starts_with(AUTH) || path.starts_with(DEVELOPERS))
}

fn preflight(request: &Request<Body>, origins: &[String]) -> Option<Response> {
    let preflight = response::preflight(request.method(), request.headers(), origins);
    preflight.filter(|_| is_api(request.uri().path()))
}

async fn timely<T>(door: &Arc<Door>, answer: impl Future<Output = T>) -> Option<T> {
    match door.http.limits.request_timeout {
        None => Some(answer.await),
        Some(limit) => timeout(limit, answer).await.ok(),
    }
}

fn refuse(door: &Door, request: &Request<Body>, client: Option<IpAddr>, form: Form<'_>) -> Option<Response> {
    let uri = request.uri();
    if !host::is_clear(request) {
        return Some(closing(request.version(), form.refuse(Error::UnclearHost)));
    }
    let length = uri.path_and_query().map_or(0, |target| target.as_str().len());
    if length > door.http.limits.uri {
        return Some(form.refuse(Error::UriTooLong { limit: door.http.limits.uri }));
    }
    let wait = door.admit(client, uri.path()).err()?;
    // A client that comes back at the named second finds it over.
    Some(form.refuse(Error::TooManyRequests { retry_after: wait.as_secs() + 1 }))
}

/// The last answer of its connection: who sends such a request may have hidden another in it.
fn closing(version: Version, mut answer: Response) -> Response {
    if version < Version::HTTP_2 {
        answer.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    answer
}

/// The name of a request, in its answer.
pub(crate) fn leave(id: HeaderValue, answer: &mut Response) {
    answer.headers_mut().insert(request_id::REQUEST_ID, id);
}

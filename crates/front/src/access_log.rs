//! One line for an answered request, in the common log format, by PostgREST's levels; before it the
//! request's SQL, where that is wanted.

use std::net::IpAddr;

use axum::http::{HeaderValue, Method, Request, StatusCode, Uri, Version};
use axum::response::Response;
use hyper::body::Body as _;

use crate::config::LogLevel;

/// The statements of a request, in an extension of its answer. Values are not in them: they are bound.
#[derive(Clone, Debug, Default)]
pub(crate) struct Queries(Vec<Box<str>>);

impl Queries {
    pub(crate) fn note<'a>(&mut self, statements: impl Iterator<Item = &'a str>) {
        self.0.extend(statements.map(Into::into));
    }
}

/// What is known of a request before it is answered. Cheap to keep: most are never logged.
#[derive(Debug)]
pub(crate) struct Entry {
    level: LogLevel,
    peer: Option<IpAddr>,
    method: Method,
    uri: Uri,
    version: Version,
    user_agent: Option<HeaderValue>,
    id: Option<HeaderValue>,
}

impl Entry {
    /// `None` when nothing is logged at this level.
    pub(crate) fn new<B>(level: LogLevel, request: &Request<B>, peer: Option<IpAddr>) -> Option<Self> {
        let header = |name: &str| request.headers().get(name).cloned();
        (level > LogLevel::Crit).then(|| Self {
            level,
            peer,
            method: request.method().clone(),
            uri: request.uri().clone(),
            version: request.version(),
            user_agent: header("user-agent"),
            id: header("x-request-id"),
        })
    }

    /// Logs the request if its answer is of the kind that the level asks for. Of the address the path
    /// only: a query string may hold what must not be in a log.
    pub(crate) fn log(&self, response: &Response) {
        let status = response.status();
        if self.level < least(status) {
            return;
        }
        let size = response.body().size_hint().exact();
        let size = size.map_or_else(|| "-".to_owned(), |size| size.to_string());
        let peer = self.peer.map_or_else(|| "-".to_owned(), |peer| peer.to_string());
        let (id, user_agent) = (text(self.id.as_ref()), text(self.user_agent.as_ref()));
        for sql in response.extensions().get::<Queries>().iter().flat_map(|queries| &queries.0) {
            // A client's quoted name may hold anything, also what would begin a line of its own.
            let line = sql.replace(char::is_control, " ");
            tracing::info!(target: "gatehouse::query", id, "{line}");
        }
        let Self { method, uri, version, .. } = self;
        tracing::info!(
            target: "gatehouse::access",
            id,
            "{peer} - - \"{method} {} {version:?}\" {} {size} \"{user_agent}\"",
            uri.path(),
            status.as_u16()
        );
    }
}

/// A header without what would end the field that it stands in.
fn text(value: Option<&HeaderValue>) -> String {
    value.and_then(|value| value.to_str().ok()).unwrap_or_default().replace('"', "'")
}

/// The level from which on an answer is logged.
fn least(status: StatusCode) -> LogLevel {
    if status.is_server_error() {
        LogLevel::Error
    } else if status.is_client_error() {
        LogLevel::Warn
    } else {
        LogLevel::Info
    }
}

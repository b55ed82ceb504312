//! One line for an answered request, in the common log format, by PostgREST's levels.

use std::net::IpAddr;

use axum::http::{Method, Request, StatusCode, Version, header};
use axum::response::Response;
use hyper::body::Body as _;

use crate::config::LogLevel;

/// What is known of a request before it is answered.
#[derive(Debug)]
pub(crate) struct Entry {
    level: LogLevel,
    peer: Option<IpAddr>,
    method: Method,
    /// The path only: a query string may hold what must not be in a log.
    path: String,
    version: Version,
    user_agent: String,
    id: String,
}

impl Entry {
    /// `None` when nothing is logged at this level.
    pub(crate) fn new<B>(level: LogLevel, request: &Request<B>, peer: Option<IpAddr>) -> Option<Self> {
        let text = |name: &str| {
            let value = request.headers().get(name).and_then(|value| value.to_str().ok());
            value.unwrap_or_default().replace('"', "'")
        };
        (level > LogLevel::Crit).then(|| Self {
            level,
            peer,
            method: request.method().clone(),
            path: request.uri().path().to_owned(),
            version: request.version(),
            user_agent: text(header::USER_AGENT.as_str()),
            id: text("x-request-id"),
        })
    }

    /// Logs the request if its answer is of the kind that the level asks for.
    pub(crate) fn log(&self, response: &Response) {
        let status = response.status();
        if self.level < least(status) {
            return;
        }
        let size = response.body().size_hint().exact();
        let size = size.map_or_else(|| "-".to_owned(), |size| size.to_string());
        let peer = self.peer.map_or_else(|| "-".to_owned(), |peer| peer.to_string());
        let Self { method, path, version, user_agent, id, .. } = self;
        tracing::info!(
            target: "gatehouse::access",
            id,
            "{peer} - - \"{method} {path} {version:?}\" {} {size} \"{user_agent}\"",
            status.as_u16()
        );
    }
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

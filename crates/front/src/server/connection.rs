//! One client's connection.

use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderName, HeaderValue};
use axum::response::Response;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use tower_service::Service;

use super::listener::Stream;
use crate::access_log;
use crate::app::App;
use crate::request::Peer;

/// How long a client may take to send a request's head, and how long it may stay idle.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);
/// The most headers of a request.
const MOST_HEADERS: usize = 100;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

pub(super) fn serve_connection(
    stream: Stream,
    peer: Option<IpAddr>,
    router: Router,
    app: Option<Arc<App>>,
    graceful: &GracefulShutdown,
) {
    let service = service_fn(move |request| answer(router.clone(), request, peer, app.clone()));
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(HEAD_TIMEOUT).max_headers(MOST_HEADERS);
    // An error here is the client's: it went away or did not speak HTTP.
    match stream {
        Stream::Tcp(stream) => {
            let _ = stream.set_nodelay(true);
            let connection = graceful.watch(builder.serve_connection(TokioIo::new(stream), service));
            tokio::spawn(async move { drop(connection.await) });
        }
        Stream::Unix(stream) => {
            let connection = graceful.watch(builder.serve_connection(TokioIo::new(stream), service));
            tokio::spawn(async move { drop(connection.await) });
        }
    }
}

async fn answer(
    mut router: Router,
    mut request: hyper::Request<Incoming>,
    peer: Option<IpAddr>,
    app: Option<Arc<App>>,
) -> Result<Response, Infallible> {
    let entry = app.as_ref().and_then(|app| access_log::Entry::new(app.config().log_level, &request, peer));
    let id = request.headers().get(&REQUEST_ID).cloned();
    peer.and_then(|address| request.extensions_mut().insert(Peer(address)));
    let mut response = router.call(request.map(Body::new)).await?;
    if let Some(app) = app {
        app.metrics.answered(response.status());
        give_back(id, &mut response);
        if let Some(entry) = entry {
            entry.log(&response);
        }
    }
    Ok(response)
}

/// The client's own name for its request, so that it finds the answer that belongs to it.
fn give_back(id: Option<HeaderValue>, response: &mut Response) {
    if let Some(id) = id {
        response.headers_mut().entry(REQUEST_ID).or_insert(id);
    }
}

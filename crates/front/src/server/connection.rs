//! One client's connection.

use std::convert::Infallible;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use axum::http::Version;
use axum::response::Response;
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::Watcher;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_io_timeout::TimeoutStream;
use tower_service::Service;
use tracing::Instrument;

use super::activity::{Activity, Observed};
use super::crowd::Place;
use super::listener::Stream;
use super::tls::Tls;
use crate::app::App;
use crate::config::Limits;
use crate::door::{self, Origin};
use crate::request::Peer;
use crate::{access_log, log, metrics};

/// Requests that one HTTP/2 connection may have under way.
const STREAMS: u32 = 100;
/// Resets of a client that still cost memory (CVE-2023-44487).
const PENDING_RESETS: usize = 20;
/// How often an HTTP/2 client without requests is asked whether it is still there.
const PING: Duration = Duration::from_secs(30);
const PING_TIMEOUT: Duration = Duration::from_secs(10);

/// Everything that a connection needs to answer.
#[derive(Clone)]
pub(super) struct Serving {
    pub(super) router: Router,
    /// With it, what is answered is logged, counted and limited: not on the admin port.
    pub(super) app: Option<Arc<App>>,
    pub(super) tls: Option<Arc<Tls>>,
    pub(super) limits: Limits,
    pub(super) http2_cleartext: bool,
}

impl Serving {
    /// A connection was closed at once.
    pub(super) fn refused(&self) {
        if let Some(app) = &self.app {
            app.metrics.connection_refused();
        }
    }

    /// Serves until the client goes, is sent away, or the server stops.
    pub(super) async fn serve(self, stream: Stream, peer: Option<IpAddr>, place: Place, watcher: Watcher) {
        let app = self.app.clone();
        let _open = app.as_ref().map(|app| app.metrics.connection());
        let activity = Arc::clone(place.activity());
        let served = async {
            match stream {
                Stream::Tcp(stream) => {
                    let _ = stream.set_nodelay(true);
                    self.secure(stream, peer, Arc::clone(&activity), watcher).await;
                }
                Stream::Unix(stream) => self.secure(stream, peer, Arc::clone(&activity), watcher).await,
            }
        };
        tokio::select! {
            () = served => {}
            () = activity.ended() => {
                if let Some(app) = &app {
                    app.metrics.connection_ended();
                }
            }
        }
    }

    async fn secure<S>(self, stream: S, peer: Option<IpAddr>, activity: Arc<Activity>, watcher: Watcher)
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        // A client that reads nothing must not hold its answers here for ever.
        let mut stream = TimeoutStream::new(stream);
        stream.set_write_timeout(Some(self.limits.write_timeout));
        let stream = Box::pin(stream);
        let Some(tls) = self.tls.clone() else {
            let origin = Origin { peer, is_tls: false };
            return if self.http2_cleartext {
                self.either(Observed::new(stream, activity), origin, watcher).await
            } else {
                self.http1(Observed::new(stream, activity), origin, watcher).await
            };
        };
        let origin = Origin { peer, is_tls: true };
        match tls.accept(stream).await {
            Some(stream) if stream.get_ref().1.alpn_protocol() == Some(b"h2") => {
                self.http2(Observed::new(stream, activity), origin, watcher).await;
            }
            Some(stream) => self.http1(Observed::new(stream, activity), origin, watcher).await,
            None => {
                if let Some(app) = &self.app {
                    app.metrics.handshake_failed();
                }
            }
        }
    }

    // An error of these is the client's: it went away or did not speak HTTP.

    async fn http1<S>(self, stream: Observed<S>, origin: Origin, watcher: Watcher)
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let mut builder = http1::Builder::new();
        builder
            // Time is kept by what the connection does; see [`super::activity`].
            .header_read_timeout(None)
            .max_headers(self.limits.headers)
            .max_buf_size(self.limits.head);
        let activity = Arc::clone(stream.activity());
        let service = service_fn(move |request| self.clone().answer(request, origin, Arc::clone(&activity)));
        let _ = watcher.watch(builder.serve_connection(TokioIo::new(stream), service)).await;
    }

    async fn http2<S>(self, stream: Observed<S>, origin: Origin, watcher: Watcher)
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let mut builder = http2::Builder::new(TokioExecutor::new());
        builder
            .timer(TokioTimer::new())
            .max_concurrent_streams(STREAMS)
            .max_pending_accept_reset_streams(PENDING_RESETS)
            .max_header_list_size(u32::try_from(self.limits.head).unwrap_or(u32::MAX))
            .keep_alive_interval(PING)
            .keep_alive_timeout(PING_TIMEOUT);
        let activity = Arc::clone(stream.activity());
        let service = service_fn(move |request| self.clone().answer(request, origin, Arc::clone(&activity)));
        let _ = watcher.watch(builder.serve_connection(TokioIo::new(stream), service)).await;
    }

    /// Whichever of the two the client begins with.
    async fn either<S>(self, stream: Observed<S>, origin: Origin, watcher: Watcher)
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let limits = self.limits;
        let mut builder = auto::Builder::new(TokioExecutor::new());
        builder.http1().header_read_timeout(None).max_headers(limits.headers).max_buf_size(limits.head);
        builder
            .http2()
            .timer(TokioTimer::new())
            .max_concurrent_streams(STREAMS)
            .max_pending_accept_reset_streams(PENDING_RESETS)
            .max_header_list_size(u32::try_from(limits.head).unwrap_or(u32::MAX))
            .keep_alive_interval(PING)
            .keep_alive_timeout(PING_TIMEOUT);
        let activity = Arc::clone(stream.activity());
        let service = service_fn(move |request| self.clone().answer(request, origin, Arc::clone(&activity)));
        let connection = builder.serve_connection(TokioIo::new(stream), service).into_owned();
        let _ = watcher.watch(connection).await;
    }

    async fn answer(
        mut self,
        request: hyper::Request<Incoming>,
        origin: Origin,
        activity: Arc<Activity>,
    ) -> Result<Response, Infallible> {
        let _busy = activity.request(request.version() == Version::HTTP_2);
        let mut request = request.map(Body::new);
        let Some(app) = self.app.take() else { return self.router.call(request).await };
        let begun = Instant::now();
        let class = metrics::Class::of(request.uri().path());
        let client = app.door().client(origin, request.headers());
        let id = door::enter(&mut request, client);
        let entry = access_log::Entry::new(app.config().log_level, &request, client);
        origin.peer.and_then(|peer| request.extensions_mut().insert(Peer(peer)));
        let span = log::request(id.to_str().unwrap_or_default(), &request);
        let _under_way = app.metrics.under_way();
        let passed: Pin<Box<dyn Future<Output = Response> + Send>> =
            Box::pin(door::pass(&app, self.router, request, origin, client).instrument(span.clone()));
        let mut response = passed.await;
        log::answered(&span, response.status());
        app.metrics.answered(class, response.status(), begun.elapsed());
        door::leave(id, &mut response);
        if let Some(entry) = entry {
            entry.log(&response);
        }
        Ok(response)
    }
}

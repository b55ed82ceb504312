//! The life of the process: bind, load the schema cache, serve, stop gracefully.

mod listener;

use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::{TcpListener, TcpStream};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use crate::app::App;
use crate::config::{Config, LogLevel};
use crate::schema_cache::{self, LoadError};
use crate::{access_log, router};

/// How long a client may take to send a request's head, and how long it may stay idle.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);
/// How long requests under way may take once the process is told to stop.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(10);
/// The pause after an accept that failed, as when file descriptors run out.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Why the process ends with a failure.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ServeError {
    #[error("{key}: cannot listen on {address}: {error}")]
    Bind { key: &'static str, address: String, error: io::Error },
    #[error("the system gives no runtime: {0}")]
    Runtime(#[from] io::Error),
    #[error("PGRST_DB_URI: the schema cache could not be loaded: {0}")]
    SchemaCache(#[from] LoadError),
}

/// Serves until a signal says stop.
pub(crate) fn run(config: Config) -> Result<(), ServeError> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let result = runtime.block_on(serve(config));
    runtime.shutdown_background();
    result
}

async fn serve(config: Config) -> Result<(), ServeError> {
    let main = listener::bind(&config.listen, "PGRST_SERVER_PORT").await?;
    let admin = match &config.admin {
        Some(listen) => Some(listener::bind(listen, "PGRST_ADMIN_SERVER_PORT").await?),
        None => None,
    };
    let app = Arc::new(App::new(config));
    let (stop, stopped) = watch::channel(false);
    let level = app.config.log_level;
    let mut servers =
        vec![tokio::spawn(accept(main, router::public(Arc::clone(&app)), level, stopped.clone()))];
    if let Some(admin) = admin {
        let router = router::admin(Arc::clone(&app));
        servers.push(tokio::spawn(accept(admin, router, LogLevel::Crit, stopped)));
    }
    let result = load_then_wait(&app).await;
    let _ = stop.send(true);
    for server in servers {
        let _ = server.await;
    }
    result
}

/// Ends at a signal, or early if the schema cache can not be had.
async fn load_then_wait(app: &App) -> Result<(), ServeError> {
    let mut signals = pin!(stop_signal());
    tokio::select! {
        signal = &mut signals => return Ok(signal?),
        cache = schema_cache::load(app.database.pool(), &app.config.schemas) => {
            let cache = cache?;
            tracing::info!(relations = cache.len(), "schema cache loaded");
            app.set_schema_cache(cache);
        }
    }
    Ok(signals.await?)
}

async fn stop_signal() -> io::Result<()> {
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    tracing::info!("stopping");
    Ok(())
}

/// Accepts until told to stop, then lets the requests under way finish.
async fn accept(listener: TcpListener, router: Router, level: LogLevel, mut stopped: watch::Receiver<bool>) {
    let graceful = GracefulShutdown::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = stopped.changed() => break,
        };
        match accepted {
            Ok((stream, _)) => serve_connection(stream, router.clone(), level, &graceful),
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    drop(listener);
    if timeout(DRAIN_TIMEOUT, graceful.shutdown()).await.is_err() {
        tracing::warn!("some requests did not finish in time");
    }
}

fn serve_connection(stream: TcpStream, router: Router, level: LogLevel, graceful: &GracefulShutdown) {
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request: hyper::Request<hyper::body::Incoming>| {
        let (mut router, method, uri) = (router.clone(), request.method().clone(), request.uri().clone());
        async move {
            let response = tower_service(&mut router, request).await;
            if let Ok(response) = &response {
                access_log::log(level, &method, &uri, response.status());
            }
            response
        }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .serve_connection(TokioIo::new(stream), service);
    let connection = graceful.watch(connection);
    // An error here is the client's: it went away or did not speak HTTP.
    tokio::spawn(async move { drop(connection.await) });
}

async fn tower_service(
    router: &mut Router,
    request: hyper::Request<hyper::body::Incoming>,
) -> Result<axum::response::Response, std::convert::Infallible> {
    use tower_service::Service;
    router.call(request.map(Body::new)).await
}

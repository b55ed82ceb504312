//! The life of the process: bind, keep what is known of the database, serve, stop gracefully.

mod activity;
mod connection;
mod crowd;
mod files;
mod listener;
mod tls;

use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use activity::Patience;
use connection::Serving;
use crowd::Crowd;
use hyper_util::server::graceful::GracefulShutdown;
use listener::{Listener, bind};
use tls::{Tls, TlsError};
use tokio::runtime::Runtime;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use crate::app::App;
use crate::config::{Config, Sources};
use crate::schema_cache::{self, LoadError, Scope};
use crate::upkeep::{self, UpkeepError};
use crate::{mail, pg, router};

/// How long requests under way may take once the process is told to stop.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(10);
/// The pause after an accept that failed, as when file descriptors run out.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// How often is looked for who has been silent for too long.
const LOOK: Duration = Duration::from_secs(1);

/// Why the process ends with a failure.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ServeError {
    #[error("{key}: cannot listen on {address}: {error}")]
    Bind { key: &'static str, address: String, error: io::Error },
    #[error("GATEHOUSE_DEV_MAILBOX: it can not listen on 127.0.0.1: {0}")]
    Mailbox(#[source] io::Error),
    #[error("PGRST_JWT_SECRET: its keys can not be used: {0}")]
    Keys(#[from] gatehouse_core::Error),
    #[error("{0}")]
    Tls(#[from] TlsError),
    #[error("the system gives no runtime: {0}")]
    Runtime(#[from] io::Error),
    #[error("PGRST_DB_URI: the schema cache could not be loaded: {0}")]
    SchemaCache(#[from] LoadError),
    #[error("{0}")]
    Upkeep(#[from] UpkeepError),
}

/// Serves until a signal says stop.
pub(crate) fn run(sources: Sources, config: Config) -> Result<(), ServeError> {
    let runtime = runtime()?;
    let result = runtime.block_on(serve(sources, config));
    runtime.shutdown_background();
    result
}

/// The schema cache as JSON, read once.
pub(crate) fn dump_schema(sources: Sources, config: Config) -> Result<String, ServeError> {
    drop(sources);
    let pool = pg::Pool::new(config.database.clone(), config.pool);
    let scope = Scope {
        schemas: &config.schemas,
        extra_search_path: &config.extra_search_path,
        hoisted_settings: &config.hoisted_settings,
    };
    let cache = runtime()?.block_on(schema_cache::load(&pool, scope))?;
    Ok(format!("{}\n", cache.to_json()))
}

fn runtime() -> Result<Runtime, ServeError> {
    Ok(tokio::runtime::Builder::new_multi_thread().enable_all().build()?)
}

async fn serve(sources: Sources, config: Config) -> Result<(), ServeError> {
    let main = bind(&config.listen, "PGRST_SERVER_PORT").await?;
    let admin = match &config.admin {
        Some(listen) => Some(bind(listen, "PGRST_ADMIN_SERVER_PORT").await?),
        None => None,
    };
    let mut http = config.http.clone();
    http.limits.connections = files::room_for(http.limits.connections);
    let tls = http.tls.clone().map(Tls::load).transpose()?.map(Arc::new);
    let app = Arc::new(App::new(sources, config)?);
    let (stop, stopped) = watch::channel(false);
    if let Some(tls) = &tls {
        tokio::spawn(Arc::clone(tls).follow());
    }
    let public = Serving {
        router: router::public(Arc::clone(&app)),
        app: Some(Arc::clone(&app)),
        tls,
        limits: http.limits,
        http2_cleartext: http.http2_cleartext,
    };
    let mail = mail::start(Arc::clone(&app), stopped.clone()).await.map_err(ServeError::Mailbox)?;
    let mut servers = vec![mail, tokio::spawn(accept(main, public.clone(), stopped.clone()))];
    if let Some(admin) = admin {
        let serving = Serving {
            router: router::admin(Arc::clone(&app)),
            app: None,
            tls: None,
            http2_cleartext: false,
            ..public
        };
        servers.push(tokio::spawn(accept(admin, serving, stopped)));
    }
    let result = keep_until_stopped(app).await;
    let _ = stop.send(true);
    for server in servers {
        let _ = server.await;
    }
    result
}

/// Ends at a signal, or early if what has to be known of the database can not be had.
async fn keep_until_stopped(app: Arc<App>) -> Result<(), ServeError> {
    let mut signals = pin!(stop_signal());
    tokio::select! {
        signal = &mut signals => Ok(signal?),
        ended = upkeep::run(app) => {
            ended?;
            Ok(signals.await?)
        }
    }
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
async fn accept(listener: Listener, serving: Serving, mut stopped: watch::Receiver<bool>) {
    let graceful = GracefulShutdown::new();
    let crowd = Crowd::new(serving.limits.connections, serving.limits.connections_per_address);
    tokio::select! {
        () = let_in(&listener, &crowd, &serving, &graceful) => {}
        () = send_away(&crowd, &serving) => {}
        _ = stopped.changed() => {}
    }
    drop(listener);
    if timeout(DRAIN_TIMEOUT, graceful.shutdown()).await.is_err() {
        tracing::warn!("some requests did not finish in time");
    }
}

async fn let_in(listener: &Listener, crowd: &Crowd, serving: &Serving, graceful: &GracefulShutdown) {
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                // A proxy's connections are those of many clients.
                let is_proxy = serving.app.as_ref().is_some_and(|app| app.door().is_proxy(peer));
                match crowd.enter(peer.filter(|_| !is_proxy)).await {
                    Some(place) => {
                        tokio::spawn(serving.clone().serve(stream, peer, place, graceful.watcher()));
                    }
                    None => serving.refused(),
                }
            }
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                crowd.make_room();
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// Looks again and again for who has been silent for too long.
async fn send_away(crowd: &Crowd, serving: &Serving) {
    let patience = Patience { in_head: serving.limits.head_timeout, idle: serving.limits.idle_timeout };
    loop {
        sleep(LOOK).await;
        crowd.tidy(patience);
    }
}

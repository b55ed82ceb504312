//! Keeps configuration and schema cache as the database has them: at the start, at a signal, when
//! the database notifies, and when it was away.

mod listen;
mod settings;

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{interval, sleep};

use crate::app::App;
use crate::config::{Config, ConfigError};
use crate::pg::PgError;
use crate::schema_cache::{self, LoadError, Scope};

/// The pauses between attempts to read from a database that does not answer.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(4);
/// How often connections that had nothing to do for too long are closed.
const TIDY: Duration = Duration::from_secs(10);

/// What is to be read again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reload {
    Config,
    Schema,
    /// Nothing: the database is gone, and is not to be waited for.
    Lost,
}

/// Why the process can not go on.
#[derive(Debug, thiserror::Error)]
pub(crate) enum UpkeepError {
    #[error("{0}")]
    Config(#[from] ConfigError),
    #[error("PGRST_DB_URI: the database can not be read: {0}")]
    Database(#[from] LoadError),
    #[error("{0}")]
    File(String),
    #[error("the database was lost, and db-pool-automatic-recovery is off")]
    Lost,
}

impl UpkeepError {
    fn is_loss(&self) -> bool {
        match self {
            Self::Database(LoadError::Database(error)) => error.is_loss(),
            Self::Lost => true,
            _ => false,
        }
    }
}

/// Reads all for the first time, then whenever it is asked to. Only ends with an error: the first
/// time, or when the database is gone and not to be waited for.
pub(crate) async fn run(app: Arc<App>) -> Result<(), UpkeepError> {
    let (ask, mut asked) = mpsc::channel(16);
    tokio::spawn(signals(ask.clone()));
    tokio::spawn(tidy(Arc::clone(&app)));
    tokio::spawn(notice_losses(Arc::clone(&app), ask.clone()));
    let (tried, listening) = oneshot::channel();
    tokio::spawn(listen::run(Arc::clone(&app), ask, tried));
    // Before anything is read, so that no change goes by unheard.
    let _ = listening.await;
    read_config(&app).await?;
    read_schema(&app).await?;
    while let Some(first) = asked.recv().await {
        // What was asked for before it is read now, does not have to be read again.
        let mut all = vec![first];
        while let Ok(more) = asked.try_recv() {
            all.push(more);
        }
        match reload(&app, &all).await {
            Err(error) if error.is_loss() && !app.config().automatic_recovery => {
                tracing::error!(%error, "ending");
                return Err(UpkeepError::Lost);
            }
            Err(error) => tracing::error!(%error, "what is known of the database stays as it was"),
            Ok(()) => {}
        }
    }
    Ok(())
}

async fn reload(app: &App, what: &[Reload]) -> Result<(), UpkeepError> {
    if what.contains(&Reload::Lost) {
        return Err(UpkeepError::Lost);
    }
    if what.contains(&Reload::Config) {
        read_config(app).await?;
    }
    if what.contains(&Reload::Schema) {
        read_schema(app).await?;
    }
    Ok(())
}

/// SIGUSR1: the schema cache. SIGUSR2: the configuration.
async fn signals(ask: mpsc::Sender<Reload>) {
    let (Ok(mut first), Ok(mut second)) =
        (signal(SignalKind::user_defined1()), signal(SignalKind::user_defined2()))
    else {
        return;
    };
    loop {
        let reload = tokio::select! {
            _ = first.recv() => Reload::Schema,
            _ = second.recv() => Reload::Config,
        };
        if ask.send(reload).await.is_err() {
            return;
        }
    }
}

/// Where nobody listens, it is a request that finds the database gone: everything may have changed.
async fn notice_losses(app: Arc<App>, ask: mpsc::Sender<Reload>) {
    loop {
        app.database.pool().lost().await;
        if app.config().channel.is_some() {
            continue;
        }
        for reload in [Reload::Config, Reload::Schema] {
            if ask.send(reload).await.is_err() {
                return;
            }
        }
    }
}

async fn tidy(app: Arc<App>) {
    let mut ticks = interval(TIDY);
    loop {
        ticks.tick().await;
        app.database.tidy();
        app.door().tidy();
    }
}

/// The file, and what the database says now. Where the front listens and how many connections it has
/// stays as it is.
async fn read_config(app: &App) -> Result<(), UpkeepError> {
    let sources = app.sources.read_again().map_err(UpkeepError::File)?;
    let mut config = Config::read(&sources)?;
    if config.database_settings {
        let pre_config = config.pre_config.as_ref();
        let read = || settings::read(app.database.pool(), pre_config);
        let settings = patiently(config.automatic_recovery, read).await?;
        config = Config::read(&sources.with_database(settings))?;
    }
    app.set_config(config).map_err(|_| LoadError::Keys)?;
    Ok(())
}

/// Requests go on with the old schema cache until there is a new one.
async fn read_schema(app: &App) -> Result<(), UpkeepError> {
    app.mark_stale();
    let config = app.config();
    let scope = Scope {
        schemas: &config.schemas,
        extra_search_path: &config.extra_search_path,
        hoisted_settings: &config.hoisted_settings,
    };
    let begun = Instant::now();
    let load = || schema_cache::load(app.database.pool(), scope);
    let cache = patiently(config.automatic_recovery, load).await;
    let cache = cache.inspect_err(|_| app.metrics.load_failed())?;
    app.metrics.loaded(begun.elapsed());
    tracing::info!(relations = cache.len(), "schema cache loaded");
    app.set_schema_cache(cache);
    Ok(())
}

/// Tries until it succeeds or the refusal is final; only once without `recovery`.
async fn patiently<T, F>(recovery: bool, mut read: impl FnMut() -> F) -> Result<T, LoadError>
where
    F: Future<Output = Result<T, LoadError>>,
{
    let mut pause = FIRST_PAUSE;
    loop {
        let error = match read().await {
            Err(LoadError::Database(error)) if recovery && may_pass(&error) => error,
            other => return other,
        };
        tracing::warn!(%error, "the database could not be read; trying again");
        sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

/// Whether it may be another time. A failed query of the catalog is no weather, unless the server
/// was stopping or starting.
fn may_pass(error: &PgError) -> bool {
    match error {
        PgError::Database { error, .. } => {
            error.is_class("57") || error.is_class("53") || error.is_class("40")
        }
        error => !error.is_permanent(),
    }
}

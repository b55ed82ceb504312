//! What all requests share.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use tokio::sync::watch;

use crate::config::{Config, Delivery, Sources};
use crate::door::Door;
use crate::mail::DevMailbox;
use crate::metrics::Metrics;
use crate::schema_cache::SchemaCache;
use crate::tx::Database;

#[derive(Debug)]
pub(crate) struct App {
    pub(crate) database: Database,
    pub(crate) metrics: Metrics,
    /// Without the settings in the database, which may be read again.
    pub(crate) sources: Sources,
    /// Where mail goes in development.
    pub(crate) mailbox: Option<Arc<DevMailbox>>,
    config: RwLock<Arc<Config>>,
    /// Where the database is listened to, for whoever has to know when that changes.
    channel: watch::Sender<Option<String>>,
    door: RwLock<Arc<Door>>,
    schema_cache: RwLock<Option<Arc<SchemaCache>>>,
    /// The last attempt to read the schema cache failed, or none has ended.
    stale: AtomicBool,
}

impl App {
    /// # Errors
    /// The keys are none; the configuration has judged them before.
    pub(crate) fn new(sources: Sources, config: Config) -> Result<Self, gatehouse_core::Error> {
        let is_mailbox = config.mail.as_ref().is_some_and(|mail| mail.delivery == Delivery::Mailbox);
        Ok(Self {
            database: Database::new(&config)?,
            metrics: Metrics::default(),
            sources,
            door: RwLock::new(Arc::new(Door::new(&config.http))),
            mailbox: is_mailbox.then(Arc::default),
            channel: watch::Sender::new(config.channel.clone()),
            config: RwLock::new(Arc::new(config)),
            schema_cache: RwLock::new(None),
            stale: AtomicBool::new(true),
        })
    }

    pub(crate) fn config(&self) -> Arc<Config> {
        Arc::clone(&self.config.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn set_config(&self, config: Config) -> Result<(), gatehouse_core::Error> {
        self.database.reconfigure(&config)?;
        // What was counted is kept for as long as what is allowed is the same.
        if config.http != self.config().http {
            *self.door.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(Door::new(&config.http));
        }
        self.channel.send_if_modified(|channel| {
            let is_other = *channel != config.channel;
            channel.clone_from(&config.channel);
            is_other
        });
        *self.config.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(config);
        Ok(())
    }

    /// As the configuration has it, and told when it has another.
    pub(crate) fn channel(&self) -> watch::Receiver<Option<String>> {
        self.channel.subscribe()
    }

    pub(crate) fn door(&self) -> Arc<Door> {
        Arc::clone(&self.door.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// `None` until it was loaded for the first time.
    pub(crate) fn schema_cache(&self) -> Option<Arc<SchemaCache>> {
        self.schema_cache.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn set_schema_cache(&self, cache: SchemaCache) {
        *self.schema_cache.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(cache));
        self.stale.store(false, Ordering::Release);
    }

    /// The schema cache may not be what the database has.
    pub(crate) fn mark_stale(&self) {
        self.stale.store(true, Ordering::Release);
    }

    pub(crate) fn is_stale(&self) -> bool {
        self.stale.load(Ordering::Acquire)
    }
}

//! What all requests share.

use std::sync::{Arc, PoisonError, RwLock};

use crate::config::Config;
use crate::schema_cache::SchemaCache;
use crate::tx::Database;

#[derive(Debug)]
pub(crate) struct App {
    pub(crate) config: Config,
    pub(crate) database: Database,
    schema_cache: RwLock<Option<Arc<SchemaCache>>>,
}

impl App {
    pub(crate) fn new(config: Config) -> Self {
        let database = Database::new(&config);
        Self { config, database, schema_cache: RwLock::new(None) }
    }

    /// `None` until it was loaded for the first time.
    pub(crate) fn schema_cache(&self) -> Option<Arc<SchemaCache>> {
        self.schema_cache.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn set_schema_cache(&self, cache: SchemaCache) {
        *self.schema_cache.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(cache));
    }
}

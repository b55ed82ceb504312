//! Reads the schema cache from the catalog, patiently while the database starts.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::{Relation, SchemaCache};
use crate::pg::{PgError, Pool, Step, oid};

const RELATIONS: &str = include_str!("relations.sql");

/// How long the database may take to come up before the front gives up.
const PATIENCE: Duration = Duration::from_secs(60);
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(4);

/// Why there is no schema cache.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LoadError {
    #[error("{0}")]
    Database(#[from] PgError),
    #[error("the catalog query gave something unexpected: {0}")]
    Shape(#[from] serde_json::Error),
}

/// Tries until it succeeds, the refusal is final, or the patience ends.
pub(crate) async fn load(pool: &Pool, schemas: &[String]) -> Result<SchemaCache, LoadError> {
    let deadline = Instant::now() + PATIENCE;
    let mut pause = FIRST_PAUSE;
    loop {
        let error = match load_once(pool, schemas).await {
            Err(LoadError::Database(error)) if !error.is_permanent() && Instant::now() + pause < deadline => {
                error
            }
            other => return other,
        };
        tracing::warn!(%error, "the schema cache could not be read; trying again");
        sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

async fn load_once(pool: &Pool, schemas: &[String]) -> Result<SchemaCache, LoadError> {
    let names = serde_json::to_vec(schemas)?;
    let step = Step { sql: RELATIONS, types: &[oid::JSON], values: &[Some(&names)], scope: 0 };
    let rows = pool.run(&[step]).await?;
    let relations: Result<Vec<Relation>, _> = rows
        .iter()
        .map(|row| {
            let [json] = row.columns();
            serde_json::from_slice(&json.unwrap_or_default())
        })
        .collect();
    Ok(SchemaCache::new(relations?))
}

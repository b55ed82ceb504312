//! A bounded pool of connections. Opened when needed, last used first.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use super::connection::{Connection, Row, State};
use super::drain::drain;
use super::error::PgError;
use super::pipeline::Step;
use crate::config::{DatabaseUri, PoolLimits};

#[derive(Debug)]
pub(crate) struct Pool {
    uri: DatabaseUri,
    limits: PoolLimits,
    idle: Arc<Idle>,
    permits: Arc<Semaphore>,
}

#[derive(Debug, Default)]
struct Idle(Mutex<Vec<Connection>>);

impl Idle {
    fn pop(&self) -> Option<Connection> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).pop()
    }

    fn push(&self, connection: Connection) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
    }
}

impl Pool {
    pub(crate) fn new(uri: DatabaseUri, limits: PoolLimits) -> Self {
        let permits = Arc::new(Semaphore::new(limits.size));
        Self { uri, limits, idle: Arc::default(), permits }
    }

    /// Runs the steps as one transaction on one connection, in one flight, and gives the rows of
    /// the last one.
    ///
    /// # Errors
    /// - [`PgError::AcquisitionTimeout`], [`PgError::Connect`]: nothing was run.
    /// - [`PgError::Broken`]: nothing is known.
    /// - [`PgError::Database`]: everything was rolled back.
    pub(crate) async fn run(&self, steps: &[Step<'_>]) -> Result<Vec<Row>, PgError> {
        let mut lease = self.lease().await?;
        let Some(connection) = lease.connection.as_mut() else { return Err(PgError::AcquisitionTimeout) };
        connection.run(steps).await
    }

    async fn lease(&self) -> Result<Lease, PgError> {
        let permit = self.permit().await?;
        let connection = loop {
            match self.idle.pop() {
                Some(connection) if connection.is_usable() => break connection,
                Some(_) => {}
                None => break Connection::open(&self.uri, self.limits.prepared_statements).await?,
            }
        };
        Ok(Lease { connection: Some(connection), idle: Arc::clone(&self.idle), permit: Some(permit) })
    }

    async fn permit(&self) -> Result<OwnedSemaphorePermit, PgError> {
        if let Ok(permit) = Arc::clone(&self.permits).try_acquire_owned() {
            return Ok(permit);
        }
        let waiting = Arc::clone(&self.permits).acquire_owned();
        match timeout(self.limits.acquisition_timeout, waiting).await {
            Ok(Ok(permit)) => Ok(permit),
            _ => Err(PgError::AcquisitionTimeout),
        }
    }
}

/// A connection on loan. Given back when dropped, also when the request was dropped half-way: then
/// it is first read to the end of its pipeline, and keeps its place in the pool meanwhile.
#[derive(Debug)]
struct Lease {
    connection: Option<Connection>,
    idle: Arc<Idle>,
    permit: Option<OwnedSemaphorePermit>,
}

impl Drop for Lease {
    fn drop(&mut self) {
        let (Some(connection), permit) = (self.connection.take(), self.permit.take()) else { return };
        match connection.state() {
            State::Idle => self.idle.push(connection),
            State::Broken => {}
            State::Busy => {
                let idle = Arc::clone(&self.idle);
                tokio::spawn(async move {
                    if let Some(connection) = drain(connection).await {
                        idle.push(connection);
                    }
                    drop(permit);
                });
            }
        }
    }
}

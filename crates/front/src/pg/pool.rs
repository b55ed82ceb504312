//! A bounded pool of connections. Opened when needed, last used first.

mod backoff;

use std::sync::{Arc, Mutex, PoisonError};

use backoff::Backoff;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use super::connection::{Connection, Row, State};
use super::drain::drain;
use super::error::{ConnectError, PgError};
use super::pipeline::Step;
use crate::config::{DatabaseUri, PoolLimits};

#[derive(Debug)]
pub(crate) struct Pool {
    uri: DatabaseUri,
    limits: PoolLimits,
    idle: Arc<Idle>,
    permits: Arc<Semaphore>,
    /// A place for each that may wait for a permit.
    places: Semaphore,
    backoff: Backoff,
}

#[derive(Debug, Default)]
struct Idle(Mutex<Vec<Connection>>);

impl Idle {
    fn pop(&self) -> Option<Connection> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).pop()
    }

    fn push(&self, mut connection: Connection) {
        connection.rest();
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
    }

    /// Closes those that had nothing to do for too long.
    fn tidy(&self, limits: &PoolLimits) {
        let mut idle = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        idle.retain(|connection| !connection.is_over(limits));
    }

    fn len(&self) -> usize {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).len()
    }
}

/// How a pool stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PoolState {
    pub(crate) size: usize,
    /// Connections that are open and have nothing to do.
    pub(crate) idle: usize,
    /// Connections in use.
    pub(crate) busy: usize,
}

impl Pool {
    pub(crate) fn new(uri: DatabaseUri, limits: PoolLimits) -> Self {
        let permits = Arc::new(Semaphore::new(limits.size));
        let places = Semaphore::new(limits.queue.min(Semaphore::MAX_PERMITS));
        Self { uri, limits, idle: Arc::default(), permits, places, backoff: Backoff::default() }
    }

    /// Runs the steps as one transaction on one connection, in one flight, and gives the rows of
    /// those that keep them.
    ///
    /// # Errors
    /// - [`PgError::AcquisitionTimeout`], [`PgError::QueueFull`], [`PgError::Connect`]: nothing was run.
    /// - [`PgError::Broken`]: nothing is known.
    /// - [`PgError::Database`]: everything was rolled back.
    pub(crate) async fn run(&self, steps: &[Step<'_>]) -> Result<Vec<Row>, PgError> {
        let mut lease = self.lease().await?;
        let Some(connection) = lease.connection.as_mut() else { return Err(PgError::AcquisitionTimeout) };
        connection.run(steps).await
    }

    /// Closes connections that had nothing to do for too long.
    pub(crate) fn tidy(&self) {
        self.idle.tidy(&self.limits);
    }

    pub(crate) fn state(&self) -> PoolState {
        let size = self.limits.size;
        PoolState { size, idle: self.idle.len(), busy: size.saturating_sub(self.permits.available_permits()) }
    }

    pub(crate) fn uri(&self) -> &DatabaseUri {
        &self.uri
    }

    async fn lease(&self) -> Result<Lease, PgError> {
        let permit = self.permit().await?;
        let connection = loop {
            match self.idle.pop() {
                Some(connection) if !connection.is_over(&self.limits) && connection.is_usable() => {
                    break connection;
                }
                Some(_) => {}
                None => break self.open().await?,
            }
        };
        Ok(Lease { connection: Some(connection), idle: Arc::clone(&self.idle), permit: Some(permit) })
    }

    /// A server that could not be reached is left alone for a moment: nobody has to wait for it.
    async fn open(&self) -> Result<Connection, PgError> {
        if self.backoff.is_on() {
            return Err(PgError::Connect(ConnectError::Waiting));
        }
        let opened = Connection::open(&self.uri, self.limits.prepared_statements).await;
        match &opened {
            Ok(_) => self.backoff.end(),
            Err(_) => self.backoff.begin(),
        }
        opened
    }

    async fn permit(&self) -> Result<OwnedSemaphorePermit, PgError> {
        if let Ok(permit) = Arc::clone(&self.permits).try_acquire_owned() {
            return Ok(permit);
        }
        let _place = self.places.try_acquire().map_err(|_| PgError::QueueFull)?;
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

//! A bounded pool of connections. Opened when needed, last used first.

mod backoff;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use backoff::Backoff;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};
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
    /// As in the limits, until the configuration is read again.
    prepared_statements: AtomicBool,
    idle: Arc<Idle>,
    permits: Arc<Semaphore>,
    /// A place for each that may wait for a permit.
    places: Semaphore,
    backoff: Backoff,
    lost: Notify,
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
        Self {
            uri,
            limits,
            prepared_statements: AtomicBool::new(limits.prepared_statements),
            idle: Arc::default(),
            permits,
            places,
            backoff: Backoff::default(),
            lost: Notify::new(),
        }
    }

    /// Runs the steps as one transaction on one connection, in one flight, and gives the rows of
    /// those that keep them.
    ///
    /// # Errors
    /// - [`PgError::AcquisitionTimeout`], [`PgError::QueueFull`], [`PgError::Connect`]: nothing was run.
    /// - [`PgError::Broken`]: nothing is known.
    /// - [`PgError::Database`]: everything was rolled back.
    pub(crate) async fn run(&self, steps: &[Step<'_>]) -> Result<Vec<Row>, PgError> {
        let ran = self.try_run(steps).await;
        if ran.as_ref().is_err_and(PgError::is_loss) {
            self.lost.notify_one();
        }
        ran
    }

    async fn try_run(&self, steps: &[Step<'_>]) -> Result<Vec<Row>, PgError> {
        let mut lease = self.lease().await?;
        let Some(connection) = lease.connection.as_mut() else { return Err(PgError::AcquisitionTimeout) };
        connection.run(steps).await
    }

    /// Waits until somebody has found the database gone.
    pub(crate) async fn lost(&self) {
        self.lost.notified().await;
    }

    /// Whether statements are kept prepared, on the connections of from now on; others are closed when
    /// they are free.
    pub(crate) fn prepare_statements(&self, prepared_statements: bool) {
        self.prepared_statements.store(prepared_statements, Ordering::Relaxed);
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
        let prepared = self.prepared_statements.load(Ordering::Relaxed);
        let connection = loop {
            match self.idle.pop() {
                Some(mut connection) => {
                    let fits = connection.prepares() == prepared && !connection.is_over(&self.limits);
                    if fits && connection.is_usable() {
                        break connection;
                    }
                }
                None => break self.open(prepared).await?,
            }
        };
        Ok(Lease { connection: Some(connection), idle: Arc::clone(&self.idle), permit: Some(permit) })
    }

    /// A server that could not be reached is left alone for a moment: nobody has to wait for it.
    async fn open(&self, prepared_statements: bool) -> Result<Connection, PgError> {
        if self.backoff.is_on() {
            return Err(PgError::Connect(ConnectError::Waiting));
        }
        let opened = Connection::open(&self.uri, prepared_statements).await;
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

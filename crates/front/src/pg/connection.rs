//! One logged-in connection: runs pipelines, one at a time.

use std::io;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use fallible_iterator::FallibleIterator;
use postgres_protocol::message::backend::{DataRowBody, Message};
use postgres_protocol::message::frontend;
use tokio::time::{Instant, timeout};

use super::error::{ConnectError, DbError, PgError};
use super::pipeline::Step;
use super::socket::Socket;
use super::startup::{BackendKey, Startup};
use super::statements::Statements;
use crate::config::{DatabaseTls, DatabaseUri, Endpoint, PoolLimits, SessionKind};

/// A buffer that grew beyond this for one request is not kept for the next, in bytes.
const OUTPUT_KEPT: usize = 64 * 1024;

/// What the connection can be used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// The next pipeline.
    Idle,
    /// A pipeline was begun and its answers were not read to the end.
    Busy,
    /// Nothing.
    Broken,
}

#[derive(Debug)]
pub(super) struct Connection {
    socket: Socket,
    input: BytesMut,
    output: BytesMut,
    statements: Statements,
    state: State,
    /// The step whose answers are next.
    step: usize,
    /// Where a request to cancel goes, and whom it names.
    pub(super) endpoint: Endpoint,
    pub(super) tls: Arc<DatabaseTls>,
    pub(super) key: BackendKey,
    opened: Instant,
    /// Since when it has nothing to do.
    rested: Instant,
}

/// One row. Its columns share the received bytes.
#[derive(Debug)]
pub(crate) struct Row {
    /// Which step of the pipeline gave it, from 0.
    pub(crate) step: usize,
    body: DataRowBody,
}

impl Row {
    /// The first `N` columns; what the row does not have is `None`, as NULL is.
    pub(crate) fn columns<const N: usize>(&self) -> [Option<Bytes>; N] {
        let mut ranges = self.body.ranges();
        std::array::from_fn(|_| {
            let range = ranges.next().ok().flatten().flatten()?;
            Some(self.body.buffer_bytes().slice(range))
        })
    }
}

impl Connection {
    /// Tries the endpoints in order; the error is the last one's.
    pub(super) async fn open(uri: &DatabaseUri, prepared_statements: bool) -> Result<Self, PgError> {
        match Self::open_kind(uri, uri.session, prepared_statements).await {
            Err(_) if uri.session == SessionKind::PreferStandby => {
                Self::open_kind(uri, SessionKind::Any, prepared_statements).await
            }
            opened => opened,
        }
    }

    async fn open_kind(
        uri: &DatabaseUri,
        wanted: SessionKind,
        prepared_statements: bool,
    ) -> Result<Self, PgError> {
        let mut error = ConnectError::Timeout;
        for endpoint in &uri.endpoints {
            match timeout(uri.connect_timeout, Startup::run(uri, endpoint, wanted)).await {
                Ok(Ok((startup, key))) => {
                    let statements = Statements::new(prepared_statements);
                    return Ok(Self::new(startup, key, endpoint.clone(), statements));
                }
                Ok(Err(refused)) => error = refused,
                Err(_) => error = ConnectError::Timeout,
            }
        }
        Err(PgError::Connect(error))
    }

    fn new(startup: Startup<'_>, key: BackendKey, endpoint: Endpoint, statements: Statements) -> Self {
        let Startup { socket, input, uri, .. } = startup;
        let output = BytesMut::with_capacity(4 * 1024);
        let now = Instant::now();
        Self {
            socket,
            input,
            output,
            statements,
            state: State::Idle,
            step: 0,
            endpoint,
            tls: Arc::clone(&uri.tls),
            key,
            opened: now,
            rested: now,
        }
    }

    pub(super) fn state(&self) -> State {
        self.state
    }

    /// Whether it keeps statements prepared.
    pub(super) fn prepares(&self) -> bool {
        self.statements.are_kept()
    }

    pub(super) fn is_encrypted(&self) -> bool {
        self.socket.is_encrypted()
    }

    pub(super) fn into_parts(self) -> (Socket, BytesMut) {
        (self.socket, self.input)
    }

    /// It has nothing to do from now on.
    pub(super) fn rest(&mut self) {
        self.rested = Instant::now();
    }

    /// Whether it has become too old, or has had nothing to do for too long.
    pub(super) fn is_over(&self, limits: &PoolLimits) -> bool {
        self.opened.elapsed() > limits.max_lifetime || self.rested.elapsed() > limits.max_idle
    }

    /// Whether an idle connection still looks usable, without asking the server.
    pub(super) fn is_usable(&mut self) -> bool {
        self.state == State::Idle && self.input.is_empty() && self.socket.is_quiet()
    }

    /// Runs the steps as one transaction and gives the rows of those that keep them.
    ///
    /// Dropped before its end, it leaves the connection [`State::Busy`].
    pub(super) async fn run(&mut self, steps: &[Step<'_>]) -> Result<Vec<Row>, PgError> {
        self.encode(steps).map_err(PgError::Broken)?;
        self.state = State::Busy;
        self.step = 0;
        self.finish(steps).await
    }

    /// Sends what is not sent and reads to the end of the pipeline, keeping the rows of the `steps`
    /// that say so; of none when they are not known any more.
    pub(super) async fn finish(&mut self, steps: &[Step<'_>]) -> Result<Vec<Row>, PgError> {
        let mut answer = Answer { steps, rows: Vec::new(), error: None };
        let ended = self.exchange(&mut answer).await;
        self.state = if matches!(ended, Ok(b'I')) { State::Idle } else { State::Broken };
        match (answer.error, ended) {
            (Some((step, error)), _) => Err(PgError::Database { step, error }),
            (None, Ok(_)) => Ok(answer.rows),
            (None, Err(error)) => Err(PgError::Broken(error)),
        }
    }

    fn encode(&mut self, steps: &[Step<'_>]) -> io::Result<()> {
        if self.output.capacity() > OUTPUT_KEPT {
            self.output = BytesMut::with_capacity(4 * 1024);
        }
        self.output.clear();
        for name in self.statements.start() {
            frontend::close(b'S', &name, &mut self.output)?;
        }
        for step in steps {
            if let Err(error) = step.encode(&mut self.statements, &mut self.output) {
                self.statements.fail(usize::MAX, false);
                return Err(error);
            }
        }
        frontend::sync(&mut self.output);
        Ok(())
    }

    /// The transaction status that the server ends with.
    async fn exchange(&mut self, answer: &mut Answer<'_>) -> io::Result<u8> {
        self.socket.write(&mut self.output).await?;
        loop {
            while let Some(message) = Message::parse(&mut self.input)? {
                if let Some(status) = self.take(message, answer)? {
                    return Ok(status);
                }
            }
            self.socket.read(&mut self.input).await?;
        }
    }

    fn take(&mut self, message: Message, answer: &mut Answer<'_>) -> io::Result<Option<u8>> {
        match message {
            Message::ParseComplete => self.statements.confirm(),
            Message::DataRow(body) if answer.steps.get(self.step).is_some_and(|step| step.kept) => {
                answer.rows.push(Row { step: self.step, body });
            }
            Message::CommandComplete(_) | Message::EmptyQueryResponse => self.step += 1,
            Message::ErrorResponse(body) => {
                let error = DbError::read(body.fields())?;
                self.statements.fail(self.step, may_be_stale(&error));
                answer.error.get_or_insert((self.step, Box::new(error)));
            }
            Message::ReadyForQuery(body) => return Ok(Some(body.status())),
            Message::BindComplete
            | Message::CloseComplete
            | Message::DataRow(_)
            | Message::NoticeResponse(_)
            | Message::NotificationResponse(_)
            | Message::ParameterStatus(_) => {}
            _ => return Err(io::Error::new(io::ErrorKind::InvalidData, "unexpected message in a pipeline")),
        }
        Ok(None)
    }
}

/// The answers of one pipeline.
struct Answer<'a> {
    steps: &'a [Step<'a>],
    rows: Vec<Row>,
    /// The first error and the step it came from.
    error: Option<(usize, Box<DbError>)>,
}

/// Whether the error may come from a statement prepared before the schema changed, or dropped
/// behind our back. A missing privilege is none of these.
fn may_be_stale(error: &DbError) -> bool {
    let known = error.is_class("42") || error.is_class("0A") || error.is_class("26");
    known && error.code() != "42501"
}

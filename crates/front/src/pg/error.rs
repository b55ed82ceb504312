//! What can go wrong between the front and the database.

use std::io;

use fallible_iterator::FallibleIterator;
use postgres_protocol::message::backend::ErrorFields;

use super::tls::TlsError;

/// Why a pipeline gave no rows.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PgError {
    /// No connection became free in time.
    #[error("no pooled connection became free in time")]
    AcquisitionTimeout,
    /// Too many wait for a connection already.
    #[error("too many wait for a pooled connection already")]
    QueueFull,
    /// The connection broke.
    #[error("the connection to the database broke: {0}")]
    Broken(#[source] io::Error),
    /// No server could be reached, or it did not let us in.
    #[error("no connection to the database: {0}")]
    Connect(#[source] ConnectError),
    /// A statement failed.
    #[error("the database refused step {step}: {error}")]
    Database {
        /// Which step of the pipeline, from 0; the number of steps for the commit itself.
        step: usize,
        error: Box<DbError>,
    },
}

/// Why no connection was made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConnectError {
    /// With TLS and without, in the order of sslmode.
    #[error("{first}; the other way, by sslmode: {second}")]
    BothWays { first: Box<Self>, second: Box<Self> },
    #[error("{0}")]
    Io(#[from] io::Error),
    #[error("it asks for a way of authentication that is not supported")]
    Method,
    #[error("it asks for a password and none is configured")]
    NoPassword,
    #[error("GATEHOUSE_SERVICE_DB_URI is not set")]
    NoService,
    #[error("channel_binding=require, and its way of authentication is not tied to TLS")]
    NotBound,
    #[error("{0}")]
    Refused(Box<DbError>),
    #[error("it did not answer in time")]
    Timeout,
    #[error("{0}")]
    Tls(#[from] TlsError),
    /// It failed just before, and is given a moment.
    #[error("it could not be reached a moment ago")]
    Waiting,
    /// The server is there, but not of the kind that is asked for.
    #[error("it is no such server as target_session_attrs asks for")]
    WrongKind,
}

impl PgError {
    /// Whether the server went away, is going, or can not be reached.
    pub(crate) fn is_loss(&self) -> bool {
        match self {
            Self::Broken(_)
            | Self::Connect(ConnectError::Io(_) | ConnectError::Timeout | ConnectError::Waiting) => true,
            Self::Connect(ConnectError::Refused(error)) => error.is_class("57"),
            _ => false,
        }
    }

    /// Whether the statement can not be run where the server is a standby.
    pub(crate) fn is_of_standby(&self) -> bool {
        match self {
            Self::Connect(ConnectError::WrongKind) => true,
            Self::Database { error, .. } => error.code() == "25006",
            _ => false,
        }
    }

    /// Whether trying again can not help: the server is there and refuses who we are.
    pub(crate) fn is_permanent(&self) -> bool {
        matches!(self, Self::Connect(error) if error.is_permanent())
    }
}

impl ConnectError {
    fn is_permanent(&self) -> bool {
        match self {
            Self::BothWays { first, second } => first.is_permanent() && second.is_permanent(),
            Self::Method | Self::NoPassword => true,
            Self::Refused(error) => error.is_class("28") || error.code() == "3D000",
            _ => false,
        }
    }
}

/// What the server says of a failed statement.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct DbError {
    code: String,
    pub(crate) message: String,
    pub(crate) detail: Option<String>,
    pub(crate) hint: Option<String>,
}

impl std::fmt::Display for DbError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.code, self.message)
    }
}

impl DbError {
    pub(super) fn read(mut fields: ErrorFields<'_>) -> io::Result<Self> {
        let mut error = Self::default();
        while let Some(field) = fields.next()? {
            let value = String::from_utf8_lossy(field.value_bytes()).into_owned();
            match field.type_() {
                b'C' => error.code = value,
                b'M' => error.message = value,
                b'D' => error.detail = Some(value),
                b'H' => error.hint = Some(value),
                _ => {}
            }
        }
        Ok(error)
    }

    #[cfg(test)]
    pub(crate) fn new(code: &str, message: &str) -> Self {
        Self { code: code.to_owned(), message: message.to_owned(), ..Self::default() }
    }

    /// The SQLSTATE.
    pub(crate) fn code(&self) -> &str {
        &self.code
    }

    /// Whether the SQLSTATE is of this class, its first two characters.
    pub(crate) fn is_class(&self, class: &str) -> bool {
        self.code.starts_with(class)
    }
}

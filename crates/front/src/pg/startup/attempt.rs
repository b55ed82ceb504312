//! Logging in with and without TLS, in the order that `sslmode` asks for.
//!
//! Source: PostgreSQL documentation, "SSL Mode Descriptions" (libpq).

use super::Startup;
use crate::config::{DatabaseTls, DatabaseUri, Endpoint, TlsMode};
use crate::pg::error::ConnectError;
use crate::pg::socket::{Encryption, Socket};
use crate::pg::tls::TlsError;

/// Requests share a connection: none may leave a statement, a temporary table or a cursor in it for
/// the next. Without the extension the setting means nothing.
const REFUSE_SESSION_STATE: (&str, &str) = ("pg_gatehouse.refuse_session_state", "on");
/// SQLSTATE of a server, or a pooler, that does not understand what it was sent.
const PROTOCOL_VIOLATION: &str = "08P01";

pub(super) struct Attempt<'a> {
    uri: &'a DatabaseUri,
    endpoint: &'a Endpoint,
    encryption: Encryption,
    /// Whether the last login went through TLS.
    was_encrypted: bool,
}

impl<'a> Attempt<'a> {
    pub(super) fn new(uri: &'a DatabaseUri, endpoint: &'a Endpoint) -> Self {
        let encryption = first(&uri.tls, endpoint);
        Self { uri, endpoint, encryption, was_encrypted: false }
    }

    /// Logs in the first way, or else the second, if there is one.
    pub(super) async fn run(mut self) -> Result<Startup<'a>, ConnectError> {
        let first = match self.log_in().await {
            Ok(startup) => return Ok(startup),
            Err(error) => error,
        };
        let Some(other) = self.other_way(&first) else { return Err(first) };
        self.encryption = other;
        match self.log_in().await {
            // As if there had been no second way.
            Err(ConnectError::Tls(TlsError::Unsupported)) => Err(first),
            Err(second) => Err(ConnectError::BothWays { first: Box::new(first), second: Box::new(second) }),
            Ok(startup) => Ok(startup),
        }
    }

    fn other_way(&self, error: &ConnectError) -> Option<Encryption> {
        match (self.uri.tls.mode, error) {
            (TlsMode::Allow, ConnectError::Refused(_)) => Some(Encryption::Required),
            (TlsMode::Prefer, ConnectError::Refused(_)) if self.was_encrypted => Some(Encryption::None),
            (TlsMode::Prefer, ConnectError::Tls(TlsError::Handshake(_))) => Some(Encryption::None),
            _ => None,
        }
        .filter(|_| self.endpoint.is_tcp())
    }

    async fn log_in(&mut self) -> Result<Startup<'a>, ConnectError> {
        let settings: &[_] = if self.uri.is_shared { &[REFUSE_SESSION_STATE] } else { &[] };
        match self.log_in_with(settings).await {
            // A pooler in between may know no such parameter.
            Err(ConnectError::Refused(error)) if error.code() == PROTOCOL_VIOLATION => {
                tracing::warn!("the server refuses {}: store it for the login role", REFUSE_SESSION_STATE.0);
                self.log_in_with(&[]).await
            }
            startup => startup,
        }
    }

    async fn log_in_with(&mut self, settings: &[(&str, &str)]) -> Result<Startup<'a>, ConnectError> {
        let socket = Socket::open(self.endpoint, &self.uri.tls, self.encryption).await?;
        socket.keep_alive(self.uri.keepalive)?;
        self.was_encrypted = socket.is_encrypted();
        Startup::log_in(self.uri, socket, settings).await
    }
}

/// A unix socket never has TLS.
fn first(tls: &DatabaseTls, endpoint: &Endpoint) -> Encryption {
    match tls.mode {
        _ if !endpoint.is_tcp() => Encryption::None,
        TlsMode::Disable | TlsMode::Allow => Encryption::None,
        TlsMode::Prefer => Encryption::IfOffered,
        TlsMode::Require | TlsMode::VerifyCa | TlsMode::VerifyFull => Encryption::Required,
    }
}

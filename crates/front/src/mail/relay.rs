//! The way to the SMTP server (RFC 5321), over connections that are kept for a while.
//!
//! The connections are kept here and not by `lettre`'s own pool: that one takes a connection back
//! even if the mail on it was given up half-way, and the next answer would be taken for the answer
//! to another mail. Here a connection is kept only after a whole exchange.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use lettre::Message;
use lettre::transport::smtp::Error as SmtpError;
use lettre::transport::smtp::authentication::DEFAULT_MECHANISMS;
use lettre::transport::smtp::client::{AsyncSmtpConnection, TlsParameters};
use lettre::transport::smtp::extension::ClientId;
use tokio::time::timeout;

use crate::config::{Encryption, SmtpServer};

/// To connect, agree on TLS and sign in.
pub(super) const OPEN_PATIENCE: Duration = Duration::from_secs(30);
/// To say whether a kept connection still works.
const CHECK_PATIENCE: Duration = Duration::from_secs(5);
/// Servers close what is idle.
const LONGEST_IDLE: Duration = Duration::from_secs(20);
/// Servers take so many mails in one connection and no more.
const MOST_MAILS: u32 = 50;

pub(super) struct Relay {
    server: SmtpServer,
    hello: ClientId,
    tls: Option<TlsParameters>,
    idle: Mutex<Vec<Connection>>,
}

struct Connection {
    smtp: AsyncSmtpConnection,
    mails: u32,
    since: Instant,
}

/// Why a mail was not handed over, or why that is not known.
#[derive(Debug, thiserror::Error)]
pub(super) enum RelayError {
    #[error("{0}")]
    Smtp(#[from] SmtpError),
    #[error("the mail server did not let us in within {} seconds", .0.as_secs())]
    Closed(Duration),
    #[error("the mail server took longer than {} seconds for a mail", .0.as_secs())]
    Slow(Duration),
}

impl Relay {
    /// `name`: what this machine calls itself.
    ///
    /// # Errors
    /// The system's certificates can not be used.
    pub(super) fn new(server: &SmtpServer, name: Option<&str>) -> Result<Self, RelayError> {
        let tls = match server.encryption {
            Encryption::None => None,
            _ => Some(TlsParameters::new(server.host.clone())?),
        };
        let hello = name.map_or_else(ClientId::default, |name| ClientId::Domain(name.to_owned()));
        Ok(Self { server: server.clone(), hello, tls, idle: Mutex::default() })
    }

    pub(super) fn server(&self) -> &SmtpServer {
        &self.server
    }

    /// Hands a message over; once it is taken, that is all that is known of it.
    ///
    /// # Errors
    /// It was not taken, or it is not known whether it was.
    pub(super) async fn send(&self, message: &Message) -> Result<(), RelayError> {
        let mut connection = match self.kept().await {
            Some(connection) => connection,
            None => self.open().await?,
        };
        let patience = self.server.patience;
        let formatted = message.formatted();
        let sending = connection.smtp.send(message.envelope(), &formatted);
        timeout(patience, sending).await.map_err(|_| RelayError::Slow(patience))??;
        connection.mails += 1;
        connection.since = Instant::now();
        self.keep(connection);
        Ok(())
    }

    /// Takes leave of the connections that were idle for too long, or of all.
    pub(super) async fn close(&self, all: bool) {
        let over: Vec<_> = {
            let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
            let (over, kept) = idle.drain(..).partition(|connection| all || connection.is_over());
            *idle = kept;
            over
        };
        for mut connection in over {
            let _ = timeout(CHECK_PATIENCE, connection.smtp.abort()).await;
        }
    }

    async fn kept(&self) -> Option<Connection> {
        loop {
            let mut connection = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop()?;
            let check = async { !connection.is_over() && connection.smtp.test_connected().await };
            if timeout(CHECK_PATIENCE, check).await.unwrap_or(false) {
                return Some(connection);
            }
        }
    }

    fn keep(&self, connection: Connection) {
        if connection.mails < MOST_MAILS && !connection.smtp.has_broken() {
            self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
        }
    }

    async fn open(&self) -> Result<Connection, RelayError> {
        let smtp = timeout(OPEN_PATIENCE, self.connect()).await;
        let smtp = smtp.map_err(|_| RelayError::Closed(OPEN_PATIENCE))??;
        Ok(Connection { smtp, mails: 0, since: Instant::now() })
    }

    async fn connect(&self) -> Result<AsyncSmtpConnection, SmtpError> {
        let SmtpServer { host, port, encryption, credentials, .. } = &self.server;
        let wrapped = self.tls.clone().filter(|_| *encryption == Encryption::Tls);
        let address = (host.as_str(), *port);
        let mut smtp = AsyncSmtpConnection::connect_tokio1(address, None, &self.hello, wrapped, None).await?;
        let upgrades = match encryption {
            Encryption::None | Encryption::Tls => false,
            Encryption::Opportunistic => smtp.can_starttls(),
            Encryption::StartTls => true,
        };
        if let Some(tls) = self.tls.clone().filter(|_| upgrades) {
            smtp.starttls(tls, &self.hello).await?;
        }
        if let Some((user, password)) = credentials {
            let credentials = (user.as_str(), password.expose()).into();
            smtp.auth(DEFAULT_MECHANISMS, &credentials).await?;
        }
        Ok(smtp)
    }
}

impl Connection {
    fn is_over(&self) -> bool {
        self.since.elapsed() > LONGEST_IDLE
    }
}

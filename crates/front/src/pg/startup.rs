//! The start of a connection: start-up message, authentication, and the wait for the first
//! `ReadyForQuery`.
//!
//! Source: PostgreSQL documentation, "Message Flow: Start-up".

mod attempt;
mod scram;

use std::io;

use attempt::Attempt;
use bytes::BytesMut;
use postgres_protocol::authentication::md5_hash;
use postgres_protocol::message::backend::Message;
use postgres_protocol::message::frontend;

use super::error::{ConnectError, DbError};
use super::socket::Socket;
use crate::config::{ChannelBinding, DatabaseUri, Endpoint, Secret, SessionKind};

/// What identifies a backend to a request to cancel.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct BackendKey {
    pub(super) process_id: i32,
    pub(super) secret_key: i32,
}

/// A stream in the middle of logging in.
pub(super) struct Startup<'a> {
    pub(super) socket: Socket,
    /// Received and not yet read.
    pub(super) input: BytesMut,
    pub(super) uri: &'a DatabaseUri,
    key: BackendKey,
    kind: ServerKind,
}

/// What a server says of itself, since PostgreSQL 14.
#[derive(Clone, Copy, Debug, Default)]
struct ServerKind {
    standby: bool,
    read_only: bool,
}

impl ServerKind {
    fn note(&mut self, name: &str, value: &str) {
        match name {
            "in_hot_standby" => self.standby = value == "on",
            "default_transaction_read_only" => self.read_only = value == "on",
            _ => {}
        }
    }

    fn is(self, wanted: SessionKind) -> bool {
        match wanted {
            SessionKind::Any => true,
            SessionKind::Primary => !self.standby,
            SessionKind::ReadOnly => self.standby || self.read_only,
            SessionKind::ReadWrite => !self.standby && !self.read_only,
            SessionKind::PreferStandby | SessionKind::Standby => self.standby,
        }
    }
}

impl<'a> Startup<'a> {
    /// Connects to one endpoint and logs in, if it is of the kind that is wanted.
    pub(super) async fn run(
        uri: &'a DatabaseUri,
        endpoint: &'a Endpoint,
        wanted: SessionKind,
    ) -> Result<(Self, BackendKey), ConnectError> {
        let mut startup = Attempt::new(uri, endpoint).run().await?;
        startup.wait_until_ready().await?;
        if !startup.kind.is(wanted) {
            return Err(ConnectError::WrongKind);
        }
        let key = startup.key;
        Ok((startup, key))
    }

    async fn log_in(
        uri: &'a DatabaseUri,
        socket: Socket,
        settings: &[(&str, &str)],
    ) -> Result<Self, ConnectError> {
        let input = BytesMut::with_capacity(8 * 1024);
        let (key, kind) = (BackendKey::default(), ServerKind::default());
        let mut startup = Self { socket, input, uri, key, kind };
        startup.send_startup(settings).await?;
        startup.authenticate().await?;
        Ok(startup)
    }

    async fn send_startup(&mut self, settings: &[(&str, &str)]) -> Result<(), ConnectError> {
        let mut parameters = vec![
            ("user", self.uri.user.as_str()),
            ("database", &self.uri.database),
            ("application_name", &self.uri.application_name),
            ("client_encoding", "UTF8"),
        ];
        parameters.extend(settings);
        parameters.extend(self.uri.options.as_deref().map(|options| ("options", options)));
        let mut output = BytesMut::new();
        frontend::startup_message(parameters, &mut output)?;
        Ok(self.socket.write(&mut output).await?)
    }

    async fn authenticate(&mut self) -> Result<(), ConnectError> {
        let asked = self.receive().await?;
        let is_scram = matches!(asked, Message::AuthenticationSasl(_));
        if self.uri.tls.channel_binding == ChannelBinding::Require && !is_scram {
            return Err(ConnectError::NotBound);
        }
        match asked {
            Message::AuthenticationOk => return Ok(()),
            Message::AuthenticationCleartextPassword => {
                let password = self.password()?.as_bytes();
                self.send(|output| frontend::password_message(password, output)).await?;
            }
            Message::AuthenticationMd5Password(body) => {
                let password = self.password()?.as_bytes();
                let hash = md5_hash(self.uri.user.as_bytes(), password, body.salt());
                self.send(|output| frontend::password_message(hash.as_bytes(), output)).await?;
            }
            Message::AuthenticationSasl(body) => self.scram(&body).await?,
            _ => return Err(ConnectError::Method),
        }
        match self.receive().await? {
            Message::AuthenticationOk => Ok(()),
            _ => Err(unexpected()),
        }
    }

    async fn wait_until_ready(&mut self) -> Result<(), ConnectError> {
        loop {
            match self.receive().await? {
                Message::BackendKeyData(body) => {
                    self.key = BackendKey { process_id: body.process_id(), secret_key: body.secret_key() };
                }
                Message::ReadyForQuery(_) => return Ok(()),
                Message::ParameterStatus(body) => self.kind.note(body.name()?, body.value()?),
                Message::NoticeResponse(_) => {}
                _ => return Err(unexpected()),
            }
        }
    }

    fn password(&self) -> Result<&'a str, ConnectError> {
        self.uri.password.as_ref().map(Secret::expose).ok_or(ConnectError::NoPassword)
    }

    async fn send(
        &mut self,
        write: impl FnOnce(&mut BytesMut) -> io::Result<()>,
    ) -> Result<(), ConnectError> {
        let mut output = BytesMut::new();
        write(&mut output)?;
        Ok(self.socket.write(&mut output).await?)
    }

    async fn receive(&mut self) -> Result<Message, ConnectError> {
        loop {
            match Message::parse(&mut self.input)? {
                Some(Message::ErrorResponse(body)) => {
                    return Err(ConnectError::Refused(Box::new(DbError::read(body.fields())?)));
                }
                Some(message) => return Ok(message),
                None => self.socket.read(&mut self.input).await?,
            }
        }
    }
}

fn unexpected() -> ConnectError {
    ConnectError::Io(io::Error::new(io::ErrorKind::InvalidData, "unexpected message while logging in"))
}

//! A connection that waits for notifications.

use std::io;

use bytes::BytesMut;
use postgres_protocol::message::backend::Message;

use super::connection::Connection;
use super::error::PgError;
use super::pipeline::Step;
use super::socket::Socket;
use crate::config::{DatabaseUri, SessionKind};

#[derive(Debug)]
pub(crate) struct Listener {
    socket: Socket,
    input: BytesMut,
}

impl Listener {
    /// Connects and listens with `sql`, a `listen` statement.
    ///
    /// # Errors
    /// As for any connection.
    pub(crate) async fn open(uri: &DatabaseUri, sql: &str) -> Result<Self, PgError> {
        // It is nobody's but ours, and listening is state of a session. Of several servers only the
        // one that is written to notifies.
        let session = if uri.endpoints.len() > 1 { SessionKind::ReadWrite } else { uri.session };
        let own = DatabaseUri { is_shared: false, session, ..uri.clone() };
        let mut connection = Connection::open(&own, false).await?;
        connection.run(&[Step::new(sql, &[], &[])]).await?;
        let (socket, input) = connection.into_parts();
        Ok(Self { socket, input })
    }

    /// The payload of the next notification. Safe to drop in between.
    ///
    /// # Errors
    /// The connection broke.
    pub(crate) async fn next(&mut self) -> io::Result<String> {
        loop {
            match Message::parse(&mut self.input)? {
                Some(Message::NotificationResponse(body)) => return Ok(body.message()?.to_owned()),
                Some(_) => {}
                None => self.socket.read(&mut self.input).await?,
            }
        }
    }
}

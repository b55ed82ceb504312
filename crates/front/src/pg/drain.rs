//! Brings a connection whose request went away back to rest.

use std::time::Duration;

use bytes::BytesMut;
use postgres_protocol::message::frontend;
use tokio::time::timeout;

use super::connection::{Connection, State};
use super::error::ConnectError;
use super::socket::{Encryption, Socket};

/// How long a statement that nobody waits for may go on by itself.
const GRACE: Duration = Duration::from_secs(1);
/// How long asking it to stop may take.
const CANCEL: Duration = Duration::from_secs(5);

/// Reads to the end of the pipeline in flight. If that takes long, the server is asked to cancel
/// the statement and the connection is given up: a late cancellation must not hit the next
/// request. `None` when given up; the server then ends the transaction by itself.
pub(super) async fn drain(mut connection: Connection) -> Option<Connection> {
    if timeout(GRACE, connection.finish(&[])).await.is_ok() {
        return (connection.state() == State::Idle).then_some(connection);
    }
    let _ = timeout(CANCEL, cancel(&connection)).await;
    None
}

/// Encrypted if the connection is, for whoever reads the key can cancel as well.
///
/// Source: PostgreSQL documentation, "Canceling Requests in Progress".
async fn cancel(connection: &Connection) -> Result<(), ConnectError> {
    let mut output = BytesMut::new();
    frontend::cancel_request(connection.key.process_id, connection.key.secret_key, &mut output);
    let encryption = if connection.is_encrypted() { Encryption::Required } else { Encryption::None };
    let mut socket = Socket::open(&connection.endpoint, &connection.tls, encryption).await?;
    socket.write(&mut output).await?;
    // The server closes when it has read. Closed before that, with its own bytes unread, the
    // request could be lost.
    let _ = socket.read(&mut output).await;
    Ok(())
}

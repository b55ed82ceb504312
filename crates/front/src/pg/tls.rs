//! TLS to a server: the request for it, the handshake, and what ties a login to it.
//!
//! Source: PostgreSQL documentation, "SSL Session Encryption" (protocol).

mod certificate;
mod client;
mod verifier;

use std::io;
use std::sync::Arc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::pki_types::ServerName;

use crate::config::{DatabaseTls, TlsMode};

/// The message `SSLRequest`: its length and its code.
const REQUEST: [u8; 8] = [0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f];

/// Why there is no TLS.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TlsError {
    #[error("it answered the request for TLS with something else")]
    Answer,
    /// Whoever sits in between could put words in the server's mouth (CVE-2021-23222).
    #[error("it sent data before TLS was agreed on")]
    Early,
    #[error("{option}: {path}: {problem}")]
    File { option: &'static str, path: String, problem: String },
    #[error("TLS could not be agreed on: {0}")]
    Handshake(#[source] io::Error),
    #[error("{0}")]
    Io(#[source] io::Error),
    #[error("sslmode=verify-full: no certificate can name such a host")]
    Name,
    #[error("sslrootcert=system: the system trusts nobody")]
    NoSystemRoots,
    #[error("it does not support TLS, and sslmode asks for it")]
    Unsupported,
}

/// Whether the server has TLS and waits for the handshake.
pub(super) async fn request(stream: &mut TcpStream) -> Result<bool, TlsError> {
    stream.write_all(&REQUEST).await.map_err(TlsError::Io)?;
    // More than the one byte that may come.
    let mut answer = [0; 2];
    match (stream.read(&mut answer).await.map_err(TlsError::Io)?, answer[0]) {
        (0, _) => Err(TlsError::Io(io::ErrorKind::UnexpectedEof.into())),
        (1, b'S') => Ok(true),
        (1, b'N') => Ok(false),
        (2.., b'S' | b'N') => Err(TlsError::Early),
        _ => Err(TlsError::Answer),
    }
}

/// Agrees on keys with the server `host`.
pub(super) async fn handshake(
    stream: TcpStream,
    host: &str,
    tls: &Arc<DatabaseTls>,
) -> Result<TlsStream<TcpStream>, TlsError> {
    let name = server_name(&stream, host, tls.mode)?;
    let settings = Arc::clone(tls);
    // Files may be slow, and the roots of a system are many.
    let config = tokio::task::spawn_blocking(move || client::config(&settings)).await;
    let config = config.map_err(|error| TlsError::Io(error.into()))??;
    TlsConnector::from(Arc::new(config)).connect(name, stream).await.map_err(TlsError::Handshake)
}

/// A name that no certificate can have does no harm where the name is not compared.
fn server_name(stream: &TcpStream, host: &str, mode: TlsMode) -> Result<ServerName<'static>, TlsError> {
    match ServerName::try_from(host.to_owned()) {
        Ok(name) => Ok(name),
        Err(_) if mode == TlsMode::VerifyFull => Err(TlsError::Name),
        Err(_) => {
            let peer = stream.peer_addr().map_err(TlsError::Io)?;
            Ok(ServerName::IpAddress(peer.ip().into()))
        }
    }
}

/// What ties a login to this connection: `tls-server-end-point`.
pub(super) fn server_end_point(stream: &TlsStream<TcpStream>) -> Option<Vec<u8>> {
    let (_, session) = stream.get_ref();
    certificate::server_end_point(session.peer_certificates()?.first()?)
}

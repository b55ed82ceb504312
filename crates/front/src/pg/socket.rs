//! The byte stream to a server: TCP, TLS over it, or a unix socket.

use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Waker};

use bytes::{Buf, BytesMut};
use socket2::{SockRef, TcpKeepalive};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt, ReadBuf};
use tokio::net::{TcpStream, UnixStream};
use tokio::task::unconstrained;
use tokio_rustls::client::TlsStream;

use super::error::ConnectError;
use super::tls::{self, TlsError};
use crate::config::{DatabaseTls, Endpoint, Keepalive};

#[derive(Debug)]
pub(super) enum Socket {
    Tcp(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
    Unix(UnixStream),
}

/// What to ask a server for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Encryption {
    None,
    IfOffered,
    Required,
}

impl Socket {
    pub(super) async fn open(
        endpoint: &Endpoint,
        tls: &Arc<DatabaseTls>,
        encryption: Encryption,
    ) -> Result<Self, ConnectError> {
        match endpoint {
            Endpoint::Tcp { host, address, port } => {
                let place = address.as_ref().unwrap_or(host);
                let stream = TcpStream::connect((place.as_str(), *port)).await?;
                stream.set_nodelay(true)?;
                Ok(Self::encrypt(stream, host, tls, encryption).await?)
            }
            Endpoint::Unix(path) => Ok(Self::Unix(UnixStream::connect(path).await?)),
        }
    }

    async fn encrypt(
        mut stream: TcpStream,
        host: &str,
        tls: &Arc<DatabaseTls>,
        encryption: Encryption,
    ) -> Result<Self, TlsError> {
        if encryption == Encryption::None {
            return Ok(Self::Tcp(stream));
        }
        match (tls::request(&mut stream).await?, encryption) {
            (true, _) => Ok(Self::Tls(Box::new(tls::handshake(stream, host, tls).await?))),
            (false, Encryption::Required) => Err(TlsError::Unsupported),
            (false, _) => Ok(Self::Tcp(stream)),
        }
    }

    /// A peer that has gone without a word is found out, also by who only waits for an answer.
    pub(super) fn keep_alive(&self, keepalive: Keepalive) -> io::Result<()> {
        let stream = match self {
            Self::Tcp(stream) => stream,
            Self::Tls(stream) => stream.get_ref().0,
            Self::Unix(_) => return Ok(()),
        };
        let socket = SockRef::from(stream);
        if let Some(idle) = keepalive.idle {
            let probes = TcpKeepalive::new().with_time(idle).with_interval(keepalive.interval);
            socket.set_tcp_keepalive(&probes.with_retries(keepalive.count))?;
        }
        #[cfg(target_os = "linux")]
        socket.set_tcp_user_timeout(keepalive.user_timeout)?;
        Ok(())
    }

    pub(super) fn is_encrypted(&self) -> bool {
        matches!(self, Self::Tls(_))
    }

    /// What a login can be tied to.
    pub(super) fn server_end_point(&self) -> Option<Vec<u8>> {
        match self {
            Self::Tls(stream) => tls::server_end_point(stream),
            Self::Tcp(_) | Self::Unix(_) => None,
        }
    }

    /// Writes all of `output`. Safe to drop in between: what is left in `output` is what was not
    /// written.
    pub(super) async fn write(&mut self, output: &mut BytesMut) -> io::Result<()> {
        while output.has_remaining() {
            let written = match self {
                Self::Tcp(stream) => stream.write_buf(output).await?,
                Self::Tls(stream) => stream.write_buf(output).await?,
                Self::Unix(stream) => stream.write_buf(output).await?,
            };
            if written == 0 {
                return Err(io::ErrorKind::WriteZero.into());
            }
        }
        // What TLS has taken may still wait here, also from a write that was dropped.
        if let Self::Tls(stream) = self { stream.flush().await } else { Ok(()) }
    }

    /// Reads some more bytes onto `input`. Safe to drop in between.
    pub(super) async fn read(&mut self, input: &mut BytesMut) -> io::Result<()> {
        let read = match self {
            Self::Tcp(stream) => stream.read_buf(input).await?,
            Self::Tls(stream) => stream.read_buf(input).await?,
            Self::Unix(stream) => stream.read_buf(input).await?,
        };
        if read == 0 { Err(io::ErrorKind::UnexpectedEof.into()) } else { Ok(()) }
    }

    /// Whether nothing came that nobody asked for. A server that went away has closed the stream
    /// or sent its farewell.
    pub(super) fn is_quiet(&mut self) -> bool {
        let mut byte = [0];
        let result = match self {
            Self::Tcp(stream) => stream.try_read(&mut byte),
            Self::Tls(stream) => return is_quiet(stream),
            Self::Unix(stream) => stream.try_read(&mut byte),
        };
        matches!(result, Err(error) if error.kind() == io::ErrorKind::WouldBlock)
    }
}

/// Takes in what belongs to TLS itself, such as tickets, and tells whether nothing else is there.
fn is_quiet(stream: &mut TlsStream<TcpStream>) -> bool {
    let mut byte = [0];
    let read = std::future::poll_fn(|context| {
        Pin::new(&mut *stream).poll_read(context, &mut ReadBuf::new(&mut byte))
    });
    // Within a task that has used up its turn, any stream would seem quiet.
    let read = pin!(unconstrained(read));
    read.poll(&mut Context::from_waker(Waker::noop())).is_pending()
}

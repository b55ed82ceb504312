//! The byte stream to a server: TCP or a unix socket.

use std::io;

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};

use crate::config::Endpoint;

#[derive(Debug)]
pub(super) enum Socket {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl Socket {
    pub(super) async fn open(endpoint: &Endpoint) -> io::Result<Self> {
        match endpoint {
            Endpoint::Tcp { host, port } => {
                let stream = TcpStream::connect((host.as_str(), *port)).await?;
                stream.set_nodelay(true)?;
                Ok(Self::Tcp(stream))
            }
            Endpoint::Unix(path) => UnixStream::connect(path).await.map(Self::Unix),
        }
    }

    /// Writes all of `output`. Safe to drop in between: what is left in `output` is what was not
    /// written.
    pub(super) async fn write(&mut self, output: &mut BytesMut) -> io::Result<()> {
        while output.has_remaining() {
            let written = match self {
                Self::Tcp(stream) => stream.write_buf(output).await?,
                Self::Unix(stream) => stream.write_buf(output).await?,
            };
            if written == 0 {
                return Err(io::ErrorKind::WriteZero.into());
            }
        }
        Ok(())
    }

    /// Reads some more bytes onto `input`. Safe to drop in between.
    pub(super) async fn read(&mut self, input: &mut BytesMut) -> io::Result<()> {
        let read = match self {
            Self::Tcp(stream) => stream.read_buf(input).await?,
            Self::Unix(stream) => stream.read_buf(input).await?,
        };
        if read == 0 { Err(io::ErrorKind::UnexpectedEof.into()) } else { Ok(()) }
    }

    /// Whether nothing came that nobody asked for. A server that went away has closed the stream
    /// or sent its farewell.
    pub(super) fn is_quiet(&self) -> bool {
        let mut byte = [0];
        let result = match self {
            Self::Tcp(stream) => stream.try_read(&mut byte),
            Self::Unix(stream) => stream.try_read(&mut byte),
        };
        matches!(result, Err(error) if error.kind() == io::ErrorKind::WouldBlock)
    }
}

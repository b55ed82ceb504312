//! Binding a listener where the configuration says.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::{Path, PathBuf};

use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream, lookup_host};

use super::ServeError;
use crate::config::{BindHost, Family, Listen};

/// Connections that may wait to be accepted.
const BACKLOG: i32 = 1024;

#[derive(Debug)]
pub(super) enum Listener {
    Tcp(TcpListener),
    Unix(UnixListener, PathBuf),
}

#[derive(Debug)]
pub(super) enum Stream {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl Listener {
    /// The next connection, and whom it is from if that has an address.
    pub(super) async fn accept(&self) -> io::Result<(Stream, Option<IpAddr>)> {
        match self {
            Self::Tcp(listener) => {
                let (stream, peer) = listener.accept().await?;
                Ok((Stream::Tcp(stream), Some(peer.ip())))
            }
            Self::Unix(listener, _) => Ok((Stream::Unix(listener.accept().await?.0), None)),
        }
    }
}

/// A socket's file would be in the way of the next one.
impl Drop for Listener {
    fn drop(&mut self) {
        if let Self::Unix(_, path) = self {
            let _ = std::fs::remove_file(path);
        }
    }
}

/// Binds, and logs where.
pub(super) async fn bind(listen: &Listen, key: &'static str) -> Result<Listener, ServeError> {
    match listen {
        Listen::Tcp { host, port, shared } => {
            let listener = tcp(host, *port, *shared).await.map_err(|error| {
                let host = match host {
                    BindHost::Any(_) => "any address",
                    BindHost::Named(name) => name,
                };
                ServeError::Bind { key, address: format!("{host}, port {port}"), error }
            })?;
            if let Ok(address) = listener.local_addr() {
                tracing::info!(%address, "listening");
            }
            Ok(Listener::Tcp(listener))
        }
        Listen::Unix { path, mode } => {
            let address = path.display().to_string();
            let listener = unix(path, *mode).map_err(|error| ServeError::Bind { key, address, error })?;
            tracing::info!(path = %path.display(), "listening");
            Ok(Listener::Unix(listener, path.clone()))
        }
    }
}

/// The file of a server that is gone is removed; any other file is not.
fn unix(path: &Path, mode: u32) -> io::Result<UnixListener> {
    let is_socket = std::fs::symlink_metadata(path).is_ok_and(|file| file.file_type().is_socket());
    if is_socket && std::os::unix::net::UnixStream::connect(path).is_err() {
        std::fs::remove_file(path)?;
    }
    let listener = UnixListener::bind(path)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode))?;
    Ok(listener)
}

async fn tcp(host: &BindHost, port: u16, shared: bool) -> io::Result<TcpListener> {
    let any_v4 = (IpAddr::V4(Ipv4Addr::UNSPECIFIED), port).into();
    let any_v6 = (IpAddr::V6(Ipv6Addr::UNSPECIFIED), port).into();
    match host {
        BindHost::Any(Family::V4) => open(any_v4, false, shared),
        BindHost::Any(Family::V6) => open(any_v6, true, shared),
        BindHost::Any(Family::Both) => open(any_v6, false, shared).or_else(|_| open(any_v4, false, shared)),
        BindHost::Named(name) => {
            let mut error = io::Error::from(io::ErrorKind::AddrNotAvailable);
            for address in lookup_host((name.as_str(), port)).await? {
                match open(address, false, shared) {
                    Ok(listener) => return Ok(listener),
                    Err(failed) => error = failed,
                }
            }
            Err(error)
        }
    }
}

fn open(address: SocketAddr, only_v6: bool, shared: bool) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if address.is_ipv6() {
        socket.set_only_v6(only_v6)?;
    }
    socket.set_reuse_address(true)?;
    if shared {
        socket.set_reuse_port(true)?;
    }
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    TcpListener::from_std(socket.into())
}

//! Binding a listener where the configuration says.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::{TcpListener, lookup_host};

use super::ServeError;
use crate::config::{BindHost, Family, Listen};

/// Connections that may wait to be accepted.
const BACKLOG: i32 = 1024;

/// Binds, and logs where.
pub(super) async fn bind(listen: &Listen, key: &'static str) -> Result<TcpListener, ServeError> {
    let listener = try_bind(listen).await.map_err(|error| {
        let host = match &listen.host {
            BindHost::Any(_) => "any address",
            BindHost::Named(name) => name,
        };
        ServeError::Bind { key, address: format!("{host}, port {}", listen.port), error }
    })?;
    if let Ok(address) = listener.local_addr() {
        tracing::info!(%address, "listening");
    }
    Ok(listener)
}

async fn try_bind(listen: &Listen) -> io::Result<TcpListener> {
    let any_v4 = (IpAddr::V4(Ipv4Addr::UNSPECIFIED), listen.port).into();
    let any_v6 = (IpAddr::V6(Ipv6Addr::UNSPECIFIED), listen.port).into();
    match &listen.host {
        BindHost::Any(Family::V4) => open(any_v4, false),
        BindHost::Any(Family::V6) => open(any_v6, true),
        BindHost::Any(Family::Both) => open(any_v6, false).or_else(|_| open(any_v4, false)),
        BindHost::Named(name) => {
            let mut error = io::Error::from(io::ErrorKind::AddrNotAvailable);
            for address in lookup_host((name.as_str(), listen.port)).await? {
                match open(address, false) {
                    Ok(listener) => return Ok(listener),
                    Err(failed) => error = failed,
                }
            }
            Err(error)
        }
    }
}

fn open(address: SocketAddr, only_v6: bool) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if address.is_ipv6() {
        socket.set_only_v6(only_v6)?;
    }
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    TcpListener::from_std(socket.into())
}

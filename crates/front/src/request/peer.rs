//! The other end of the connection.

use std::net::IpAddr;

/// The address that the connection is from; in a request's extensions. A connection over a socket's
/// file has none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Peer(pub(crate) IpAddr);

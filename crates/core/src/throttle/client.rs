//! The client's address, as far as it counts.

use std::net::IpAddr;

/// Who is at the other end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Client {
    /// A process of this machine, over a socket that has no address. It is no client of the
    /// network, but what serves them: it has no limit by address.
    Local,
    /// The network that the address belongs to: an IPv4 address, or the first 64 bits of an IPv6
    /// one, which is the least that a single client is given (RFC 6177 §2).
    Network(IpAddr),
    /// A front that should tell the address did not. All of these count as one client.
    Untold,
}

impl Client {
    /// The client with this address.
    #[must_use]
    pub fn at(address: IpAddr) -> Self {
        Self::Network(match address.to_canonical() {
            IpAddr::V4(address) => IpAddr::V4(address),
            IpAddr::V6(address) => IpAddr::V6((address.to_bits() & (u128::MAX << 64)).into()),
        })
    }

    /// What the front told in its header.
    #[must_use]
    pub fn told(header: Option<&str>) -> Self {
        header.and_then(|text| text.trim().parse().ok()).map_or(Self::Untold, Self::at)
    }
}

//! Whose word counts about where a request comes from.

use std::net::IpAddr;

use ipnet::IpNet;

/// The proxies that are believed when they name a client.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Proxies {
    networks: Vec<IpNet>,
    /// Whether whoever connects to the unix socket is one.
    unix: bool,
    /// The header that they write.
    header: ForwardingHeader,
}

/// In which header a proxy tells whom it forwards.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum ForwardingHeader {
    /// RFC 7239.
    Forwarded,
    #[default]
    XForwardedFor,
}

impl Proxies {
    /// Addresses, networks and `unix`, by commas.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut proxies = Self::default();
        for item in text.split(',').map(str::trim) {
            if item.eq_ignore_ascii_case("unix") {
                proxies.unix = true;
            } else {
                let network = item.parse::<IpNet>().ok();
                proxies.networks.push(network.or_else(|| item.parse::<IpAddr>().ok().map(IpNet::from))?);
            }
        }
        Some(proxies)
    }

    pub(crate) fn header(&self) -> ForwardingHeader {
        self.header
    }

    /// The same, told by another header.
    #[must_use]
    pub(crate) fn with_header(self, header: ForwardingHeader) -> Self {
        Self { header, ..self }
    }

    #[cfg(test)]
    pub(crate) fn of(text: &str) -> Self {
        Self::parse(text).unwrap_or_default()
    }

    /// Whether the peer is one; without an address it came over the unix socket.
    pub(crate) fn include(&self, peer: Option<IpAddr>) -> bool {
        match peer.map(|peer| peer.to_canonical()) {
            None => self.unix,
            Some(peer) => self.networks.iter().any(|network| network.contains(&peer)),
        }
    }
}

impl std::fmt::Display for Proxies {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let networks = self.networks.iter().map(ToString::to_string);
        let all: Vec<_> = networks.chain(self.unix.then(|| "unix".to_owned())).collect();
        f.write_str(&all.join(","))
    }
}

#[cfg(test)]
mod tests {
    use super::Proxies;

    #[test]
    fn networks_addresses_and_the_socket_are_read() {
        let proxies = Proxies::parse("10.0.0.0/8, ::1, unix").unwrap();
        for (peer, trusted) in
            [("10.1.2.3", true), ("::ffff:10.1.2.3", true), ("::1", true), ("11.0.0.1", false)]
        {
            assert_eq!(proxies.include(peer.parse().ok()), trusted, "{peer}");
        }
        assert!(proxies.include(None) && !Proxies::default().include(None));
        assert_eq!(proxies.to_string(), "10.0.0.0/8,::1/128,unix");
    }

    #[test]
    fn what_is_no_network_is_refused() {
        for text in ["", "10.0.0.0/33", "localhost", "10.0.0.0/8,", "*"] {
            assert!(Proxies::parse(text).is_none(), "{text}");
        }
    }
}

//! Who may see the mailbox: somebody at this machine, through an address of this machine.

use axum::extract::FromRequestParts;
use axum::http::header::{FORWARDED, HOST, VIA};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, StatusCode};

use crate::config::is_loopback;
use crate::request::Peer;

/// Proof that a request is from this machine.
pub(super) struct Local;

/// What a proxy adds. Behind one, everybody comes from this machine.
const OF_PROXIES: [HeaderName; 5] = [
    FORWARDED,
    VIA,
    HeaderName::from_static("x-forwarded-for"),
    HeaderName::from_static("x-forwarded-host"),
    HeaderName::from_static("x-real-ip"),
];

const REFUSAL: (StatusCode, &str) =
    (StatusCode::FORBIDDEN, "The development mailbox is shown at this machine's own address only.\n");

impl<S: Sync> FromRequestParts<S> for Local {
    type Rejection = (StatusCode, &'static str);

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        let peer = parts.extensions.get::<Peer>().copied();
        let authority = parts.uri.authority().map(|authority| authority.as_str());
        if may_see(peer, authority, &parts.headers) { Ok(Self) } else { Err(REFUSAL) }
    }
}

/// A page elsewhere can send a browser here under a name that it lets point here (DNS rebinding); the
/// name then is in `Host`.
fn may_see(peer: Option<Peer>, authority: Option<&str>, headers: &HeaderMap) -> bool {
    let mut hosts = headers.get_all(HOST).iter().map(|host| host.to_str().ok()).chain(authority.map(Some));
    let first = hosts.next().flatten();
    peer.is_some_and(|Peer(address)| address.is_loopback())
        && first.is_some_and(is_own)
        && hosts.all(|host| host.is_some_and(is_own))
        && !OF_PROXIES.iter().any(|name| headers.contains_key(name))
}

/// `localhost:3000`, `127.0.0.1`, `[::1]:3000`.
fn is_own(authority: &str) -> bool {
    let port_at = authority.rfind(':').filter(|&at| !authority[at..].contains(']'));
    let (host, port) = port_at.map_or((authority, ":"), |at| authority.split_at(at));
    let is_port = port.chars().skip(1).all(|c| c.is_ascii_digit());
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    is_port
        && matches!((bare, host.contains(':')), (Some(_), true) | (None, false))
        && is_loopback(bare.unwrap_or(host))
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderMap, HeaderName, HeaderValue};

    use super::{is_own, may_see};
    use crate::request::Peer;

    fn ask(peer: &str, headers: &[(&str, &str)]) -> bool {
        let peer = peer.parse().ok().map(Peer);
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(HeaderName::try_from(*name).unwrap(), HeaderValue::from_str(value).unwrap());
        }
        may_see(peer, None, &map)
    }

    #[test]
    fn only_addresses_of_this_machine_are_its_own() {
        for own in ["localhost", "LocalHost:3000", "127.0.0.1:3000", "127.0.0.1", "[::1]", "[::1]:3000"] {
            assert!(is_own(own), "{own}");
        }
        for other in [
            "localhost.evil.example",
            "evil.example:3000",
            "127.0.0.1.evil.example",
            "[127.0.0.1]",
            "::1",
            "",
            "localhost:x",
            "evil@localhost",
            "[::2]",
            "192.0.2.1",
        ] {
            assert!(!is_own(other), "{other}");
        }
    }

    #[test]
    fn peer_and_host_must_be_this_machine() {
        let local = [("host", "localhost:3000")];
        assert!(ask("127.0.0.1", &local) && ask("::1", &local));
        assert!(!ask("192.0.2.1", &local) && !ask("no address", &local));
        assert!(!ask("127.0.0.1", &[("host", "rebound.example:3000")]));
        assert!(!ask("127.0.0.1", &[]));
        assert!(!ask("127.0.0.1", &[("host", "localhost"), ("host", "evil.example")]));
    }

    #[test]
    fn a_request_through_a_proxy_is_somebody_elses() {
        for name in ["x-forwarded-for", "forwarded", "via", "x-real-ip", "x-forwarded-host"] {
            assert!(!ask("127.0.0.1", &[("host", "localhost"), (name, "127.0.0.1")]), "{name}");
        }
    }
}

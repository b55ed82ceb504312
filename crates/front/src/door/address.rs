//! Whose request it is: the connection's peer, or whom a trusted proxy says it forwards.
//!
//! The list of a forwarding header grows to the right, each proxy adding whom it got the request
//! from. So it is read from the right, for as long as those who added are trusted: what stands
//! further left was written by somebody who is not. Of the two headers there are, only the one that
//! the operator's proxies write is read: they pass the other one on as the client sent it.

use std::net::IpAddr;

use axum::http::HeaderMap;

use crate::config::{ForwardingHeader, Proxies};

/// The client's address, and none only for one that came over the unix socket and of whom no trusted
/// proxy told.
pub(super) fn client(peer: Option<IpAddr>, headers: &HeaderMap, proxies: &Proxies) -> Option<IpAddr> {
    let mut client = peer.map(|peer| peer.to_canonical());
    if !proxies.include(client) {
        return client;
    }
    for hop in hops(headers, proxies.header()).into_iter().rev() {
        // A proxy that hides its client, or one that we cannot read: the proxy answers for it.
        let Some(address) = hop else { break };
        client = Some(address);
        if !proxies.include(client) {
            break;
        }
    }
    client
}

/// All that is said, left to right.
fn hops(headers: &HeaderMap, header: ForwardingHeader) -> Vec<Option<IpAddr>> {
    let (name, read): (_, fn(&str) -> Option<IpAddr>) = match header {
        ForwardingHeader::Forwarded => ("forwarded", forwarded_for),
        ForwardingHeader::XForwardedFor => ("x-forwarded-for", address),
    };
    let values = headers.get_all(name).iter().map(|value| value.to_str().unwrap_or_default());
    values.flat_map(|value| value.split(',').map(read)).collect()
}

/// The `for` of one element of RFC 7239: `for="[2001:db8::1]:4711";proto=https`. What stands in quotes has no
/// comma where it is an address, and anything else is none.
fn forwarded_for(element: &str) -> Option<IpAddr> {
    let mut pairs = element.split(';').filter_map(|pair| pair.trim().split_once('='));
    let (_, node) = pairs.find(|(name, _)| name.trim().eq_ignore_ascii_case("for"))?;
    address(node.trim().trim_matches('"'))
}

/// An address, with a port or not.
fn address(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    let bare = match text.strip_prefix('[') {
        Some(rest) => rest.split_once(']')?.0,
        // Of IPv6 without brackets a colon is part.
        None if text.matches(':').count() == 1 => text.split_once(':')?.0,
        None => text,
    };
    bare.parse::<IpAddr>().ok().map(|address| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderMap, HeaderName, HeaderValue};

    use super::client;
    use crate::config::{ForwardingHeader, Proxies};

    fn of(peer: &str, trusted: &str, headers: &[(&'static str, &'static str)]) -> String {
        let mut map = HeaderMap::new();
        for &(name, value) in headers {
            map.append(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        let client = client(peer.parse().ok(), &map, &Proxies::of(trusted));
        client.map_or_else(|| "nobody".to_owned(), |address| address.to_string())
    }

    #[test]
    fn whoever_is_not_trusted_speaks_for_nobody_else() {
        let forged = [("x-forwarded-for", "192.0.2.1"), ("forwarded", "for=192.0.2.1")];
        assert_eq!(of("203.0.113.9", "", &forged), "203.0.113.9");
        assert_eq!(of("203.0.113.9", "10.0.0.0/8", &forged), "203.0.113.9");
        assert_eq!(of("", "10.0.0.0/8", &forged), "nobody");
    }

    #[test]
    fn the_list_is_read_from_the_right_as_far_as_it_is_trusted() {
        let list = [("x-forwarded-for", "1.1.1.1, 192.0.2.7, 10.0.0.2")];
        assert_eq!(of("10.0.0.1", "10.0.0.0/8", &list), "192.0.2.7");
        assert_eq!(of("10.0.0.1", "10.0.0.1", &list), "10.0.0.2");
        let lines = [("x-forwarded-for", "1.1.1.1"), ("x-forwarded-for", "192.0.2.7")];
        assert_eq!(of("10.0.0.1", "10.0.0.1", &lines), "192.0.2.7");
    }

    #[test]
    fn a_proxy_answers_for_a_client_that_it_does_not_name() {
        for value in ["", "unknown", "_hidden", "192.0.2.1.5", "a, b", ",,"] {
            let map = HeaderMap::from_iter([(
                HeaderName::from_static("x-forwarded-for"),
                HeaderValue::from_str(value).unwrap(),
            )]);
            let client = client("10.0.0.1".parse().ok(), &map, &Proxies::of("10.0.0.0/8"));
            assert_eq!(client, "10.0.0.1".parse().ok(), "{value}");
        }
        assert_eq!(of("10.0.0.1", "10.0.0.0/8", &[]), "10.0.0.1");
    }

    #[test]
    fn ports_brackets_and_quotes_are_read() {
        let proxies = Proxies::of("10.0.0.0/8").with_header(ForwardingHeader::Forwarded);
        for value in
            ["for=\"[2001:db8::1]:4711\";proto=https", "proto=http; For=\"[2001:db8::1]\"", "for=2001:db8::1"]
        {
            let map = HeaderMap::from_iter([(
                HeaderName::from_static("forwarded"),
                HeaderValue::from_str(value).unwrap(),
            )]);
            let client = client("10.0.0.1".parse().ok(), &map, &proxies);
            assert_eq!(client, "2001:db8::1".parse().ok(), "{value}");
        }
        assert_eq!(of("10.0.0.1", "10.0.0.0/8", &[("x-forwarded-for", "192.0.2.1:80")]), "192.0.2.1");
        assert_eq!(
            of("::ffff:10.0.0.1", "10.0.0.0/8", &[("x-forwarded-for", "::ffff:192.0.2.1")]),
            "192.0.2.1"
        );
    }

    #[test]
    fn the_header_that_the_proxies_do_not_write_counts_for_nothing() {
        let both = [("x-forwarded-for", "192.0.2.7"), ("forwarded", "for=192.0.2.1")];
        assert_eq!(of("10.0.0.1", "10.0.0.0/8", &both), "192.0.2.7");
        assert_eq!(of("10.0.0.1", "10.0.0.0/8", &both[1..]), "10.0.0.1");
    }

    #[test]
    fn whoever_connects_to_the_socket_is_believed_where_that_is_configured() {
        assert_eq!(of("", "unix", &[("x-forwarded-for", "192.0.2.1")]), "192.0.2.1");
        assert_eq!(of("", "unix", &[]), "nobody");
    }
}

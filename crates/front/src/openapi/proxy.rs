//! Where a proxy in front of the server is.

/// The parts of an `http` or `https` URI.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Proxy {
    pub(super) scheme: String,
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) path: String,
}

impl Proxy {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (scheme, rest) = text.split_once("://")?;
        let scheme = scheme.to_ascii_lowercase();
        let default = match scheme.as_str() {
            "http" => 80,
            "https" => 443,
            _ => return None,
        };
        if rest.contains(['?', '#', '@', ' ']) {
            return None;
        }
        let (authority, path) = rest.find('/').map_or((rest, "/"), |at| rest.split_at(at));
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) => (host, port.parse().ok().filter(|&port| port > 0)?),
            None => (authority, default),
        };
        (!host.is_empty()).then(|| Self { scheme, host: host.to_owned(), port, path: path.to_owned() })
    }
}

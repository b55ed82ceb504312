//! URLs that every reader takes apart in the same way, and no others.
//!
//! Browsers mend what they get: `\` becomes `/`, tabs and line ends vanish, `https:evil.example` gets
//! its slashes, what stands before `@` is no host (WHATWG URL Standard §4.4). So here a URL is either of
//! the plain form of RFC 3986 or none at all, and what is allowed can be sent on as it came.

const HTTP: &str = "http";
const HTTPS: &str = "https";

/// Longer ones are none.
const MOST_BYTES: usize = 2048;

/// Schemes whose "address" is run or read by the browser itself.
const DANGEROUS: [&str; 9] =
    ["about", "blob", "data", "file", "filesystem", "javascript", "vbscript", "view-source", "ws"];

/// A URL in parts. `scheme` and `host` are in lower case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Url<'a> {
    pub(super) scheme: String,
    /// With the port if it is given; `None` for the schemes of applications, which mean by `//` what
    /// they like.
    pub(super) host: Option<String>,
    pub(super) rest: Rest<'a>,
}

/// Path and query.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Rest<'a>(pub(super) &'a str);

impl Rest<'_> {
    /// Whether there is nothing but a path.
    pub(super) fn is_path(self) -> bool {
        !self.0.contains(['?', '#'])
    }
}

impl<'a> Url<'a> {
    pub(super) fn parse(text: &'a str) -> Option<Self> {
        let (scheme, after) = split_scheme(text).filter(|_| text.len() <= MOST_BYTES)?;
        let is_plain = after.bytes().all(is_url_byte) && is_escaped_well(after);
        // A fragment is for the browser alone and makes no difference to where people go.
        let after = after.split_once('#').map_or(after, |(before, _)| before);
        let web = is_web(&scheme);
        let (host, rest) = match after.strip_prefix("//") {
            Some(authority) if web => {
                let end = authority.find(['/', '?']).unwrap_or(authority.len());
                let (host, rest) = authority.split_at(end);
                (Some(host.to_ascii_lowercase()), rest)
            }
            _ => (None, after),
        };
        let good_host = host.as_deref().map_or(!web, is_host);
        let good = is_plain && good_host && !has_dot_segment(rest) && !DANGEROUS.contains(&scheme.as_str());
        good.then_some(Self { scheme, host, rest: Rest(rest) })
    }

    /// Same scheme, host and port (RFC 6454 §5).
    pub(super) fn has_origin_of(&self, other: &Url<'_>) -> bool {
        self.scheme == other.scheme && self.host.is_some() && self.full_host() == other.full_host()
    }

    /// The host with its port, written or not.
    fn full_host(&self) -> Option<(&str, &str)> {
        let host = self.host.as_deref()?;
        let default = if self.scheme == HTTPS { "443" } else { "80" };
        Some(split_port(host).map_or((host, default), |(host, port)| (host, port)))
    }
}

pub(super) fn is_web(scheme: &str) -> bool {
    [HTTP, HTTPS].contains(&scheme)
}

/// The scheme in lower case, and what follows its colon (RFC 3986 §3.1).
pub(super) fn split_scheme(text: &str) -> Option<(String, &str)> {
    let (scheme, after) = text.split_once(':')?;
    let rest = |byte: u8| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte);
    let good = scheme.starts_with(|first: char| first.is_ascii_alphabetic()) && scheme.bytes().all(rest);
    good.then(|| (scheme.to_ascii_lowercase(), after))
}

/// What a URL is made of (RFC 3986 §2).
fn is_url_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~:/?#[]@!$&'()*+,;=%".contains(&byte)
}

/// Every `%` begins an escape, and none of a control character or a backslash.
fn is_escaped_well(text: &str) -> bool {
    text.split('%').skip(1).all(|escape| {
        let digits = escape.get(..2).and_then(|digits| u8::from_str_radix(digits, 16).ok());
        digits.is_some_and(|byte| !byte.is_ascii_control() && byte != b'\\')
    })
}

/// A name or address with perhaps a port. No user before it, nothing escaped in it.
fn is_host(host: &str) -> bool {
    let (name, port) = split_port(host).unwrap_or((host, "0"));
    let is_port = port.parse::<u16>().is_ok() && port.bytes().all(|byte| byte.is_ascii_digit());
    let is_name = match name.strip_prefix('[').and_then(|inner| inner.strip_suffix(']')) {
        Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
        None => name.split('.').all(|label| !label.is_empty() && label.bytes().all(is_host_byte)),
    };
    is_port && is_name
}

fn is_host_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._".contains(&byte)
}

/// The colons of an address are inside its brackets.
fn split_port(host: &str) -> Option<(&str, &str)> {
    host.rsplit_once(':').filter(|(_, port)| !port.contains(']'))
}

/// `.` and `..` as segments, also escaped: where they lead is not where they seem to.
fn has_dot_segment(rest: &str) -> bool {
    let path = rest.split_once('?').map_or(rest, |(path, _)| path);
    let path = path.to_ascii_lowercase().replace("%2e", ".").replace("%2f", "/");
    path.split('/').any(|segment| segment == "." || segment == "..")
}

//! The front's own cookies in a request (RFC 6265bis §5.8.3).
//!
//! Only names with the prefix `__Host-` count: browsers let nobody but this very host, over HTTPS or
//! on the machine itself, set such a cookie, so no neighbouring host can slip one in (RFC 6265bis
//! §4.1.3.2). A name that comes twice is somebody's attempt at that and counts as not sent.

use axum::http::header::COOKIE;
use axum::http::{HeaderMap, HeaderValue};
use cookie::Cookie;

use crate::auth::secret::Secret;

/// What all names of the front's cookies begin with.
pub(super) const FAMILY: &str = "__Host-gatehouse-";
pub(super) const ACCESS: &str = "__Host-gatehouse-access";
pub(super) const REFRESH: &str = "__Host-gatehouse-refresh";

/// Most parts of an access token; see [`super::set_cookie`].
pub(super) const MOST_PARTS: usize = 8;

/// The front's own cookies of one request.
#[derive(Debug, Default)]
pub(crate) struct Cookies(Vec<(String, Secret)>);

impl Cookies {
    /// Takes them out of the headers: nothing behind is to see them.
    pub(crate) fn take(headers: &mut HeaderMap) -> Self {
        let mut own = Vec::new();
        let mut others: Vec<u8> = Vec::new();
        for header in headers.get_all(COOKIE) {
            for pair in header.as_bytes().split(|byte| *byte == b';').map(<[u8]>::trim_ascii) {
                match own_pair(pair) {
                    Some(pair) => own.push(pair),
                    None if pair.is_empty() => {}
                    None => {
                        if !others.is_empty() {
                            others.extend_from_slice(b"; ");
                        }
                        others.extend_from_slice(pair);
                    }
                }
            }
        }
        headers.remove(COOKIE);
        if let Some(others) = HeaderValue::from_bytes(&others).ok().filter(|others| !others.is_empty()) {
            headers.insert(COOKIE, others);
        }
        Self(own)
    }

    /// The value of the one cookie of this name.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        let mut found = self.0.iter().filter(|(own, _)| own == name).map(|(_, value)| value.expose());
        let value = found.next().filter(|value| !value.is_empty())?;
        found.next().is_none().then_some(value)
    }

    /// Whether there is one of this name, however many.
    pub(super) fn has(&self, name: &str) -> bool {
        self.0.iter().any(|(own, _)| own == name)
    }

    pub(super) fn refresh_token(&self) -> Option<Secret> {
        self.get(REFRESH).map(|value| Secret::new(value.to_owned()))
    }

    /// Put together from its parts, if it is in parts.
    pub(super) fn access_token(&self) -> Option<Secret> {
        let first = self.get(ACCESS)?;
        let Some((count, first)) = first.split_once('~') else {
            return Some(Secret::new(first.to_owned()));
        };
        let count = count.parse().ok().filter(|count| (2..=MOST_PARTS).contains(count))?;
        let mut token = first.to_owned();
        for index in 1..count {
            token.push_str(self.get(&part_name(index))?);
        }
        Some(Secret::new(token))
    }
}

/// The cookie of a further part, from 1.
pub(super) fn part_name(index: usize) -> String {
    format!("{ACCESS}.{index}")
}

fn own_pair(pair: &[u8]) -> Option<(String, Secret)> {
    let text = String::from_utf8_lossy(pair);
    let cookie = Cookie::parse(text.as_ref()).ok()?;
    cookie
        .name()
        .starts_with(FAMILY)
        .then(|| (cookie.name().to_owned(), Secret::new(cookie.value().to_owned())))
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderMap, HeaderValue, header};

    use super::Cookies;

    fn take(lines: &[&str]) -> (Cookies, HeaderMap) {
        let line = |line: &&str| (header::COOKIE, HeaderValue::from_bytes(line.as_bytes()).unwrap());
        let mut headers: HeaderMap = lines.iter().map(line).collect();
        (Cookies::take(&mut headers), headers)
    }

    fn access(lines: &[&str]) -> Option<String> {
        take(lines).0.access_token().map(|token| token.expose().to_owned())
    }

    #[test]
    fn own_cookies_are_taken_out_and_others_stay() {
        let (cookies, headers) =
            take(&["a=1; __Host-gatehouse-access=t", "__Host-gatehouse-refresh=r;b=\u{e9}; odd"]);
        assert_eq!(cookies.access_token().unwrap().expose(), "t");
        assert_eq!(cookies.refresh_token().unwrap().expose(), "r");
        assert_eq!(headers[header::COOKIE].as_bytes(), "a=1; b=\u{e9}; odd".as_bytes());
        assert!(take(&["__Host-gatehouse-refresh=r"]).1.is_empty());
    }

    #[test]
    fn a_cookie_that_comes_twice_counts_as_not_sent() {
        assert_eq!(access(&["__Host-gatehouse-access=t; __Host-gatehouse-access=u"]), None);
        assert_eq!(access(&["__Host-gatehouse-access=t", "__Host-gatehouse-access=t"]), None);
        assert_eq!(access(&["__Host-gatehouse-access=t; __Host-gatehouse-access = "]), None);
    }

    #[test]
    fn a_name_without_the_prefix_is_another_cookie() {
        for name in ["gatehouse-access", "__Secure-gatehouse-access", "__host-gatehouse-access", "access"] {
            let (cookies, headers) = take(&[&format!("{name}=t")]);
            assert!(cookies.access_token().is_none(), "{name}");
            assert!(headers.contains_key(header::COOKIE), "{name}");
        }
    }

    #[test]
    fn an_access_token_in_parts_is_put_together_or_is_none() {
        let all = "__Host-gatehouse-access=3~a; __Host-gatehouse-access.1=b; __Host-gatehouse-access.2=c";
        assert_eq!(access(&[all]).as_deref(), Some("abc"));
        assert_eq!(access(&["__Host-gatehouse-access=3~a; __Host-gatehouse-access.1=b"]), None);
        for count in ["", "0", "1", "9", "-2", "x", "18446744073709551616"] {
            assert_eq!(access(&[&format!("__Host-gatehouse-access={count}~a")]), None, "{count}");
        }
    }

    #[test]
    fn cookies_do_not_print() {
        let (cookies, _) = take(&["__Host-gatehouse-refresh=hunter2"]);
        assert!(!format!("{cookies:?}").contains("hunter2"));
    }
}

//! Whether a request that changes something comes from a page of ours: the protection against
//! cross-site request forgery, also of sign-in forms.
//!
//! Browsers say it themselves: `Sec-Fetch-Site` (Fetch Metadata) and `Origin` (RFC 6454 §7) are headers
//! that no page can set. Every browser of the last years sends at least the second with every form and
//! every script's POST, so a request with neither is refused, and no secret in a form is needed.

use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, header};

use crate::config::Site;

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Whether the method promises to change nothing (RFC 9110 §9.2.1).
pub(super) fn is_safe(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS)
}

/// Whether a page of this front, or of one of the listed origins, sends it.
pub(super) fn is_allowed(parts: &Parts, site: &Site, origins: &[String]) -> bool {
    let listed = |origin: &str| origins.iter().any(|listed| listed == origin);
    one(&parts.headers, &header::ORIGIN).is_ok_and(|origin| origin.is_some_and(listed))
        || is_from_own_page(parts, site)
}

/// Whether a page of this front sends it.
pub(crate) fn is_from_own_page(parts: &Parts, site: &Site) -> bool {
    let headers = &parts.headers;
    // A header that comes twice could be read in two ways.
    let (Ok(fetch_site), Ok(origin)) = (one(headers, &SEC_FETCH_SITE), one(headers, &header::ORIGIN)) else {
        return false;
    };
    match (fetch_site, origin) {
        // `none` is what somebody typed into the address bar: that never changes anything.
        (Some("same-origin"), None | Some("null")) => true,
        (Some("same-origin"), Some(origin)) => site.is_own_origin(origin) || is_host(origin, parts),
        (None, Some(origin)) => site.is_own_origin(origin),
        (Some(_) | None, _) => false,
    }
}

/// Whether the browser asked the origin itself. It has said that this is so; the front may be known
/// under more than one name.
fn is_host(origin: &str, parts: &Parts) -> bool {
    let named = parts.headers.get(header::HOST).and_then(|host| host.to_str().ok());
    // HTTP/2 may name it in the address alone (RFC 9113 §8.3.1).
    let host = named.or_else(|| parts.uri.authority().map(|authority| authority.as_str()));
    let of_origin = origin.strip_prefix("https://").or_else(|| origin.strip_prefix("http://"));
    matches!((of_origin, host), (Some(origin), Some(host)) if origin.eq_ignore_ascii_case(host))
}

/// The one value of a header.
fn one<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a str>, ()> {
    let mut values = headers.get_all(name).iter().map(HeaderValue::to_str);
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(Ok(value)), None) => Ok(Some(value)),
        _ => Err(()),
    }
}

#[cfg(test)]
mod tests {
    use axum::http::Request;
    use axum::http::request::Parts;

    use super::{is_allowed, is_from_own_page};
    use crate::config::Site;

    fn site() -> Site {
        Site {
            site_url: "https://app.example.com".to_owned(),
            external_url: "https://auth.example.com".to_owned(),
            redirect_urls: Vec::new(),
        }
    }

    fn parts(uri: &str, pairs: &[(&'static str, &'static str)]) -> Parts {
        let request = Request::builder().uri(uri);
        let request = pairs.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        request.body(()).unwrap().into_parts().0
    }

    fn own(pairs: &[(&'static str, &'static str)]) -> bool {
        is_from_own_page(&parts("/", pairs), &site())
    }

    #[test]
    fn a_page_of_this_front_may() {
        let origin = ("origin", "https://auth.example.com");
        assert!(own(&[("sec-fetch-site", "same-origin"), origin]));
        assert!(own(&[("sec-fetch-site", "same-origin")]));
        assert!(own(&[origin]));
        // Under another of its names, and where a policy hides where the page is.
        assert!(own(&[
            ("sec-fetch-site", "same-origin"),
            ("origin", "http://localhost:1"),
            ("host", "localhost:1")
        ]));
        assert!(own(&[("sec-fetch-site", "same-origin"), ("origin", "null")]));
        let http_2 = [("sec-fetch-site", "same-origin"), ("origin", "https://localhost:1")];
        assert!(is_from_own_page(&parts("https://localhost:1/x", &http_2), &site()));
        assert!(!is_from_own_page(&parts("https://localhost:2/x", &http_2), &site()));
    }

    #[test]
    fn nobody_else_may() {
        let (own_origin, host) = (("origin", "https://auth.example.com"), ("host", "auth.example.com"));
        for pairs in [
            &[][..],
            &[host],
            &[("origin", "null")],
            &[("origin", "https://evil.example"), host],
            &[("origin", "https://app.example.com"), host],
            &[("origin", "http://auth.example.com"), host],
            &[("origin", "https://auth.example.com.evil.example"), host],
            &[("sec-fetch-site", "none"), own_origin],
            &[("sec-fetch-site", "none")],
            &[("sec-fetch-site", "same-site"), own_origin],
            &[("sec-fetch-site", "cross-site"), own_origin],
            &[("sec-fetch-site", ""), own_origin],
            &[("sec-fetch-site", "same-origin"), ("origin", "https://evil.example"), host],
            &[("sec-fetch-site", "same-origin"), ("origin", "https://evil.example"), ("host", "")],
        ] {
            assert!(!own(pairs), "{pairs:?}");
        }
    }

    #[test]
    fn a_header_that_comes_twice_is_read_in_no_way() {
        for (name, values) in [
            ("origin", ["https://auth.example.com", "https://evil.example"]),
            ("sec-fetch-site", ["same-origin", "cross-site"]),
        ] {
            let twice = [(name, values[0]), (name, values[1])];
            assert!(!own(&twice), "{name}");
            let with_origin = [twice[0], twice[1], ("origin", "https://auth.example.com")];
            assert!(!own(&with_origin), "{name}");
        }
    }

    #[test]
    fn origins_that_are_listed_may_call_the_api_but_use_no_form() {
        let origins = ["https://app.example.com".to_owned()];
        let listed = parts("/", &[("origin", "https://app.example.com"), ("sec-fetch-site", "same-site")]);
        assert!(is_allowed(&listed, &site(), &origins));
        assert!(!is_from_own_page(&listed, &site()));
        let other = parts("/", &[("origin", "https://evil.example"), ("sec-fetch-site", "same-site")]);
        assert!(!is_allowed(&other, &site(), &origins));
        assert!(!is_allowed(&listed, &site(), &[]));
    }
}

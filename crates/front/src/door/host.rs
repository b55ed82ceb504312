//! For which host a request is. Nothing here depends on it, but what stands before or behind the front
//! may, and must not read it in another way.

use axum::http::uri::Authority;
use axum::http::{HeaderValue, Request, Version, header};

/// One host that can be one; HTTP/1.1 must name it (RFC 9112 §3.2), and where HTTP/2 names it twice,
/// it is the same (RFC 9113 §8.3.1).
pub(super) fn is_clear<B>(request: &Request<B>) -> bool {
    let mut hosts = request.headers().get_all(header::HOST).iter();
    match (hosts.next(), hosts.next()) {
        (None, _) => request.version() != Version::HTTP_11,
        (Some(host), None) => is_host(host) && agrees(host, request),
        _ => false,
    }
}

/// Empty where the client has no name for it.
fn is_host(host: &HeaderValue) -> bool {
    let authority = |host: &HeaderValue| Authority::try_from(host.as_bytes());
    host.is_empty() || authority(host).is_ok_and(|authority| !authority.as_str().contains('@'))
}

/// HTTP/1.1 may say one thing in its first line and another in the header: the first counts.
fn agrees<B>(host: &HeaderValue, request: &Request<B>) -> bool {
    let authority = request.uri().authority().filter(|_| request.version() == Version::HTTP_2);
    authority.is_none_or(|authority| host.as_bytes().eq_ignore_ascii_case(authority.as_str().as_bytes()))
}

#[cfg(test)]
mod tests {
    use axum::http::{Request, Version};

    use super::is_clear;

    fn clear(version: Version, uri: &str, hosts: &[&str]) -> bool {
        let request = Request::builder().version(version).uri(uri);
        let request = hosts.iter().fold(request, |request, host| request.header("host", *host));
        is_clear(&request.body(()).unwrap())
    }

    #[test]
    fn one_host_is_named_and_can_be_one() {
        for host in ["example.com", "example.com:3000", "127.0.0.1:1", "[::1]:3000", "localhost", ""] {
            assert!(clear(Version::HTTP_11, "/", &[host]), "{host}");
        }
        for hosts in [&[][..], &["a", "a"], &["a, b"], &["u@a"], &["a/b"], &["a b"], &["a:x"], &["[::1"]] {
            assert!(!clear(Version::HTTP_11, "/", hosts), "{hosts:?}");
        }
        assert!(clear(Version::HTTP_10, "/", &[]) && !clear(Version::HTTP_10, "/", &["a", "b"]));
        assert!(clear(Version::HTTP_11, "http://b/", &["a"]));
    }

    #[test]
    fn http_2_names_it_once_or_twice_the_same() {
        assert!(clear(Version::HTTP_2, "https://a/", &[]) && clear(Version::HTTP_2, "https://a/", &["A"]));
        assert!(!clear(Version::HTTP_2, "https://a/", &["b"]));
    }
}

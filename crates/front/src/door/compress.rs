//! Compresses answers of the data API (RFC 9110 §8.4.1.3, gzip).
//!
//! Left out is what could let somebody guess a secret by the size of an answer that holds both it
//! and a text of theirs (BREACH): answers that are not to be stored or set a cookie, which is all of
//! the auth API, and answers to requests with a cookie, which any page can make a browser send. A
//! bearer token no foreign page can send.

use std::io::Write;

use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;
use flate2::Compression;
use flate2::write::GzEncoder;
use http_body_util::BodyExt;
use hyper::body::Body as _;

/// Bytes below which it is not worth it.
const LEAST: u64 = 1_400;
/// Bytes above which other requests would have to wait for it on this thread.
const MOST_AT_ONCE: usize = 64 * 1024;
/// Half the work of the default level for a few percent of size.
const LEVEL: u32 = 4;
const GZIP: HeaderValue = HeaderValue::from_static("gzip");

/// What a request says about the packing of its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Packing {
    /// Nobody else has a say in it, and the client takes gzip.
    Gzip,
    /// The client takes none.
    Plain,
    /// It must not depend on what the client takes.
    Never,
}

impl Packing {
    pub(super) fn of(enabled: bool, headers: &HeaderMap) -> Self {
        let accepted =
            headers.get_all(header::ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
        if !enabled || headers.contains_key(header::COOKIE) {
            Self::Never
        } else if accepted.flat_map(|value| value.split(',')).any(takes_gzip) {
            Self::Gzip
        } else {
            Self::Plain
        }
    }

    /// The answer, compressed if that is wanted, worth it and safe.
    pub(super) async fn pack(self, mut answer: Response) -> Response {
        if self == Self::Never || !may_be_compressed(&answer) {
            return answer;
        }
        answer.headers_mut().append(header::VARY, HeaderValue::from_static("Accept-Encoding"));
        if self == Self::Plain { answer } else { compress(answer).await }
    }
}

fn takes_gzip(coding: &str) -> bool {
    let mut parts = coding.split(';').map(str::trim);
    let is_gzip = parts.next().is_some_and(|name| name.eq_ignore_ascii_case("gzip"));
    let weight = parts.find_map(|part| part.strip_prefix("q=").or_else(|| part.strip_prefix("Q=")));
    is_gzip && weight.is_none_or(|weight| weight.parse::<f32>().is_ok_and(|weight| weight > 0.0))
}

async fn compress(response: Response) -> Response {
    let (mut parts, body) = response.into_parts();
    let Ok(collected) = body.collect().await else { return Response::from_parts(parts, Body::empty()) };
    let plain = collected.to_bytes();
    let compressed = if plain.len() > MOST_AT_ONCE {
        let copy = plain.clone();
        tokio::task::spawn_blocking(move || gzip(&copy)).await.ok().flatten()
    } else {
        gzip(&plain)
    };
    let Some(compressed) = compressed else { return Response::from_parts(parts, plain.into()) };
    parts.headers.insert(header::CONTENT_ENCODING, GZIP);
    parts.headers.remove(header::CONTENT_LENGTH);
    weaken(&mut parts.headers);
    Response::from_parts(parts, compressed.into())
}

/// A strong validator is for one sequence of bytes (RFC 9110 §8.8.1), and these are others.
fn weaken(headers: &mut HeaderMap) {
    let Some(tag) = headers.get(header::ETAG).filter(|tag| !tag.as_bytes().starts_with(b"W/")) else {
        return;
    };
    if let Ok(weak) = HeaderValue::from_bytes(&[b"W/", tag.as_bytes()].concat()) {
        headers.insert(header::ETAG, weak);
    }
}

fn may_be_compressed(response: &Response) -> bool {
    let headers = response.headers();
    let is_stored = headers.get_all(header::CACHE_CONTROL).iter().all(may_be_changed);
    let is_text = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).is_some_and(is_text);
    // A body whose length is not known is not ours to hold back, and HEAD has none.
    let size = response.body().size_hint().exact().unwrap_or(0);
    is_stored
        && is_text
        && size >= LEAST
        && response.status() != StatusCode::NOT_MODIFIED
        && !headers.contains_key(header::CONTENT_ENCODING)
        && !headers.contains_key(header::SET_COOKIE)
}

/// Unless the answer is not to be stored or not to be transformed (RFC 9111 §5.2.2).
fn may_be_changed(control: &HeaderValue) -> bool {
    let directives = control.to_str().unwrap_or("no-store").split(',').map(str::trim);
    directives
        .into_iter()
        .all(|one| !one.eq_ignore_ascii_case("no-store") && !one.eq_ignore_ascii_case("no-transform"))
}

/// What is not compressed already.
fn is_text(media_type: &str) -> bool {
    let kind = media_type.split(';').next().unwrap_or_default().trim();
    kind.starts_with("text/") || ["json", "xml", "javascript"].iter().any(|suffix| kind.ends_with(suffix))
}

fn gzip(plain: &[u8]) -> Option<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(plain.len() / 4), Compression::new(LEVEL));
    encoder.write_all(plain).ok()?;
    encoder.finish().ok()
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use axum::http::{HeaderMap, HeaderValue, header};
    use axum::response::Response;
    use http_body_util::BodyExt;

    use super::Packing;

    fn request(pairs: &[(header::HeaderName, &'static str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.clone(), HeaderValue::from_static(value))).collect()
    }

    fn answer(pairs: &[(header::HeaderName, &'static str)], size: usize) -> Response {
        let mut response = Response::new("a".repeat(size).into());
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        response.headers_mut().extend(request(pairs));
        response
    }

    fn compressed(response: Response) -> (Response<()>, Vec<u8>) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let (parts, body) = runtime.block_on(Packing::Gzip.pack(response)).into_parts();
        let body = runtime.block_on(body.collect()).unwrap().to_bytes();
        (Response::from_parts(parts, ()), body.to_vec())
    }

    #[test]
    fn a_client_that_takes_gzip_says_so() {
        for (value, wanted) in
            [("gzip", true), ("br, GZIP;q=0.5", true), ("gzip;q=0", false), ("br", false), ("", false)]
        {
            let packing = Packing::of(true, &request(&[(header::ACCEPT_ENCODING, value)]));
            assert_eq!(packing, if wanted { Packing::Gzip } else { Packing::Plain }, "{value}");
        }
        let with_cookie = request(&[(header::ACCEPT_ENCODING, "gzip"), (header::COOKIE, "a=b")]);
        assert_eq!(Packing::of(true, &with_cookie), Packing::Never);
        assert_eq!(Packing::of(false, &request(&[(header::ACCEPT_ENCODING, "gzip")])), Packing::Never);
    }

    #[test]
    fn a_large_answer_becomes_small_and_stays_the_same() {
        let (parts, body) = compressed(answer(&[], 100_000));
        assert_eq!(parts.headers()["content-encoding"], "gzip");
        assert_eq!(parts.headers()["vary"], "Accept-Encoding");
        let mut plain = String::new();
        flate2::read::GzDecoder::new(body.as_slice()).read_to_string(&mut plain).unwrap();
        assert!(body.len() < 1_000 && plain == "a".repeat(100_000));
    }

    #[test]
    fn what_may_hold_a_secret_or_is_small_goes_as_it_is() {
        for response in [
            answer(&[], 100),
            answer(&[(header::CACHE_CONTROL, "no-store")], 10_000),
            answer(&[(header::CACHE_CONTROL, "private, No-Store")], 10_000),
            answer(&[(header::CACHE_CONTROL, "no-transform")], 10_000),
            answer(&[(header::SET_COOKIE, "a=b")], 10_000),
            answer(&[(header::CONTENT_TYPE, "image/png")], 10_000),
            answer(&[(header::CONTENT_ENCODING, "br")], 10_000),
        ] {
            let (parts, body) = compressed(response);
            assert_ne!(parts.headers().get("content-encoding"), Some(&HeaderValue::from_static("gzip")));
            assert!(body.iter().all(|&byte| byte == b'a'));
        }
    }

    #[test]
    fn other_bytes_have_no_strong_validator_and_caches_keep_both() {
        let tag = |tag| compressed(answer(&[(header::ETAG, tag)], 10_000)).0.headers()["etag"].clone();
        assert_eq!((tag("\"a\""), tag("W/\"a\"")), ("W/\"a\"".parse().unwrap(), "W/\"a\"".parse().unwrap()));
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let plain = runtime.block_on(Packing::Plain.pack(answer(&[(header::ETAG, "\"a\"")], 10_000)));
        assert_eq!(
            (&plain.headers()["vary"], &plain.headers()["etag"]),
            (&"Accept-Encoding".parse().unwrap(), &"\"a\"".parse().unwrap())
        );
    }
}

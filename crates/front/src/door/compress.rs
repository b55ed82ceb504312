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
const MOST_AT_ONCE: usize = 256 * 1024;
/// Half the work of the default level for a few percent of size.
const LEVEL: u32 = 4;
const GZIP: HeaderValue = HeaderValue::from_static("gzip");

/// Whether the client takes gzip and the request gives nobody else a say.
pub(super) fn is_wanted(headers: &HeaderMap) -> bool {
    let accepted = headers.get_all(header::ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    !headers.contains_key(header::COOKIE) && accepted.flat_map(|value| value.split(',')).any(takes_gzip)
}

fn takes_gzip(coding: &str) -> bool {
    let mut parts = coding.split(';').map(str::trim);
    let is_gzip = parts.next().is_some_and(|name| name.eq_ignore_ascii_case("gzip"));
    let weight = parts.find_map(|part| part.strip_prefix("q=").or_else(|| part.strip_prefix("Q=")));
    is_gzip && weight.is_none_or(|weight| weight.parse::<f32>().is_ok_and(|weight| weight > 0.0))
}

/// The answer, compressed if that is worth it and safe.
pub(super) async fn compress(mut response: Response) -> Response {
    if !may_be_compressed(&response) {
        return response;
    }
    response.headers_mut().append(header::VARY, HeaderValue::from_static("Accept-Encoding"));
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
    Response::from_parts(parts, compressed.into())
}

fn may_be_compressed(response: &Response) -> bool {
    let headers = response.headers();
    let is_stored = headers.get(header::CACHE_CONTROL).is_none_or(|value| value != "no-store");
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

    use super::{compress, is_wanted};

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
        let (parts, body) = runtime.block_on(compress(response)).into_parts();
        let body = runtime.block_on(body.collect()).unwrap().to_bytes();
        (Response::from_parts(parts, ()), body.to_vec())
    }

    #[test]
    fn a_client_that_takes_gzip_says_so() {
        for (value, wanted) in
            [("gzip", true), ("br, GZIP;q=0.5", true), ("gzip;q=0", false), ("br", false), ("", false)]
        {
            assert_eq!(is_wanted(&request(&[(header::ACCEPT_ENCODING, value)])), wanted, "{value}");
        }
        assert!(!is_wanted(&request(&[(header::ACCEPT_ENCODING, "gzip"), (header::COOKIE, "a=b")])));
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
            answer(&[(header::SET_COOKIE, "a=b")], 10_000),
            answer(&[(header::CONTENT_TYPE, "image/png")], 10_000),
            answer(&[(header::CONTENT_ENCODING, "br")], 10_000),
        ] {
            let (parts, body) = compressed(response);
            assert_ne!(parts.headers().get("content-encoding"), Some(&HeaderValue::from_static("gzip")));
            assert!(body.iter().all(|&byte| byte == b'a'));
        }
    }
}

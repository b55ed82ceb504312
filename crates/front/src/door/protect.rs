//! What browsers are told about every answer.

use axum::http::{HeaderMap, HeaderValue, header};

const NOSNIFF: HeaderValue = HeaderValue::from_static("nosniff");
const NO_REFERRER: HeaderValue = HeaderValue::from_static("no-referrer");
/// For answers that are data: nothing in them is to run, load or be framed.
const INERT: HeaderValue = HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'");
const NO_FRAMES: HeaderValue = HeaderValue::from_static("frame-ancestors 'none'");

/// `hsts`: the value of `Strict-Transport-Security`, over TLS. What a handler has set, stays.
pub(super) fn protect(headers: &mut HeaderMap, hsts: Option<&HeaderValue>) {
    headers.entry(header::X_CONTENT_TYPE_OPTIONS).or_insert(NOSNIFF);
    headers.entry(header::REFERRER_POLICY).or_insert(NO_REFERRER);
    // A database may serve pages of its own: what they load is theirs to say.
    let policy = if is_page(headers) { NO_FRAMES } else { INERT };
    headers.entry(header::CONTENT_SECURITY_POLICY).or_insert(policy);
    if let Some(hsts) = hsts {
        headers.entry(header::STRICT_TRANSPORT_SECURITY).or_insert_with(|| hsts.clone());
    }
}

fn is_page(headers: &HeaderMap) -> bool {
    headers.get(header::CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"text/html"))
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderMap, HeaderValue, header};

    use super::protect;

    #[test]
    fn data_is_inert_and_pages_of_the_database_are_not_framed() {
        let (mut data, mut page) = (HeaderMap::new(), HeaderMap::new());
        page.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
        protect(&mut data, None);
        protect(&mut page, None);
        assert_eq!(data["content-security-policy"], "default-src 'none'; frame-ancestors 'none'");
        assert_eq!(page["content-security-policy"], "frame-ancestors 'none'");
        assert_eq!(data["x-content-type-options"], "nosniff");
        assert!(!data.contains_key("strict-transport-security"));
    }

    #[test]
    fn what_a_handler_says_stays() {
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static("default-src 'self'"));
        protect(&mut headers, Some(&HeaderValue::from_static("max-age=1")));
        assert_eq!(headers["content-security-policy"], "default-src 'self'");
        assert_eq!(headers["strict-transport-security"], "max-age=1");
    }
}

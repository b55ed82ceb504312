//! Each request has a name, so that the client's error, the front's log and the database's are found
//! together.

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use uuid::Uuid;

pub(crate) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// The longest that a client may give.
const LONGEST: usize = 128;

/// The client's own name for it if that is sane, else a fresh one, a UUID of version 7 (RFC 9562).
/// What the rest of the front sees is the same.
pub(super) fn assign(headers: &mut HeaderMap) -> HeaderValue {
    if let Some(given) = headers.get(REQUEST_ID).filter(|given| is_sane(given)) {
        return given.clone();
    }
    let fresh = Uuid::now_v7().hyphenated().to_string();
    let fresh = HeaderValue::from_str(&fresh).unwrap_or(HeaderValue::from_static("-"));
    headers.insert(REQUEST_ID, fresh.clone());
    fresh
}

/// Nothing that could end the field of a log that it stands in.
fn is_sane(id: &HeaderValue) -> bool {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.:/+=@".contains(byte);
    !id.is_empty() && id.len() <= LONGEST && id.as_bytes().iter().all(plain)
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderMap, HeaderValue};

    use super::{REQUEST_ID, assign};

    #[test]
    fn a_sane_id_is_kept_and_any_other_replaced() {
        let long = "x".repeat(129);
        for (given, kept) in
            [("a-1", true), ("a b", false), ("a\"b", false), ("", false), (long.as_str(), false)]
        {
            let mut headers = HeaderMap::new();
            headers.insert(REQUEST_ID, HeaderValue::from_str(given).unwrap());
            let id = assign(&mut headers);
            assert_eq!(id == given, kept, "{given}");
            assert_eq!(headers[REQUEST_ID], id);
        }
        let mut none = HeaderMap::new();
        assert_eq!(assign(&mut none).len(), 36);
    }
}

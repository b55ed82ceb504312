//! Which media type the client takes. This version has one: JSON.

use axum::http::HeaderMap;
use axum::http::header::ACCEPT;

use crate::error::Error;

pub(super) fn check(headers: &HeaderMap) -> Result<(), Error> {
    let mut asked = Vec::new();
    for header in headers.get_all(ACCEPT) {
        let text = String::from_utf8_lossy(header.as_bytes());
        for range in text.split(',') {
            let media_type = range.split(';').next().unwrap_or_default().trim();
            if matches!(media_type, "application/json" | "*/*" | "application/*" | "") {
                return Ok(());
            }
            asked.push(range.trim().to_owned());
        }
    }
    if asked.is_empty() { Ok(()) } else { Err(Error::UnacceptableMediaType(asked)) }
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderMap, HeaderValue, header::ACCEPT};

    use super::check;

    fn accepts(value: &'static str) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, HeaderValue::from_static(value));
        check(&headers).is_ok()
    }

    #[test]
    fn json_is_given_when_it_is_among_what_the_client_takes() {
        assert!(check(&HeaderMap::new()).is_ok());
        assert!(accepts("*/*"));
        assert!(accepts("text/html, application/json;q=0.9"));
    }

    #[test]
    fn other_media_types_are_refused() {
        assert!(!accepts("text/csv"));
        assert!(!accepts("application/vnd.pgrst.object+json"));
    }
}

//! `response.status` and `response.headers`: what SQL says of the answer.

use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::Response;
use bytes::Bytes;
use serde_json::{Map, Value};

use super::answer::Answer;
use crate::error::Error;

/// The answer as SQL wants it; a header that it sets takes the place of ours.
pub(super) fn follow(mut response: Response, answer: &Answer) -> Result<Response, Error> {
    if let Some(status) = &answer.status {
        *response.status_mut() = parse_status(status).ok_or(Error::ResponseStatus)?;
    }
    if let Some(headers) = &answer.headers {
        let headers = parse_headers(headers).ok_or(Error::ResponseHeaders)?;
        let ours = response.headers_mut();
        let mut set = HeaderMap::new();
        for (name, value) in headers {
            ours.remove(&name);
            set.append(name, value);
        }
        ours.extend(set);
    }
    Ok(response)
}

/// Digits, and what follows them does not count.
fn parse_status(text: &Bytes) -> Option<StatusCode> {
    let text = std::str::from_utf8(text).ok()?;
    let digits = text.find(|c: char| !c.is_ascii_digit()).map_or(text, |end| &text[..end]);
    StatusCode::from_u16(digits.parse().ok()?).ok()
}

/// A JSON array of objects with one member each, a text.
fn parse_headers(json: &Bytes) -> Option<Vec<(HeaderName, HeaderValue)>> {
    let objects: Vec<Map<String, Value>> = serde_json::from_slice(json).ok()?;
    let pair = |object: Map<String, Value>| {
        let mut members = object.into_iter();
        let (Some((name, Value::String(value))), None) = (members.next(), members.next()) else {
            return None;
        };
        Some((HeaderName::try_from(name).ok()?, HeaderValue::from_bytes(value.as_bytes()).ok()?))
    };
    objects.into_iter().map(pair).collect()
}

#[cfg(test)]
mod tests {
    use axum::response::Response;
    use bytes::Bytes;

    use super::{Answer, follow};

    fn answer(headers: &'static str, status: &'static str) -> Answer {
        let some = |text: &'static str| (!text.is_empty()).then(|| Bytes::from_static(text.as_bytes()));
        Answer { headers: some(headers), status: some(status), ..Answer::default() }
    }

    #[test]
    fn sql_sets_status_and_headers_also_several_of_one_name() {
        let mut response = Response::default();
        response.headers_mut().insert("x-a", "ours".try_into().unwrap());
        let headers = r#"[{"X-A": "1"}, {"Set-Cookie": "a"}, {"Set-Cookie": "b"}]"#;
        let response = follow(response, &answer(headers, "418")).unwrap();
        assert_eq!((response.status().as_u16(), &response.headers()["x-a"]), (418, &"1".try_into().unwrap()));
        assert_eq!(response.headers().get_all("set-cookie").iter().count(), 2);
    }

    #[test]
    fn what_can_not_be_followed_is_an_error() {
        for headers in ["{}", "x", r#"[{"a": 1}]"#, r#"[{"a": "1", "b": "2"}]"#, r#"[{"a b": "1"}]"#] {
            assert!(follow(Response::default(), &answer(headers, "")).is_err(), "{headers}");
        }
        assert!(follow(Response::default(), &answer("", "abc")).is_err());
    }
}

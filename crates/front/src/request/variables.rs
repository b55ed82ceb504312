//! What SQL can read about the request: `request.method`, `.path`, `.headers` and `.cookies`, the
//! last two as JSON objects.

use axum::http::header::{AUTHORIZATION, COOKIE};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue};

use super::base_path;
use super::body::push_string;

/// The values of the transaction's `request.*` settings.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Variables {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) headers: Vec<u8>,
    pub(crate) cookies: Vec<u8>,
}

impl Variables {
    pub(crate) fn of(parts: &Parts) -> Self {
        Self::new(parts, false)
    }

    /// As [`Self::of`], and SQL sees the headers with credentials too: only where the front itself
    /// verifies tokens, as PostgREST does.
    pub(crate) fn with_credentials(parts: &Parts) -> Self {
        Self::new(parts, true)
    }

    /// Of a transaction that no request asked for.
    pub(crate) fn none() -> Self {
        let object = b"{}".to_vec();
        Self { method: String::new(), path: String::new(), headers: object.clone(), cookies: object }
    }

    fn new(parts: &Parts, credentials: bool) -> Self {
        Self {
            method: parts.method.as_str().to_owned(),
            path: base_path(parts.uri.path()).to_owned(),
            headers: headers(&parts.headers, credentials),
            cookies: cookies(&parts.headers),
        }
    }
}

/// Headers that hold credentials. With the extension SQL gets claims, never the token: what can be read can be stolen
/// by a function that runs in the same transaction.
fn is_credential(name: &HeaderName) -> bool {
    name == AUTHORIZATION || name == "apikey"
}

fn headers(headers: &HeaderMap, credentials: bool) -> Vec<u8> {
    let shown = headers.iter().filter(|(name, _)| *name != COOKIE && (credentials || !is_credential(name)));
    object(shown.map(|(name, value)| (name.as_str().into(), text(value))))
}

fn cookies(headers: &HeaderMap) -> Vec<u8> {
    let pairs = headers.get_all(COOKIE).iter().flat_map(|header| {
        let text = text(header).into_owned();
        let pairs: Vec<_> = text.split(';').map(|pair| pair.trim().to_owned()).collect();
        pairs
    });
    let pairs = pairs.filter_map(|pair| {
        let (name, value) = pair.split_once('=')?;
        Some((name.to_owned().into(), value.trim_matches('"').to_owned().into()))
    });
    object(pairs)
}

fn text(value: &HeaderValue) -> std::borrow::Cow<'_, str> {
    String::from_utf8_lossy(value.as_bytes())
}

fn object<'a>(
    pairs: impl Iterator<Item = (std::borrow::Cow<'a, str>, std::borrow::Cow<'a, str>)>,
) -> Vec<u8> {
    let mut json = Vec::with_capacity(256);
    json.push(b'{');
    for (name, value) in pairs {
        if json.len() > 1 {
            json.push(b',');
        }
        push_string(&name, &mut json);
        json.push(b':');
        push_string(&value, &mut json);
    }
    json.push(b'}');
    json
}

#[cfg(test)]
mod tests {
    use axum::http::Request;

    use super::Variables;

    fn of(pairs: &[(&str, &str)]) -> Variables {
        let mut request = Request::builder().method("POST").uri("/rest/v1/notes?select=id");
        for (name, value) in pairs {
            request = request.header(*name, *value);
        }
        Variables::of(&request.body(()).unwrap().into_parts().0)
    }

    fn json(bytes: &[u8]) -> serde_json::Value {
        serde_json::from_slice(bytes).unwrap()
    }

    #[test]
    fn headers_are_a_json_object_of_lower_case_names() {
        let variables = of(&[("X-Custom", "a\"b\\c"), ("Accept", "*/*")]);
        assert_eq!(json(&variables.headers), serde_json::json!({"x-custom": "a\"b\\c", "accept": "*/*"}));
        assert_eq!((variables.method.as_str(), variables.path.as_str()), ("POST", "/notes"));
    }

    #[test]
    fn credentials_do_not_reach_sql_as_text() {
        let variables = of(&[("authorization", "Bearer t"), ("apikey", "k"), ("cookie", "a=1")]);
        assert_eq!(variables.headers, b"{}");
    }

    #[test]
    fn cookies_are_a_json_object_of_their_own() {
        let variables = of(&[("cookie", "a=1; b=\"x=y\"; odd"), ("cookie", "c=")]);
        assert_eq!(json(&variables.cookies), serde_json::json!({"a": "1", "b": "x=y", "c": ""}));
        assert_eq!(of(&[]).cookies, b"{}");
    }
}

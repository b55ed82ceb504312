//! The body of an insert: a JSON object or an array of them. Only the keys are looked at; the
//! database reads the values.

use std::borrow::Cow;
use std::fmt;

use axum::http::HeaderMap;
use axum::http::header::CONTENT_TYPE;
use bytes::Bytes;
use serde::de::{Deserialize, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::error::Error;

/// JSON to insert, as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Payload {
    pub(crate) json: Bytes,
    /// The keys that every object has, sorted.
    pub(crate) keys: Vec<String>,
    /// One object, not an array of them.
    pub(crate) is_object: bool,
}

const UNEQUAL_KEYS: &str = "All object keys must match";
const NOT_JSON: &str = "Empty or invalid json";

impl Payload {
    pub(super) fn parse(headers: &HeaderMap, json: Bytes) -> Result<Self, Error> {
        check_content_type(headers)?;
        let mut deserializer = serde_json::Deserializer::from_slice(&json);
        let shape =
            deserializer.deserialize_any(ShapeVisitor).and_then(|shape| deserializer.end().map(|()| shape));
        let shape = shape.map_err(|error| {
            let unequal = error.to_string().starts_with(UNEQUAL_KEYS);
            Error::InvalidBody(if unequal { UNEQUAL_KEYS } else { NOT_JSON }.to_owned())
        })?;
        let keys = shape.keys.into_iter().map(Cow::into_owned).collect();
        Ok(Self { keys, is_object: shape.is_object, json })
    }
}

fn check_content_type(headers: &HeaderMap) -> Result<(), Error> {
    let Some(header) = headers.get(CONTENT_TYPE) else { return Ok(()) };
    let text = String::from_utf8_lossy(header.as_bytes());
    let media_type = text.split(';').next().unwrap_or_default().trim();
    if media_type.eq_ignore_ascii_case("application/json") {
        return Ok(());
    }
    Err(Error::InvalidBody(format!("Content-Type not acceptable: {media_type}")))
}

struct Shape<'de> {
    keys: Vec<Cow<'de, str>>,
    is_object: bool,
}

struct ShapeVisitor;

impl<'de> Visitor<'de> for ShapeVisitor {
    type Value = Shape<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object or an array of objects")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Shape<'de>, A::Error> {
        Ok(Shape { keys: KeysVisitor.visit_map(map)?.0, is_object: true })
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut array: A) -> Result<Shape<'de>, A::Error> {
        let Some(Keys(keys)) = array.next_element()? else {
            return Ok(Shape { keys: Vec::new(), is_object: false });
        };
        while let Some(Keys(others)) = array.next_element()? {
            if others != keys {
                return Err(A::Error::custom(UNEQUAL_KEYS));
            }
        }
        Ok(Shape { keys, is_object: false })
    }
}

/// The keys of one object, sorted and once each.
struct Keys<'de>(Vec<Cow<'de, str>>);

impl<'de> Deserialize<'de> for Keys<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(KeysVisitor)
    }
}

struct KeysVisitor;

impl<'de> Visitor<'de> for KeysVisitor {
    type Value = Keys<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Keys<'de>, A::Error> {
        let mut keys = Vec::with_capacity(map.size_hint().unwrap_or(8));
        while let Some((Key(key), IgnoredAny)) = map.next_entry()? {
            keys.push(key);
        }
        keys.sort_unstable();
        keys.dedup();
        Ok(Keys(keys))
    }
}

/// A key, borrowed from the body where it has no escapes.
#[derive(serde::Deserialize)]
struct Key<'a>(#[serde(borrow)] Cow<'a, str>);

#[cfg(test)]
mod tests {
    use axum::http::{HeaderMap, HeaderValue, header::CONTENT_TYPE};
    use bytes::Bytes;

    use super::Payload;
    use crate::error::Error;

    fn parse(json: &'static str) -> Result<Payload, String> {
        Payload::parse(&HeaderMap::new(), Bytes::from_static(json.as_bytes())).map_err(|error| match error {
            Error::InvalidBody(message) => message,
            other => format!("{other:?}"),
        })
    }

    #[test]
    fn an_object_gives_its_keys_sorted_and_once() {
        let payload = parse(r#"{"b": {"c": [1]}, "a": null, "a": 1, "\u00e9": 2}"#).unwrap();
        assert_eq!(payload.keys, ["a", "b", "é"]);
        assert!(payload.is_object);
    }

    #[test]
    fn an_array_gives_the_keys_that_all_objects_have() {
        let payload = parse(r#" [{"a":1,"b":2},{"b":3,"a":4}] "#).unwrap();
        assert_eq!(payload.keys, ["a", "b"]);
        assert!(!payload.is_object);
        assert!(parse("[]").unwrap().keys.is_empty());
    }

    #[test]
    fn objects_with_other_keys_are_refused() {
        for json in [r#"[{"a":1},{"b":2}]"#, r#"[{"a":1},{}]"#] {
            assert_eq!(parse(json).unwrap_err(), "All object keys must match");
        }
    }

    #[test]
    fn what_is_no_object_or_array_of_objects_is_refused() {
        for json in ["", "{", "1", "null", "\"a\"", "[1]", "[[]]", r#"{"a":1} x"#, r#"[{"a":1},2]"#] {
            assert_eq!(parse(json).unwrap_err(), "Empty or invalid json", "{json}");
        }
    }

    #[test]
    fn deep_nesting_does_no_harm() {
        let json = format!("{{\"a\":{}{}}}", "[".repeat(500_000), "]".repeat(500_000));
        assert!(Payload::parse(&HeaderMap::new(), Bytes::from(json)).is_ok());
    }

    #[test]
    fn only_json_is_taken() {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/csv"));
        assert!(Payload::parse(&headers, Bytes::from_static(b"{}")).is_err());
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("Application/JSON; charset=utf-8"));
        assert!(Payload::parse(&headers, Bytes::from_static(b"{}")).is_ok());
    }
}

//! `application/x-www-form-urlencoded`, and the making of JSON objects of texts.

use bytes::Bytes;

use super::Payload;
use crate::error::Error;
use crate::request::query;

pub(super) fn pairs(body: &[u8]) -> Result<Vec<(String, String)>, Error> {
    let text =
        std::str::from_utf8(body).map_err(|_| Error::InvalidBody("The form is not UTF-8".to_owned()))?;
    let pairs = query::pairs(text)?;
    let owned = |(name, value): query::Pair<'_>| (name.into_owned(), value.unwrap_or_default().into_owned());
    Ok(pairs.into_iter().map(owned).collect())
}

/// One object to insert.
pub(super) fn to_json(body: &[u8]) -> Result<Payload, Error> {
    let pairs = pairs(body)?;
    let payload = Payload::Form(pairs);
    Ok(Payload::Json { keys: payload.keys(), json: payload.bytes() })
}

pub(super) fn object(pairs: &[(String, String)]) -> Bytes {
    let mut json = Vec::new();
    push_object(pairs.iter().map(|(name, value)| (&**name, Some(&**value))), &mut json);
    Bytes::from(json)
}

/// Appends an object of texts and nulls.
pub(super) fn push_object<'a>(pairs: impl Iterator<Item = (&'a str, Option<&'a str>)>, json: &mut Vec<u8>) {
    json.push(b'{');
    for (index, (name, value)) in pairs.enumerate() {
        if index > 0 {
            json.push(b',');
        }
        push_string(name, json);
        json.push(b':');
        match value {
            Some(value) => push_string(value, json),
            None => json.extend_from_slice(b"null"),
        }
    }
    json.push(b'}');
}

/// Appends a JSON string.
pub(crate) fn push_string(text: &str, json: &mut Vec<u8>) {
    if text.bytes().all(|byte| byte >= b' ' && byte != b'"' && byte != b'\\') {
        json.push(b'"');
        json.extend_from_slice(text.as_bytes());
        json.push(b'"');
    } else {
        json.extend_from_slice(serde_json::Value::from(text).to_string().as_bytes());
    }
}

//! Percent-encoding of `application/x-www-form-urlencoded`, there and back.

use std::borrow::Cow;
use std::fmt::Write;

use percent_encoding::percent_decode_str;

use crate::error::Error;

/// Name and value; no value where there was no `=`.
pub(in crate::request) type Pair<'a> = (Cow<'a, str>, Option<Cow<'a, str>>);

/// The most parameters of one request.
const MOST_PAIRS: usize = 1000;

pub(in crate::request) fn pairs(text: &str) -> Result<Vec<Pair<'_>>, Error> {
    let mut pairs = Vec::new();
    for pair in text.split('&').filter(|pair| !pair.is_empty()) {
        if pairs.len() == MOST_PAIRS {
            return Err(bad(format!("there are more than {MOST_PAIRS} parameters")));
        }
        pairs.push(match pair.split_once('=') {
            Some((name, value)) => (decode(name)?, Some(decode(value)?)),
            None => (decode(pair)?, None),
        });
    }
    Ok(pairs)
}

pub(in crate::request) fn decode(text: &str) -> Result<Cow<'_, str>, Error> {
    if !text.contains(['+', '%']) {
        return Ok(Cow::Borrowed(text));
    }
    let spaced = text.replace('+', " ");
    match percent_decode_str(&spaced).decode_utf8() {
        Ok(decoded) => Ok(Cow::Owned(decoded.into_owned())),
        Err(_) => Err(bad("it is not UTF-8".to_owned())),
    }
}

fn bad(details: String) -> Error {
    Error::Parse { message: "failed to parse the query string".to_owned(), details }
}

/// The parameters sorted by name; values of one name are joined by commas.
pub(super) fn canonical(pairs: &[Pair<'_>]) -> String {
    let mut sorted: Vec<&Pair<'_>> = pairs.iter().collect();
    sorted.sort_by(|a, b| a.0.cmp(&b.0));
    let (mut text, mut previous) = (String::new(), None);
    for (name, value) in sorted {
        if previous == Some(name) {
            text.push(',');
        } else {
            if previous.is_some() {
                text.push('&');
            }
            encode(name, &mut text);
            text.push('=');
        }
        encode(value.as_deref().unwrap_or_default(), &mut text);
        previous = Some(name);
    }
    text
}

/// Everything but letters, digits and `-_.~` (RFC 3986 §2.3).
pub(crate) fn encode(text: &str, onto: &mut String) {
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            onto.push(char::from(byte));
        } else {
            let _ = write!(onto, "%{byte:02X}");
        }
    }
}

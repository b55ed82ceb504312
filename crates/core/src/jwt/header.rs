//! The header of a token, judged before anything of it is used.

use serde_json::{Map, Value};

use super::algorithm::Algorithm;
use super::json;
use crate::{Error, Result};

/// The longest `kid`, in bytes.
pub const MAX_KID_BYTES: usize = 256;

/// Members by which a token would choose the key that it is verified with.
///
/// # Source
/// RFC 8725 §3.10; CVE-2018-0114.
pub(super) const KEY_MEMBERS: [&str; 4] = ["jku", "jwk", "x5c", "x5u"];

/// Members that change what the segments mean: an unencoded payload (RFC 7797), encryption or
/// compression (RFC 7516 §4.1.2, §4.1.3). None of these has a place in a JWS that is a JWT.
pub(super) const ENCODING_MEMBERS: [&str; 3] = ["b64", "enc", "zip"];

/// A header that obeys every rule that holds whatever the key. It is the sender's word, no more.
#[derive(Clone, Debug, PartialEq)]
pub struct Header {
    algorithm: Algorithm,
    members: Map<String, Value>,
}

impl Header {
    /// Reads and judges the decoded first segment.
    pub(super) fn parse(text: &[u8]) -> Result<Self> {
        let members = json::parse_object(text).map_err(|fault| match fault {
            json::Fault::Duplicate => Error::TokenDuplicateMember,
            json::Fault::Malformed | json::Fault::NumberRange(_) => Error::TokenMalformed,
        })?;
        if members.contains_key("crit") {
            return Err(Error::TokenCriticalHeader);
        }
        if KEY_MEMBERS.iter().any(|name| members.contains_key(*name)) {
            return Err(Error::TokenEmbeddedKey);
        }
        if ENCODING_MEMBERS.iter().any(|name| members.contains_key(*name)) {
            return Err(Error::TokenMalformed);
        }
        let algorithm = algorithm(&members)?;
        if !members.get("kid").is_none_or(is_kid) || !members.get("typ").is_none_or(Value::is_string) {
            return Err(Error::TokenMalformed);
        }
        Ok(Self { algorithm, members })
    }

    /// The algorithm that the sender says it used.
    #[must_use]
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The key that the sender says it used: up to [`MAX_KID_BYTES`] bytes without control
    /// characters, and otherwise anything at all. Compare it, bind it, never paste it into a query
    /// or a path.
    #[must_use]
    pub fn kid(&self) -> Option<&str> {
        self.members.get("kid").and_then(Value::as_str)
    }

    /// The kind of token that the sender says it is.
    #[must_use]
    pub fn typ(&self) -> Option<&str> {
        self.members.get("typ").and_then(Value::as_str)
    }

    /// All members as they stood there.
    #[must_use]
    pub fn members(&self) -> &Map<String, Value> {
        &self.members
    }

    /// Whether `typ` is one of the accepted ones; an empty list accepts any and none, an empty name
    /// in it a token without `typ`.
    ///
    /// # Source
    /// RFC 7515 §4.1.9: compared as a media type, the prefix `application/` may be left out.
    /// RFC 8725 §3.11: explicit typing.
    pub(super) fn has_type(&self, accepted: &[&str]) -> bool {
        let given = self.typ().map_or("", bare_type);
        accepted.is_empty() || accepted.iter().any(|accepted| bare_type(accepted).eq_ignore_ascii_case(given))
    }
}

/// The one `alg` that counts. `none` in any spelling is not among the known ones (RFC 8725 §3.2).
fn algorithm(members: &Map<String, Value>) -> Result<Algorithm> {
    match members.get("alg") {
        Some(Value::String(name)) => name.parse().map_err(|_| Error::TokenAlgorithmUnknown),
        Some(_) => Err(Error::TokenMalformed),
        None => Err(Error::TokenAlgorithmUnknown),
    }
}

/// Whether this is a `kid` that can be handled without fear.
pub(super) fn is_kid(value: &Value) -> bool {
    value.as_str().is_some_and(|kid| kid.len() <= MAX_KID_BYTES && !kid.chars().any(char::is_control))
}

fn bare_type(typ: &str) -> &str {
    const PREFIX: &str = "application/";
    match typ.split_at_checked(PREFIX.len()) {
        // Only a type without further slash has a short form.
        Some((prefix, rest)) if prefix.eq_ignore_ascii_case(PREFIX) && !rest.contains('/') => rest,
        _ => typ,
    }
}

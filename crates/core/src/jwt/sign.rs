//! Making tokens.

use serde_json::{Map, Value};

use super::algorithm::Algorithm;
use super::header::{ENCODING_MEMBERS, KEY_MEMBERS};
use super::key::SigningKey;
use super::{MAX_TOKEN_BYTES, base64url};
use crate::{Error, Result};

/// Signs the claims as a JWS in compact form.
///
/// The header gets `alg`, `kid` if the key has one, and `typ: JWT`, unless `header` says another
/// `kid` or `typ`.
///
/// # Errors
/// - [`Error::KeyAlgorithmMismatch`]: the key is for another algorithm.
/// - [`Error::HeaderMemberRefused`]: the header names an `alg` of its own, a key, or what no
///   verifier here would understand.
/// - [`Error::TokenTooLarge`]: the result would be over 16 KiB.
///
/// # Source
/// RFC 7515 §5.1, §7.1.
pub fn sign(
    claims: &Map<String, Value>,
    key: &SigningKey,
    algorithm: Algorithm,
    header: &Map<String, Value>,
) -> Result<String> {
    if key.algorithm() != algorithm {
        return Err(Error::KeyAlgorithmMismatch);
    }
    let header = complete(header, key)?;
    let mut token = String::with_capacity(1024);
    base64url::encode_onto(&json(&header), &mut token);
    token.push('.');
    base64url::encode_onto(&json(claims), &mut token);
    let signature = key.sign(token.as_bytes())?;
    token.push('.');
    base64url::encode_onto(&signature, &mut token);
    if token.len() > MAX_TOKEN_BYTES { Err(Error::TokenTooLarge) } else { Ok(token) }
}

fn complete(given: &Map<String, Value>, key: &SigningKey) -> Result<Map<String, Value>> {
    let refused = given.keys().find(|name| {
        KEY_MEMBERS.contains(&name.as_str()) || ENCODING_MEMBERS.contains(&name.as_str()) || *name == "crit"
    });
    if let Some(name) = refused {
        return Err(Error::HeaderMemberRefused { member: name.as_str().into() });
    }
    if given.get("alg").is_some_and(|alg| alg != key.algorithm().name()) {
        return Err(Error::HeaderMemberRefused { member: "alg".into() });
    }
    let mut header = given.clone();
    header.insert("alg".to_owned(), key.algorithm().name().into());
    header.entry("typ").or_insert_with(|| "JWT".into());
    if let Some(kid) = key.kid() {
        header.entry("kid").or_insert_with(|| kid.into());
    }
    Ok(header)
}

/// An object of JSON values always has a text.
fn json(object: &Map<String, Value>) -> Vec<u8> {
    serde_json::to_vec(object).unwrap_or_default()
}

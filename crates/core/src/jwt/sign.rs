//! Making tokens.

use serde_json::{Map, Value};

use super::algorithm::Algorithm;
use super::header::{ENCODING_MEMBERS, KEY_MEMBERS, is_kid};
use super::key::SigningKey;
use super::{MAX_TOKEN_BYTES, base64url};
use crate::{Error, Result};

/// Signs the claims as a JWS in compact form.
///
/// The header gets `alg`, `kid` if the key has one, and `typ: JWT`, unless `header` says another
/// `kid` or `typ`. The claims are taken as they are.
///
/// # Errors
/// - [`Error::KeyAlgorithmMismatch`]: the key is for another algorithm.
/// - [`Error::HeaderMemberRefused`]: the header names an `alg` of its own, a key, or what no
///   verifier here would understand, or its `kid` or `typ` is none.
/// - [`Error::KeyOperationFailed`]: the library could not sign.
/// - [`Error::TokenTooLarge`]: the result would be over [`MAX_TOKEN_BYTES`].
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
    base64url::encode_onto(&json(&header)?, &mut token);
    token.push('.');
    base64url::encode_onto(&json(claims)?, &mut token);
    let signature = key.sign(token.as_bytes())?;
    token.push('.');
    base64url::encode_onto(&signature, &mut token);
    if token.len() > MAX_TOKEN_BYTES { Err(Error::TokenTooLarge) } else { Ok(token) }
}

fn complete(given: &Map<String, Value>, key: &SigningKey) -> Result<Map<String, Value>> {
    if let Some((member, _)) = given.iter().find(|(name, value)| !may_be_given(name, value, key.algorithm()))
    {
        return Err(Error::HeaderMemberRefused { member: member.as_str().into() });
    }
    let mut header = given.clone();
    header.insert("alg".to_owned(), key.algorithm().name().into());
    header.entry("typ").or_insert_with(|| "JWT".into());
    if let Some(kid) = key.kid() {
        header.entry("kid").or_insert_with(|| kid.into());
    }
    Ok(header)
}

/// What the verifier here would refuse is not signed either.
fn may_be_given(name: &str, value: &Value, algorithm: Algorithm) -> bool {
    match name {
        "alg" => value == algorithm.name(),
        "crit" => false,
        "kid" => is_kid(value),
        "typ" => value.is_string(),
        other => !KEY_MEMBERS.contains(&other) && !ENCODING_MEMBERS.contains(&other),
    }
}

/// An object of JSON values always has a text; were it not so, nothing may be signed.
fn json(object: &Map<String, Value>) -> Result<Vec<u8>> {
    serde_json::to_vec(object).map_err(|_| Error::TokenMalformed)
}

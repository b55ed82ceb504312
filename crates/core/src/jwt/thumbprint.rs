//! The name that a key gives itself.

use aws_lc_rs::digest;
use serde_json::{Map, Value};

use super::base64url;
use crate::{Error, Result};

/// The SHA-256 thumbprint of a JWK, base64url.
///
/// # Errors
/// - [`Error::KeyMalformed`]: a required member is missing or no string.
/// - [`Error::KeyUnsupported`]: `kty` is none of RSA, EC, oct and OKP.
///
/// # Source
/// RFC 7638 §3; OKP: RFC 8037 §2.
pub fn thumbprint(jwk: &Map<String, Value>) -> Result<String> {
    let names: &[&str] = match jwk.get("kty").and_then(Value::as_str).ok_or(Error::KeyMalformed)? {
        "EC" => &["crv", "kty", "x", "y"],
        "OKP" => &["crv", "kty", "x"],
        "RSA" => &["e", "kty", "n"],
        "oct" => &["k", "kty"],
        _ => return Err(Error::KeyUnsupported),
    };
    // The required members only, in lexicographic order, without white space.
    let members = names
        .iter()
        .map(|name| match jwk.get(*name) {
            Some(Value::String(value)) => Ok(format!("\"{name}\":{}", Value::from(value.as_str()))),
            _ => Err(Error::KeyMalformed),
        })
        .collect::<Result<Vec<_>>>()?;
    let canonical = format!("{{{}}}", members.join(","));
    Ok(base64url::encode(digest::digest(&digest::SHA256, canonical.as_bytes()).as_ref()))
}

//! The name that a key gives itself.

use aws_lc_rs::digest;
use serde_json::{Map, Value};

use super::base64url;
use crate::{Error, Result};

/// The SHA-256 thumbprint of a JWK, base64url: 43 characters. Private and optional members do not
/// count, so that both halves of a key have one name.
///
/// # Errors
/// - [`Error::KeyMalformed`]: a required member is missing, no string or no canonical base64url.
/// - [`Error::KeyUnsupported`]: `kty` is none of RSA, EC, oct and OKP.
///
/// # Security
/// The thumbprint of an `oct` key is a hash of the secret: harmless for a random one, an
/// invitation to guess for any other (RFC 7638 §7).
///
/// # Source
/// RFC 7638 §3; OKP: RFC 8037 §2.
///
/// ```
/// let jwk = serde_json::json!({
///     "kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"
/// });
/// let name = gatehouse_core::jwt::thumbprint(jwk.as_object().unwrap());
/// assert_eq!(name.unwrap(), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
/// ```
pub fn thumbprint(jwk: &Map<String, Value>) -> Result<String> {
    let names: &[&str] = match text(jwk, "kty")? {
        "EC" => &["crv", "kty", "x", "y"],
        "OKP" => &["crv", "kty", "x"],
        "RSA" => &["e", "kty", "n"],
        "oct" => &["k", "kty"],
        _ => return Err(Error::KeyUnsupported),
    };
    // §3.2: the required members only, in lexicographic order, without white space.
    let members = names.iter().map(|name| member(jwk, name)).collect::<Result<Vec<_>>>()?;
    let canonical = format!("{{{}}}", members.join(","));
    Ok(base64url::encode(digest::digest(&digest::SHA256, canonical.as_bytes()).as_ref()))
}

fn member(jwk: &Map<String, Value>, name: &str) -> Result<String> {
    let value = text(jwk, name)?;
    let is_coded = !matches!(name, "crv" | "kty");
    if is_coded && base64url::decode(value).is_none() {
        return Err(Error::KeyMalformed);
    }
    Ok(format!("\"{name}\":{}", Value::from(value)))
}

fn text<'a>(jwk: &'a Map<String, Value>, name: &str) -> Result<&'a str> {
    jwk.get(name).and_then(Value::as_str).ok_or(Error::KeyMalformed)
}

//! Private keys written down: as JWK members and as PKCS #8.

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rsa::PublicKey;
use aws_lc_rs::signature::KeyPair as _;
use serde_json::{Map, Value};

use super::signer::{Signer, failed};
use crate::Result;
use crate::jwt::base64url;
use crate::secret::Secret;

impl Signer {
    /// The members of the public JWK that its thumbprint is made of; for HMAC the secret.
    ///
    /// # Source
    /// RFC 7638 §3.2.
    pub(super) fn jwk_members(&self) -> Map<String, Value> {
        let member = |name: &str, value: &str| (name.to_owned(), Value::from(value));
        let coded = |name: &str, bytes: &[u8]| (name.to_owned(), Value::from(base64url::encode(bytes)));
        match self {
            Self::Ed25519(pair) => Map::from_iter([
                member("kty", "OKP"),
                member("crv", "Ed25519"),
                coded("x", pair.public_key().as_ref()),
            ]),
            Self::Hmac(secret) => Map::from_iter([member("kty", "oct"), coded("k", secret.bytes().expose())]),
            Self::P256(pair) => ec_members("P-256", pair.public_key().as_ref()),
            Self::P384(pair) => ec_members("P-384", pair.public_key().as_ref()),
            Self::Rsa(pair) => rsa_members(pair.public_key()),
        }
    }

    /// PKCS #8, or the bytes of an HMAC secret.
    pub(super) fn to_private_der(&self) -> Result<Secret> {
        let bytes = match self {
            Self::Hmac(secret) => return Ok(secret.bytes().clone()),
            Self::Ed25519(pair) => pair.to_pkcs8v1().map_err(failed)?.as_ref().to_vec(),
            Self::P256(pair) | Self::P384(pair) => pair.to_pkcs8v1().map_err(failed)?.as_ref().to_vec(),
            Self::Rsa(pair) => AsDer::<Pkcs8V1Der<'_>>::as_der(pair).map_err(failed)?.as_ref().to_vec(),
        };
        Ok(Secret::new(bytes))
    }
}

pub(super) fn rsa_members(key: &PublicKey) -> Map<String, Value> {
    let coded = |bytes: &[u8]| Value::from(base64url::encode(bytes));
    Map::from_iter([
        ("kty".to_owned(), Value::from("RSA")),
        ("n".to_owned(), coded(key.modulus().big_endian_without_leading_zero())),
        ("e".to_owned(), coded(key.exponent().big_endian_without_leading_zero())),
    ])
}

/// The x and y of an uncompressed point (SEC 1 §2.3.3).
pub(super) fn ec_members(curve: &str, point: &[u8]) -> Map<String, Value> {
    let coordinates = point.get(1..).unwrap_or_default();
    let (x, y) = coordinates.split_at(coordinates.len() / 2);
    Map::from_iter([
        ("kty".to_owned(), Value::from("EC")),
        ("crv".to_owned(), Value::from(curve)),
        ("x".to_owned(), Value::from(base64url::encode(x))),
        ("y".to_owned(), Value::from(base64url::encode(y))),
    ])
}

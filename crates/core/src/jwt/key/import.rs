//! Keys that were made elsewhere, brought into the form in which keys are kept here.

use aws_lc_rs::rsa::PublicKey;
use serde_json::{Map, Value};

use super::pem::{Block, Label};
use super::{Form, P256_BYTES, P384_BYTES, SigningKey, VerificationKey, der, export, form};
use crate::jwt::algorithm::{Algorithm, KeyType};
use crate::jwt::thumbprint::thumbprint;
use crate::jwt::{base64url, header};
use crate::secret::Secret;
use crate::{Error, Result};

/// Members that a public JWK may keep of what came in.
const PUBLIC_MEMBERS: [&str; 6] = ["kty", "crv", "x", "y", "n", "e"];

/// A key from elsewhere, for one algorithm.
pub struct ImportedKey {
    /// Its name: the one asked for, else the one that the key brings, else its RFC 7638 thumbprint.
    /// None for an HMAC secret that brings none: a thumbprint of a secret that somebody chose invites
    /// guessing (RFC 7638 §7).
    pub kid: Option<String>,
    /// The public half with `alg`, `use` and `kid`; none for HMAC.
    pub public_jwk: Option<Map<String, Value>>,
    /// PKCS #8 or the HMAC secret; none when only a public key came in.
    pub private: Option<Secret>,
}

impl ImportedKey {
    /// Reads a JWK, one PEM block or an HMAC secret, private or public.
    ///
    /// # Errors
    /// - [`Error::KeyMalformed`], also for a name over 256 bytes or with control characters;
    ///   [`Error::KeyUnsupported`], [`Error::KeyTooWeak`].
    /// - [`Error::KeyAlgorithmMismatch`]: the key is for another algorithm.
    pub fn parse(text: &str, algorithm: Algorithm, kid: Option<&str>) -> Result<Self> {
        let mut key = match SigningKey::parse(text, algorithm) {
            Ok(key) => Self {
                kid: key.kid().map(str::to_owned),
                public_jwk: key.public_jwk(),
                private: Some(key.to_private_der()?),
            },
            // A key with `key_ops: [verify]` is unsupported for signing only.
            Err(Error::KeyNotPrivate | Error::KeyUnsupported) => public(text, algorithm)?,
            Err(error) => return Err(error),
        };
        if let Some(kid) = kid {
            key.kid = Some(kid.to_owned());
        }
        if let (None, Some(jwk)) = (&key.kid, &key.public_jwk) {
            key.kid = Some(thumbprint(jwk)?);
        }
        if key.kid.as_deref().is_some_and(|kid| kid.is_empty() || !header::is_kid(&kid.into())) {
            return Err(Error::KeyMalformed);
        }
        if let (Some(kid), Some(jwk)) = (&key.kid, &mut key.public_jwk) {
            jwk.insert("kid".to_owned(), kid.as_str().into());
        }
        Ok(key)
    }
}

fn public(text: &str, algorithm: Algorithm) -> Result<ImportedKey> {
    let (mut jwk, kid) = match form(text)? {
        Form::Secret => return Err(Error::KeyMalformed),
        Form::Pem(block) => (pem_members(&block)?, None),
        Form::Jwk(members) => {
            let kid = members.get("kid").and_then(Value::as_str).map(str::to_owned);
            // Judged as a whole, with its own `alg`, before parts of it are kept.
            if !VerificationKey::from_jwk(&members)?.fits(algorithm) {
                return Err(Error::KeyAlgorithmMismatch);
            }
            (members.into_iter().filter(|(name, _)| PUBLIC_MEMBERS.contains(&name.as_str())).collect(), kid)
        }
    };
    jwk.insert("alg".to_owned(), algorithm.name().into());
    jwk.insert("use".to_owned(), "sig".into());
    VerificationKey::from_jwk(&jwk)?;
    Ok(ImportedKey { kid, public_jwk: Some(jwk), private: None })
}

fn pem_members(block: &Block) -> Result<Map<String, Value>> {
    let der = block.der.expose();
    match block.label {
        Label::Pkcs1 | Label::Pkcs8 | Label::Sec1 => Err(Error::KeyUnsupported),
        Label::Pkcs1Public => {
            der::need_sequence(der)?;
            rsa_members(der)
        }
        Label::Spki => match der::spki_type(der)? {
            KeyType::Ed25519 => Ok(Map::from_iter([
                ("kty".to_owned(), "OKP".into()),
                ("crv".to_owned(), "Ed25519".into()),
                ("x".to_owned(), base64url::encode(der::spki_key(der)?).into()),
            ])),
            KeyType::P256 => ec_members("P-256", P256_BYTES, der::spki_key(der)?),
            KeyType::P384 => ec_members("P-384", P384_BYTES, der::spki_key(der)?),
            KeyType::Rsa => rsa_members(der),
            KeyType::Hmac => Err(Error::KeyMalformed),
        },
    }
}

/// A JWK holds both coordinates: a compressed point has one.
fn ec_members(curve: &str, coordinate_length: usize, point: &[u8]) -> Result<Map<String, Value>> {
    if point.len().checked_sub(1) != coordinate_length.checked_mul(2) || point.first() != Some(&4) {
        return Err(Error::KeyUnsupported);
    }
    Ok(export::ec_members(curve, point))
}

fn rsa_members(der: &[u8]) -> Result<Map<String, Value>> {
    let key = PublicKey::from_der(der).map_err(|_| Error::KeyMalformed)?;
    Ok(export::rsa_members(&key))
}

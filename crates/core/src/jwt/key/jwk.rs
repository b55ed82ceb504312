//! The members of a JSON Web Key, read strictly.

use serde_json::{Map, Value};

use crate::jwt::algorithm::{Algorithm, KeyType};
use crate::jwt::{base64url, header};
use crate::secret::Secret;
use crate::{Error, Result};

/// What a key is to be used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operation {
    Sign,
    Verify,
}

/// A JWK whose type is known and whose use, operations and algorithm fit.
pub(super) struct Jwk<'a> {
    members: &'a Map<String, Value>,
    pub(super) key_type: KeyType,
    /// From `alg`: the one algorithm that the key is for.
    pub(super) algorithm: Option<Algorithm>,
    pub(super) kid: Option<&'a str>,
}

impl<'a> Jwk<'a> {
    /// # Errors
    /// - [`Error::KeyMalformed`] when a member is missing or of the wrong type.
    /// - [`Error::KeyUnsupported`] for another `kty`, `crv`, `alg`, `use` or `key_ops`.
    /// - [`Error::KeyAlgorithmMismatch`] when `alg` does not fit the type.
    ///
    /// # Source
    /// RFC 7517 §4.
    pub(super) fn read(members: &'a Map<String, Value>, operation: Operation) -> Result<Self> {
        let key_type = key_type(members)?;
        need_use(members, operation)?;
        let algorithm = match text(members, "alg")? {
            Some(name) => Some(name.parse::<Algorithm>().map_err(|_| Error::KeyUnsupported)?),
            None => None,
        };
        if algorithm.is_some_and(|algorithm| algorithm.key_type() != key_type) {
            return Err(Error::KeyAlgorithmMismatch);
        }
        if !members.get("kid").is_none_or(header::is_kid) {
            return Err(Error::KeyMalformed);
        }
        Ok(Self { members, key_type, algorithm, kid: text(members, "kid")? })
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.members.contains_key(name)
    }

    /// The bytes of a member, which must be there.
    pub(super) fn bytes(&self, name: &str) -> Result<Secret> {
        let text = text(self.members, name)?.ok_or(Error::KeyMalformed)?;
        base64url::decode(text).map(Secret::new).ok_or(Error::KeyMalformed)
    }

    /// The bytes of a member of fixed length, such as a coordinate (RFC 7518 §6.2.1.2).
    pub(super) fn sized(&self, name: &str, length: usize) -> Result<Secret> {
        self.bytes(name).and_then(|bytes| {
            if bytes.expose().len() == length { Ok(bytes) } else { Err(Error::KeyMalformed) }
        })
    }

    /// A positive integer in the fewest bytes (RFC 7518 §2, Base64urlUInt).
    pub(super) fn integer(&self, name: &str) -> Result<Secret> {
        let bytes = self.bytes(name)?;
        match bytes.expose().first() {
            None | Some(0) => Err(Error::KeyMalformed),
            Some(_) => Ok(bytes),
        }
    }

    /// The uncompressed point of an EC key (SEC 1 §2.3.3).
    pub(super) fn point(&self, coordinate_length: usize) -> Result<Vec<u8>> {
        let (x, y) = (self.sized("x", coordinate_length)?, self.sized("y", coordinate_length)?);
        Ok([&[4], x.expose(), y.expose()].concat())
    }
}

fn key_type(members: &Map<String, Value>) -> Result<KeyType> {
    let curve = text(members, "crv")?;
    match (text(members, "kty")?.ok_or(Error::KeyMalformed)?, curve) {
        ("EC" | "OKP", None) => Err(Error::KeyMalformed),
        ("EC", Some("P-256")) => Ok(KeyType::P256),
        ("EC", Some("P-384")) => Ok(KeyType::P384),
        ("OKP", Some("Ed25519")) => Ok(KeyType::Ed25519),
        ("RSA", _) => Ok(KeyType::Rsa),
        ("oct", _) => Ok(KeyType::Hmac),
        _ => Err(Error::KeyUnsupported),
    }
}

/// A key for encryption never verifies a signature (RFC 7517 §4.2, §4.3).
fn need_use(members: &Map<String, Value>, operation: Operation) -> Result<()> {
    let wanted = match operation {
        Operation::Sign => "sign",
        Operation::Verify => "verify",
    };
    let operations = match members.get("key_ops") {
        None => true,
        Some(Value::Array(operations)) => operations.iter().any(|operation| operation == wanted),
        Some(_) => return Err(Error::KeyMalformed),
    };
    if operations && text(members, "use")?.is_none_or(|usage| usage == "sig") {
        Ok(())
    } else {
        Err(Error::KeyUnsupported)
    }
}

fn text<'a>(members: &'a Map<String, Value>, name: &str) -> Result<Option<&'a str>> {
    match members.get(name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(Error::KeyMalformed),
    }
}

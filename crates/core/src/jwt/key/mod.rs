//! Keys: what signs, what verifies, and sets of the latter.

use serde_json::{Map, Value};

use super::algorithm::{Algorithm, KeyType};
use super::json;
use super::thumbprint::thumbprint;
use crate::secret::Secret;
use crate::{Error, Result};

mod der;
mod export;
mod hmac;
mod import;
mod jwk;
mod pem;
mod per_hash;
mod rsa;
mod set;
mod signer;
mod verifier;

pub use import::ImportedKey;
use jwk::{Jwk, Operation};
use pem::Block;
pub use set::KeySet;
use signer::Signer;
use verifier::Verifier;

const P256_BYTES: usize = 32;
const P384_BYTES: usize = 48;

/// The form that a key's text has.
enum Form {
    Jwk(Map<String, Value>),
    Pem(Block),
    Secret,
}

/// Tells the form by how the text begins; only what is neither JSON nor PEM is a secret.
fn form(text: &str) -> Result<Form> {
    let trimmed = text.trim_start();
    if trimmed.starts_with('{') {
        return json::parse_object(text.trim().as_bytes()).map(Form::Jwk).map_err(|_| Error::KeyMalformed);
    }
    if trimmed.starts_with(pem::BEGIN) {
        return Block::parse(text).map(Form::Pem);
    }
    Ok(Form::Secret)
}

/// A private key or secret, for one algorithm.
pub struct SigningKey {
    signer: Signer,
    algorithm: Algorithm,
    kid: Option<String>,
}

/// A key that was just drawn.
pub struct GeneratedKey {
    /// PKCS #8, or the bytes of an HMAC secret; [`SigningKey::from_der`] reads it.
    pub private: Secret,
    /// The public JWK with `kid`, `alg` and `use`. HMAC has no public half: there it is these members
    /// and `kty`, without `k`.
    pub public_jwk: Map<String, Value>,
    /// The RFC 7638 thumbprint.
    pub kid: String,
}

impl SigningKey {
    /// Reads a key: a JWK (`{…}`), one PEM block (PKCS #8, PKCS #1, SEC 1) or an HMAC secret.
    ///
    /// # Errors
    /// - [`Error::KeyMalformed`], [`Error::KeyUnsupported`], [`Error::KeyTooWeak`].
    /// - [`Error::KeyNotPrivate`]: a public key.
    /// - [`Error::KeyAlgorithmMismatch`]: the key is for another algorithm.
    pub fn parse(text: &str, algorithm: Algorithm) -> Result<Self> {
        let (signer, kid) = match form(text)? {
            Form::Secret => (Signer::from_secret(text.as_bytes())?, None),
            Form::Pem(block) => (Signer::from_pem(&block)?, None),
            Form::Jwk(members) => {
                let jwk = Jwk::read(&members, Operation::Sign)?;
                if jwk.algorithm.is_some_and(|pinned| pinned != algorithm) {
                    return Err(Error::KeyAlgorithmMismatch);
                }
                (Signer::from_jwk(&jwk)?, jwk.kid.map(str::to_owned))
            }
        };
        signer.need(algorithm)?;
        Ok(Self { signer, algorithm, kid })
    }

    /// Draws a new key: RSA of 2048 bits, HMAC secrets as long as the hash.
    ///
    /// # Errors
    /// - [`Error::KeyOperationFailed`]: the random generator failed.
    pub fn generate(algorithm: Algorithm) -> Result<GeneratedKey> {
        let mut key = Self { signer: Signer::generate(algorithm)?, algorithm, kid: None };
        let kid = thumbprint(&key.signer.jwk_members())?;
        key.kid = Some(kid.clone());
        let mut public_jwk = key.jwk();
        public_jwk.remove("k");
        Ok(GeneratedKey { private: key.to_private_der()?, public_jwk, kid })
    }

    /// Reads what [`Self::to_private_der`] gave.
    ///
    /// # Errors
    /// As [`Self::parse`].
    pub fn from_der(algorithm: Algorithm, private: &Secret) -> Result<Self> {
        let signer = if algorithm.key_type() == KeyType::Hmac {
            Signer::from_secret(private.expose())?
        } else {
            Signer::from_pkcs8(private.expose())?
        };
        signer.need(algorithm)?;
        Ok(Self { signer, algorithm, kid: None })
    }

    /// The private key as PKCS #8, or the bytes of the HMAC secret.
    ///
    /// # Errors
    /// - [`Error::KeyOperationFailed`]: the library could not write it.
    pub fn to_private_der(&self) -> Result<Secret> {
        self.signer.to_private_der()
    }

    /// The same key under this name.
    #[must_use]
    pub fn with_kid(self, kid: String) -> Self {
        Self { kid: Some(kid), ..self }
    }

    /// The algorithm that it signs with.
    #[must_use]
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// Its name, which goes into the header.
    #[must_use]
    pub fn kid(&self) -> Option<&str> {
        self.kid.as_deref()
    }

    /// The public half as a JWK with `alg`, `use` and, if it has one, `kid`; none for HMAC.
    #[must_use]
    pub fn public_jwk(&self) -> Option<Map<String, Value>> {
        (self.signer.key_type() != KeyType::Hmac).then(|| self.jwk())
    }

    /// The HMAC secret as a JWK: what verifies is what signs.
    ///
    /// # Errors
    /// - [`Error::KeyAlgorithmMismatch`]: it is no HMAC key.
    pub fn secret_jwk(&self) -> Result<Map<String, Value>> {
        if self.signer.key_type() == KeyType::Hmac {
            Ok(self.jwk())
        } else {
            Err(Error::KeyAlgorithmMismatch)
        }
    }

    fn jwk(&self) -> Map<String, Value> {
        let mut jwk = self.signer.jwk_members();
        jwk.insert("alg".to_owned(), self.algorithm.name().into());
        jwk.insert("use".to_owned(), "sig".into());
        if let Some(kid) = &self.kid {
            jwk.insert("kid".to_owned(), kid.as_str().into());
        }
        jwk
    }

    pub(super) fn sign(&self, message: &[u8]) -> Result<Vec<u8>> {
        self.signer.sign(self.algorithm, message)
    }
}

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SigningKey").field("algorithm", &self.algorithm).finish_non_exhaustive()
    }
}

/// A key that verifies, parsed and checked once.
pub struct VerificationKey {
    verifier: Verifier,
    /// From the JWK's `alg`: the one algorithm that it is for.
    algorithm: Option<Algorithm>,
    kid: Option<String>,
}

impl VerificationKey {
    /// Reads a JWK; of a private one only the public half is kept.
    ///
    /// # Errors
    /// - [`Error::KeyMalformed`], [`Error::KeyUnsupported`], [`Error::KeyTooWeak`],
    ///   [`Error::KeyAlgorithmMismatch`].
    pub fn from_jwk(members: &Map<String, Value>) -> Result<Self> {
        let jwk = Jwk::read(members, Operation::Verify)?;
        let verifier = Verifier::from_jwk(&jwk)?;
        if let Some(algorithm) = jwk.algorithm {
            verifier.need_strength(algorithm)?;
        }
        Ok(Self { verifier, algorithm: jwk.algorithm, kid: jwk.kid.map(str::to_owned) })
    }

    /// Its name.
    #[must_use]
    pub fn kid(&self) -> Option<&str> {
        self.kid.as_deref()
    }

    /// Whether tokens of this algorithm can be its own.
    #[must_use]
    pub fn fits(&self, algorithm: Algorithm) -> bool {
        self.verifier.key_type() == algorithm.key_type()
            && self.algorithm.is_none_or(|pinned| pinned == algorithm)
    }

    /// Whether what verifies also signs.
    fn is_secret(&self) -> bool {
        self.verifier.key_type() == KeyType::Hmac
    }

    /// # Errors
    /// As [`Verifier::verify`]; the algorithm must also be the one of the JWK, if it names one.
    pub(super) fn verify(&self, algorithm: Algorithm, message: &[u8], signature: &[u8]) -> Result<()> {
        if !self.fits(algorithm) {
            return Err(Error::TokenAlgorithmNotAllowed);
        }
        self.verifier.verify(algorithm, message, signature)
    }
}

impl std::fmt::Debug for VerificationKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("VerificationKey").field("kid", &self.kid).finish_non_exhaustive()
    }
}

//! Several keys, one of which a token was signed with.

use std::collections::HashSet;

use serde_json::Value;

use super::{Form, VerificationKey, Verifier, form};
use crate::jwt::algorithm::Algorithm;
use crate::{Error, Result};

/// The most keys in one set; trying each costs a signature.
const MAX_KEYS: usize = 64;

/// The keys that a caller trusts.
#[derive(Debug)]
pub struct KeySet {
    keys: Vec<VerificationKey>,
}

impl KeySet {
    /// Reads a secret, one PEM block, a JWK or a JWKS (RFC 7517 §5). Of private keys only the
    /// public half is kept.
    ///
    /// In a JWKS, keys of an unknown type or for encryption are passed over, as RFC 7517 §5 asks;
    /// malformed or weak ones are not.
    ///
    /// # Errors
    /// - [`Error::KeyMalformed`]: no key, over 64 keys, two of the same `kid`, or secrets and public
    ///   keys in one set.
    /// - [`Error::KeyUnsupported`]: no key that could verify a token.
    /// - [`Error::KeyTooWeak`], [`Error::KeyAlgorithmMismatch`].
    pub fn parse(text: &str) -> Result<Self> {
        let keys = match form(text)? {
            Form::Secret => vec![bare(Verifier::from_secret(text.as_bytes())?)],
            Form::Pem(block) => vec![bare(Verifier::from_pem(&block)?)],
            Form::Jwk(members) => match members.get("keys") {
                Some(Value::Array(keys)) => jwks(keys)?,
                Some(_) => return Err(Error::KeyMalformed),
                None => vec![VerificationKey::from_jwk(&members)?],
            },
        };
        Ok(Self { keys })
    }

    /// A secret, a PEM block or a JWK without `kid`: there is nothing a `kid` could choose.
    pub(in crate::jwt) fn is_one_nameless(&self) -> bool {
        matches!(self.keys.as_slice(), [only] if only.kid().is_none())
    }

    pub(in crate::jwt) fn named(&self, kid: &str) -> Option<&VerificationKey> {
        self.keys.iter().find(|key| key.kid() == Some(kid))
    }

    pub(in crate::jwt) fn fitting(&self, algorithm: Algorithm) -> impl Iterator<Item = &VerificationKey> {
        self.keys.iter().filter(move |key| key.fits(algorithm))
    }
}

fn bare(verifier: Verifier) -> VerificationKey {
    VerificationKey { verifier, algorithm: None, kid: None }
}

fn jwks(items: &[Value]) -> Result<Vec<VerificationKey>> {
    if items.len() > MAX_KEYS {
        return Err(Error::KeyMalformed);
    }
    let mut keys = Vec::with_capacity(items.len());
    for item in items {
        match VerificationKey::from_jwk(item.as_object().ok_or(Error::KeyMalformed)?) {
            Ok(key) => keys.push(key),
            Err(Error::KeyUnsupported) => {}
            Err(error) => return Err(error),
        }
    }
    if keys.is_empty() {
        return Err(Error::KeyUnsupported);
    }
    if has_duplicate_names(&keys) || is_mixed(&keys) {
        return Err(Error::KeyMalformed);
    }
    Ok(keys)
}

/// Which of two keys of one name is meant, nobody can say.
fn has_duplicate_names(keys: &[VerificationKey]) -> bool {
    let mut seen = HashSet::new();
    !keys.iter().filter_map(VerificationKey::kid).all(|kid| seen.insert(kid))
}

/// Secrets next to public keys: one of the two is in the wrong place.
fn is_mixed(keys: &[VerificationKey]) -> bool {
    let secrets = keys.iter().filter(|key| key.is_secret()).count();
    secrets != 0 && secrets != keys.len()
}

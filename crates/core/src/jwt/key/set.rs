//! Several keys, one of which a token was signed with.

use std::collections::HashSet;

use serde_json::{Map, Value};

use super::{Form, VerificationKey, Verifier, form};
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
    /// - [`Error::KeyMalformed`]: no key, over 64 keys, or two of the same `kid`.
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

    pub(in crate::jwt) fn keys(&self) -> &[VerificationKey] {
        &self.keys
    }
}

fn bare(verifier: Verifier) -> VerificationKey {
    VerificationKey { verifier, algorithm: None, kid: None }
}

fn jwks(items: &[Value]) -> Result<Vec<VerificationKey>> {
    if items.is_empty() || items.len() > MAX_KEYS {
        return Err(Error::KeyMalformed);
    }
    refuse_duplicate_names(items)?;
    let mut keys = Vec::with_capacity(items.len());
    for item in items {
        let members: &Map<String, Value> = item.as_object().ok_or(Error::KeyMalformed)?;
        match VerificationKey::from_jwk(members) {
            Ok(key) => keys.push(key),
            Err(Error::KeyUnsupported) => {}
            Err(error) => return Err(error),
        }
    }
    if keys.is_empty() { Err(Error::KeyUnsupported) } else { Ok(keys) }
}

/// Which of two keys of one name is meant, nobody can say.
fn refuse_duplicate_names(items: &[Value]) -> Result<()> {
    let mut seen = HashSet::new();
    let unique = items.iter().filter_map(|item| item.get("kid")?.as_str()).all(|kid| seen.insert(kid));
    if unique { Ok(()) } else { Err(Error::KeyMalformed) }
}

//! Judging tokens. A [`Verified`] comes from here and from nowhere else.

use serde_json::{Map, Value};

use super::algorithm::Algorithm;
use super::claims::Expectations;
use super::header::Header;
use super::key::{KeySet, VerificationKey};
use super::{MAX_TOKEN_BYTES, base64url, json};
use crate::{Error, Result};

/// A token whose shape and header are right. Nothing that it says is known to be true.
#[derive(Debug)]
pub struct Unverified<'a> {
    header: Header,
    signed: &'a str,
    payload: &'a str,
    signature: Vec<u8>,
}

/// A token whose signature, algorithm and claims are right.
#[derive(Debug)]
pub struct Verified {
    header: Map<String, Value>,
    claims: Map<String, Value>,
    json: String,
}

impl Verified {
    /// The header's members.
    #[must_use]
    pub fn header(&self) -> &Map<String, Value> {
        &self.header
    }

    /// The claims.
    #[must_use]
    pub fn claims(&self) -> &Map<String, Value> {
        &self.claims
    }

    /// The claims as they were signed, letter by letter: numbers beyond a double keep their digits.
    #[must_use]
    pub fn claims_json(&self) -> &str {
        &self.json
    }

    /// The claims, the rest given up.
    #[must_use]
    pub fn into_claims(self) -> Map<String, Value> {
        self.claims
    }
}

impl<'a> Unverified<'a> {
    /// Takes a token apart: exactly three segments of canonical base64url, the first a header that
    /// obeys every rule that holds whatever the key.
    ///
    /// # Errors
    /// - [`Error::TokenTooLarge`], [`Error::TokenMalformed`], [`Error::TokenDuplicateMember`].
    /// - [`Error::TokenAlgorithmUnknown`], [`Error::TokenCriticalHeader`],
    ///   [`Error::TokenEmbeddedKey`].
    ///
    /// # Source
    /// RFC 7515 §5.2, §7.1; RFC 8725 §3.
    pub fn parse(token: &'a str) -> Result<Self> {
        if token.len() > MAX_TOKEN_BYTES {
            return Err(Error::TokenTooLarge);
        }
        let (signed, signature) = token.rsplit_once('.').ok_or(Error::TokenMalformed)?;
        let (header, payload) = signed.split_once('.').ok_or(Error::TokenMalformed)?;
        if header.is_empty() || payload.is_empty() || payload.contains('.') {
            return Err(Error::TokenMalformed);
        }
        let header = Header::parse(&base64url::decode(header).ok_or(Error::TokenMalformed)?)?;
        let signature = base64url::decode(signature).ok_or(Error::TokenMalformed)?;
        Ok(Self { header, signed, payload, signature })
    }

    /// The key that the sender says it used; anything at all. See [`Header::kid`].
    #[must_use]
    pub fn kid(&self) -> Option<&str> {
        self.header.kid()
    }

    /// The algorithm that the sender says it used.
    #[must_use]
    pub fn algorithm(&self) -> Algorithm {
        self.header.algorithm()
    }

    /// Judges signature, type and claims.
    ///
    /// # Errors
    /// - [`Error::TokenAlgorithmNotAllowed`]: not in the caller's list, or not for this key.
    /// - [`Error::TokenSignatureInvalid`].
    /// - [`Error::TokenTypeMismatch`], and those of the claims: [`Error::TokenExpired`],
    ///   [`Error::TokenNotYetValid`], [`Error::TokenClaimMissing`], [`Error::TokenClaimInvalid`],
    ///   [`Error::TokenAudienceMismatch`], [`Error::TokenIssuerMismatch`].
    /// - [`Error::LeewayOutOfRange`]: the caller's mistake.
    pub fn verify_with(&self, key: &VerificationKey, expected: &Expectations<'_>) -> Result<Verified> {
        self.verify_signature(key, expected)?;
        self.judge(expected)
    }

    fn verify_signature(&self, key: &VerificationKey, expected: &Expectations<'_>) -> Result<()> {
        if !expected.algorithms.contains(&self.algorithm()) {
            return Err(Error::TokenAlgorithmNotAllowed);
        }
        key.verify(self.algorithm(), self.signed.as_bytes(), &self.signature)
    }

    /// What the signed payload says; called only once the signature is right.
    fn judge(&self, expected: &Expectations<'_>) -> Result<Verified> {
        expected.judge_leeway()?;
        if !self.header.has_type(expected.types) {
            return Err(Error::TokenTypeMismatch);
        }
        let (claims, json) = self.read_claims()?;
        expected.judge(&claims)?;
        Ok(Verified { header: self.header.members().clone(), claims, json })
    }

    fn read_claims(&self) -> Result<(Map<String, Value>, String)> {
        let bytes = base64url::decode(self.payload).ok_or(Error::TokenMalformed)?;
        let claims = json::parse_object(&bytes)?;
        Ok((claims, String::from_utf8(bytes).map_err(|_| Error::TokenMalformed)?))
    }
}

/// Verifies a token with the keys that the caller trusts.
///
/// With several keys, a `kid` must name one of them; without a `kid` each key that fits the
/// algorithm is tried. A single key that has no name is tried whatever the token's `kid`.
///
/// # Errors
/// As [`Unverified::parse`] and [`Unverified::verify_with`], and [`Error::TokenKeyUnknown`]: the
/// `kid` names none of the keys.
pub fn verify(token: &str, keys: &KeySet, expected: &Expectations<'_>) -> Result<Verified> {
    let token = Unverified::parse(token)?;
    if let (Some(kid), false) = (token.kid(), is_nameless(keys)) {
        let named = keys.keys().iter().find(|key| key.kid() == Some(kid));
        return token.verify_with(named.ok_or(Error::TokenKeyUnknown)?, expected);
    }
    // No key at all fits: it is the algorithm that is wrong, not the signature.
    let mut outcome = Err(Error::TokenAlgorithmNotAllowed);
    for key in keys.keys().iter().filter(|key| key.fits(token.algorithm())) {
        outcome = token.verify_signature(key, expected);
        if outcome.is_ok() {
            break;
        }
    }
    outcome?;
    token.judge(expected)
}

fn is_nameless(keys: &KeySet) -> bool {
    matches!(keys.keys(), [only] if only.kid().is_none())
}

/// Header and claims of a token that nobody has verified; for debugging.
///
/// # Errors
/// - [`Error::TokenTooLarge`], [`Error::TokenMalformed`], [`Error::TokenDuplicateMember`]. The
///   rules about algorithms and keys are not applied.
pub fn decode_unverified(token: &str) -> Result<(Map<String, Value>, Map<String, Value>)> {
    if token.len() > MAX_TOKEN_BYTES {
        return Err(Error::TokenTooLarge);
    }
    let segments: Vec<&str> = token.split('.').collect();
    let [header, payload, signature] = segments[..] else { return Err(Error::TokenMalformed) };
    let object = |segment| -> Result<_> {
        Ok(json::parse_object(&base64url::decode(segment).ok_or(Error::TokenMalformed)?)?)
    };
    base64url::decode(signature).ok_or(Error::TokenMalformed)?;
    Ok((object(header)?, object(payload)?))
}

//! Judging tokens. A [`Verified`] comes from here and from nowhere else.

use std::fmt;

use serde_json::{Map, Value};

use super::algorithm::Algorithm;
use super::claims::{Expectations, Validity};
use super::header::Header;
use super::key::{KeySet, VerificationKey};
use super::{MAX_TOKEN_BYTES, base64url, json};
use crate::{Error, Result};

/// A token whose shape and header are right. Nothing that it says is known to be true.
///
/// # Security
/// But for the issuer, its payload is not even read as JSON before the signature is right, and its
/// `Debug` shows the header only, since the rest would be the bearer's credential.
pub struct Unverified<'a> {
    header: Header,
    signed: &'a str,
    payload: Vec<u8>,
    signature: Vec<u8>,
}

/// A token whose signature, algorithm, type and claims are right.
pub struct Verified {
    header: Header,
    claims: Map<String, Value>,
    json: String,
    validity: Validity,
}

impl<'a> Unverified<'a> {
    /// Takes a token apart: exactly three segments of canonical base64url, the first a header that
    /// obeys every rule that holds whatever the key.
    ///
    /// # Errors
    /// - [`Error::TokenTooLarge`]: over [`MAX_TOKEN_BYTES`].
    /// - [`Error::TokenMalformed`]: another shape, such as the JSON serialisation or a JWE, or a
    ///   header member of the wrong type.
    /// - [`Error::TokenDuplicateMember`], [`Error::TokenCriticalHeader`],
    ///   [`Error::TokenEmbeddedKey`], [`Error::TokenAlgorithmUnknown`]: see there.
    ///
    /// # Source
    /// RFC 7515 §5.2, §7.1; RFC 8725 §3.
    pub fn parse(token: &'a str) -> Result<Self> {
        let Segments { signed, header, payload, signature } = Segments::split(token)?;
        let mut decoded = Vec::with_capacity(header.len().max(signature.len()));
        base64url::decode_onto(header, &mut decoded)?;
        let header = Header::parse(&decoded)?;
        decoded.clear();
        base64url::decode_onto(signature, &mut decoded)?;
        Ok(Self { header, signed, payload: base64url::decode_segment(payload)?, signature: decoded })
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

    /// The issuer that the sender says it is; anything at all, and good for one thing: choosing
    /// whose keys to verify with, whereupon `iss` is compared again.
    #[must_use]
    pub fn unverified_issuer(&self) -> Option<String> {
        match json::parse_object(&self.payload).ok()?.remove("iss") {
            Some(Value::String(issuer)) => Some(issuer),
            _ => None,
        }
    }

    /// Judges algorithm, signature, type and claims, in this order. Which key a `kid` stands for is
    /// the caller's to know.
    ///
    /// # Errors
    /// - [`Error::LeewayOutOfRange`], [`Error::KeyTooWeak`]: the caller's mistake, not the token's.
    /// - [`Error::TokenAlgorithmNotAllowed`]: not in the caller's list, or not for this key.
    /// - [`Error::TokenSignatureInvalid`].
    /// - [`Error::TokenTypeMismatch`].
    /// - [`Error::TokenMalformed`], [`Error::TokenDuplicateMember`]: the payload is no strict JSON
    ///   object.
    /// - [`Error::TokenClaimInvalid`], [`Error::TokenClaimMissing`], [`Error::TokenExpired`],
    ///   [`Error::TokenNotYetValid`], [`Error::TokenAudienceMismatch`],
    ///   [`Error::TokenIssuerMismatch`].
    pub fn verify_with(self, key: &VerificationKey, expected: &Expectations<'_>) -> Result<Verified> {
        self.need_allowed(expected)?;
        self.verify_signature(key)?;
        self.judge(expected)
    }

    /// RFC 8725 §3.1: the caller says which algorithms there are, never the token.
    fn need_allowed(&self, expected: &Expectations<'_>) -> Result<()> {
        expected.judge_leeway()?;
        if expected.algorithms.contains(&self.algorithm()) {
            Ok(())
        } else {
            Err(Error::TokenAlgorithmNotAllowed)
        }
    }

    pub(super) fn verify_signature(&self, key: &VerificationKey) -> Result<()> {
        key.verify(self.algorithm(), self.signed.as_bytes(), &self.signature)
    }

    /// What the payload says; called only once the signature is right.
    fn judge(self, expected: &Expectations<'_>) -> Result<Verified> {
        if !self.header.has_type(expected.types) {
            return Err(Error::TokenTypeMismatch);
        }
        let claims = json::parse_object(&self.payload)?;
        let validity = expected.judge(&claims)?;
        let json = String::from_utf8(self.payload).map_err(|_| Error::TokenMalformed)?;
        Ok(Verified { header: self.header, claims, json, validity })
    }
}

impl fmt::Debug for Unverified<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Unverified").field("header", &self.header).finish_non_exhaustive()
    }
}

impl Verified {
    /// The header's members.
    #[must_use]
    pub fn header(&self) -> &Map<String, Value> {
        self.header.members()
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

    /// When it is valid. Whoever keeps a verified token asks this at every use.
    #[must_use]
    pub fn validity(&self) -> Validity {
        self.validity
    }

    /// The claims, the rest given up.
    #[must_use]
    pub fn into_claims(self) -> Map<String, Value> {
        self.claims
    }
}

impl fmt::Debug for Verified {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verified").field("header", &self.header).finish_non_exhaustive()
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
    token.need_allowed(expected)?;
    match token.kid() {
        Some(kid) if !keys.is_one_nameless() => {
            token.verify_signature(keys.named(kid).ok_or(Error::TokenKeyUnknown)?)?;
        }
        _ => verify_with_any(&token, keys)?,
    }
    token.judge(expected)
}

/// Tries the keys that fit the algorithm. When none does, it is the algorithm that is wrong.
fn verify_with_any(token: &Unverified<'_>, keys: &KeySet) -> Result<()> {
    let mut outcome = Err(Error::TokenAlgorithmNotAllowed);
    for key in keys.fitting(token.algorithm()) {
        outcome = token.verify_signature(key);
        if outcome.is_ok() {
            break;
        }
    }
    outcome
}

/// Header and claims of a token that nobody has verified; for debugging.
///
/// # Errors
/// - [`Error::TokenTooLarge`], [`Error::TokenMalformed`], [`Error::TokenDuplicateMember`]: as for
///   [`Unverified::parse`]. The rules about algorithms and keys are not applied.
/// - [`Error::TokenClaimInvalid`]: a number that is beyond any double.
pub fn decode_unverified(token: &str) -> Result<(Map<String, Value>, Map<String, Value>)> {
    let Segments { header, payload, signature, .. } = Segments::split(token)?;
    base64url::decode_segment(signature)?;
    let object = |segment| -> Result<_> { Ok(json::parse_object(&base64url::decode_segment(segment)?)?) };
    Ok((object(header)?, object(payload)?))
}

/// The three segments, still encoded.
struct Segments<'a> {
    /// Header and payload with the dot between: what the signature is over.
    signed: &'a str,
    header: &'a str,
    payload: &'a str,
    signature: &'a str,
}

impl<'a> Segments<'a> {
    fn split(token: &'a str) -> Result<Self> {
        if token.len() > MAX_TOKEN_BYTES {
            return Err(Error::TokenTooLarge);
        }
        // A fourth segment leaves a dot in the payload, which is no base64url.
        let (signed, signature) = token.rsplit_once('.').ok_or(Error::TokenMalformed)?;
        let (header, payload) = signed.split_once('.').ok_or(Error::TokenMalformed)?;
        if header.is_empty() || payload.is_empty() {
            return Err(Error::TokenMalformed);
        }
        Ok(Self { signed, header, payload, signature })
    }
}

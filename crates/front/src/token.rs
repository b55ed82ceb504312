//! Verifying tokens in the front, for databases that can not load the extension: the core judges,
//! in PostgREST's terms.
//!
//! What a token said is remembered so that its signature is judged once; whether it still holds is
//! asked every time.

mod cache;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use cache::Cache;
use gatehouse_core::Error as CoreError;
use gatehouse_core::jwt::{Algorithm, Expectations, KeySet, decode_unverified, verify};
use serde_json::{Map, Value};

use crate::config::{ClaimPath, TokenSettings};
use crate::error::TokenProblem;

/// By how much clocks may differ, in seconds; PostgREST's.
const LEEWAY: i64 = 30;

/// Secrets and public keys are never mixed in one set, so a token can not choose between them.
const ALGORITHMS: [Algorithm; 12] = [
    Algorithm::Hs256,
    Algorithm::Hs384,
    Algorithm::Hs512,
    Algorithm::Rs256,
    Algorithm::Rs384,
    Algorithm::Rs512,
    Algorithm::Ps256,
    Algorithm::Ps384,
    Algorithm::Ps512,
    Algorithm::Es256,
    Algorithm::Es384,
    Algorithm::EdDsa,
];

/// What a verified token says.
#[derive(Debug)]
pub(crate) struct Session {
    /// The role it names, if it does.
    pub(crate) role: Option<String>,
    claims: Map<String, Value>,
    /// The claims as they were signed.
    json: String,
    /// Seconds since 1970.
    expires: Option<f64>,
}

impl Session {
    /// The claims with this role among them, as JSON.
    pub(crate) fn claims_with(&self, role: &str) -> String {
        if self.claims.get("role").and_then(Value::as_str) == Some(role) {
            return self.json.clone();
        }
        let mut claims = self.claims.clone();
        claims.insert("role".to_owned(), Value::from(role));
        Value::Object(claims).to_string()
    }
}

/// Judges tokens and remembers them.
pub(crate) struct Verifier {
    keys: KeySet,
    audience: Option<String>,
    role_claim: ClaimPath,
    cache: Cache,
}

impl std::fmt::Debug for Verifier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Verifier").field("audience", &self.audience).finish_non_exhaustive()
    }
}

impl Verifier {
    /// # Errors
    /// The keys are none; the configuration has judged them before.
    pub(crate) fn new(settings: &TokenSettings) -> Result<Self, CoreError> {
        Ok(Self {
            keys: KeySet::parse(settings.keys.expose())?,
            audience: settings.audience.clone(),
            role_claim: settings.role_claim.clone(),
            cache: Cache::new(settings.cache_size),
        })
    }

    /// What the token says, if it holds at `now`, in seconds since 1970.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(crate) fn verify(&self, token: &str, now: i64) -> Result<Arc<Session>, TokenProblem> {
        if let Some(session) = self.cache.find(token) {
            if session.expires.is_some_and(|expires| is_over(expires, now)) {
                self.cache.forget(token);
                return Err(TokenProblem::claims("JWT expired"));
            }
            return Ok(session);
        }
        let session = Arc::new(self.judge(token, now)?);
        self.cache.keep(token, &session);
        Ok(session)
    }

    fn judge(&self, token: &str, now: i64) -> Result<Session, TokenProblem> {
        if token.is_empty() {
            return Err(TokenProblem::Empty);
        }
        let parts = token.split('.').count();
        if parts != 3 {
            return Err(TokenProblem::token(format!("Expected 3 parts in JWT; got {parts}")));
        }
        let mut expected = Expectations::new(&ALGORITHMS, now);
        (expected.leeway, expected.required) = (LEEWAY, &[]);
        let verified = verify(token, &self.keys, &expected).map_err(|error| problem(&error, token, now))?;
        let json = verified.claims_json().to_owned();
        let claims = verified.into_claims();
        self.judge_audience(&claims)?;
        Ok(Session {
            role: self.role_claim.find(&claims),
            expires: claims.get("exp").and_then(Value::as_f64),
            claims,
            json,
        })
    }

    /// A token for nobody in particular is for everybody.
    fn judge_audience(&self, claims: &Map<String, Value>) -> Result<(), TokenProblem> {
        let (Some(expected), Some(audience)) = (&self.audience, claims.get("aud")) else { return Ok(()) };
        let named = match audience {
            Value::Array(several) => several.is_empty() || several.iter().any(|one| one == expected),
            one => one == expected,
        };
        if named { Ok(()) } else { Err(TokenProblem::claims("JWT not in audience")) }
    }
}

#[expect(clippy::cast_precision_loss, reason = "seconds since 1970 are far below 2^52")]
fn is_over(expires: f64, now: i64) -> bool {
    expires <= now.saturating_sub(LEEWAY) as f64
}

/// The core's judgement in PostgREST's words. The claims are told only when the signature is right:
/// the core looks at them last.
fn problem(error: &CoreError, token: &str, now: i64) -> TokenProblem {
    match error {
        CoreError::TokenExpired => TokenProblem::claims("JWT expired"),
        CoreError::TokenNotYetValid => TokenProblem::claims(if begins_later(token, now) {
            "JWT not yet valid"
        } else {
            "JWT issued at future"
        }),
        CoreError::TokenAudienceMismatch => TokenProblem::claims("JWT not in audience"),
        CoreError::TokenClaimInvalid { claim } => match &**claim {
            name @ ("exp" | "nbf" | "iat") => {
                TokenProblem::claims(format!("The JWT '{name}' claim must be a number"))
            }
            "aud" => TokenProblem::claims("The JWT 'aud' claim must be a string or an array of strings"),
            _ => TokenProblem::claims("Parsing claims failed"),
        },
        CoreError::TokenSignatureInvalid
        | CoreError::TokenKeyUnknown
        | CoreError::TokenAlgorithmNotAllowed
        | CoreError::KeyTooWeak { .. } => TokenProblem::detailed(
            "No suitable key or wrong key type",
            "None of the keys was able to decode the JWT",
        ),
        CoreError::TokenMalformed => TokenProblem::token("JWT cryptographic operation failed"),
        CoreError::TokenAlgorithmUnknown => TokenProblem::detailed(
            "Wrong or unsupported encoding algorithm",
            "JWT is unsecured but expected 'alg' was not 'none'",
        ),
        _ => TokenProblem::token("JWT couldn't be decoded"),
    }
}

#[expect(clippy::cast_precision_loss, reason = "seconds since 1970 are far below 2^52")]
fn begins_later(token: &str, now: i64) -> bool {
    let claims = decode_unverified(token).map(|(_, claims)| claims).unwrap_or_default();
    claims.get("nbf").and_then(Value::as_f64).is_some_and(|nbf| nbf > now.saturating_add(LEEWAY) as f64)
}

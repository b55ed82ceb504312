//! The registered claims and what a caller expects of them. Judged only when the signature is
//! right: what an unverified token claims is nobody's business.

use serde_json::{Map, Value};

use super::algorithm::Algorithm;
use crate::{Error, Result};

/// The largest leeway, in seconds.
pub const MAX_LEEWAY: i64 = 300;

/// One more than the largest date: beyond 2^53 a double skips seconds.
const DATE_END: f64 = 9_007_199_254_740_992.0;

/// What a token must be for this caller.
#[derive(Clone, Copy, Debug)]
pub struct Expectations<'a> {
    /// The algorithms that the caller accepts. A token with any other is refused, and so is every
    /// token when the list is empty (RFC 8725 §3.1).
    pub algorithms: &'a [Algorithm],
    /// Who the caller is. When given, `aud` must be there and name it, in exact spelling. When not
    /// given, `aud` is only checked for its type.
    pub audience: Option<&'a str>,
    /// Who must have made the token. When given, `iss` must be there and be exactly it.
    pub issuer: Option<&'a str>,
    /// By how much the clocks may differ, in seconds, `0..=`[`MAX_LEEWAY`].
    pub leeway: i64,
    /// The claims that must be there; one that is `null` is not there.
    pub required: &'a [&'a str],
    /// The accepted `typ` headers, compared without regard to case and to a leading
    /// `application/`. When empty, any `typ` and none is accepted; an empty name in the list
    /// accepts a token without `typ`.
    pub types: &'a [&'a str],
    /// The present, in seconds since 1970-01-01T00:00:00Z.
    pub now: i64,
}

impl<'a> Expectations<'a> {
    /// The least that is sensible: these algorithms, `exp` required, no leeway; any audience,
    /// issuer and type.
    #[must_use]
    pub const fn new(algorithms: &'a [Algorithm], now: i64) -> Self {
        Self { algorithms, audience: None, issuer: None, leeway: 0, required: &["exp"], types: &[], now }
    }

    pub(super) fn judge_leeway(&self) -> Result<()> {
        if (0..=MAX_LEEWAY).contains(&self.leeway) { Ok(()) } else { Err(Error::LeewayOutOfRange) }
    }

    /// Judges verified claims: first their types, then what is missing, then time, then whom the
    /// token is for and from.
    pub(super) fn judge(&self, claims: &Map<String, Value>) -> Result<Validity> {
        let validity = Validity { leeway: self.leeway, ..Validity::read(claims)? };
        judge_types(claims)?;
        if let Some(missing) = self.required.iter().find(|name| is_missing(claims, name)) {
            return Err(Error::TokenClaimMissing { claim: (*missing).into() });
        }
        validity.judge_at(self.now)?;
        self.judge_audience(claims)?;
        self.judge_issuer(claims)?;
        Ok(validity)
    }

    /// # Source
    /// RFC 7519 §4.1.3, RFC 8725 §3.9.
    fn judge_audience(&self, claims: &Map<String, Value>) -> Result<()> {
        let Some(expected) = self.audience else { return Ok(()) };
        let named = match claims.get("aud") {
            Some(Value::String(one)) => one == expected,
            Some(Value::Array(several)) => several.iter().any(|one| one == expected),
            _ => false,
        };
        if named { Ok(()) } else { Err(Error::TokenAudienceMismatch) }
    }

    /// # Source
    /// RFC 7519 §4.1.1, RFC 8725 §3.8.
    fn judge_issuer(&self, claims: &Map<String, Value>) -> Result<()> {
        let Some(expected) = self.issuer else { return Ok(()) };
        if claims.get("iss").is_some_and(|issuer| issuer == expected) {
            Ok(())
        } else {
            Err(Error::TokenIssuerMismatch)
        }
    }
}

/// When a token is valid: the one part of the judgement that another moment changes.
///
/// Dates are seconds since 1970 with fractions, at least 0 and below 2^53.
#[derive(Clone, Copy, Debug)]
pub struct Validity {
    exp: Option<f64>,
    nbf: Option<f64>,
    iat: Option<f64>,
    leeway: i64,
}

impl Validity {
    fn read(claims: &Map<String, Value>) -> Result<Self> {
        let dates = Self {
            exp: numeric_date(claims, "exp")?,
            nbf: numeric_date(claims, "nbf")?,
            iat: numeric_date(claims, "iat")?,
            leeway: 0,
        };
        match dates {
            // Valid at no time: a mistake or a trick, whatever the clock says.
            Self { exp: Some(exp), nbf: Some(nbf), .. } if nbf > exp => Err(invalid("nbf")),
            dates => Ok(dates),
        }
    }

    /// Judges the dates at another moment than that of the verification, by the same rules.
    ///
    /// # Errors
    /// - [`Error::TokenExpired`], [`Error::TokenNotYetValid`].
    ///
    /// # Source
    /// RFC 7519 §4.1.4: a token is expired "on or after" `exp`; §4.1.5 `nbf`; §4.1.6 `iat`.
    pub fn judge_at(&self, now: i64) -> Result<()> {
        let earliest = seconds(now.saturating_sub(self.leeway));
        let latest = seconds(now.saturating_add(self.leeway));
        if self.exp.is_some_and(|exp| exp <= earliest) {
            return Err(Error::TokenExpired);
        }
        if [self.nbf, self.iat].into_iter().flatten().any(|date| date > latest) {
            return Err(Error::TokenNotYetValid);
        }
        Ok(())
    }
}

/// A date claim, when it is there.
///
/// # Errors
/// - [`Error::TokenClaimInvalid`] when it is no number, negative, or 2^53 or more.
///
/// # Source
/// RFC 7519 §2, NumericDate.
pub(super) fn numeric_date(claims: &Map<String, Value>, name: &str) -> Result<Option<f64>> {
    let Some(value) = claims.get(name) else { return Ok(None) };
    match value.as_f64() {
        Some(date) if (0.0..DATE_END).contains(&date) => Ok(Some(date)),
        _ => Err(invalid(name)),
    }
}

/// `aud` is a string or an array of strings, `iss` and `sub` are strings.
fn judge_types(claims: &Map<String, Value>) -> Result<()> {
    let audience = claims.get("aud").is_none_or(|aud| match aud {
        Value::Array(several) => several.iter().all(Value::is_string),
        one => one.is_string(),
    });
    if !audience {
        return Err(invalid("aud"));
    }
    for name in ["iss", "sub"] {
        if !claims.get(name).is_none_or(Value::is_string) {
            return Err(invalid(name));
        }
    }
    Ok(())
}

fn is_missing(claims: &Map<String, Value>, name: &str) -> bool {
    claims.get(name).is_none_or(Value::is_null)
}

fn invalid(name: &str) -> Error {
    Error::TokenClaimInvalid { claim: name.into() }
}

/// Exact up to 2^53 either way; beyond, rounding can not cross a date, all of which are below.
fn seconds(whole: i64) -> f64 {
    whole as f64
}

//! What the client shows of itself. The front verifies nothing: it passes the token on, and looks
//! at the role it names only to choose a pool, a scope for prepared statements and between 401 and
//! 403. Whatever a forged token names, the database refuses it first.

use std::borrow::Cow;

use axum::http::header::AUTHORIZATION;
use axum::http::{HeaderMap, HeaderName};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;

use crate::error::{Error, TokenProblem};

const API_KEY: HeaderName = HeaderName::from_static("apikey");

/// Who asks.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Credential<'a> {
    Anonymous,
    Bearer(Bearer<'a>),
}

/// A token that nobody has verified yet.
#[derive(PartialEq, Eq)]
pub(crate) struct Bearer<'a> {
    token: &'a str,
    unverified_role: Option<String>,
}

impl std::fmt::Debug for Bearer<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Bearer").field("unverified_role", &self.unverified_role).finish_non_exhaustive()
    }
}

impl<'a> Bearer<'a> {
    pub(crate) fn new(token: &'a str) -> Self {
        Self { token, unverified_role: unverified_role(token) }
    }

    /// For the database only.
    pub(crate) fn token(&self) -> &'a str {
        self.token
    }

    /// The role that the token claims, true or not.
    pub(crate) fn unverified_role(&self) -> Option<&str> {
        self.unverified_role.as_deref()
    }
}

impl<'a> Credential<'a> {
    /// `Authorization: Bearer`, else the `apikey` header, else nobody. Other schemes are none of
    /// our business. Without `api_key` the header of that name is none either: PostgREST does not
    /// know it.
    pub(crate) fn parse(headers: &'a HeaderMap, api_key: bool) -> Result<Self, Error> {
        if let Some(header) = headers.get(AUTHORIZATION) {
            let text = header.to_str().map_err(|_| Error::InvalidToken(TokenProblem::Malformed))?;
            if let Some(token) = bearer(text) {
                return if token.is_empty() {
                    Err(Error::InvalidToken(TokenProblem::Empty))
                } else {
                    Ok(Self::Bearer(Bearer::new(token)))
                };
            }
        }
        match headers.get(API_KEY).filter(|_| api_key) {
            None => Ok(Self::Anonymous),
            Some(key) if key.is_empty() => Ok(Self::Anonymous),
            Some(key) => match key.to_str() {
                Ok(token) => Ok(Self::Bearer(Bearer::new(token))),
                Err(_) => Err(Error::InvalidToken(TokenProblem::Malformed)),
            },
        }
    }
}

/// The token of the `Bearer` scheme, whose name may be in any case (RFC 9110 §11.1).
fn bearer(header: &str) -> Option<&str> {
    let header = header.trim_start();
    let (scheme, token) = header.split_once([' ', '\t']).unwrap_or((header, ""));
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

fn unverified_role(token: &str) -> Option<String> {
    #[derive(Deserialize)]
    struct Claims<'a> {
        #[serde(borrow)]
        role: Option<Cow<'a, str>>,
    }
    let payload = token.split('.').nth(1)?;
    let json = URL_SAFE_NO_PAD.decode(payload).ok()?;
    let claims: Claims<'_> = serde_json::from_slice(&json).ok()?;
    claims.role.map(Cow::into_owned)
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderMap, HeaderName, HeaderValue};
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;

    use super::Credential;
    use crate::error::{Error, TokenProblem};

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let pair = |(name, value): &(&'static str, &str)| {
            (HeaderName::from_static(name), HeaderValue::from_str(value).unwrap())
        };
        pairs.iter().map(pair).collect()
    }

    fn token(pairs: &[(&'static str, &str)]) -> Option<String> {
        match Credential::parse(&headers(pairs), true).unwrap() {
            Credential::Anonymous => None,
            Credential::Bearer(bearer) => Some(bearer.token().to_owned()),
        }
    }

    #[test]
    fn the_scheme_is_read_in_any_case() {
        for scheme in ["Bearer", "bearer", "BEARER"] {
            assert_eq!(token(&[("authorization", &format!("{scheme} a.b.c"))]).unwrap(), "a.b.c");
        }
    }

    #[test]
    fn the_api_key_stands_in_for_a_missing_bearer_only() {
        assert_eq!(token(&[("apikey", "k")]).unwrap(), "k");
        assert_eq!(token(&[("apikey", "k"), ("authorization", "Basic eDp5")]).unwrap(), "k");
        assert_eq!(token(&[("apikey", "k"), ("authorization", "Bearer t")]).unwrap(), "t");
        assert_eq!(token(&[("authorization", "Basic eDp5")]), None);
        assert_eq!(token(&[]), None);
    }

    #[test]
    fn an_empty_bearer_is_an_invalid_token_and_not_nobody() {
        for value in ["Bearer", "Bearer ", "bearer   "] {
            let headers = headers(&[("authorization", value), ("apikey", "k")]);
            let error = Credential::parse(&headers, true).unwrap_err();
            assert!(matches!(error, Error::InvalidToken(TokenProblem::Empty)), "{value}");
        }
    }

    #[test]
    fn the_claimed_role_is_seen_without_trust() {
        let claims = URL_SAFE_NO_PAD.encode(r#"{"sub":"x","role":"service_role"}"#);
        let token = format!("Bearer x.{claims}.forged");
        let headers = headers(&[("authorization", &token)]);
        let Credential::Bearer(bearer) = Credential::parse(&headers, true).unwrap() else {
            panic!("no bearer")
        };
        assert_eq!(bearer.unverified_role(), Some("service_role"));
        assert!(!format!("{bearer:?}").contains("forged"));
    }

    #[test]
    fn a_token_that_is_no_token_claims_no_role() {
        for text in ["x", "a.b.c", "..", "a.e30.c", "a.eyJyb2xlIjoxfQ.c"] {
            assert_eq!(super::unverified_role(text), None, "{text}");
        }
    }
}

//! What the client shows of itself. The front verifies nothing: it passes the token on, and looks
//! at the role it names only to choose a pool, a scope for prepared statements and between 401 and
//! 403. Whatever a forged token names, the database refuses it first.

use std::borrow::Cow;

use axum::http::header::{AUTHORIZATION, ORIGIN, USER_AGENT};
use axum::http::{HeaderMap, HeaderName};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;

use crate::error::{Error, TokenProblem};

/// The role that no row-level security holds back.
const SERVICE_ROLE: &str = "service_role";

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
                    Self::bearer(token, headers)
                };
            }
        }
        match headers.get(API_KEY).filter(|_| api_key) {
            None => Ok(Self::Anonymous),
            Some(key) if key.is_empty() => Ok(Self::Anonymous),
            Some(key) => match key.to_str() {
                Ok(token) => Self::bearer(token, headers),
                Err(_) => Err(Error::InvalidToken(TokenProblem::Malformed)),
            },
        }
    }

    /// A service key that a browser sends has been published with the page: it opens nothing, so
    /// that whoever deploys such a page notices before others do.
    fn bearer(token: &'a str, headers: &HeaderMap) -> Result<Self, Error> {
        let bearer = Bearer::new(token);
        if bearer.unverified_role() == Some(SERVICE_ROLE) && is_from_browser(headers) {
            return Err(Error::ServiceKeyInBrowser);
        }
        Ok(Self::Bearer(bearer))
    }
}

/// What browsers send and scripts cannot take away (Fetch Standard, forbidden request headers), or
/// what they call themselves. `Sec-Fetch-Mode` alone is no sign: Node.js sends it too.
fn is_from_browser(headers: &HeaderMap) -> bool {
    headers.contains_key("sec-fetch-site")
        || headers.contains_key(ORIGIN)
        || headers.get(USER_AGENT).is_some_and(|agent| agent.as_bytes().starts_with(b"Mozilla/"))
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
    fn a_service_key_opens_nothing_from_a_browser() {
        let claims = URL_SAFE_NO_PAD.encode(r#"{"role":"service_role"}"#);
        let (bearer, key) = (format!("Bearer x.{claims}.y"), format!("x.{claims}.y"));
        let browser = [
            ("user-agent", "Mozilla/5.0 (X11; Linux x86_64)"),
            ("origin", "https://app.example"),
            ("sec-fetch-site", "cross-site"),
        ];
        for sign in browser {
            for credential in [("authorization", bearer.as_str()), ("apikey", key.as_str())] {
                let headers = headers(&[credential, sign]);
                let error = Credential::parse(&headers, true).unwrap_err();
                assert!(matches!(error, Error::ServiceKeyInBrowser), "{sign:?}");
            }
        }
        assert!(
            token(&[("authorization", &bearer), ("sec-fetch-mode", "cors"), ("user-agent", "node")])
                .is_some()
        );
    }

    #[test]
    fn a_token_that_is_no_token_claims_no_role() {
        for text in ["x", "a.b.c", "..", "a.e30.c", "a.eyJyb2xlIjoxfQ.c"] {
            assert_eq!(super::unverified_role(text), None, "{text}");
        }
    }
}

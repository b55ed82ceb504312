//! The session that a browser's cookies hold, with an access token that counts.
//!
//! An access token that has expired or is about to is exchanged within the request that brought it.
//! Requests that come at once bring the same refresh token: the database answers all of them with the
//! same next one, within its reuse interval.

use axum::http::StatusCode;

use super::claims::Claims;
use super::cookies::Cookies;
use crate::auth::calls::{self, Call, Session};
use crate::auth::error::AuthError;
use crate::auth::secret::Secret;

/// What the cookies hold. At least one is there.
#[derive(Debug)]
pub(crate) struct Tokens {
    pub(crate) access: Option<Secret>,
    pub(crate) refresh: Option<Secret>,
}

impl Tokens {
    pub(crate) fn of(cookies: &Cookies) -> Option<Self> {
        let (access, refresh) = (cookies.access_token(), cookies.refresh_token());
        (access.is_some() || refresh.is_some()).then_some(Self { access, refresh })
    }
}

/// What became of them.
#[derive(Debug)]
pub(crate) enum Resolved {
    /// Go on with this access token.
    Good(Secret),
    /// Go on with the session's new tokens, and give them to the browser.
    Renewed(Box<Session>),
    /// The session is over: the cookies are worth nothing.
    Over,
    /// Nobody knows: the database is away or wants a pause.
    Unknown(AuthError),
}

/// `public`: a call as nobody. `now`: seconds since 1970.
pub(crate) async fn resolve(public: &Call<'_>, tokens: Tokens, now: i64) -> Resolved {
    let claims = tokens.access.as_ref().map(|access| Claims::of(access.expose()));
    match tokens {
        Tokens { access: Some(access), .. } if claims.as_ref().is_some_and(|claims| !claims.is_due(now)) => {
            Resolved::Good(access)
        }
        Tokens { access, refresh: Some(refresh) } => {
            let still_good = claims.is_some_and(|claims| !claims.has_expired(now));
            let renewed = renew(public, &refresh).await;
            match (renewed, access) {
                // It has half a minute left; the next request tries again.
                (Resolved::Unknown(_), Some(access)) if still_good => Resolved::Good(access),
                (resolved, _) => resolved,
            }
        }
        // The database says what it thinks of it.
        Tokens { access: Some(access), refresh: None } => Resolved::Good(access),
        Tokens { access: None, refresh: None } => Resolved::Over,
    }
}

/// Exchanges the refresh token.
pub(crate) async fn renew(public: &Call<'_>, refresh: &Secret) -> Resolved {
    match calls::refresh(public, refresh).await {
        Ok(session) => Resolved::Renewed(Box::new(session)),
        Err(error) if is_final(&error) => Resolved::Over,
        Err(error) => Resolved::Unknown(error),
    }
}

/// Whether the refusal would be the same the next time.
fn is_final(error: &AuthError) -> bool {
    let status = error.status();
    status.is_client_error() && !matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::CONFLICT)
}

#[cfg(test)]
mod tests {
    use axum::http::StatusCode;

    use super::{AuthError, is_final};

    #[test]
    fn only_a_refusal_that_stays_ends_the_session() {
        let error = |status| AuthError::new(status, "x", "x");
        assert!(is_final(&error(StatusCode::BAD_REQUEST)));
        assert!(is_final(&error(StatusCode::FORBIDDEN)));
        for status in [
            StatusCode::TOO_MANY_REQUESTS,
            StatusCode::CONFLICT,
            StatusCode::SERVICE_UNAVAILABLE,
            StatusCode::GATEWAY_TIMEOUT,
            StatusCode::INTERNAL_SERVER_ERROR,
        ] {
            assert!(!is_final(&error(status)), "{status}");
        }
    }
}

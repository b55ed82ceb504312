//! What an access token says, read without trust: when it is to be exchanged, and what to show its
//! own holder. What it may do, the database says.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;

/// Seconds before its end in which a token is exchanged: as long as a request may take to arrive.
const SOON: i64 = 30;

#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
pub(crate) struct Claims {
    exp: Option<i64>,
    pub(crate) aal: Option<String>,
    pub(crate) session_id: Option<String>,
    pub(crate) tenant_slug: Option<String>,
    role: Option<String>,
}

impl Claims {
    /// Nothing at all of what is no token.
    pub(crate) fn of(token: &str) -> Self {
        let json = token.split('.').nth(1).and_then(|payload| URL_SAFE_NO_PAD.decode(payload).ok());
        json.and_then(|json| serde_json::from_slice(&json).ok()).unwrap_or_default()
    }

    /// Whether it has expired or is about to. `now`: seconds since 1970.
    pub(super) fn is_due(&self, now: i64) -> bool {
        self.exp.is_none_or(|exp| exp.saturating_sub(SOON) <= now)
    }

    pub(super) fn has_expired(&self, now: i64) -> bool {
        self.exp.is_none_or(|exp| exp <= now)
    }

    /// Whether it stands for nobody in particular.
    pub(super) fn has_role(&self, role: &str) -> bool {
        self.role.as_deref() == Some(role)
    }
}

#[cfg(test)]
mod tests {
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;

    use super::Claims;

    fn claims(json: &str) -> Claims {
        Claims::of(&format!("h.{}.s", URL_SAFE_NO_PAD.encode(json)))
    }

    #[test]
    fn a_token_is_exchanged_half_a_minute_before_its_end() {
        let claims = claims(r#"{"exp": 1000, "role": "anon", "roles": ["x"]}"#);
        assert!(!claims.is_due(969));
        assert!(claims.is_due(970));
        assert!(!claims.has_expired(999));
        assert!(claims.has_expired(1000));
        assert!(claims.has_role("anon") && !claims.has_role("authenticated"));
    }

    #[test]
    fn what_is_no_token_is_due() {
        for text in ["", "x", "a.b.c", "..", "a.e30.c"] {
            assert!(Claims::of(text).is_due(0), "{text}");
        }
        assert!(claims(r#"{"exp": "soon"}"#).has_expired(0));
        assert!(claims(r#"{"exp": -9223372036854775808}"#).is_due(i64::MIN));
    }
}

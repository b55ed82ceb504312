//! The one row that `auth.sign_up` and `auth.sign_in` give, and the session object made of it.

use bytes::Bytes;
use serde::Serialize;
use serde_json::value::RawValue;

use super::error::AuthError;
use crate::pg::Row;

/// What to select from such a function, aliased `s`; [`Outcome::read`] takes it in this order.
macro_rules! outcome_columns {
    () => {
        concat!(
            "select s.status, s.message, to_json(s.reasons)::text, s.retry_after::text, ",
            "s.access_token, s.refresh_token, ",
            "greatest(round(extract(epoch from s.expires_at - clock_timestamp())), 0)::int8::text, ",
            "extract(epoch from s.expires_at)::int8::text, s.\"user\"::text "
        )
    };
}
pub(super) use outcome_columns;

/// The row. Not `Debug`: it has tokens.
pub(super) struct Outcome {
    status: String,
    message: Option<String>,
    reasons: Option<String>,
    retry_after: Option<String>,
    access_token: Option<String>,
    refresh_token: Option<String>,
    expires_in: Option<String>,
    expires_at: Option<String>,
    user: Option<String>,
}

/// The session object of the auth API.
#[derive(Serialize)]
struct Session<'a> {
    access_token: &'a str,
    token_type: &'static str,
    /// Seconds.
    expires_in: i64,
    /// Unix time in seconds.
    expires_at: i64,
    refresh_token: Option<&'a str>,
    user: &'a RawValue,
}

impl Outcome {
    pub(super) fn read(rows: &[Row]) -> Result<Self, AuthError> {
        let row = rows.first().ok_or_else(|| AuthError::internal("the function gave no row"))?;
        let columns: [Option<Bytes>; 9] = row.columns();
        let [status, message, reasons, retry_after, access, refresh, expires_in, expires_at, user] =
            columns.map(|column| column.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()));
        Ok(Self {
            status: status.ok_or_else(|| AuthError::internal("the function gave no status"))?,
            message,
            reasons,
            retry_after,
            access_token: access,
            refresh_token: refresh,
            expires_in,
            expires_at,
            user,
        })
    }

    /// A session, as JSON.
    pub(super) fn into_session(self) -> Result<Vec<u8>, AuthError> {
        let outcome = self.unless_refused()?;
        outcome.session()?.ok_or_else(|| AuthError::internal("the function gave no session"))
    }

    /// A session, or the bare user where no session came into being, as JSON.
    pub(super) fn into_session_or_user(self) -> Result<Vec<u8>, AuthError> {
        let outcome = self.unless_refused()?;
        match outcome.session()? {
            Some(session) => Ok(session),
            None => outcome
                .user
                .map(String::into_bytes)
                .ok_or_else(|| AuthError::internal("the function gave no user")),
        }
    }

    fn unless_refused(self) -> Result<Self, AuthError> {
        // Clients of Supabase expect the session here, and use it to verify the second factor.
        let second_factor_due = self.status == "mfa_required" && self.access_token.is_some();
        if second_factor_due || matches!(self.status.as_str(), "ok" | "confirmation_required") {
            return Ok(self);
        }
        let reasons = self.reasons.and_then(|reasons| serde_json::from_str(&reasons).ok());
        let retry_after = self.retry_after.and_then(|seconds| seconds.parse().ok());
        Err(AuthError::refused(self.status, self.message, reasons, retry_after))
    }

    fn session(&self) -> Result<Option<Vec<u8>>, AuthError> {
        let Some(access_token) = &self.access_token else { return Ok(None) };
        let user = self.user.as_deref().map(serde_json::from_str::<&RawValue>);
        let Some(Ok(user)) = user else { return Err(AuthError::internal("the function gave no user")) };
        let number = |text: &Option<String>| text.as_deref().and_then(|text| text.parse().ok());
        let (Some(expires_in), Some(expires_at)) = (number(&self.expires_in), number(&self.expires_at))
        else {
            return Err(AuthError::internal("the function gave no expiry"));
        };
        let refresh_token = self.refresh_token.as_deref();
        let session =
            Session { access_token, token_type: "bearer", expires_in, expires_at, refresh_token, user };
        serde_json::to_vec(&session).map(Some).map_err(|_| AuthError::internal("the session is not JSON"))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::Outcome;

    fn outcome(status: &str, access_token: Option<&str>) -> Outcome {
        let some = |text: &str| Some(text.to_owned());
        Outcome {
            status: status.to_owned(),
            message: None,
            reasons: None,
            retry_after: None,
            access_token: access_token.map(str::to_owned),
            refresh_token: None,
            expires_in: some("900"),
            expires_at: some("2000000000"),
            user: some(r#"{"id": "u"}"#),
        }
    }

    fn json(bytes: Vec<u8>) -> Value {
        serde_json::from_slice(&bytes).unwrap()
    }

    #[test]
    fn a_session_has_the_members_that_clients_read() {
        let session = outcome("ok", Some("t")).into_session().ok().map(json).unwrap();
        assert_eq!(
            session,
            json!({
                "access_token": "t", "token_type": "bearer", "expires_in": 900, "expires_at": 2_000_000_000,
                "refresh_token": null, "user": {"id": "u"}
            })
        );
    }

    #[test]
    fn a_session_that_awaits_its_second_factor_is_one() {
        let session = outcome("mfa_required", Some("t")).into_session().ok().map(json).unwrap();
        assert_eq!(session["access_token"], "t");
        assert!(outcome("mfa_required", None).into_session().is_err());
    }

    #[test]
    fn without_a_session_the_user_stands_alone() {
        let user = outcome("confirmation_required", None).into_session_or_user().ok().map(json).unwrap();
        assert_eq!(user, json!({"id": "u"}));
        assert!(outcome("ok", None).into_session().is_err());
    }

    #[test]
    fn a_refusal_gives_neither() {
        assert!(outcome("invalid_credentials", Some("t")).into_session().is_err());
        assert!(outcome("weak_password", None).into_session_or_user().is_err());
    }
}

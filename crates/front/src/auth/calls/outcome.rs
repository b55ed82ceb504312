//! The one row (`auth.sign_in_result`) that sign-up, sign-in, refresh and their kin give, and what it
//! can stand for.

use bytes::Bytes;
use serde::Serialize;
use serde_json::value::RawValue;

use super::Call;
use crate::auth::error::AuthError;
use crate::auth::secret::Secret;
use crate::metrics::Act;
use crate::pg::{Row, Value};
use crate::tx::Work;

/// What to select from such a function, aliased `s`; [`Outcome::read`] takes it in this order.
macro_rules! outcome_of {
    ($function:literal) => {
        concat!(
            "select s.status, s.message, to_json(s.reasons)::text, s.retry_after::text, ",
            "s.access_token, s.refresh_token, ",
            "greatest(round(extract(epoch from s.expires_at - clock_timestamp())), 0)::int8::text, ",
            "extract(epoch from s.expires_at)::int8::text, s.\"user\"::text, ",
            "to_jsonb(s) ->> 'auth_code' ",
            "from ",
            $function,
            " as s"
        )
    };
}
pub(super) use outcome_of;

/// The row. Not `Debug`: it has tokens.
pub(super) struct Outcome {
    status: String,
    message: Option<String>,
    access_token: Option<Secret>,
    refresh_token: Option<Secret>,
    expires_in: Option<i64>,
    expires_at: Option<i64>,
    user: Option<Bytes>,
    auth_code: Option<Secret>,
}

/// A session that was opened or goes on.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) access_token: Secret,
    /// `None` where the one that the client has goes on to count.
    pub(crate) refresh_token: Option<Secret>,
    /// Seconds.
    pub(crate) expires_in: i64,
    /// Seconds since 1970.
    pub(crate) expires_at: i64,
    pub(crate) user: UserJson,
    /// What the user has to do before the token names a tenant, in a sentence.
    #[allow(dead_code, reason = "for pages, which say it")]
    pub(crate) second_factor_due: Option<String>,
}

/// A user in Supabase Auth's shape, as JSON.
#[derive(Clone, Debug)]
pub(crate) struct UserJson(pub(crate) Bytes);

/// What a sign-up gives.
#[derive(Debug)]
pub(crate) enum SignedUp {
    Session(Box<Session>),
    /// The address is to be confirmed first.
    User(UserJson),
}

/// What a code or link brought back gives.
#[derive(Debug)]
pub(crate) enum Verified {
    Session(Box<Session>),
    /// The first of two addresses is confirmed; the sentence says what is missing.
    Half(String),
}

/// What following a mailed link gives.
#[derive(Debug)]
pub(crate) enum Followed {
    Session(Box<Session>),
    Half(String),
    /// The link was asked for with a code challenge: to be exchanged for a session.
    Code(Secret),
}

impl Call<'_> {
    /// Calls one of the functions; a refusal is an error. Counts what comes of it.
    pub(super) async fn outcome(
        &self,
        act: Act,
        work: Work,
        sql: &str,
        values: &[Value<'_>],
    ) -> Result<Outcome, AuthError> {
        let rows = self.rows_by(work, sql, values).await;
        let outcome = rows.and_then(|rows| Outcome::read(&rows));
        let counters = &self.app.metrics.auth;
        match &outcome {
            Ok(outcome) => counters.succeeded(act, outcome.status == "mfa_required"),
            Err(error) => counters.refused(act, error.status()),
        }
        outcome
    }
}

impl Outcome {
    pub(super) fn read(rows: &[Row]) -> Result<Self, AuthError> {
        let row = rows.first().ok_or_else(|| AuthError::internal("the function gave no row"))?;
        let columns: [Option<Bytes>; 10] = row.columns();
        let [status, message, reasons, retry_after, access, refresh, expires_in, expires_at, user, code] =
            columns;
        let status = status.map(string).ok_or_else(|| AuthError::internal("the function gave no status"))?;
        let (message, access_token) = (message.map(string), access.map(secret));
        // Clients of Supabase expect the session here, and use it to verify the second factor.
        let second_factor_due = status == "mfa_required" && (access_token.is_some() || code.is_some());
        if !second_factor_due && !matches!(status.as_str(), "ok" | "confirmation_required") {
            let reasons = reasons.and_then(|json| serde_json::from_slice(&json).ok()).unwrap_or_default();
            return Err(AuthError::refused(status, message, reasons, retry_after.and_then(number)));
        }
        Ok(Self {
            status,
            message,
            access_token,
            refresh_token: refresh.map(secret),
            expires_in: expires_in.and_then(number),
            expires_at: expires_at.and_then(number),
            user,
            auth_code: code.map(secret),
        })
    }

    pub(super) fn session(self) -> Result<Session, AuthError> {
        let (Some(access_token), Some(expires_in), Some(expires_at), Some(user)) =
            (self.access_token, self.expires_in, self.expires_at, self.user)
        else {
            return Err(AuthError::internal("the function gave no session"));
        };
        Ok(Session {
            access_token,
            refresh_token: self.refresh_token,
            expires_in,
            expires_at,
            user: UserJson(user),
            second_factor_due: self.message.filter(|_| self.status == "mfa_required"),
        })
    }

    pub(super) fn user(self) -> Result<UserJson, AuthError> {
        self.user.map(UserJson).ok_or_else(|| AuthError::internal("the function gave no user"))
    }

    pub(super) fn signed_up(self) -> Result<SignedUp, AuthError> {
        if self.access_token.is_some() {
            return Ok(SignedUp::Session(Box::new(self.session()?)));
        }
        self.user().map(SignedUp::User)
    }

    pub(super) fn verified(self) -> Result<Verified, AuthError> {
        match self.access_token {
            Some(_) => Ok(Verified::Session(Box::new(self.session()?))),
            None => Ok(Verified::Half(self.message.unwrap_or_default())),
        }
    }

    pub(super) fn followed(mut self) -> Result<Followed, AuthError> {
        if let Some(code) = self.auth_code.take() {
            return Ok(Followed::Code(code));
        }
        Ok(match self.verified()? {
            Verified::Session(session) => Followed::Session(session),
            Verified::Half(message) => Followed::Half(message),
        })
    }
}

impl Session {
    /// The session object of the auth API.
    pub(crate) fn to_json(&self) -> Result<Vec<u8>, AuthError> {
        #[derive(Serialize)]
        struct Object<'a> {
            access_token: &'a str,
            token_type: &'static str,
            expires_in: i64,
            expires_at: i64,
            refresh_token: Option<&'a str>,
            user: &'a RawValue,
        }
        let user: &RawValue = serde_json::from_slice(&self.user.0)
            .map_err(|_| AuthError::internal("the function gave a user that is no JSON"))?;
        let object = Object {
            access_token: self.access_token.expose(),
            token_type: "bearer",
            expires_in: self.expires_in,
            expires_at: self.expires_at,
            refresh_token: self.refresh_token.as_ref().map(Secret::expose),
            user,
        };
        serde_json::to_vec(&object).map_err(|_| AuthError::internal("the session is not JSON"))
    }
}

pub(super) fn string(bytes: Bytes) -> String {
    String::from_utf8_lossy(&bytes).into_owned()
}

pub(super) fn secret(bytes: Bytes) -> Secret {
    Secret::new(string(bytes))
}

pub(super) fn number<T: std::str::FromStr>(bytes: Bytes) -> Option<T> {
    std::str::from_utf8(&bytes).ok()?.parse().ok()
}

#[cfg(test)]
mod tests;

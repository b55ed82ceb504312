//! Who is calling, as far as the front needs to know.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use super::Settings;
use crate::error::{Error, TokenProblem};
use crate::pg::PgError;
use crate::request::{Bearer, Credential};
use crate::sql::{Caller, WRONG_ROWS};
use crate::token::Session;

/// A caller.
#[derive(Debug)]
pub(crate) struct Identity<'a> {
    kind: Kind<'a>,
    /// The role; of a token that only the database can verify, as it claims.
    role: String,
    is_anonymous: bool,
    scope: u64,
}

#[derive(Debug)]
enum Kind<'a> {
    /// Nobody showed anything.
    Anonymous,
    /// For the database to judge.
    Token(&'a str),
    /// Verified here: the claims as JSON.
    Verified { claims: String },
}

impl<'a> Identity<'a> {
    pub(super) fn of(settings: &Settings, credential: &Credential<'a>, now: i64) -> Result<Self, Error> {
        let anon_role = settings.anon_role.as_deref();
        match (credential, &settings.verifier) {
            (Credential::Anonymous, verifier) => {
                let role = anon_role.ok_or(Error::TokenRequired)?;
                let kind = match verifier {
                    None => Kind::Anonymous,
                    Some(_) => Kind::Verified { claims: serde_json::json!({ "role": role }).to_string() },
                };
                Ok(Self::new(kind, role, anon_role))
            }
            (Credential::Bearer(bearer), None) => {
                let role = bearer.unverified_role().or(anon_role).unwrap_or_default();
                Ok(Self::new(Kind::Token(bearer.token()), role, anon_role))
            }
            (Credential::Bearer(bearer), Some(verifier)) => {
                let session = verifier.verify(bearer.token(), now).map_err(Error::InvalidToken)?;
                Self::verified(&session, anon_role)
            }
        }
    }

    /// Whoever the token says, if the database agrees, wherever else tokens are verified: the
    /// functions of the auth API trust nothing but the sealed session.
    pub(crate) fn sealed(bearer: &Bearer<'a>) -> Self {
        Self::new(Kind::Token(bearer.token()), bearer.unverified_role().unwrap_or_default(), None)
    }

    fn verified(session: &Arc<Session>, anon_role: Option<&str>) -> Result<Self, Error> {
        let role = session.role.as_deref().or(anon_role).ok_or(Error::TokenRequired)?;
        Ok(Self::new(Kind::Verified { claims: session.claims_with(role) }, role, anon_role))
    }

    fn new(kind: Kind<'a>, role: &str, anon_role: Option<&str>) -> Self {
        let is_anonymous = Some(role) == anon_role;
        Self { kind, role: role.to_owned(), is_anonymous, scope: scope(role) }
    }

    pub(crate) fn role(&self) -> &str {
        &self.role
    }

    /// Keeps the prepared statements of one role apart from those of another. Only a transaction that
    /// the database let in can prepare one, so a made-up role gets no entry.
    pub(super) fn scope(&self) -> u64 {
        self.scope
    }

    pub(super) fn is_token(&self) -> bool {
        matches!(self.kind, Kind::Token(_))
    }

    pub(super) fn caller(&self) -> Caller<'_> {
        match &self.kind {
            Kind::Anonymous => Caller::Role { role: &self.role, claims: None },
            Kind::Token(token) => Caller::Token(token),
            Kind::Verified { claims } => Caller::Role { role: &self.role, claims: Some(claims) },
        }
    }

    /// What an error means to this caller; `prelude` is the step that lets it in, and with
    /// `checks_rows` one may be about the number of rows.
    pub(super) fn blame(&self, error: PgError, prelude: usize, checks_rows: bool) -> Error {
        match error {
            PgError::Database { step, error } if step == prelude && self.is_token() => match error.code() {
                "28000" => Error::InvalidToken(TokenProblem::from(error)),
                // No such schema, no such function: nothing here can judge a token.
                "3F000" | "42883" => Error::SecretMissing,
                _ => self.failed(PgError::Database { step, error }),
            },
            PgError::Database { step, error } => match wrong_rows(&error.message) {
                Some(rows) if checks_rows => Error::WrongRows(rows),
                _ => self.failed(PgError::Database { step, error }),
            },
            error => self.failed(error),
        }
    }

    fn failed(&self, error: PgError) -> Error {
        Error::Database { error, authenticated: !self.is_anonymous }
    }
}

/// The number of rows in an error that the statement itself raises.
fn wrong_rows(message: &str) -> Option<i64> {
    let (_, rest) = message.split_once(WRONG_ROWS)?;
    rest.trim_end_matches('"').parse().ok()
}

/// See [`Identity::scope`].
pub(super) fn scope(role: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    role.hash(&mut hasher);
    hasher.finish()
}

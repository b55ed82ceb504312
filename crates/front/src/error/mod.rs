//! Everything the data API can answer instead of rows, in PostgREST's shape
//! `{code, details, hint, message}`.
//!
//! Where an error is the inside's, its body says nothing of the inside; the log has it.

mod describe;
mod raised;
mod request;
mod respond;
mod schema;
mod sqlstate;
#[cfg(test)]
mod tests;

use axum::http::{HeaderMap, StatusCode};
use serde_json::Value;

use crate::pg::{DbError, PgError};
use crate::request::MediaType;
use crate::schema_cache::{Name, Relationship, Routine};

/// Why a request is not carried out. Grouped by PostgREST's ranges of codes.
#[derive(Debug)]
pub(crate) enum Error {
    // PGRST0xx and SQLSTATEs: the database.
    Database {
        error: PgError,
        authenticated: bool,
    },
    SchemaCacheMissing,
    // PGRST1xx: the request.
    AggregatesDisabled,
    BodyIncomplete,
    BodyTooLarge {
        limit: usize,
    },
    InvalidBody(String),
    InvalidPath,
    MaxAffected {
        rows: i64,
    },
    MaxAffectedCall,
    NegativeLimit,
    NotEmbedded {
        name: String,
        renamed: Option<String>,
    },
    NotImplemented(String),
    NotSingular {
        rows: i64,
    },
    Parse {
        message: String,
        details: String,
    },
    PutFilters,
    PutLimited,
    PutMismatch,
    RangeBackwards,
    RangeBeyond {
        first: i64,
        total: i64,
    },
    RequestTimeout,
    RelatedOrder {
        origin: String,
        target: String,
    },
    ResponseHeaders,
    ResponseStatus,
    RootDisabled,
    TooManyRequests {
        /// Seconds.
        retry_after: u64,
    },
    UnclearHost,
    UriTooLong {
        limit: usize,
    },
    UnacceptableMediaType(Vec<String>),
    UnacceptableSchema {
        schema: String,
        exposed: Vec<String>,
    },
    UnknownPreferences(Vec<String>),
    UnsupportedCallMethod(String),
    UnsupportedMethod(String),
    /// The statement touched another number of rows than it may; the plan knows what that means.
    WrongRows(i64),
    // PGRST2xx: the schema cache.
    AmbiguousEmbed {
        origin: String,
        target: String,
        candidates: Vec<Relationship>,
    },
    AmbiguousRoutine(Vec<Routine>),
    ColumnNotFound {
        relation: String,
        column: String,
    },
    NoRelationship(Box<MissingRelationship>),
    RoutineNotFound(Box<MissingRoutine>),
    TableNotFound {
        schema: String,
        name: String,
        meant: Option<String>,
    },
    // PGRST3xx: the token.
    InvalidToken(TokenProblem),
    SecretMissing,
    ServiceKeyInBrowser,
    TokenRequired,
    // The front itself.
    Internal(&'static str),
}

/// Two relations that nothing relates.
#[derive(Debug)]
pub(crate) struct MissingRelationship {
    pub(crate) origin: String,
    pub(crate) target: String,
    pub(crate) schema: String,
    pub(crate) hint: Option<String>,
    /// What was probably meant, and instead of what.
    pub(crate) meant: Option<(String, String)>,
}

/// A function that takes no such arguments.
#[derive(Debug)]
pub(crate) struct MissingRoutine {
    pub(crate) name: Name,
    /// The names of the arguments.
    pub(crate) given: Vec<String>,
    /// The type of the body, if there was one.
    pub(crate) posted: Option<MediaType>,
    pub(crate) meant: Option<String>,
}

/// What is wrong with a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum TokenProblem {
    Empty,
    Malformed,
    /// It was refused, with this public text, for one of its claims or otherwise.
    Refused {
        message: String,
        details: Option<&'static str>,
        claims: bool,
    },
}

impl TokenProblem {
    pub(crate) fn claims(message: impl Into<String>) -> Self {
        Self::Refused { message: message.into(), details: None, claims: true }
    }

    /// As [`Self::token`], with more to say.
    pub(crate) fn detailed(message: &str, details: &'static str) -> Self {
        Self::Refused { message: message.to_owned(), details: Some(details), claims: false }
    }

    pub(crate) fn token(message: impl Into<String>) -> Self {
        Self::Refused { message: message.into(), details: None, claims: false }
    }
}

/// The database tells in DETAIL, by a stable code, why it refused a token.
impl From<Box<DbError>> for TokenProblem {
    fn from(error: Box<DbError>) -> Self {
        const CLAIMS: [&str; 6] = [
            "token_audience_mismatch",
            "token_claim_invalid",
            "token_claim_missing",
            "token_expired",
            "token_issuer_mismatch",
            "token_not_yet_valid",
        ];
        let claims = error.detail.as_deref().is_some_and(|code| CLAIMS.contains(&code));
        Self::Refused { message: error.message, details: None, claims }
    }
}

/// An error as HTTP says it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Description {
    pub(crate) status: StatusCode,
    pub(crate) code: String,
    pub(crate) message: String,
    pub(crate) details: Option<Value>,
    pub(crate) hint: Option<String>,
    /// Besides those that every error has.
    pub(crate) headers: HeaderMap,
}

//! Everything the data API can answer instead of rows, in PostgREST's shape
//! `{code, details, hint, message}`.
//!
//! The body of a 5xx says nothing of the inside; the log has it.

mod describe;
mod sqlstate;
#[cfg(test)]
mod tests;

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use crate::pg::{DbError, PgError};

/// Why a request is not carried out. Grouped by PostgREST's ranges of codes.
#[derive(Debug)]
pub(crate) enum Error {
    // PGRST0xx and SQLSTATEs: the database.
    Database { error: PgError, authenticated: bool },
    SchemaCacheMissing,
    // PGRST1xx: the request.
    BodyTooLarge { limit: usize },
    BodyIncomplete,
    InvalidBody(String),
    InvalidPath,
    NegativeLimit,
    NotEmbedded(String),
    NotImplemented(String),
    Parse { message: String, details: String },
    UnacceptableMediaType(Vec<String>),
    UnacceptableSchema { schema: String, exposed: Vec<String> },
    UnsupportedMethod(String),
    // PGRST2xx: the schema cache.
    ColumnNotFound { relation: String, column: String },
    TableNotFound { schema: String, name: String },
    UndefinedColumn { relation: String, column: String },
    // PGRST3xx: the token.
    InvalidToken(TokenProblem),
    TokenRequired,
    // The front itself.
    Internal(&'static str),
}

/// What is wrong with a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum TokenProblem {
    Empty,
    Malformed,
    /// The database refused it, with this public text, for one of its claims or otherwise.
    Refused {
        message: String,
        claims: bool,
    },
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
        Self::Refused { message: error.message, claims }
    }
}

/// The body of an error.
#[derive(Debug, Serialize)]
struct Body<'a> {
    code: &'a str,
    details: Option<&'a str>,
    hint: Option<&'a str>,
    message: &'a str,
}

/// An error as HTTP says it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Description {
    status: StatusCode,
    code: String,
    message: String,
    details: Option<String>,
    hint: Option<String>,
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        let description = self.describe();
        if description.status.is_server_error() {
            tracing::error!(code = description.code, cause = self.cause(), "a request failed");
        }
        let body = Body {
            code: &description.code,
            details: description.details.as_deref(),
            hint: description.hint.as_deref(),
            message: &description.message,
        };
        let mut response = Response::new(serde_json::to_vec(&body).unwrap_or_default().into());
        *response.status_mut() = description.status;
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json; charset=utf-8"));
        if let Ok(status) = HeaderValue::try_from(format!("PostgREST; error={}", description.code)) {
            headers.insert("proxy-status", status);
        }
        if description.status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, self.challenge());
        }
        if description.status == StatusCode::SERVICE_UNAVAILABLE {
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }
}

impl Error {
    /// For the log. Of what the database says, not the details: they hold values.
    fn cause(&self) -> String {
        match self {
            Self::Database { error, .. } => error.to_string(),
            Self::Internal(problem) => (*problem).to_owned(),
            other => format!("{other:?}"),
        }
    }

    /// RFC 6750 §3.
    fn challenge(&self) -> HeaderValue {
        let Self::InvalidToken(problem) = self else { return HeaderValue::from_static("Bearer") };
        // Quotes, backslashes and what is not ASCII do not belong into this header.
        let text: String =
            problem.message().chars().filter(|c| c.is_ascii() && !matches!(c, '"' | '\\')).collect();
        HeaderValue::try_from(format!("Bearer error=\"invalid_token\", error_description=\"{text}\""))
            .unwrap_or_else(|_| HeaderValue::from_static("Bearer error=\"invalid_token\""))
    }
}

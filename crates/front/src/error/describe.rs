//! From error to status, code and text.

use axum::http::{HeaderMap, StatusCode, header};
use serde_json::Value;

use super::sqlstate::{self, INTERNAL};
use super::{Description, Error, TokenProblem};
use crate::pg::PgError;

impl TokenProblem {
    pub(crate) fn message(&self) -> &str {
        match self {
            Self::Empty => "Empty JWT is sent in Authorization header",
            Self::Malformed => "invalid token",
            Self::Refused { message, .. } => message,
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::Refused { claims: true, .. } => "PGRST303",
            _ => "PGRST301",
        }
    }
}

impl Description {
    pub(super) fn new(status: StatusCode, code: &str, message: impl Into<String>) -> Self {
        Self {
            status,
            code: code.to_owned(),
            message: message.into(),
            details: None,
            hint: None,
            headers: HeaderMap::new(),
        }
    }

    pub(super) fn details(mut self, details: impl Into<Value>) -> Self {
        self.details = Some(details.into());
        self
    }

    pub(super) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl Error {
    pub(crate) fn describe(&self) -> Description {
        match self {
            Self::Database { error, authenticated } => database(error, *authenticated),
            Self::SchemaCacheMissing => Description::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "PGRST002",
                "Could not query the database for the schema cache. Retrying.",
            ),
            Self::AmbiguousEmbed { .. }
            | Self::AmbiguousRoutine(_)
            | Self::ColumnNotFound { .. }
            | Self::NoRelationship(_)
            | Self::RoutineNotFound(_)
            | Self::TableNotFound { .. } => self.of_schema(),
            Self::InvalidToken(problem) => {
                let mut description =
                    Description::new(StatusCode::UNAUTHORIZED, problem.code(), problem.message());
                if let TokenProblem::Refused { details, .. } = problem {
                    description.details = details.map(Into::into);
                }
                description
            }
            Self::SecretMissing => {
                Description::new(StatusCode::INTERNAL_SERVER_ERROR, "PGRST300", "Server lacks JWT secret")
            }
            Self::ServiceKeyInBrowser => Description::new(
                StatusCode::UNAUTHORIZED,
                "GATE301",
                "A service key must not be used in a browser",
            )
            .hint("Whoever opens the page can read it. Revoke it, and use the anon key there."),
            Self::RequestTimeout
            | Self::TooManyRequests { .. }
            | Self::UnclearHost
            | Self::UriTooLong { .. } => self.of_door(),
            Self::TokenRequired => {
                Description::new(StatusCode::UNAUTHORIZED, "PGRST302", "Anonymous access is disabled")
            }
            Self::Internal(_) | Self::WrongRows(_) => {
                Description::new(StatusCode::INTERNAL_SERVER_ERROR, "PGRSTX00", INTERNAL)
            }
            _ => self.of_request(),
        }
    }
}

impl Error {
    /// What never came to be understood.
    fn of_door(&self) -> Description {
        match self {
            Self::TooManyRequests { retry_after } => {
                let mut description = Description::new(
                    StatusCode::TOO_MANY_REQUESTS,
                    "over_request_rate_limit",
                    "Request rate limit reached",
                );
                description.headers.insert(header::RETRY_AFTER, (*retry_after).into());
                description
            }
            Self::UnclearHost => {
                Description::new(StatusCode::BAD_REQUEST, "GATE400", "The request must name one host")
            }
            Self::UriTooLong { limit } => Description::new(
                StatusCode::URI_TOO_LONG,
                "GATE414",
                format!("The address of the request is longer than {limit} bytes"),
            ),
            _ => Description::new(StatusCode::GATEWAY_TIMEOUT, "GATE504", "The request took too long"),
        }
    }
}

fn database(error: &PgError, authenticated: bool) -> Description {
    let unavailable = StatusCode::SERVICE_UNAVAILABLE;
    match error {
        PgError::AcquisitionTimeout | PgError::QueueFull => Description::new(
            StatusCode::GATEWAY_TIMEOUT,
            "PGRST003",
            "Timed out acquiring connection from connection pool.",
        ),
        PgError::Broken(_) => {
            Description::new(unavailable, "PGRST001", "Database client error. Retrying the connection.")
        }
        PgError::Connect(_) => Description::new(unavailable, "PGRST000", "Database connection error."),
        PgError::Database { error, .. } => sqlstate::describe(error, authenticated),
    }
}

//! The one table from error to status, code and text.

use axum::http::StatusCode;

use super::sqlstate::{self, INTERNAL};
use super::{Description, Error, TokenProblem};
use crate::pg::PgError;

impl TokenProblem {
    pub(super) fn message(&self) -> &str {
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
        Self { status, code: code.to_owned(), message: message.into(), details: None, hint: None }
    }

    pub(super) fn details(mut self, details: impl Into<String>) -> Self {
        self.details = Some(details.into());
        self
    }

    pub(super) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl Error {
    pub(super) fn describe(&self) -> Description {
        match self {
            Self::Database { error, authenticated } => database(error, *authenticated),
            Self::SchemaCacheMissing => Description::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "PGRST002",
                "Could not query the database for the schema cache. Retrying.",
            ),
            Self::ColumnNotFound { .. } | Self::TableNotFound { .. } | Self::UndefinedColumn { .. } => {
                self.schema()
            }
            Self::InvalidToken(problem) => {
                Description::new(StatusCode::UNAUTHORIZED, problem.code(), problem.message())
            }
            Self::TokenRequired => {
                Description::new(StatusCode::UNAUTHORIZED, "PGRST302", "Anonymous access is disabled")
            }
            Self::Internal(_) => Description::new(StatusCode::INTERNAL_SERVER_ERROR, "PGRSTX00", INTERNAL),
            _ => self.request(),
        }
    }

    fn schema(&self) -> Description {
        let (status, code, message) = match self {
            Self::ColumnNotFound { relation, column } => (
                StatusCode::BAD_REQUEST,
                "PGRST204",
                format!("Could not find the '{column}' column of '{relation}' in the schema cache"),
            ),
            Self::TableNotFound { schema, name } => (
                StatusCode::NOT_FOUND,
                "PGRST205",
                format!("Could not find the table '{schema}.{name}' in the schema cache"),
            ),
            // As Postgres itself says it.
            Self::UndefinedColumn { relation, column } => {
                (StatusCode::BAD_REQUEST, "42703", format!("column {relation}.{column} does not exist"))
            }
            _ => (StatusCode::INTERNAL_SERVER_ERROR, "PGRSTX00", INTERNAL.to_owned()),
        };
        Description::new(status, code, message)
    }

    fn request(&self) -> Description {
        let bad = |code, message: &str| Description::new(StatusCode::BAD_REQUEST, code, message);
        match self {
            Self::BodyIncomplete => Description::new(
                StatusCode::REQUEST_TIMEOUT,
                "PGRST102",
                "The request body did not arrive in time",
            ),
            Self::BodyTooLarge { limit } => Description::new(
                StatusCode::PAYLOAD_TOO_LARGE,
                "PGRST102",
                format!("The request body is larger than {limit} bytes"),
            ),
            Self::InvalidBody(message) => bad("PGRST102", message),
            Self::InvalidPath => {
                Description::new(StatusCode::NOT_FOUND, "PGRST125", "Invalid path specified in request URL")
            }
            Self::NegativeLimit => {
                let range = StatusCode::RANGE_NOT_SATISFIABLE;
                Description::new(range, "PGRST103", "Requested range not satisfiable")
                    .details("Limit should be greater than or equal to zero.")
            }
            Self::NotEmbedded(name) => {
                bad("PGRST108", &format!("'{name}' is not an embedded resource in this request"))
                    .hint(format!("Verify that '{name}' is included in the 'select' query parameter."))
            }
            Self::NotImplemented(details) => {
                bad("PGRST127", "Feature not implemented").details(details.as_str())
            }
            Self::Parse { message, details } => bad("PGRST100", message).details(details.as_str()),
            Self::UnacceptableMediaType(asked) => Description::new(
                StatusCode::NOT_ACCEPTABLE,
                "PGRST107",
                format!("None of these media types are available: {}", asked.join(", ")),
            ),
            Self::UnacceptableSchema { schema, exposed } => {
                Description::new(StatusCode::NOT_ACCEPTABLE, "PGRST106", format!("Invalid schema: {schema}"))
                    .hint(format!("Only the following schemas are exposed: {}", exposed.join(", ")))
            }
            Self::UnsupportedMethod(method) => Description::new(
                StatusCode::METHOD_NOT_ALLOWED,
                "PGRST117",
                format!("Unsupported HTTP method: {method}"),
            ),
            _ => Description::new(StatusCode::INTERNAL_SERVER_ERROR, "PGRSTX00", INTERNAL),
        }
    }
}

fn database(error: &PgError, authenticated: bool) -> Description {
    let unavailable = StatusCode::SERVICE_UNAVAILABLE;
    match error {
        PgError::AcquisitionTimeout => Description::new(
            StatusCode::GATEWAY_TIMEOUT,
            "PGRST003",
            "Timed out acquiring connection from connection pool.",
        ),
        PgError::Broken(_) => {
            Description::new(unavailable, "PGRST001", "Database client error. Retrying the connection.")
        }
        PgError::Connect(_) => Description::new(unavailable, "PGRST001", "Database connection error."),
        PgError::Database { error, .. } => sqlstate::describe(error, authenticated),
    }
}

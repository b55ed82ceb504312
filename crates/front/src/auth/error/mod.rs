//! Refusals in GoTrue's two shapes.

mod database;
mod table;
#[cfg(test)]
mod tests;
mod version;
mod weak_password;

use std::borrow::Cow;

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use serde_json::json;

pub(crate) use database::Denied;
use table::Refusal;
pub(crate) use version::ApiVersion;

use crate::error::Error;
use crate::response;

/// Why a call of the auth API does not do what it was asked.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct AuthError {
    status: StatusCode,
    /// Stable and published.
    code: Cow<'static, str>,
    message: Cow<'static, str>,
    /// What is wrong with a password, in sentences.
    reasons: Vec<String>,
    /// Seconds.
    retry_after: Option<u64>,
}

impl AuthError {
    pub(crate) fn new(
        status: StatusCode,
        code: impl Into<Cow<'static, str>>,
        message: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self { status, code: code.into(), message: message.into(), reasons: Vec::new(), retry_after: None }
    }

    /// An input that breaks a rule, which the message names; never the input itself.
    pub(crate) fn invalid(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "validation_failed", message)
    }

    /// The database did what it should not do.
    pub(crate) fn internal(problem: &'static str) -> Self {
        tracing::error!(problem, "a call of the auth API failed");
        Self::unexpected()
    }

    fn unexpected() -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "unexpected_failure", "Internal Server Error")
    }

    pub(super) fn no_authorization() -> Self {
        let text = "This endpoint requires a valid Bearer token";
        Self::new(StatusCode::UNAUTHORIZED, "no_authorization", text)
    }

    pub(super) fn bad_jwt(message: &'static str) -> Self {
        Self::new(StatusCode::FORBIDDEN, "bad_jwt", message)
    }

    /// The refusal that the database's `status` stands for. One that is not known here keeps its
    /// name: a newer extension may have more.
    pub(super) fn refused(
        status: String,
        message: Option<String>,
        reasons: Vec<String>,
        retry_after: Option<u64>,
    ) -> Self {
        let refused = match table::find(&status) {
            Some(refusal) => Self::of_refusal(refusal, message),
            None => Self::new(
                StatusCode::BAD_REQUEST,
                status,
                message.map_or(Cow::Borrowed("The request was refused"), Cow::Owned),
            ),
        };
        let reasons = if refused.code == "weak_password" { reasons } else { Vec::new() };
        Self { reasons, retry_after, ..refused }
    }

    /// A refusal of the table by its name.
    pub(super) fn named(name: &'static str) -> Self {
        Self::refused(name.to_owned(), None, Vec::new(), None)
    }

    fn of_refusal(refusal: Refusal, message: Option<String>) -> Self {
        let status = StatusCode::from_u16(refusal.status).unwrap_or(StatusCode::BAD_REQUEST);
        Self::new(status, refusal.code, message.map_or(Cow::Borrowed(refusal.text), Cow::Owned))
    }

    fn because(self, sentences: &str) -> Self {
        Self { reasons: vec![sentences.to_owned()], message: sentences.to_owned().into(), ..self }
    }

    pub(super) fn after(self, seconds: u64) -> Self {
        Self { retry_after: Some(seconds), ..self }
    }

    /// With another status if it is this refusal: some routes of GoTrue have their own.
    pub(super) fn with_status(self, code: &str, status: StatusCode) -> Self {
        if self.code == code { Self { status, ..self } } else { self }
    }

    /// With another code if it is this refusal.
    pub(super) fn with_code(self, code: &str, instead: &'static str) -> Self {
        if self.code == code { Self { code: instead.into(), ..self } } else { self }
    }

    pub(crate) fn status(&self) -> StatusCode {
        self.status
    }

    pub(crate) fn code(&self) -> &str {
        &self.code
    }

    pub(crate) fn message(&self) -> &str {
        &self.message
    }

    /// What is wrong with a password, in sentences.
    pub(crate) fn reasons(&self) -> &[String] {
        &self.reasons
    }

    /// Seconds.
    pub(crate) fn retry_after(&self) -> Option<u64> {
        self.retry_after
    }

    pub(crate) fn respond(self, version: ApiVersion) -> Response {
        let mut body = match version {
            ApiVersion::Initial => json!({
                "code": self.status.as_u16(),
                "error_code": self.code,
                "msg": self.message,
            }),
            ApiVersion::From20240101 => json!({ "code": self.code, "message": self.message }),
        };
        if self.code == "weak_password" {
            body["weak_password"] = json!({
                "message": self.message,
                "reasons": weak_password::kinds(self.reasons()),
            });
        }
        let mut response = response::json(self.status, body.to_string().into());
        let headers = response.headers_mut();
        version.mark(headers);
        if let Ok(code) = HeaderValue::from_str(&self.code) {
            headers.insert("x-sb-error-code", code);
        }
        if let Some(seconds) = self.retry_after() {
            headers.insert(header::RETRY_AFTER, seconds.into());
        }
        response
    }
}

/// What reading a body can end in.
impl From<Error> for AuthError {
    fn from(error: Error) -> Self {
        match error {
            Error::BodyTooLarge { .. } => Self::new(
                StatusCode::PAYLOAD_TOO_LARGE,
                "request_entity_too_large",
                "The request body is larger than 1 MiB",
            ),
            Error::UriTooLong { .. } => Self::new(
                StatusCode::URI_TOO_LONG,
                "validation_failed",
                "The address of the request is too long",
            ),
            Error::UnclearHost => Self::invalid("The request must name one host"),
            Error::TooManyRequests { retry_after } => Self::named("throttled").after(retry_after),
            Error::RequestTimeout => {
                Self::new(StatusCode::GATEWAY_TIMEOUT, "request_timeout", "The request took too long")
            }
            _ => Self::new(
                StatusCode::REQUEST_TIMEOUT,
                "request_timeout",
                "The request body did not arrive in time",
            ),
        }
    }
}

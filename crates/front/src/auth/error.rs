//! Refusals in GoTrue's two shapes.

use std::borrow::Cow;

use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;
use serde_json::{Value, json};

use crate::error::Error;
use crate::pg::PgError;
use crate::response;

const VERSION_HEADER: &str = "x-supabase-api-version";
/// The first version that has the newer shape.
const NEWER: &str = "2024-01-01";

/// Which shape the client reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ApiVersion {
    /// `{code: <HTTP status>, error_code, msg}`
    Initial,
    /// `{code, message}`, and the header in the answer
    From20240101,
}

impl ApiVersion {
    /// A version is a date; what is none counts as not given.
    pub(super) fn parse(headers: &HeaderMap) -> Self {
        let version =
            headers.get(VERSION_HEADER).and_then(|version| version.to_str().ok()).unwrap_or_default();
        let is_date =
            version.len() == NEWER.len() && version.bytes().all(|b| b.is_ascii_digit() || b == b'-');
        if is_date && version >= NEWER { Self::From20240101 } else { Self::Initial }
    }
}

/// Why a route of the auth API does not do what it was asked.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct AuthError {
    status: StatusCode,
    /// Stable and published.
    code: Cow<'static, str>,
    message: Cow<'static, str>,
    /// What is wrong with a password, as a JSON array.
    reasons: Option<Value>,
    /// Seconds.
    retry_after: Option<u64>,
}

impl AuthError {
    pub(super) fn new(
        status: StatusCode,
        code: impl Into<Cow<'static, str>>,
        message: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self { status, code: code.into(), message: message.into(), reasons: None, retry_after: None }
    }

    pub(super) fn internal(problem: &'static str) -> Self {
        tracing::error!(problem, "a call of the auth API failed");
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "unexpected_failure", "Internal Server Error")
    }

    /// The refusal that the database's `status` stands for. One that is not known here keeps its
    /// name: a newer extension may have more.
    pub(super) fn refused(
        status: String,
        message: Option<String>,
        reasons: Option<Value>,
        retry_after: Option<u64>,
    ) -> Self {
        let (http, code, text): (_, Cow<'static, str>, _) = match status.as_str() {
            "email_not_confirmed" => (400, "email_not_confirmed".into(), "Email not confirmed"),
            "invalid_credentials" => (400, "invalid_credentials".into(), "Invalid login credentials"),
            "signup_disabled" => (422, "signup_disabled".into(), "Signups not allowed for this instance"),
            "throttled" => (429, "over_request_rate_limit".into(), "Request rate limit reached"),
            "user_already_exists" => (422, "user_already_exists".into(), "User already registered"),
            "user_banned" => (400, "user_banned".into(), "User is banned"),
            "validation_failed" => (400, "validation_failed".into(), "The request is not valid"),
            "weak_password" => (422, "weak_password".into(), "The password is too weak"),
            _ => (400, status.into(), "The request was refused"),
        };
        let http = StatusCode::from_u16(http).unwrap_or(StatusCode::BAD_REQUEST);
        let message = message.map_or(Cow::Borrowed(text), Cow::Owned);
        let reasons = reasons.filter(|_| code == "weak_password");
        Self { reasons, retry_after, ..Self::new(http, code, message) }
    }

    pub(super) fn respond(self, version: ApiVersion) -> Response {
        let mut body = match version {
            ApiVersion::Initial => json!({
                "code": self.status.as_u16(),
                "error_code": self.code,
                "msg": self.message,
            }),
            ApiVersion::From20240101 => json!({ "code": self.code, "message": self.message }),
        };
        if let Some(reasons) = self.reasons {
            body["weak_password"] = json!({ "message": self.message, "reasons": reasons });
        }
        let mut response = response::json(self.status, body.to_string().into());
        let headers = response.headers_mut();
        if version == ApiVersion::From20240101 {
            headers.insert(VERSION_HEADER, HeaderValue::from_static(NEWER));
        }
        if let Ok(code) = HeaderValue::from_str(&self.code) {
            headers.insert("x-sb-error-code", code);
        }
        if let Some(seconds) = self.retry_after {
            headers.insert(header::RETRY_AFTER, seconds.into());
        }
        response
    }
}

impl From<PgError> for AuthError {
    fn from(error: PgError) -> Self {
        if let PgError::Database { error, .. } = &error
            && error.is_class("22")
        {
            return Self::new(StatusCode::BAD_REQUEST, "validation_failed", "The request is not valid");
        }
        tracing::error!(%error, "a call of the auth API failed");
        match error {
            PgError::AcquisitionTimeout => Self {
                retry_after: Some(1),
                ..Self::new(StatusCode::GATEWAY_TIMEOUT, "request_timeout", "The database is busy")
            },
            PgError::Broken(_) | PgError::Connect(_) => Self {
                retry_after: Some(1),
                ..Self::new(
                    StatusCode::SERVICE_UNAVAILABLE,
                    "unexpected_failure",
                    "The database is not reachable",
                )
            },
            PgError::Database { .. } => {
                Self::new(StatusCode::INTERNAL_SERVER_ERROR, "unexpected_failure", "Internal Server Error")
            }
        }
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
            _ => Self::new(
                StatusCode::REQUEST_TIMEOUT,
                "request_timeout",
                "The request body did not arrive in time",
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderMap, HeaderValue, StatusCode};
    use http_body_util::BodyExt;
    use serde_json::{Value, json};

    use super::{ApiVersion, AuthError};

    fn refused(status: &str) -> AuthError {
        AuthError::refused(status.to_owned(), None, Some(json!(["length"])), Some(30))
    }

    fn version(text: &'static str) -> ApiVersion {
        let mut headers = HeaderMap::new();
        headers.insert("x-supabase-api-version", HeaderValue::from_static(text));
        ApiVersion::parse(&headers)
    }

    fn body(error: AuthError, version: ApiVersion) -> Value {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let body = runtime.block_on(error.respond(version).into_body().collect()).unwrap();
        serde_json::from_slice(&body.to_bytes()).unwrap()
    }

    #[test]
    fn the_newer_shape_is_given_to_clients_that_ask_for_it_and_is_marked() {
        assert_eq!(version("2024-01-01"), ApiVersion::From20240101);
        assert_eq!(version("2030-12-31"), ApiVersion::From20240101);
        assert_eq!(version("2023-12-31"), ApiVersion::Initial);
        assert_eq!(version("zzzz-zz-zz"), ApiVersion::Initial);
        assert_eq!(
            body(refused("invalid_credentials"), ApiVersion::From20240101),
            json!({"code": "invalid_credentials", "message": "Invalid login credentials"})
        );
        let response = refused("invalid_credentials").respond(ApiVersion::From20240101);
        assert_eq!(response.headers()["x-supabase-api-version"], "2024-01-01");
        assert_eq!(response.headers()["x-sb-error-code"], "invalid_credentials");
    }

    #[test]
    fn the_older_shape_has_the_http_status_as_its_code() {
        assert_eq!(
            body(refused("user_already_exists"), ApiVersion::Initial),
            json!({"code": 422, "error_code": "user_already_exists", "msg": "User already registered"})
        );
        let response = refused("user_already_exists").respond(ApiVersion::Initial);
        assert!(!response.headers().contains_key("x-supabase-api-version"));
    }

    #[test]
    fn a_weak_password_says_why() {
        let body = body(refused("weak_password"), ApiVersion::Initial);
        assert_eq!(body["weak_password"]["reasons"], json!(["length"]));
    }

    #[test]
    fn throttling_says_when_to_come_back() {
        let response = refused("throttled").respond(ApiVersion::Initial);
        assert_eq!(response.status(), StatusCode::TOO_MANY_REQUESTS);
        assert_eq!(response.headers()["retry-after"], "30");
        assert_eq!(response.headers()["x-sb-error-code"], "over_request_rate_limit");
    }

    #[test]
    fn no_refusal_is_a_server_error_even_when_unknown() {
        let response = refused("something_new").respond(ApiVersion::Initial);
        assert_eq!(response.status(), StatusCode::BAD_REQUEST);
        assert_eq!(response.headers()["x-sb-error-code"], "something_new");
    }
}

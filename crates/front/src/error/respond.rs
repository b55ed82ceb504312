//! From an error to its response.

use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::Value;

use super::{Description, Error};

/// The body of an error.
#[derive(Debug, Serialize)]
struct Body<'a> {
    code: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    details: Option<Option<&'a Value>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<Option<&'a str>>,
    message: &'a str,
}

impl Description {
    /// The JSON of the body; without `verbose` neither details nor hint.
    pub(crate) fn body(&self, verbose: bool) -> Vec<u8> {
        let body = Body {
            code: &self.code,
            details: verbose.then_some(self.details.as_ref()),
            hint: verbose.then_some(self.hint.as_deref()),
            message: &self.message,
        };
        serde_json::to_vec(&body).unwrap_or_default()
    }
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        self.respond(true)
    }
}

impl Error {
    /// The answer; without `verbose` neither details nor hint.
    pub(crate) fn respond(self, verbose: bool) -> Response {
        let description = self.describe();
        if description.status.is_server_error() {
            tracing::error!(code = description.code, cause = self.cause(), "a request failed");
        }
        let mut response = Response::new(description.body(verbose).into());
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
        add(headers, description.headers);
        response
    }

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

fn add(headers: &mut HeaderMap, more: HeaderMap) {
    for (name, value) in more {
        if let Some(name) = name {
            headers.insert(name, value);
        }
    }
}

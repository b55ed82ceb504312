//! From the bytes of a body to a typed input, or to a refusal that names the field and the rule.
//!
//! What was sent is never repeated in a refusal: it may be a password in the wrong field. Members
//! that the type does not have are ignored: clients send more than any one server reads.

mod kind;
mod text;

use std::fmt::Write;

use axum::http::StatusCode;
use garde::Validate;
use gatehouse_core::jwt::json::{Fault, MAX_DEPTH, parse_object};
use serde::de::DeserializeOwned;

pub(super) use kind::{FactorType, LinkKind, OtpKind, ResendKind};
pub(super) use text::{Hidden, Id, Names, Object, Text};

use super::error::AuthError;

/// What an e-mail address may be long, generously; the database judges it.
pub(super) type Email = Text<320>;
/// Passwords, tokens and codes.
pub(super) type Credential = Hidden<4096>;
/// A tenant's slug.
pub(super) type Slug = Text<100>;

/// Reads a body.
pub(super) fn parse<T>(body: &[u8]) -> Result<T, AuthError>
where
    T: DeserializeOwned + Validate<Context = ()>,
{
    parse_object(body).map_err(|fault| bad_json(&fault))?;
    let mut reader = serde_json::Deserializer::from_slice(body);
    let input: T = serde_path_to_error::deserialize(&mut reader).map_err(|error| wrong_type(&error))?;
    input.validate().map_err(|report| broken_rule(&report))?;
    Ok(input)
}

/// The same where there may be no body at all.
pub(super) fn parse_optional<T>(body: &[u8]) -> Result<T, AuthError>
where
    T: DeserializeOwned + Validate<Context = ()>,
{
    parse(if body.is_empty() { b"{}" } else { body })
}

fn bad_json(fault: &Fault) -> AuthError {
    let message = match fault {
        Fault::Duplicate => "Could not parse request body as JSON: a member is named twice".to_owned(),
        Fault::Malformed => format!(
            "Could not parse request body as JSON: it must be one object, at most {MAX_DEPTH} levels deep, without U+0000"
        ),
        Fault::NumberRange(_) => "Could not parse request body as JSON: a number is out of range".to_owned(),
    };
    AuthError::new(StatusCode::BAD_REQUEST, "bad_json", message)
}

/// Of serde's text only what it expected is told; before that stands what it got. The types here
/// expect nothing that holds the separator, so the last one is serde's own.
fn wrong_type(error: &serde_path_to_error::Error<serde_json::Error>) -> AuthError {
    let text = error.inner().to_string();
    let text = text.rsplit_once(" at line ").map_or(text.as_str(), |(text, _)| text);
    let path = error.path().to_string();
    if let Some(field) = text.strip_prefix("missing field `").and_then(|rest| rest.strip_suffix('`')) {
        return AuthError::invalid(format!("{}{field} is missing", prefix(&path)));
    }
    let expected = text.rsplit_once(", expected ").map(|(_, expected)| expected);
    let rule = expected.map_or_else(|| "is not valid".to_owned(), |expected| format!("must be {expected}"));
    AuthError::invalid(format!("{path} {rule}"))
}

fn prefix(path: &str) -> String {
    if path == "." || path == "?" { String::new() } else { format!("{path}.") }
}

/// All broken rules, as `field rule; field rule`.
fn broken_rule(report: &garde::Report) -> AuthError {
    let mut message = String::new();
    for (path, error) in report.iter() {
        let separator = if message.is_empty() { "" } else { "; " };
        let _ = write!(message, "{separator}{path} {error}");
    }
    AuthError::invalid(message)
}

#[cfg(test)]
mod tests;

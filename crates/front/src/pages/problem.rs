//! What stands above a form that was refused: what is wrong, and what to do. It never tells whether
//! there is an account.

use axum::http::StatusCode;
use serde::Serialize;

use crate::auth::error::AuthError;

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Problem {
    /// The field that it is about.
    pub(super) field: Option<&'static str>,
    pub(super) text: String,
}

/// A refusal of a form, to be shown with it.
#[derive(Debug)]
pub(super) struct Refused {
    pub(super) status: StatusCode,
    pub(super) retry_after: Option<u64>,
    pub(super) problems: Vec<Problem>,
}

impl Problem {
    pub(super) fn of(field: &'static str, text: impl Into<String>) -> Self {
        Self { field: Some(field), text: text.into() }
    }
}

impl Refused {
    /// Something that the page itself sees.
    pub(super) fn new(problem: Problem) -> Self {
        Self { status: StatusCode::UNPROCESSABLE_ENTITY, retry_after: None, problems: vec![problem] }
    }

    /// `field`: what the refusal is about where that is not plain from it.
    pub(super) fn by(error: &AuthError, field: Option<&'static str>) -> Self {
        let (about, text) = explain(error);
        let problem = |text| Problem { field: about.or(field), text };
        let problems = if error.reasons().is_empty() {
            vec![problem(text)]
        } else {
            error.reasons().iter().map(|reason| problem(sentence(reason))).collect()
        };
        Self { status: error.status(), retry_after: error.retry_after(), problems }
    }
}

/// The field if there can be only one, and the sentences.
fn explain(error: &AuthError) -> (Option<&'static str>, String) {
    let fixed = match error.code() {
        "invalid_credentials" => {
            (None, "The email address or the password is wrong. Check both and try again.")
        }
        "email_not_confirmed" => (None, "Confirm your email address first: open the link in our mail."),
        "user_already_exists" | "email_exists" => (
            Some("email"),
            "This address can not be used for a new account. If it is yours, sign in or ask for a new password.",
        ),
        "otp_expired" => (
            None,
            "This code or link is wrong, was used already or has expired. Check it, or ask for a new mail.",
        ),
        "mfa_verification_failed" => {
            (Some("code"), "This code is not right. Codes change every 30 seconds: enter the one shown now.")
        }
        "same_password" => (Some("password"), "This is your password already. Choose another one."),
        "reauthentication_needed" => (Some("current_password"), "Enter your current password to change it."),
        "invite_not_found" => (
            None,
            "This invitation is not for this account, was used already or has expired. Sign in with the address \
             that was invited, or ask for a new invitation.",
        ),
        "signup_disabled" => (None, "New accounts can not be made here. Ask for an invitation."),
        "insufficient_aal" => (None, "This needs your second factor. Sign in with it and try again."),
        "last_owner" => (None, "You are the last owner. Make somebody else an owner first."),
        "over_request_rate_limit" => return (None, throttled(error.retry_after())),
        "validation_failed" if error.message().contains("email address") => {
            (Some("email"), "Enter an email address such as name@example.com.")
        }
        _ if error.status().is_server_error() => {
            (None, "This does not work at the moment. Wait a minute and try again.")
        }
        _ => return (None, sentence(error.message())),
    };
    (fixed.0, fixed.1.to_owned())
}

fn throttled(seconds: Option<u64>) -> String {
    let wait = match seconds.unwrap_or(60) {
        0..=59 => "a minute".to_owned(),
        seconds @ 60..=3599 => format!("{} minutes", seconds.div_ceil(60).max(2)),
        seconds => format!("{} hours", seconds.div_ceil(3600).max(2)),
    };
    format!("There were too many attempts. Wait {wait} and try again.")
}

/// With a capital at its beginning and a full stop at its end.
fn sentence(text: &str) -> String {
    let mut letters = text.trim().chars();
    let mut sentence: String = letters.next().into_iter().flat_map(char::to_uppercase).collect();
    sentence.push_str(letters.as_str());
    if !sentence.is_empty() && !sentence.ends_with(['.', '!', '?']) {
        sentence.push('.');
    }
    sentence
}

#[cfg(test)]
mod tests {
    use axum::http::StatusCode;

    use super::{AuthError, Problem, Refused};

    fn of(code: &'static str, message: &'static str) -> Vec<Problem> {
        let error = AuthError::new(StatusCode::BAD_REQUEST, code, message);
        Refused::by(&error, Some("x")).problems
    }

    #[test]
    fn a_refusal_says_what_to_do() {
        assert!(of("invalid_credentials", "")[0].text.starts_with("The email address or the password"));
        assert_eq!(of("user_already_exists", "")[0].field, Some("email"));
        let text = "Unable to validate email address: invalid format";
        assert_eq!(of("validation_failed", text)[0].field, Some("email"));
    }

    #[test]
    fn a_refusal_that_has_no_words_here_keeps_its_own() {
        assert_eq!(of("hook_rejected", "Only staff"), [Problem::of("x", "Only staff.")]);
        assert_eq!(of("hook_rejected", "über 18 only!"), [Problem::of("x", "Über 18 only!")]);
    }

    #[test]
    fn what_fails_inside_stays_inside() {
        let error = AuthError::new(StatusCode::INTERNAL_SERVER_ERROR, "unexpected_failure", "relation x");
        assert!(!Refused::by(&error, None).problems[0].text.contains("relation"));
    }

    #[test]
    fn waiting_is_told_in_round_numbers() {
        assert!(super::throttled(Some(3)).contains("Wait a minute"));
        assert!(super::throttled(Some(61)).contains("Wait 2 minutes"));
        assert!(super::throttled(Some(7201)).contains("Wait 3 hours"));
    }
}

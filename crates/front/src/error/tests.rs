use axum::http::StatusCode;
use axum::response::IntoResponse;

use super::{Error, TokenProblem};
use crate::pg::{DbError, PgError};

fn failed(code: &str, message: &str, authenticated: bool) -> Error {
    let error = Box::new(DbError::new(code, message));
    Error::Database { error: PgError::Database { step: 1, error }, authenticated }
}

fn status(code: &str, authenticated: bool) -> u16 {
    failed(code, "x", authenticated).describe().status.as_u16()
}

fn refused(detail: &str) -> Error {
    let mut error = DbError::new("28000", "invalid token");
    error.detail = Some(detail.to_owned());
    Error::InvalidToken(Box::new(error).into())
}

fn header(error: Error, name: &str) -> Option<String> {
    let response = error.into_response();
    response.headers().get(name).map(|value| value.to_str().unwrap().to_owned())
}

#[test]
fn sqlstates_map_as_in_postgrest() {
    for (code, expected) in [
        ("23505", 409),
        ("23503", 409),
        ("23502", 400),
        ("22P02", 400),
        ("42703", 400),
        ("42P01", 404),
        ("42883", 404),
        ("25006", 405),
        ("P0001", 400),
        ("P0002", 500),
        ("PT402", 402),
        ("PTxyz", 500),
        ("XX000", 500),
        ("57P01", 503),
        ("53300", 503),
        ("28000", 403),
        ("40001", 500),
        ("ABCDE", 400),
    ] {
        assert_eq!(status(code, true), expected, "{code}");
    }
}

#[test]
fn a_missing_privilege_asks_nobody_for_a_token_and_forbids_somebody() {
    assert_eq!(status("42501", false), 401);
    assert_eq!(status("42501", true), 403);
    assert_eq!(header(failed("42501", "x", false), "www-authenticate").unwrap(), "Bearer");
    assert_eq!(header(failed("42501", "x", true), "www-authenticate"), None);
}

#[test]
fn a_role_that_does_not_exist_is_no_identity() {
    assert_eq!(
        failed("22023", "role \"x\" does not exist", true).describe().status,
        StatusCode::UNAUTHORIZED
    );
    assert_eq!(status("22023", true), 400);
}

#[test]
fn client_errors_tell_what_the_database_says_and_server_errors_do_not() {
    assert_eq!(failed("23505", "duplicate key", true).describe().message, "duplicate key");
    let description = failed("XX000", "secret path /x", true).describe();
    assert_eq!((description.code.as_str(), description.message.as_str()), ("XX000", "Internal Server Error"));
    let gone = Error::Database {
        error: PgError::Broken(std::io::Error::other("host 10.0.0.1")),
        authenticated: true,
    };
    assert!(!gone.describe().message.contains("10.0.0.1"));
}

#[test]
fn a_refused_token_is_told_by_what_is_wrong_with_it() {
    for (detail, code) in [
        ("token_expired", "PGRST303"),
        ("token_not_yet_valid", "PGRST303"),
        ("token_audience_mismatch", "PGRST303"),
        ("token_signature_invalid", "PGRST301"),
        ("anything", "PGRST301"),
    ] {
        let description = refused(detail).describe();
        assert_eq!((description.status.as_u16(), description.code.as_str()), (401, code));
        assert_eq!(description.message, "invalid token");
    }
    assert_eq!(
        header(refused("token_expired"), "www-authenticate").unwrap(),
        "Bearer error=\"invalid_token\", error_description=\"invalid token\""
    );
}

#[test]
fn the_challenge_takes_no_odd_characters() {
    let problem =
        TokenProblem::Refused { message: "a \"b\"\r\n\\ é".to_owned(), details: None, claims: false };
    let challenge = header(Error::InvalidToken(problem), "www-authenticate").unwrap();
    assert!(challenge.starts_with("Bearer error=\"invalid_token\""), "{challenge}");
}

#[test]
fn every_answer_has_postgrests_shape_and_names_its_code() {
    let error = Error::TableNotFound { schema: "api".to_owned(), name: "x".to_owned(), meant: None };
    let description = error.describe();
    assert_eq!((description.status.as_u16(), description.code.as_str()), (404, "PGRST205"));
    assert_eq!(header(error, "proxy-status").unwrap(), "PostgREST; error=PGRST205");
    assert_eq!(header(Error::SchemaCacheMissing, "retry-after").unwrap(), "1");
    assert_eq!(header(Error::InvalidPath, "content-type").unwrap(), "application/json; charset=utf-8");
}

#[test]
fn a_developer_may_raise_any_answer() {
    let mut raised = DbError::new("PGRST", r#"{"code": "123", "message": "ABC", "hint": "h"}"#);
    raised.detail = Some(r#"{"status": 332, "headers": {"X-Header": "str"}}"#.to_owned());
    let error = |raised: &DbError| Error::Database {
        error: PgError::Database { step: 1, error: Box::new(raised.clone()) },
        authenticated: true,
    };
    let description = error(&raised).describe();
    assert_eq!((description.status.as_u16(), description.code.as_str()), (332, "123"));
    assert_eq!(description.headers["x-header"], "str");
    raised.detail = None;
    let description = error(&raised).describe();
    assert_eq!((description.status.as_u16(), description.code.as_str()), (500, "PGRST121"));
}

#[test]
fn terse_errors_have_neither_details_nor_hint() {
    let description = Error::NotEmbedded { name: "x".to_owned(), renamed: None }.describe();
    let body = String::from_utf8(description.body(false)).unwrap();
    assert!(!body.contains("hint") && !body.contains("details") && body.contains("PGRST108"));
}

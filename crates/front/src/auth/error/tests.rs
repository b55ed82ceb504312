use std::collections::HashSet;

use axum::http::{HeaderMap, HeaderValue, StatusCode};
use http_body_util::BodyExt;
use serde_json::{Value, json};

use super::table::{TABLE, find};
use super::{ApiVersion, AuthError, Denied};
use crate::pg::{DbError, PgError};

fn refused(status: &str) -> AuthError {
    AuthError::refused(status.to_owned(), None, vec!["use more characters".to_owned()], Some(30))
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

fn failed(step: usize, code: &str, detail: Option<&str>, denied: Option<Denied>) -> (u16, String) {
    let mut error = DbError::new(code, "invalid input: \"the value\"");
    error.detail = detail.map(str::to_owned);
    let error = AuthError::of_database(PgError::Database { step, error: Box::new(error) }, denied);
    assert!(!error.message.contains("the value"));
    (error.status.as_u16(), error.code.into_owned())
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
    assert_eq!(body["weak_password"]["reasons"], json!(["characters"]));
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
    let refusals = TABLE.iter().filter(|row| row.0 != "hook_failed");
    assert!(refusals.into_iter().all(|(_, status, _, _)| (400..500).contains(status)));
}

#[test]
fn the_table_is_sorted_and_names_each_refusal_once() {
    let names: Vec<_> = TABLE.iter().map(|row| row.0).collect();
    assert!(names.is_sorted());
    assert_eq!(names.iter().collect::<HashSet<_>>().len(), names.len());
    assert!(names.iter().all(|name| find(name).is_some_and(|refusal| !refusal.code.is_empty())));
}

#[test]
fn a_bad_token_is_told_apart_from_one_whose_session_has_ended() {
    let shown = |detail| failed(0, "28000", Some(detail), Some(Denied::NoUser));
    assert_eq!(shown("token_signature_invalid"), (403, "bad_jwt".to_owned()));
    assert_eq!(shown("token_expired"), (403, "bad_jwt".to_owned()));
    assert_eq!(shown("token_revoked"), (403, "session_not_found".to_owned()));
}

#[test]
fn a_code_in_detail_is_found_in_the_table() {
    assert_eq!(
        failed(1, "42501", Some("insufficient_aal"), Some(Denied::NoUser)),
        (403, "insufficient_aal".to_owned())
    );
    assert_eq!(
        failed(1, "23505", Some("email_exists"), Some(Denied::NotAdmin)),
        (422, "email_exists".to_owned())
    );
    assert_eq!(failed(1, "22P02", None, None), (400, "validation_failed".to_owned()));
    assert_eq!(failed(1, "40001", None, None), (409, "conflict".to_owned()));
}

#[test]
fn a_function_that_the_role_may_not_call_is_refused_by_who_it_is_for() {
    assert_eq!(failed(1, "42501", None, Some(Denied::NoUser)), (403, "bad_jwt".to_owned()));
    assert_eq!(failed(1, "42501", None, Some(Denied::NotAdmin)), (403, "not_admin".to_owned()));
    // Nobody may be asked for nothing: this is a fault of the installation.
    assert_eq!(failed(1, "42501", None, None), (500, "unexpected_failure".to_owned()));
}

use axum::http::StatusCode;
use garde::Validate;
use serde::Deserialize;

use super::{AuthError, Credential, Id, Names, Object, OtpKind, Text, parse, parse_optional};

#[derive(Debug, Deserialize, Validate)]
#[garde(allow_unvalidated)]
struct Input {
    #[garde(dive)]
    name: Option<Text<5>>,
    #[garde(dive)]
    password: Option<Credential>,
    #[garde(dive)]
    id: Option<Id>,
    #[garde(dive)]
    data: Option<Object>,
    #[garde(dive)]
    names: Option<Names>,
    kind: Option<OtpKind>,
    flag: Option<bool>,
}

#[derive(Debug, Deserialize, Validate)]
#[garde(allow_unvalidated)]
struct Strict {
    #[serde(rename = "type")]
    kind: OtpKind,
}

fn refusal(body: &str) -> (StatusCode, String, String) {
    let error: AuthError = parse::<Input>(body.as_bytes()).unwrap_err();
    (error.status(), error.code().to_owned(), error.message().to_owned())
}

#[test]
fn what_fits_is_read_and_what_is_unknown_is_ignored() {
    let body = r#"{"name": "Aenne", "password": "p", "id": "018f5d1e-7c3a-7b1e-8c3a-9f1e7c3a7b1e",
                   "data": {"a": [1.50]}, "names": ["a:b"], "kind": "email_change", "flag": true, "more": {"x": 1}}"#;
    let input: Input = parse(body.as_bytes()).unwrap();
    assert_eq!(input.name.unwrap().as_str(), "Aenne");
    assert_eq!(input.password.unwrap().secret().expose(), "p");
    assert_eq!(input.data.unwrap().raw().get(), r#"{"a": [1.50]}"#);
    assert_eq!(input.names.unwrap().as_slice(), ["a:b"]);
    assert_eq!(input.kind, Some(OtpKind::EmailChange));
    assert_eq!(input.flag, Some(true));
    assert!(input.id.is_some());
}

#[test]
fn null_is_the_same_as_missing() {
    let input: Input = parse(br#"{"name": null, "password": null, "data": null}"#).unwrap();
    assert!(input.name.is_none() && input.password.is_none() && input.data.is_none());
    assert!(parse_optional::<Input>(b"").is_ok());
}

#[test]
fn what_is_no_strict_json_object_is_bad_json() {
    let deep = format!("{{\"data\": {}{}}}", "[".repeat(5000), "]".repeat(5000));
    let nested = format!("{{\"more\": {}1{}}}", "{\"a\":".repeat(40), "}".repeat(40));
    for body in [
        "",
        "x",
        "null",
        "[]",
        "\"text\"",
        "{",
        "{}{}",
        "{\"name\": }",
        "{\"name\": \"a\", \"name\": \"b\"}",
        "{\"more\": {\"a\": 1, \"a\": 2}}",
        "{\"name\": \"a\\u0000\"}",
        "{\"more\": 1e999}",
        "{\"name\": \"\\ud800\"}",
        &deep,
        &nested,
    ] {
        let (status, code, _) = refusal(body);
        assert_eq!((status, code.as_str()), (StatusCode::BAD_REQUEST, "bad_json"), "{body:.40}");
    }
    assert!(parse::<Input>(b"{\"name\": \"\xff\"}").is_err());
}

#[test]
fn a_wrong_type_is_named_and_the_value_is_not() {
    for (body, message) in [
        (r#"{"name": 4711}"#, "name must be a string"),
        (r#"{"password": ["hunter2"]}"#, "password must be a string"),
        (r#"{"flag": "hunter2, expected a lot at line 1"}"#, "flag must be a boolean"),
        (r#"{"data": "hunter2"}"#, "data must be an object of at most 65536 bytes"),
        (r#"{"names": ["a", {"hunter2": 1}]}"#, "names[1] must be a string"),
        (r#"{"names": "hunter2"}"#, "names must be a sequence"),
        (r#"{"id": "hunter2"}"#, "id must be a UUID"),
        (r#"{"id": "hunter2", "name": "hunter2"}"#, "id must be a UUID; name must have at most 5 characters"),
    ] {
        assert_eq!(
            refusal(body),
            (StatusCode::BAD_REQUEST, "validation_failed".to_owned(), message.to_owned())
        );
    }
}

#[test]
fn a_choice_tells_what_there_is() {
    let (_, code, message) = refusal(r#"{"kind": "hunter2, expected"}"#);
    assert_eq!(code, "validation_failed");
    assert!(
        message.starts_with("kind must be one of `signup`, `invite`") && !message.contains("hunter2"),
        "{message}"
    );
    let missing = parse::<Strict>(b"{}").unwrap_err();
    assert_eq!(missing.message(), "type is missing");
    assert_eq!(parse::<Strict>(br#"{"type": "recovery"}"#).unwrap().kind, OtpKind::Recovery);
}

#[test]
fn limits_count_characters() {
    assert!(parse::<Input>("{\"name\": \"äöüßé\"}".as_bytes()).is_ok());
    assert_eq!(refusal(r#"{"name": "abcdef"}"#).2, "name must have at most 5 characters");
    let many = format!("{{\"names\": [{}\"a\"]}}", "\"a\",".repeat(200));
    assert!(refusal(&many).2.starts_with("names must have at most 200 items"));
    let large = format!("{{\"data\": {{\"a\": \"{}\"}}}}", "x".repeat(70_000));
    assert!(refusal(&large).2.starts_with("data must be an object"));
}

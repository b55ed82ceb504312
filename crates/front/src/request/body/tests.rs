use bytes::Bytes;

use super::{Payload, is_object};
use crate::error::Error;
use crate::request::media_type::MediaType;

fn parse(content_type: &str, body: &str) -> Result<Payload, String> {
    let body = Bytes::copy_from_slice(body.as_bytes());
    Payload::parse(&MediaType::parse(content_type), body, false, false).map_err(|error| match error {
        Error::InvalidBody(message) => message,
        other => format!("{other:?}"),
    })
}

fn json(body: &str) -> Result<Vec<String>, String> {
    parse("application/json", body).map(|payload| payload.keys())
}

fn text(payload: Payload) -> String {
    String::from_utf8(payload.bytes().to_vec()).unwrap()
}

#[test]
fn an_object_gives_its_keys_sorted_and_once() {
    assert_eq!(json(r#"{"b": {"c": [1]}, "a": null, "a": 1, "\u00e9": 2}"#).unwrap(), ["a", "b", "é"]);
}

#[test]
fn an_array_gives_the_keys_that_all_objects_have() {
    assert_eq!(json(r#" [{"a":1,"b":2},{"b":3,"a":4}] "#).unwrap(), ["a", "b"]);
    assert!(json("[]").unwrap().is_empty());
}

#[test]
fn objects_with_other_keys_are_refused() {
    for body in [r#"[{"a":1},{"b":2}]"#, r#"[{"a":1},{}]"#, "[1]", "[[]]", r#"[{"a":1},2]"#] {
        assert_eq!(json(body).unwrap_err(), "All object keys must match", "{body}");
    }
}

#[test]
fn what_is_no_json_is_refused() {
    for body in ["", "{", "[1", r#"{"a":1} x"#, "1", "null", "\"a\""] {
        assert_eq!(json(body).unwrap_err(), "Empty or invalid json", "{body}");
    }
}

#[test]
fn deep_nesting_does_no_harm() {
    let deep = format!("{{\"a\":{}{}}}", "[".repeat(500_000), "]".repeat(500_000));
    assert!(json(&deep).is_ok());
}

#[test]
fn csv_becomes_json_with_its_nulls_and_quotes() {
    let payload = parse("text/csv", "a,\"b \"\"c\"\"\"\r\n1,\"x,\ny\"\nNULL,\n").unwrap();
    assert_eq!(payload.keys(), ["a", "b \"c\""]);
    assert_eq!(text(payload), r#"[{"a":"1","b \"c\"":"x,\ny"},{"a":null,"b \"c\"":""}]"#);
}

#[test]
fn csv_lines_must_be_even_and_quotes_must_end() {
    assert_eq!(parse("text/csv", "a,b\n1\n").unwrap_err(), "All lines must have same number of fields");
    assert!(parse("text/csv", "a\n\"1\n").unwrap_err().contains("does not end"));
    assert!(parse("text/csv", "a\n\"1\"x\n").unwrap_err().contains("goes on"));
    assert!(parse("text/csv", "").is_err());
}

#[test]
fn a_form_is_one_object() {
    let payload = parse("application/x-www-form-urlencoded", "a=1&b=x+%22y").unwrap();
    assert_eq!(text(payload), r#"{"a":"1","b":"x \"y"}"#);
}

#[test]
fn other_types_are_refused() {
    assert_eq!(parse("text/plain", "x").unwrap_err(), "Content-Type not acceptable: text/plain");
}

#[test]
fn an_object_is_told_by_its_beginning() {
    assert!(is_object(b" \n{") && !is_object(b"[{}]") && !is_object(b""));
}

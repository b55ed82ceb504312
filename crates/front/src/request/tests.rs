use axum::http::Request;
use bytes::Bytes;

use super::{Action, ApiRequest, CallMethod, MediaType, Range, Root, Terms, Write};
use crate::error::Error;

fn parse(method: &str, uri: &str, header: (&str, &str), body: &'static str) -> Result<String, Error> {
    let request = Request::builder().method(method).uri(uri).header(header.0, header.1);
    let (parts, ()) = request.body(()).unwrap().into_parts();
    let schemas = ["api".to_owned()];
    let terms = Terms { schemas: &schemas, root: &Root::OpenApi, may_end_transaction: true };
    ApiRequest::parse(&parts, Bytes::from_static(body.as_bytes()), terms).map(|request| {
        let kind = match request.action {
            Action::Call { by: CallMethod::Post, .. } => "post call",
            Action::Call { .. } => "call",
            Action::Read { .. } => "read",
            Action::Write { kind: Write::Insert, .. } => "insert",
            Action::Write { .. } => "write",
            _ => "info",
        };
        format!("{kind} {:?}", request.range.limit())
    })
}

const NONE: (&str, &str) = ("x", "");

#[test]
fn method_and_path_tell_the_action() {
    for (method, uri, expected) in [
        ("GET", "/notes", "read None"),
        ("HEAD", "/rest/v1/notes?limit=1", "read Some(1)"),
        ("POST", "/notes", "insert None"),
        ("DELETE", "/notes", "write None"),
        ("GET", "/rpc/f", "call None"),
        ("POST", "/rpc/f", "post call None"),
        ("OPTIONS", "/notes", "info None"),
        ("GET", "/", "info None"),
    ] {
        assert_eq!(parse(method, uri, NONE, "{}").unwrap(), expected, "{method} {uri}");
    }
}

#[test]
fn other_methods_are_not_supported() {
    assert!(matches!(parse("TRACE", "/notes", NONE, ""), Err(Error::UnsupportedMethod(_))));
    assert!(matches!(parse("POST", "/", NONE, ""), Err(Error::UnsupportedMethod(_))));
    assert!(matches!(parse("PUT", "/rpc/f", NONE, ""), Err(Error::UnsupportedCallMethod(_))));
}

#[test]
fn header_and_parameters_bound_the_range_together() {
    assert_eq!(parse("GET", "/notes?limit=5", ("range", "0-1"), "").unwrap(), "read Some(2)");
    assert_eq!(parse("HEAD", "/notes?limit=5", ("range", "0-1"), "").unwrap(), "read Some(5)");
    assert!(matches!(parse("GET", "/notes", ("range", "1-0"), ""), Err(Error::RangeBackwards)));
    assert!(matches!(parse("GET", "/notes?limit=-1", NONE, ""), Err(Error::NegativeLimit)));
    assert_eq!(parse("GET", "/notes?limit=0", NONE, "").unwrap(), "read Some(0)");
    assert!(matches!(parse("PUT", "/notes?limit=1", NONE, "{}"), Err(Error::PutLimited)));
}

#[test]
fn a_disabled_root_is_not_there() {
    let (parts, ()) = Request::builder().uri("/").body(()).unwrap().into_parts();
    let schemas = ["api".to_owned()];
    let terms = Terms { schemas: &schemas, root: &Root::Disabled, may_end_transaction: false };
    assert!(matches!(ApiRequest::parse(&parts, Bytes::new(), terms), Err(Error::RootDisabled)));
}

#[test]
fn anything_is_accepted_when_nothing_is_said() {
    let (parts, ()) = Request::builder().uri("/notes").body(()).unwrap().into_parts();
    let schemas = ["api".to_owned()];
    let terms = Terms { schemas: &schemas, root: &Root::OpenApi, may_end_transaction: false };
    let request = ApiRequest::parse(&parts, Bytes::new(), terms).unwrap();
    assert_eq!((request.accepted, request.range), (vec![MediaType::Any], Range::ALL));
}

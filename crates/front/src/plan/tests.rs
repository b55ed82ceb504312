use axum::http::Request;
use bytes::Bytes;

use super::{Arguments, Context, Plan, WriteKind};
use crate::error::Error;
use crate::request::{ApiRequest, Root, Terms};
use crate::schema_cache::SchemaCache;
use crate::schema_cache::tests::example;

fn context(cache: &SchemaCache) -> Context<'_> {
    Context { cache, max_rows: Some(100), aggregates: false, plans: false, legacy_names: true }
}

fn with<T>(
    method: &str,
    uri: &str,
    headers: &[(&str, &str)],
    body: &'static str,
    check: impl FnOnce(Plan<'_>) -> T,
) -> Result<T, Error> {
    let mut request = Request::builder().method(method).uri(uri);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let (parts, ()) = request.body(()).unwrap().into_parts();
    let schemas = ["api".to_owned()];
    let terms = Terms { schemas: &schemas, root: &Root::OpenApi, may_end_transaction: true };
    let request = ApiRequest::parse(&parts, Bytes::from_static(body.as_bytes()), terms)?;
    let cache = example();
    Plan::new(&request, context(&cache)).map(check)
}

fn error(method: &str, uri: &str, headers: &[(&str, &str)], body: &'static str) -> Error {
    with(method, uri, headers, body, |_| ()).unwrap_err()
}

#[test]
fn an_unknown_relation_is_not_found_and_a_likely_one_is_named() {
    let error = error("GET", "/notez", &[], "");
    assert!(matches!(error, Error::TableNotFound { meant: Some(meant), .. } if meant == "notes"));
}

#[test]
fn every_key_of_a_body_must_be_a_column() {
    let error = error("POST", "/notes", &[], r#"{"id":1,"nope":2}"#);
    assert!(matches!(error, Error::ColumnNotFound { column, .. } if column == "nope"));
}

#[test]
fn the_smaller_of_limit_and_most_rows_counts() {
    for (uri, expected) in [("/notes", 100), ("/notes?limit=5", 5), ("/notes?limit=500", 100)] {
        let limit = with("GET", uri, &[], "", |plan| match plan {
            Plan::Read(read) => read.tree.range.limit(),
            _ => None,
        });
        assert_eq!(limit.unwrap(), Some(expected), "{uri}");
    }
}

#[test]
fn relations_are_embedded_by_name_key_and_column() {
    for uri in [
        "/notes?select=*,people(name)",
        "/notes?select=*,notes_author(name)",
        "/notes?select=*,author_id(name)",
        "/notes?select=*,who:people!notes_author(name)&who.name=eq.x",
        "/people?select=notes(id)&notes.limit=1",
        "/notes?select=tags(id)",
    ] {
        assert!(with("GET", uri, &[], "", |_| ()).is_ok(), "{uri}");
    }
    assert!(matches!(error("GET", "/notes?select=nothing(id)", &[], ""), Error::NoRelationship(_)));
    let unknown = error("GET", "/notes?people.name=eq.x", &[], "");
    assert!(matches!(unknown, Error::NotEmbedded { name, .. } if name == "people"));
}

#[test]
fn only_single_rows_can_be_sorted_by() {
    assert!(with("GET", "/notes?select=people(id)&order=people(name)", &[], "", |_| ()).is_ok());
    let many = error("GET", "/people?select=notes(id)&order=notes(id)", &[], "");
    assert!(matches!(many, Error::RelatedOrder { .. }));
}

#[test]
fn aggregates_need_leave() {
    assert!(matches!(error("GET", "/notes?select=id.sum()", &[], ""), Error::AggregatesDisabled));
    assert!(matches!(error("GET", "/people?select=notes(count())", &[], ""), Error::AggregatesDisabled));
}

#[test]
fn a_put_names_its_row_by_the_primary_key_and_nothing_else() {
    for uri in
        ["/notes", "/notes?id=gt.1", "/notes?id=eq.1&body=eq.x", "/notes?body=eq.x", "/notes?id=not.eq.1"]
    {
        assert!(matches!(error("PUT", uri, &[], r#"{"id":1}"#), Error::PutFilters), "{uri}");
    }
    let is_put = with(
        "PUT",
        "/notes?id=eq.1",
        &[],
        r#"{"id":1}"#,
        |plan| matches!(plan, Plan::Write(write) if matches!(write.kind, WriteKind::Put { .. })),
    );
    assert!(is_put.unwrap());
}

#[test]
fn a_function_is_chosen_by_the_names_of_its_arguments() {
    for (method, uri, body) in [
        ("GET", "/rpc/add?a=1", ""),
        ("GET", "/rpc/add?a=1&b=2", ""),
        ("POST", "/rpc/add", r#"{"a": 1}"#),
        ("POST", "/rpc/echo", r#"{"anything": 1}"#),
        ("GET", "/rpc/search?text=x&id=eq.1&select=id,people(name)", ""),
    ] {
        assert!(with(method, uri, &[], body, |_| ()).is_ok(), "{method} {uri}");
    }
    for (method, uri) in [("GET", "/rpc/add?b=1"), ("GET", "/rpc/add?a=1&c=2"), ("GET", "/rpc/echo?x=1")] {
        assert!(matches!(error(method, uri, &[], ""), Error::RoutineNotFound(_)), "{uri}");
    }
    let whole = with(
        "POST",
        "/rpc/echo",
        &[],
        "{}",
        |plan| matches!(plan, Plan::Call(call) if matches!(call.arguments, Arguments::Whole { .. })),
    );
    assert!(whole.unwrap());
}

#[test]
fn only_what_can_be_made_is_given() {
    assert!(with("GET", "/notes", &[("accept", "text/html, text/csv")], "", |_| ()).is_ok());
    let refused = error("GET", "/notes", &[("accept", "text/html")], "");
    assert!(matches!(refused, Error::UnacceptableMediaType(_)));
    let plan = error("GET", "/notes", &[("accept", "application/vnd.pgrst.plan+json")], "");
    assert!(matches!(plan, Error::UnacceptableMediaType(_)));
}

#[test]
fn strict_handling_refuses_what_nobody_knows() {
    let headers = [("prefer", "handling=strict, nonsense")];
    assert!(matches!(error("GET", "/notes", &headers, ""), Error::UnknownPreferences(_)));
    let headers = [("prefer", "handling=strict, max-affected=1")];
    assert!(matches!(error("GET", "/rpc/add?a=1", &headers, ""), Error::MaxAffectedCall));
}

#[test]
fn only_writes_may_write() {
    let reads = |method, uri, body| with(method, uri, &[], body, |plan| plan.reads()).unwrap();
    assert!(reads("GET", "/notes", "") && reads("POST", "/rpc/add", r#"{"a":1}"#));
    assert!(!reads("POST", "/notes", "{}") && !reads("DELETE", "/notes", ""));
}

#[test]
fn the_methods_of_a_relation_are_told() {
    let allow = with("OPTIONS", "/notes", &[], "", |plan| match plan {
        Plan::Info { allow } => allow,
        _ => String::new(),
    });
    assert_eq!(allow.unwrap(), "OPTIONS,GET,HEAD,POST,PUT,PATCH");
}

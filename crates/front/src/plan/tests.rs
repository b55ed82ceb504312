use axum::http::Request;
use bytes::Bytes;

use super::Plan;
use crate::error::Error;
use crate::request::ApiRequest;
use crate::schema_cache::{SchemaCache, example};

fn plan<'a>(cache: &'a SchemaCache, method: &str, uri: &str, body: &'static str) -> Result<Plan<'a>, Error> {
    let (parts, ()) = Request::builder().method(method).uri(uri).body(()).unwrap().into_parts();
    let schemas = ["api".to_owned()];
    let request = ApiRequest::parse(&parts, Bytes::from_static(body.as_bytes()), &schemas)?;
    Plan::new(request, cache, Some(100))
}

#[test]
fn an_unknown_relation_is_not_found() {
    let error = plan(&example(), "GET", "/missing", "").unwrap_err();
    assert!(matches!(error, Error::TableNotFound { schema, name } if schema == "api" && name == "missing"));
}

#[test]
fn every_column_of_a_read_must_exist() {
    for uri in ["/notes?select=id,nope", "/notes?nope=eq.1", "/notes?order=nope.desc"] {
        let error = plan(&example(), "GET", uri, "").unwrap_err();
        assert!(matches!(error, Error::UndefinedColumn { column, .. } if column == "nope"), "{uri}");
    }
}

#[test]
fn every_key_of_a_body_must_be_a_column() {
    let error = plan(&example(), "POST", "/notes", r#"{"id":1,"nope":2}"#).unwrap_err();
    assert!(matches!(error, Error::ColumnNotFound { column, .. } if column == "nope"));
}

#[test]
fn the_smaller_of_limit_and_most_rows_counts() {
    for (uri, expected) in [("/notes", 100), ("/notes?limit=5", 5), ("/notes?limit=500", 100)] {
        let cache = example();
        let Plan::Read(read) = plan(&cache, "GET", uri, "").unwrap() else { panic!("not a read") };
        assert_eq!(read.limit, Some(expected), "{uri}");
    }
}

#[test]
fn only_reads_are_read_only() {
    assert!(plan(&example(), "GET", "/notes", "").unwrap().reads());
    assert!(!plan(&example(), "POST", "/notes", "{}").unwrap().reads());
}

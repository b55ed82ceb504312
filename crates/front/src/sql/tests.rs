use axum::http::Request;
use bytes::Bytes;

use super::{Prelude, Statement, pre_request, quote_identifier, search_path};
use crate::pg::oid;
use crate::plan::Plan;
use crate::request::ApiRequest;
use crate::schema_cache::example;

fn statement(method: &str, uri: &str, prefer: &str, body: &'static str) -> Statement {
    let request = Request::builder().method(method).uri(uri).header("prefer", prefer);
    let (parts, ()) = request.body(()).unwrap().into_parts();
    let schemas = ["api".to_owned()];
    let request = ApiRequest::parse(&parts, Bytes::from_static(body.as_bytes()), &schemas).unwrap();
    Plan::new(request, &example(), None).unwrap().into()
}

const READ: &str =
    "select pg_catalog.count(*)::text, coalesce(pg_catalog.json_agg(r.*), '[]')::text from (select ";

#[test]
fn a_read_binds_every_value() {
    let read = statement("GET", "/notes?select=id,body&id=eq.1&body=eq.x';--", "", "");
    assert_eq!(
        read.text,
        format!(r#"{READ}"id", "body" from "api"."notes" where "id" = $1 and "body" = $2) r"#)
    );
    assert_eq!(read.types, [oid::UNKNOWN, oid::UNKNOWN]);
    assert_eq!(read.values, [Bytes::from_static(b"1"), Bytes::from_static(b"x';--")]);
}

#[test]
fn order_and_page_follow_the_conditions() {
    let read = statement("GET", "/notes?order=id.desc.nullslast,body&limit=2&offset=3", "", "");
    let expected =
        format!(r#"{READ}* from "api"."notes" order by "id" desc nulls last, "body" limit $1 offset $2) r"#);
    assert_eq!(read.text, expected);
    assert_eq!((read.types, read.values.len()), (vec![oid::INT8, oid::INT8], 2));
}

#[test]
fn odd_names_stay_inside_their_quotes() {
    let read = statement("GET", "/notes?select=%22odd%20%5C%22name%22", "", "");
    assert_eq!(read.text, format!(r#"{READ}"odd ""name" from "api"."notes") r"#));
    assert_eq!(quote_identifier(r#"a"; drop"#), r#""a""; drop""#);
}

#[test]
fn an_insert_takes_the_body_as_one_parameter() {
    let insert = statement("POST", "/notes", "", r#"[{"id":1,"body":"x"}]"#);
    assert_eq!(
        insert.text,
        r#"insert into "api"."notes" ("body", "id") select "body", "id" from pg_catalog.json_to_recordset($1) as body ("body" text, "id" bigint)"#
    );
    assert_eq!(
        (insert.types, insert.values),
        (vec![oid::JSON], vec![Bytes::from_static(br#"[{"id":1,"body":"x"}]"#)])
    );
}

#[test]
fn an_insert_gives_back_what_was_asked_for() {
    let insert = statement("POST", "/notes?select=id", "return=representation", r#"{"id":1}"#);
    assert_eq!(
        insert.text,
        concat!(
            r#"with r as (insert into "api"."notes" ("id") select "id" from pg_catalog.json_to_record($1) as body ("id" bigint)"#,
            r#" returning "id") select pg_catalog.count(*)::text, coalesce(pg_catalog.json_agg(r.*), '[]')::text from r"#
        )
    );
}

#[test]
fn empty_objects_are_rows_of_defaults() {
    assert_eq!(statement("POST", "/notes", "", "{}").text, r#"insert into "api"."notes" default values"#);
    assert_eq!(
        statement("POST", "/notes", "", "[{},{}]").text,
        r#"insert into "api"."notes" select from pg_catalog.json_array_elements($1)"#
    );
}

#[test]
fn the_prelude_binds_the_token_and_names_its_function_in_full() {
    let sql = Prelude::Token { read_only: true }.sql();
    assert!(sql.ends_with(", auth.authenticate($6))") && sql.contains("transaction_read_only"));
    assert!(!Prelude::Token { read_only: false }.sql().contains("transaction_read_only"));
    assert!(Prelude::Role { read_only: false }.sql().ends_with("set_config('role', $6, true))"));
}

#[test]
fn configured_names_are_quoted() {
    assert_eq!(search_path("my api", &["public".to_owned()]), r#""my api", "public""#);
    assert_eq!(pre_request(Some("auth"), "pre_request"), r#"select "auth"."pre_request"()"#);
}

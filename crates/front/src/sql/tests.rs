use axum::http::Request;
use bytes::Bytes;

use super::{Caller, Prelude, Statement, isolation, pre_request, quote_identifier, search_path};
use crate::config::Qualified;
use crate::pg::oid;
use crate::plan::{Context, Plan};
use crate::request::{ApiRequest, Root, Terms, Variables};
use crate::schema_cache::tests::example;

fn statement(method: &str, uri: &str, prefer: &str, body: &'static str) -> Statement {
    let request = Request::builder().method(method).uri(uri).header("prefer", prefer);
    let (parts, ()) = request.body(()).unwrap().into_parts();
    let schemas = ["api".to_owned()];
    let terms = Terms { schemas: &schemas, root: &Root::OpenApi, may_end_transaction: true };
    let request = ApiRequest::parse(&parts, Bytes::from_static(body.as_bytes()), terms).unwrap();
    let cache = example();
    let context =
        Context { cache: &cache, max_rows: None, aggregates: true, plans: true, legacy_names: true };
    let plan = Plan::new(&request, context).unwrap();
    Statement::of(&plan, &request.preferences, request.range, None).unwrap()
}

/// The query of the rows, without what is around it.
fn rows(uri: &str) -> Statement {
    let mut statement = statement("GET", uri, "", "");
    let text = statement.text.strip_prefix("with pgrst_source as (").unwrap();
    statement.text = text.split_once(") select null").unwrap().0.to_owned();
    statement
}

#[test]
fn a_read_binds_every_value() {
    let read = rows("/notes?select=id,body&id=eq.1&body=eq.x';--");
    assert_eq!(
        read.text,
        concat!(
            r#"select "api"."notes"."id", "api"."notes"."body" from "api"."notes""#,
            r#" where "api"."notes"."id" = $1 and "api"."notes"."body" = $2"#
        )
    );
    assert_eq!(read.types, [oid::UNKNOWN, oid::UNKNOWN]);
    assert_eq!(read.values, [Bytes::from_static(b"1"), Bytes::from_static(b"x';--")]);
}

#[test]
fn order_and_page_follow_the_conditions() {
    let read = rows("/notes?select=id&order=id.desc.nullslast,data-%3E%3Ek&limit=2&offset=3");
    let expected = concat!(
        r#"select "api"."notes"."id" from "api"."notes" order by "api"."notes"."id" desc nulls last, "#,
        r#""api"."notes"."data"->>$1 limit $2 offset $3"#
    );
    assert_eq!((read.text.as_str(), read.types.len()), (expected, 3));
}

#[test]
fn every_operator_has_its_sql() {
    for (filter, sql) in [
        ("body=neq.x", r#""body" <> $1"#),
        ("body=like.a*", r#""body" like $1"#),
        ("body=ilike(any).%7Ba*%7D", r#""body" ilike any ($1)"#),
        ("body=not.match.x", r#"not "api"."notes"."body" ~ $1"#),
        ("body=in.(a,b)", r#""body" = any ($1)"#),
        ("body=in.()", r#""body" = any ('{}')"#),
        ("body=is.not_null", r#""body" is not null"#),
        ("body=isdistinct.x", r#""body" is distinct from $1"#),
        ("body=plfts(english).x", r#"to_tsvector($1, "api"."notes"."body") @@ plainto_tsquery($2, $3)"#),
        ("data=cs.%7B%7D", r#""data" @> $1"#),
        ("id-%3Ea=eq.1", r#"to_jsonb("api"."notes"."id")->$1 = $2"#),
        ("or=(id.eq.1,not.and(id.gt.2,id.lt.3))", r#"= $1 or not ("api"."notes"."id" > $2 and "#),
    ] {
        let text = rows(&format!("/notes?{filter}")).text;
        assert!(text.contains(sql), "{filter}: {text}");
    }
}

#[test]
fn odd_names_stay_inside_their_quotes() {
    let read = rows("/notes?select=%22odd%20%5C%22name%22");
    assert!(read.text.contains(r#""odd ""name""#), "{}", read.text);
    assert_eq!(quote_identifier(r#"a"; drop"#), r#""a""; drop""#);
    let mut sql = Statement::default();
    sql.identifier(r#"a"b""c"#).text(" ").literal("it's \\").text(" ").type_name("int\"; drop");
    assert_eq!(sql.text, r#""a""b""""c" E'it''s \\' int drop"#);
}

#[test]
fn embedded_relations_are_lateral_subqueries() {
    let read = rows("/notes?select=id,people!inner(name),tags(id)&people.name=eq.x");
    for part in [
        r#" inner join lateral (select "people_1"."name" from "api"."people" as "people_1" where "#,
        r#""people_1"."name" = $1 and "people_1"."id" = "api"."notes"."author_id""#,
        r#"from "api"."tags" as "tags_2", "api"."note_tags" as "junction_2" where "tags_2"."id" = "#,
    ] {
        assert!(read.text.contains(part), "{part} in {}", read.text);
    }
}

#[test]
fn aggregates_group_by_the_rest() {
    let read = rows("/notes?select=author_id,total:id.sum()::int");
    assert!(read.text.contains(r#"cast(sum("api"."notes"."id") as int) as "total""#), "{}", read.text);
    assert!(read.text.ends_with(r#"group by "api"."notes"."author_id""#), "{}", read.text);
}

#[test]
fn an_insert_takes_the_body_as_one_parameter() {
    let insert = statement("POST", "/notes", "", r#"[{"id":1,"body":"x"}]"#);
    assert!(insert.text.contains(concat!(
        r#"insert into "api"."notes" ("body", "id") select "pgrst_body"."body", "pgrst_body"."id" "#,
        r#"from (select $1 as json_data) payload, lateral (select "body", "id" from "#,
        r#"pg_catalog.json_to_recordset(payload.json_data) as item ("body" text, "id" bigint)) pgrst_body"#
    )));
    assert_eq!(insert.types, [oid::JSON]);
    assert_eq!(insert.values, [Bytes::from_static(br#"[{"id":1,"body":"x"}]"#)]);
}

#[test]
fn defaults_fill_what_is_missing() {
    let insert = statement("POST", "/notes?columns=id,body", "missing=default", r#"[{"body":"x"}]"#);
    assert!(insert.text.contains("jsonb_build_object('id', nextval('s')) || elem"), "{}", insert.text);
    assert_eq!(insert.types, [oid::JSONB]);
}

#[test]
fn writes_say_what_happens_to_what_is_there() {
    let merge = statement("POST", "/notes", "resolution=merge-duplicates", r#"{"id":1}"#).text;
    assert!(merge.contains(r#"on conflict ("id") do update set "id" = excluded."id" where "#), "{merge}");
    let ignore = statement("POST", "/notes?on_conflict=body", "resolution=ignore-duplicates", "{}").text;
    assert!(ignore.contains(r#"on conflict ("body") do nothing"#), "{ignore}");
    let update = statement("PATCH", "/notes?id=eq.1", "return=representation", r#"{"body":"x"}"#).text;
    assert!(update.contains(r#"update "api"."notes" set "body" = "pgrst_body"."body" from "#), "{update}");
    assert!(update.contains(r#"returning "api"."notes".*"#), "{update}");
    let nothing = statement("PATCH", "/notes?id=eq.1", "", "{}").text;
    assert!(nothing.contains(r#"select null from "api"."notes" where false"#), "{nothing}");
}

#[test]
fn a_wrong_number_of_rows_undoes_the_write() {
    let limited = statement("DELETE", "/notes?id=eq.1", "handling=strict, max-affected=2", "").text;
    assert!(limited.contains("case when pg_catalog.count(_postgrest_t) > $2 then "), "{limited}");
    let free = statement("DELETE", "/notes?id=eq.1", "max-affected=2", "").text;
    assert!(!free.contains("case when"), "{free}");
}

#[test]
fn arguments_are_named_and_typed() {
    let direct = statement("GET", "/rpc/add?a=1", "", "").text;
    assert!(
        direct.contains(r#"(select "api"."add"("a" := $1::integer) pgrst_scalar) pgrst_call"#),
        "{direct}"
    );
    let whole = statement("POST", "/rpc/echo", "", "[]").text;
    assert!(whole.contains(r#""api"."echo"($1::json)"#), "{whole}");
}

#[test]
fn the_prelude_binds_the_token_and_names_its_function_in_full() {
    let (parts, ()) = Request::builder().uri("/notes").body(()).unwrap().into_parts();
    let variables = Variables::of(&parts);
    let mut prelude = Prelude {
        caller: Caller::Token("t.o.k"),
        read_only: true,
        search_path: "\"api\"",
        variables: &variables,
        role_settings: &[],
        timezone: Some("X/Y"),
        settings: [&[], &[]],
    };
    let sql = prelude.statement();
    assert!(sql.text.ends_with(", auth.authenticate($7))") && sql.text.contains("transaction_read_only"));
    assert_eq!(sql.values.last().unwrap(), &Bytes::from_static(b"t.o.k"));
    prelude.caller = Caller::Role { role: "web", claims: Some("{}") };
    prelude.read_only = false;
    let sql = prelude.statement();
    assert!(sql.text.contains("set_config('role', $2, true)") && !sql.text.contains("authenticate"));
    assert!(!sql.text.contains("transaction_read_only"));
}

#[test]
fn configured_names_are_quoted() {
    assert_eq!(search_path("my api", &["public".to_owned()]), r#""my api", "public""#);
    let function = Qualified { schema: Some("auth".to_owned()), name: "pre_request".to_owned() };
    assert_eq!(pre_request(&function), r#"select "auth"."pre_request"()"#);
    assert!(isolation("Serializable").is_some() && isolation("read committed").is_none());
}

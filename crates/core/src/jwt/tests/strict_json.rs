//! JSON that two readers could understand differently is understood by nobody.

use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::object;
use crate::jwt::json::{Fault, MAX_DEPTH, parse_object};

fn nested(levels: usize) -> String {
    let inner = levels.saturating_sub(1);
    format!("{{\"a\":{}0{}}}", "[".repeat(inner), "]".repeat(inner))
}

#[test]
fn an_object_is_read_as_it_stands() {
    let text = r#" {"a":[1,-2,2.5,"\u00e9\n",true,false,null,{}],"b":{"a":1}} "#;
    let expected = json!({"a": [1, -2, 2.5, "é\n", true, false, null, {}], "b": {"a": 1}});
    assert_eq!(parse_object(text.as_bytes()), Ok(object(expected)));
}

#[test]
fn members_named_twice_are_refused_at_any_depth_and_in_any_spelling() {
    for text in [
        r#"{"a":1,"a":1}"#,
        r#"{"a":1,"\u0061":2}"#,
        r#"{"x":{"a":1,"a":2}}"#,
        r#"{"x":[[{"a":1,"b":2,"a":3}]]}"#,
        r#"{"":1,"":2}"#,
    ] {
        assert_eq!(parse_object(text.as_bytes()), Err(Fault::Duplicate), "{text}");
    }
}

#[test]
fn what_is_no_object_or_has_something_after_it_is_malformed() {
    for text in [
        "",
        " ",
        "null",
        "1",
        "[]",
        "\"a\"",
        "{",
        "{}}",
        "{} {}",
        "{}x",
        "{a:1}",
        "{'a':1}",
        "{\"a\":1,}",
        "{\"a\":01}",
        "{\"a\":.5}",
        "{\"a\":NaN}",
        "{\"a\":Infinity}",
        "{\"a\":+1}",
        "{\"a\" 1}",
        "\u{feff}{}",
        "{\"a\":\"\\ud800\"}",
        "{\"a\":\"\n\"}",
        "{\"a\":\"\\u0000\"}",
        "{\"\\u0000\":1}",
        "{/**/}",
    ] {
        assert_eq!(parse_object(text.as_bytes()), Err(Fault::Malformed), "{text:?}");
    }
    for bytes in [&b"{\"a\":\"\xff\"}"[..], b"{\"a\":\"\xc0\xaf\"}", b"{\"\xed\xa0\x80\":1}", b"{}\0"] {
        assert_eq!(parse_object(bytes), Err(Fault::Malformed), "{bytes:?}");
    }
}

#[test]
fn nesting_ends_at_the_limit() {
    assert!(parse_object(nested(MAX_DEPTH).as_bytes()).is_ok());
    assert_eq!(parse_object(nested(MAX_DEPTH + 1).as_bytes()), Err(Fault::Malformed));
    assert_eq!(parse_object(nested(100_000).as_bytes()), Err(Fault::Malformed));
}

#[test]
fn a_number_beyond_a_double_names_its_outermost_member() {
    for text in [r#"{"ok":1,"exp":1e400}"#, r#"{"exp":-1e400}"#, r#"{"exp":[{"deep":1e999}]}"#] {
        assert_eq!(parse_object(text.as_bytes()), Err(Fault::NumberRange("exp".to_owned())), "{text}");
    }
    let digits = format!("{{\"exp\":{}}}", "9".repeat(400));
    assert_eq!(parse_object(digits.as_bytes()), Err(Fault::NumberRange("exp".to_owned())));
}

/// Any JSON value of small size.
fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_filter_map("finite", |number| number.is_finite().then(|| Value::from(number))),
        "[^\0]{0,8}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Value::from),
            btree_map("[^\0]{0,4}", inner, 0..4).prop_map(|map| Value::Object(Map::from_iter(map))),
        ]
    })
}

proptest! {
    #[test]
    fn whatever_serde_json_writes_is_read_as_serde_json_reads_it(map in btree_map("[^\0]{0,4}", value(), 0..4)) {
        let text = serde_json::to_vec(&map).unwrap();
        prop_assert_eq!(parse_object(&text), Ok(serde_json::from_slice(&text).unwrap()));
    }

    #[test]
    fn what_is_accepted_is_understood_as_serde_json_does(text in r#"\{("[ab]":([01]|"a"|\{\}|\[1,|1e4{0,3}),?){0,3}\}"#) {
        if let Ok(map) = parse_object(text.as_bytes()) {
            prop_assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), Value::Object(map));
        }
    }
}

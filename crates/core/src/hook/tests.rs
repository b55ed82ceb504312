//! Hooks add and do not change.

use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::{Fault, FunctionName, MAX_ADDED_BYTES, RESERVED, add_claims, newcomer};
use crate::claims::ClaimPaths;

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(object) => object,
        _ => Map::new(),
    }
}

fn claims() -> Map<String, Value> {
    object(json!({
        "sub": "5f0c9f3e-58b5-4c7c-9df3-9d0b3a5ad8c4", "role": "authenticated", "email": "ann@example.com", "phone": "",
        "exp": 1_795_534_217, "jti": "01a20e20-23b4-7889-9940-58110a0b232f", "aal": "aal1",
        "amr": [{"method": "password", "timestamp": 1_795_533_317}],
        "session_id": "19790411-a55e-4f07-b2db-d674c988f087", "tenant_id": null, "tenant_slug": null,
        "roles": [], "permissions": [], "app_metadata": {"provider": "email"}, "user_metadata": {"name": "Ann"},
        "is_anonymous": false,
    }))
}

fn added(returned: Value) -> Result<Map<String, Value>, Fault> {
    add_claims(&claims(), Some(returned), &ClaimPaths::default())
}

#[test]
fn claims_are_added_to_those_that_are_there() {
    let mut expected = claims();
    expected.insert("plan".into(), "gold".into());
    assert_eq!(added(Value::Object(expected.clone())), Ok(expected));
}

#[test]
fn leaving_claims_out_takes_none_away_and_user_metadata_can_change() {
    let all = added(json!({"plan": "gold"})).unwrap();
    assert_eq!(all["role"], "authenticated");
    assert_eq!(all["app_metadata"], json!({"provider": "email"}));
    assert_eq!(all["user_metadata"], json!({"name": "Ann"}));
    assert_eq!(added(json!({"user_metadata": {"n": 1}})).unwrap()["user_metadata"], json!({"n": 1}));
}

#[test]
fn no_claim_that_decides_is_changed_or_added() {
    for name in RESERVED {
        for value in [json!("service_role"), json!(1), json!(null), json!({"tenant_id": "x"})] {
            if claims().get(name) != Some(&value) {
                assert_eq!(added(json!({name: value})), Err(Fault::ReservedClaim(name.into())), "{name}");
            }
        }
    }
}

#[test]
fn every_claim_of_a_token_but_user_metadata_is_reserved() {
    for name in claims().keys().filter(|name| *name != "user_metadata") {
        assert!(RESERVED.contains(&name.as_str()), "{name}");
    }
}

#[test]
fn a_name_that_a_claim_path_finds_changes_nothing_either() {
    let tenant = "e7cbd91e-47d8-4a80-a9ba-f3a9e48a56cf";
    let mut bare = claims();
    bare.remove("tenant_id");
    let literal = json!({"app_metadata.tenant_id": tenant});
    assert_eq!(add_claims(&bare, Some(literal), &ClaimPaths::default()), Err(Fault::ChangesAccess));
    let paths = ClaimPaths::from_settings("org.id", "org.role", "org.scope");
    for org in [json!({"id": tenant}), json!({"role": "service_role"}), json!({"scope": "*:*"})] {
        assert_eq!(add_claims(&claims(), Some(json!({"org": org})), &paths), Err(Fault::ChangesAccess));
    }
    assert!(add_claims(&claims(), Some(json!({"org": {"name": "x"}})), &paths).is_ok());
}

#[test]
fn what_is_no_object_is_refused() {
    for garbage in [json!(null), json!([]), json!("x"), json!(1), json!(true)] {
        assert_eq!(added(garbage), Err(Fault::NotAnObject));
    }
    assert_eq!(add_claims(&claims(), None, &ClaimPaths::default()), Err(Fault::NotAnObject));
}

#[test]
fn a_token_grows_by_4096_bytes_at_most() {
    let fitting = "a".repeat(MAX_ADDED_BYTES - r#","x":"""#.len());
    assert!(added(json!({"x": fitting})).is_ok());
    assert_eq!(added(json!({"x": fitting + "a"})), Err(Fault::TooLarge));
}

#[test]
fn a_function_is_named_with_its_schema() {
    let name = FunctionName::parse("app.on_sign_up2").unwrap();
    assert_eq!((name.schema.as_str(), name.name.as_str()), ("app", "on_sign_up2"));
    let long = format!("app.{}", "a".repeat(64));
    for text in [
        "",
        "hook",
        ".hook",
        "app.",
        "app.a.b",
        "App.hook",
        "app.hook()",
        "app .hook",
        "\"app\".hook",
        "pg_temp.hook",
        "pg_temp_3.hook",
        "pg_catalog.hook",
        "app.1hook",
        "app.hook;drop",
        "app.hôok",
        &long,
    ] {
        assert_eq!(FunctionName::parse(text), Err(Fault::NameMalformed), "{text}");
    }
}

#[test]
fn a_newcomer_has_the_metadata_that_the_hook_returned_or_those_given() {
    let given = object(json!({"email": "a@b.c", "user_metadata": {"a": 1}, "app_metadata": {}}));
    let kept = newcomer(&given, Some(json!({"app_metadata": {"plan": "free"}, "email": "other@b.c"})))
        .unwrap()
        .unwrap();
    assert_eq!(Value::Object(kept.user_metadata), json!({"a": 1}));
    assert_eq!(Value::Object(kept.app_metadata), json!({"plan": "free"}));
    assert_eq!(newcomer(&given, None), Ok(None));
    assert_eq!(newcomer(&given, Some(Value::Null)), Ok(None));
    assert_eq!(newcomer(&given, Some(json!([]))), Err(Fault::NotAnObject));
    assert_eq!(newcomer(&given, Some(json!({"app_metadata": []}))), Err(Fault::Metadata("app_metadata")));
    let large = json!({"user_metadata": {"a": "x".repeat(16_384)}});
    assert_eq!(newcomer(&given, Some(large)), Err(Fault::Metadata("user_metadata")));
}

proptest! {
    #[test]
    fn whatever_comes_back_no_reserved_claim_differs(name in "[a-z_.]{1,12}", value in "[ -~]{0,20}") {
        if let Ok(all) = added(json!({name: value})) {
            let before = claims();
            for reserved in RESERVED {
                prop_assert_eq!(all.get(reserved), before.get(reserved));
            }
        }
    }
}

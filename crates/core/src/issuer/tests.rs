use std::collections::HashMap;

use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::{Fault, Identity, Paths, Rules, public_keys};
use crate::api_key::Access;
use crate::claims::Claims;
use crate::jwt::{Algorithm, SigningKey, sign};
use crate::{Error, Result};

const NOW: i64 = 1_700_000_000;
const X: &str = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";
const D: &str = "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A";
const ALICE: &str = "6f3a1c1e-6c0b-4b7e-9a55-0d9b2f3c4d5e";

fn rules() -> Rules {
    Rules {
        issuer: "https://idp.example/".into(),
        audience: Some("api".into()),
        algorithms: vec![Algorithm::EdDsa],
        types: vec!["JWT".into()],
        leeway: 0,
        paths: Paths::default(),
        allowed_roles: vec!["authenticated".into()],
        default_role: Some("authenticated".into()),
        tenants: None,
        trust_email: false,
        subjects_are_users: false,
    }
}

fn read(rules: &Rules, more: Value) -> Result<Identity> {
    let mut claims = Map::new();
    for object in
        [json!({"iss": "https://idp.example/", "aud": ["api"], "sub": "idp|1", "exp": NOW + 60}), more]
    {
        claims.extend(object.as_object().unwrap().clone());
    }
    let key = json!({"kty": "OKP", "crv": "Ed25519", "kid": "k", "x": X, "d": D}).to_string();
    let key = SigningKey::parse(&key, Algorithm::EdDsa).unwrap();
    let token = sign(&claims, &key, Algorithm::EdDsa, &Map::new()).unwrap();
    let keys = public_keys(&json!({"keys": [{"kty": "OKP", "crv": "Ed25519", "kid": "k", "x": X}]})).unwrap();
    rules.verify(&token, &keys, NOW)
}

fn claims(rules: &Rules, more: Value) -> Claims {
    read(rules, more).unwrap().into_claims(None, None).unwrap()
}

fn path(path: &str) -> Option<String> {
    Some(path.to_owned())
}

#[test]
fn an_issuer_names_no_role_that_it_may_not() {
    let mut rules = rules();
    rules.paths.role = path("role");
    assert_eq!(claims(&rules, json!({})).role.as_deref(), Some("authenticated"));
    assert_eq!(claims(&rules, json!({"role": "authenticated"})).role.as_deref(), Some("authenticated"));
    for role in [json!("service_role"), json!("postgres"), json!("")] {
        let outcome = read(&rules, json!({"role": role}));
        assert_eq!(outcome.err(), Some(Error::TokenRoleNotAllowed), "{role}");
    }
    let listed = json!({"role": ["offline_access", "service_role"]});
    assert_eq!(claims(&rules, listed.clone()).role.as_deref(), Some("authenticated"));
    rules.default_role = None;
    assert_eq!(read(&rules, listed.clone()).err(), Some(Error::TokenRoleNotAllowed));
    rules.allowed_roles.push("service_role".into());
    assert_eq!(claims(&rules, listed).role.as_deref(), Some("service_role"));
}

#[test]
fn without_a_path_nothing_of_ours_is_taken_from_the_token() {
    let all = claims(
        &rules(),
        json!({"role": "service_role", "roles": ["owner"], "permissions": ["*:*"], "tenant_id": ALICE, "aal": "aal2",
               "session_id": ALICE, "email": "x@example.com", "api_key_id": ALICE,
               "app_metadata": {"tenant_id": ALICE, "permissions": ["*:*"]}}),
    );
    assert_eq!(all.role.as_deref(), Some("authenticated"));
    assert!(all.roles.is_empty() && all.permissions.is_empty());
    assert_eq!((all.tenant_id, all.session_id, all.email), (None, None, None));
    assert_eq!(all.aal.as_deref(), Some("aal1"));
    for hidden in ["session_id", "api_key_id", "service_role", "x@example.com"] {
        assert!(!all.json.contains(hidden), "{hidden}");
    }
}

#[test]
fn paths_reach_into_the_shapes_of_the_providers() {
    let mut rules = rules();
    rules.paths = Paths {
        role: path("realm_access.roles"),
        roles: path("https://app.example/roles"),
        tenant: path("org_id"),
        permissions: path("scope"),
        aal: path("aal"),
    };
    rules.tenants = Some(HashMap::from([("org_1".to_owned(), Uuid::parse_str(ALICE).unwrap())]));
    let shape = json!({"realm_access": {"roles": ["authenticated"]}, "https://app.example/roles": ["editor"],
                       "org_id": "org_1", "scope": "notes:read files:*", "aal": "aal2"});
    let all = claims(&rules, shape);
    assert_eq!(
        (all.roles, all.permissions),
        (vec!["editor".into()], vec!["notes:read".into(), "files:*".into()])
    );
    assert_eq!((all.tenant_id.unwrap().to_string(), all.aal.as_deref()), (ALICE.to_owned(), Some("aal2")));
    // What the map does not know is no tenant, whatever it looks like.
    assert_eq!(claims(&rules, json!({"org_id": ALICE})).tenant_id, None);
    rules.tenants = None;
    assert_eq!(claims(&rules, json!({"org_id": ALICE})).tenant_id.unwrap().to_string(), ALICE);
}

#[test]
fn a_subject_is_a_user_here_only_by_a_link_or_the_operators_word() {
    let mut rules = rules();
    let uuid = json!({"sub": ALICE});
    let unlinked = claims(&rules, uuid.clone());
    assert_eq!((unlinked.subject.as_deref(), unlinked.user_id()), (None, None));
    assert!(unlinked.json.contains(&format!(r#""external_subject":"{ALICE}""#)));
    // Every spelling that would be read as an id.
    for spelling in
        [ALICE.to_uppercase(), ALICE.replace('-', ""), format!("{{{ALICE}}}"), format!("urn:uuid:{ALICE}")]
    {
        assert_eq!(claims(&rules, json!({"sub": spelling})).subject, None);
    }
    let other = Uuid::from_bytes([7; 16]);
    let linked = read(&rules, uuid.clone()).unwrap().into_claims(Some(other), None).unwrap();
    assert_eq!(linked.user_id(), Some(other));
    assert_eq!(claims(&rules, json!({"sub": "auth0|1"})).subject.as_deref(), Some("auth0|1"));
    rules.subjects_are_users = true;
    assert_eq!(claims(&rules, uuid).user_id().unwrap().to_string(), ALICE);
}

#[test]
fn what_a_linked_user_holds_here_counts_and_not_what_the_issuer_says() {
    let mut rules = rules();
    rules.paths.permissions = path("permissions");
    let access = Access { roles: vec!["viewer".into()], permissions: vec!["notes:read".into()] };
    let identity = read(&rules, json!({"permissions": ["*:*"]})).unwrap();
    let claims = identity.into_claims(Some(Uuid::from_bytes([7; 16])), Some(access)).unwrap();
    assert_eq!((claims.roles, claims.permissions), (vec!["viewer".into()], vec!["notes:read".into()]));
    assert!(!claims.json.contains("*:*"));
}

#[test]
fn an_email_counts_when_it_is_verified() {
    let email = |rules: &Rules, more: Value| {
        let mut all = json!({"email": "x@example.com"});
        all.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        claims(rules, all).email
    };
    assert_eq!(email(&rules(), json!({})), None);
    assert_eq!(email(&rules(), json!({"email_verified": false})), None);
    assert_eq!(email(&rules(), json!({"email_verified": true})).as_deref(), Some("x@example.com"));
    assert_eq!(email(&Rules { trust_email: true, ..rules() }, json!({})).as_deref(), Some("x@example.com"));
}

#[test]
fn another_issuer_audience_type_or_no_subject_is_refused() {
    for (more, expected) in [
        (json!({"iss": "https://idp.example"}), Error::TokenIssuerMismatch),
        (json!({"aud": "other"}), Error::TokenAudienceMismatch),
        (json!({"exp": NOW}), Error::TokenExpired),
        (json!({"sub": null}), Error::TokenClaimInvalid { claim: "sub".into() }),
        (json!({"sub": ""}), Error::TokenClaimInvalid { claim: "sub".into() }),
        (json!({"sub": "x".repeat(513)}), Error::TokenClaimInvalid { claim: "sub".into() }),
    ] {
        assert_eq!(read(&rules(), more.clone()).err(), Some(expected), "{more}");
    }
    let typed = Rules { types: vec!["at+jwt".into()], ..rules() };
    assert_eq!(read(&typed, json!({})).err(), Some(Error::TokenTypeMismatch));
}

#[test]
fn rules_that_would_let_too_much_in_are_refused() {
    assert_eq!(rules().fault(), None);
    let with_path = |role: &str| Rules { paths: Paths { role: path(role), ..Paths::default() }, ..rules() };
    for (rules, fault) in [
        (Rules { issuer: String::new(), ..rules() }, Fault::Issuer),
        (Rules { algorithms: vec![], ..rules() }, Fault::Algorithms),
        (Rules { algorithms: vec![Algorithm::EdDsa, Algorithm::Hs256], ..rules() }, Fault::Algorithms),
        (Rules { allowed_roles: vec![], default_role: None, ..rules() }, Fault::Roles),
        (Rules { default_role: Some("service_role".into()), ..rules() }, Fault::Roles),
        (Rules { leeway: 301, ..rules() }, Fault::Leeway),
        (with_path("user_metadata.role"), Fault::Path),
        (with_path(""), Fault::Path),
    ] {
        assert_eq!(rules.fault(), Some(fault), "{rules:?}");
    }
}

#[test]
fn only_public_keys_are_taken() {
    let key = json!({"kty": "OKP", "crv": "Ed25519", "x": X, "d": D});
    for jwks in [
        json!({"keys": [key]}),
        json!({"keys": [{"kty": "oct", "k": X}]}),
        json!({"keys": []}),
        json!([]),
        json!({}),
    ] {
        assert!(public_keys(&jwks).is_err(), "{jwks}");
    }
}

use std::sync::Arc;

use gatehouse_core::jwt::{Algorithm, SigningKey, sign};
use serde_json::{Map, Value, json};

use super::Verifier;
use crate::config::{Config, Sources};

const SECRET: &str = "a secret of at least thirty-two bytes";

fn verifier(extra: &[(&str, &str)]) -> Verifier {
    let mut pairs = vec![("USER", "me"), ("PGRST_JWT_SECRET", SECRET)];
    pairs.extend_from_slice(extra);
    let config = Config::read(&Sources::of(&pairs)).unwrap();
    Verifier::new(&config.tokens.unwrap()).unwrap()
}

fn token(claims: &Value) -> String {
    let key = SigningKey::parse(SECRET, Algorithm::Hs256).unwrap();
    sign(claims.as_object().unwrap(), &key, Algorithm::Hs256, &Map::new()).unwrap()
}

fn refused(verifier: &Verifier, claims: &Value, now: i64) -> String {
    verifier.verify(&token(claims), now).unwrap_err().message().to_owned()
}

#[test]
fn a_token_gives_its_role_and_claims() {
    let session =
        verifier(&[]).verify(&token(&json!({"role": "web", "n": 12345678901234567890u64})), 0).unwrap();
    assert_eq!(session.role.as_deref(), Some("web"));
    assert_eq!(session.claims_with("web"), r#"{"n":12345678901234567890,"role":"web"}"#);
    assert!(session.claims_with("other").contains(r#""role":"other""#));
}

#[test]
fn a_remembered_token_expires_all_the_same() {
    let (verifier, token) = (verifier(&[]), token(&json!({"exp": 1000})));
    let first = verifier.verify(&token, 900).unwrap();
    assert!(Arc::ptr_eq(&first, &verifier.verify(&token, 1029).unwrap()));
    assert_eq!(verifier.verify(&token, 1030).unwrap_err().message(), "JWT expired");
    assert_eq!(verifier.verify(&token, 1030).unwrap_err().message(), "JWT expired");
}

#[test]
fn the_cache_does_not_grow_beyond_its_size() {
    let verifier = verifier(&[("PGRST_JWT_CACHE_MAX_ENTRIES", "2")]);
    let tokens: Vec<String> = (0..5).map(|n| token(&json!({"n": n}))).collect();
    for token in &tokens {
        verifier.verify(token, 0).unwrap();
    }
    let kept = tokens.iter().filter(|token| verifier.cache.find(token).is_some()).count();
    assert_eq!(kept, 2);
}

#[test]
fn what_is_wrong_with_the_claims_is_told() {
    let verifier = verifier(&[("PGRST_JWT_AUD", "us")]);
    for (claims, message) in [
        (json!({"exp": 10}), "JWT expired"),
        (json!({"nbf": 10_000}), "JWT not yet valid"),
        (json!({"iat": 10_000}), "JWT issued at future"),
        (json!({"exp": "x"}), "The JWT 'exp' claim must be a number"),
        (json!({"aud": "them"}), "JWT not in audience"),
        (json!({"aud": ["them"]}), "JWT not in audience"),
    ] {
        assert_eq!(refused(&verifier, &claims, 1000), message);
    }
    for claims in [json!({"aud": "us"}), json!({"aud": []}), json!({}), json!({"aud": ["x", "us"]})] {
        assert!(verifier.verify(&token(&claims), 1000).is_ok(), "{claims}");
    }
}

#[test]
fn a_token_that_nobody_signed_is_refused() {
    let verifier = verifier(&[]);
    assert_eq!(verifier.verify("", 0).unwrap_err().message(), "Empty JWT is sent in Authorization header");
    assert_eq!(verifier.verify("a.b", 0).unwrap_err().message(), "Expected 3 parts in JWT; got 2");
    let forged = format!("{}x", token(&json!({"role": "web"})));
    assert!(verifier.verify(&forged, 0).is_err());
    assert!(verifier.verify("eyJhbGciOiJub25lIn0.e30.", 0).is_err());
}

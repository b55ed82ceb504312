//! Several keys, and which of them a token may choose.

use serde_json::{Map, Value, json};

use super::{
    Algorithm, NOW, P256_PUBLIC, RSA_PUBLIC, SECRET, base64url, claims, code, forge, object, sign,
    signing_key,
};
use crate::jwt::{Expectations, KeySet, SigningKey, Unverified, VerificationKey, verify};

const ES256: Algorithm = Algorithm::Es256;

/// A fresh ES256 key of this name, and its public JWK.
fn named(kid: &str) -> (SigningKey, Value) {
    let generated = SigningKey::generate(ES256).unwrap();
    let key = SigningKey::from_der(ES256, &generated.private).unwrap().with_kid(kid.to_owned());
    let jwk = key.public_jwk().unwrap();
    (key, Value::Object(jwk))
}

fn without_kid(mut jwk: Value) -> Value {
    jwk.as_object_mut().unwrap().remove("kid");
    jwk
}

fn set(keys: &[Value]) -> String {
    json!({ "keys": keys }).to_string()
}

fn outcome(key: &SigningKey, header: Value, keys: &str) -> &'static str {
    let token = sign(&claims(), key, ES256, &object(header)).unwrap();
    let keys = KeySet::parse(keys).unwrap();
    code(verify(&token, &keys, &Expectations::new(&Algorithm::ALL, NOW)))
}

#[test]
fn a_kid_names_its_key_and_no_other() {
    let ((a, a_jwk), (b, b_jwk)) = (named("a"), named("b"));
    let both = set(&[a_jwk.clone(), b_jwk]);
    assert_eq!(outcome(&a, json!({}), &both), "accepted");
    assert_eq!(outcome(&b, json!({}), &both), "accepted");
    assert_eq!(outcome(&a, json!({"kid": "b"}), &both), "token_signature_invalid");
    for kid in ["c", "A", "a ", "", "*", "' or true --", "../a"] {
        assert_eq!(outcome(&a, json!({"kid": kid}), &both), "token_key_unknown", "{kid}");
        assert_eq!(outcome(&a, json!({"kid": kid}), &a_jwk.to_string()), "token_key_unknown", "{kid}");
    }
}

#[test]
fn without_kid_every_fitting_key_is_tried() {
    let ((a, a_jwk), (b, b_jwk), (c, _)) = (named("a"), named("b"), named("c"));
    let rsa = Value::Object(signing_key(Algorithm::Rs256).public_jwk().unwrap());
    let keys = set(&[rsa, a_jwk, b_jwk]);
    let nameless = |key: &SigningKey| {
        let der = key.to_private_der().unwrap();
        SigningKey::from_der(ES256, &der).unwrap()
    };
    assert_eq!(outcome(&nameless(&a), json!({}), &keys), "accepted");
    assert_eq!(outcome(&nameless(&b), json!({}), &keys), "accepted");
    assert_eq!(outcome(&nameless(&c), json!({}), &keys), "token_signature_invalid");
    let ed25519 = forge(Algorithm::EdDsa, r#"{"alg":"EdDSA"}"#, r#"{"exp":1800000000}"#);
    let refusal = verify(&ed25519, &KeySet::parse(&keys).unwrap(), &Expectations::new(&Algorithm::ALL, NOW));
    assert_eq!(code(refusal), "token_algorithm_not_allowed");
}

#[test]
fn a_single_key_without_name_takes_any_kid() {
    let (a, jwk) = named("a");
    let jwk = without_kid(jwk);
    assert_eq!(outcome(&a, json!({}), &jwk.to_string()), "accepted");
    assert_eq!(outcome(&a, json!({}), &set(&[jwk])), "accepted");
    let token = sign(&claims(), &signing_key(ES256), ES256, &object(json!({"kid": "x"}))).unwrap();
    let keys = KeySet::parse(P256_PUBLIC).unwrap();
    assert_eq!(code(verify(&token, &keys, &Expectations::new(&[ES256], NOW))), "accepted");
}

#[test]
fn in_a_set_of_several_a_key_without_name_answers_to_no_kid() {
    let ((a, a_jwk), (_, b_jwk)) = (named("a"), named("b"));
    let keys = set(&[without_kid(a_jwk), b_jwk]);
    assert_eq!(outcome(&a, json!({}), &keys), "token_key_unknown");
}

#[test]
fn two_keys_of_one_name_are_refused() {
    let (_, a) = named("a");
    let (_, b) = named("a");
    assert_eq!(code(KeySet::parse(&set(&[a.clone(), b]))), "key_malformed");
    assert_eq!(code(KeySet::parse(&set(&[a.clone(), a]))), "key_malformed");
}

#[test]
fn secrets_and_public_keys_do_not_share_a_set() {
    let (_, public) = named("a");
    let secret = |kid: &str| json!({"kty": "oct", "kid": kid, "k": base64url::encode(SECRET.as_bytes())});
    assert_eq!(code(KeySet::parse(&set(&[public, secret("s")]))), "key_malformed");
    assert_eq!(code(KeySet::parse(&set(&[secret("r"), secret("s")]))), "accepted");
}

#[test]
fn keys_for_other_purposes_are_passed_over_but_something_must_remain() {
    let (a, a_jwk) = named("a");
    let mut encryption = named("a").1;
    encryption["use"] = "enc".into();
    let others = [
        encryption,
        json!({"kty": "EC", "crv": "P-521", "x": "AA", "y": "AA"}),
        json!({"kty": "OKP", "crv": "X25519", "x": "AA"}),
        json!({"kty": "AKP", "alg": "ML-DSA-44", "pub": "AA"}),
        json!({"kty": "RSA", "alg": "RSA-OAEP", "n": "AA", "e": "AQAB"}),
    ];
    let all = [&others[..], &[a_jwk]].concat();
    assert_eq!(outcome(&a, json!({}), &set(&all)), "accepted");
    assert_eq!(code(KeySet::parse(&set(&others))), "key_unsupported");
    assert_eq!(code(KeySet::parse(&set(&[]))), "key_unsupported");
}

#[test]
fn a_malformed_or_weak_key_spoils_its_set() {
    let (_, a) = named("a");
    for (bad, expected) in [
        (json!({"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"}), "key_malformed"),
        (json!({"kid": "x"}), "key_malformed"),
        (json!({"kty": "RSA", "n": base64url::encode(&[0xff; 128]), "e": "AQAB"}), "key_too_weak"),
        (json!({"kty": "oct", "k": ""}), "key_too_weak"),
        (json!("a"), "key_malformed"),
    ] {
        assert_eq!(code(KeySet::parse(&set(&[a.clone(), bad.clone()]))), expected, "{bad}");
    }
}

#[test]
fn a_set_has_at_most_64_keys() {
    let keys = |count: usize| -> Vec<Value> {
        (0..count).map(|_| without_kid(Value::Object(signing_key(ES256).public_jwk().unwrap()))).collect()
    };
    assert_eq!(code(KeySet::parse(&set(&keys(64)))), "accepted");
    assert_eq!(code(KeySet::parse(&set(&keys(65)))), "key_malformed");
}

#[test]
fn a_jwks_signs_nothing() {
    let (_, a) = named("a");
    assert_eq!(code(SigningKey::parse(&set(&[a]), ES256)), "key_malformed");
}

#[test]
fn of_a_private_key_the_public_half_verifies() {
    let (key, _) = named("a");
    let private = key.to_private_der().unwrap();
    let pem = format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", {
        use base64::Engine;
        base64::engine::general_purpose::STANDARD.encode(private.expose())
    });
    assert_eq!(outcome(&key, json!({}), &pem), "accepted");
    assert_eq!(outcome(&key, json!({}), RSA_PUBLIC), "token_algorithm_not_allowed");
    let empty = Map::new();
    assert!(sign(&claims(), &key, Algorithm::Es384, &empty).is_err());
}

#[test]
fn a_key_that_the_caller_has_chosen_is_held_to_the_same_rules() {
    let (key, jwk) = named("a");
    let chosen = VerificationKey::from_jwk(jwk.as_object().unwrap()).unwrap();
    let outcome = |token: &str, expected: &Expectations<'_>| {
        code(Unverified::parse(token).and_then(|token| token.verify_with(&chosen, expected)))
    };
    let token = sign(&claims(), &key, ES256, &Map::new()).unwrap();
    let base = Expectations::new(&[ES256], NOW);
    assert_eq!(Unverified::parse(&token).unwrap().kid(), Some("a"));
    assert_eq!(outcome(&token, &base), "accepted");
    for (expected, refusal) in [
        (Expectations { algorithms: &[], ..base }, "token_algorithm_not_allowed"),
        (Expectations { algorithms: &[Algorithm::Es384], ..base }, "token_algorithm_not_allowed"),
        (Expectations { leeway: -1, ..base }, "leeway_out_of_range"),
        (Expectations { types: &["at+jwt"], ..base }, "token_type_mismatch"),
        (Expectations { audience: Some("me"), ..base }, "token_audience_mismatch"),
        (Expectations { now: NOW + 900, ..base }, "token_expired"),
    ] {
        assert_eq!(outcome(&token, &expected), refusal);
    }
    let foreign = sign(&claims(), &named("a").0, ES256, &Map::new()).unwrap();
    assert_eq!(outcome(&foreign, &base), "token_signature_invalid");
}

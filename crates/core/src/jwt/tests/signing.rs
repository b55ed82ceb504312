//! Making tokens.

use serde_json::{Map, Value, json};

use super::{Algorithm, SECRET, check, claims, code, object, sign, signing_key, token};
use crate::jwt::{MAX_TOKEN_BYTES, SigningKey, decode_unverified};

const HS256: Algorithm = Algorithm::Hs256;

fn header_of(token: &str) -> Map<String, Value> {
    decode_unverified(token).unwrap().0
}

fn with_header(header: Value) -> &'static str {
    code(sign(&claims(), &signing_key(HS256), HS256, &object(header)))
}

#[test]
fn what_is_signed_verifies_for_every_algorithm() {
    for algorithm in Algorithm::ALL {
        let verified = check(&token(algorithm), algorithm).unwrap();
        assert_eq!(verified.claims(), &claims(), "{algorithm}");
        assert_eq!(verified.header(), &object(json!({"alg": algorithm.name(), "typ": "JWT"})));
    }
}

#[test]
fn algorithm_names_are_read_in_their_exact_spelling_only() {
    for algorithm in Algorithm::ALL {
        assert_eq!(algorithm.to_string().parse(), Ok(algorithm));
        assert_eq!(code(algorithm.name().to_lowercase().parse::<Algorithm>()), "algorithm_unknown");
    }
    for name in ["", "none", "NONE", "Ed25519", "ES512", "HS256 "] {
        assert_eq!(code(name.parse::<Algorithm>()), "algorithm_unknown", "{name}");
    }
    assert_eq!(Algorithm::ALL.iter().filter(|algorithm| algorithm.is_symmetric()).count(), 3);
}

#[test]
fn the_header_names_the_key_unless_the_caller_does() {
    let key = SigningKey::parse(SECRET, HS256).unwrap().with_kid("k1".to_owned());
    let header = |given: Value| header_of(&sign(&claims(), &key, HS256, &object(given)).unwrap());
    assert_eq!(header(json!({})), object(json!({"alg": "HS256", "kid": "k1", "typ": "JWT"})));
    assert_eq!(
        header(json!({"alg": "HS256", "kid": "k2", "typ": "at+jwt", "note": 1})),
        object(json!({"alg": "HS256", "kid": "k2", "typ": "at+jwt", "note": 1}))
    );
    let jwk = json!({"kty": "oct", "kid": "k3", "k": crate::jwt::base64url::encode(SECRET.as_bytes())});
    let from_jwk = SigningKey::parse(&jwk.to_string(), HS256).unwrap();
    assert_eq!(header_of(&sign(&claims(), &from_jwk, HS256, &Map::new()).unwrap())["kid"], "k3");
}

#[test]
fn what_no_verifier_here_would_take_is_not_signed() {
    for member in ["crit", "jwk", "jku", "x5u", "x5c", "b64", "enc", "zip"] {
        for value in [json!(null), json!("x"), json!([]), json!({})] {
            assert_eq!(with_header(json!({ member: value })), "header_member_refused", "{member}");
        }
    }
    for header in [
        json!({"alg": "none"}),
        json!({"alg": "HS512"}),
        json!({"alg": "hs256"}),
        json!({"alg": null}),
        json!({"kid": 1}),
        json!({"kid": "a\nb"}),
        json!({"kid": "k".repeat(257)}),
        json!({"typ": 1}),
    ] {
        assert_eq!(with_header(header.clone()), "header_member_refused", "{header}");
    }
}

#[test]
fn a_key_signs_with_its_own_algorithm_only() {
    let outcome = sign(&claims(), &signing_key(HS256), Algorithm::Hs512, &Map::new());
    assert_eq!(code(outcome), "key_algorithm_mismatch");
}

#[test]
fn a_token_over_16_kib_is_not_made() {
    let with_filler = |length: usize| {
        let claims = object(json!({"exp": 1_800_000_000, "x": "x".repeat(length)}));
        sign(&claims, &signing_key(HS256), HS256, &Map::new())
    };
    let largest = (0..MAX_TOKEN_BYTES).rev().find_map(|length| with_filler(length).ok()).unwrap();
    assert!(largest.len() > MAX_TOKEN_BYTES - 4);
    assert_eq!(code(check(&largest, HS256)), "accepted");
    assert_eq!(code(with_filler(MAX_TOKEN_BYTES)), "token_too_large");
}

#[test]
fn hmac_rsa_and_ed25519_sign_the_same_twice_and_the_others_do_not() {
    for algorithm in Algorithm::ALL {
        let is_random = matches!(
            algorithm,
            Algorithm::Es256 | Algorithm::Es384 | Algorithm::Ps256 | Algorithm::Ps384 | Algorithm::Ps512
        );
        assert_eq!(token(algorithm) != token(algorithm), is_random, "{algorithm}");
    }
}

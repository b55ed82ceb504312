//! Keys from elsewhere.

use serde_json::json;

use super::{Algorithm, SECRET, claims, code, key_texts};
use crate::jwt::{Expectations, ImportedKey, KeySet, SigningKey, sign, thumbprint, verify};

const ALGORITHMS: [Algorithm; 4] = [Algorithm::EdDsa, Algorithm::Es256, Algorithm::Es384, Algorithm::Ps256];

#[test]
fn a_private_key_comes_in_whole_and_signs_what_its_public_half_verifies() {
    for algorithm in ALGORITHMS {
        let key = ImportedKey::parse(key_texts(algorithm).0, algorithm, None).unwrap();
        let jwk = key.public_jwk.unwrap();
        assert_eq!(key.kid.as_deref(), Some(thumbprint(&jwk).unwrap().as_str()));
        assert!(!jwk.contains_key("d") && !jwk.contains_key("p"));
        let signer = SigningKey::from_der(algorithm, &key.private.unwrap()).unwrap();
        let token = sign(&claims(), &signer, algorithm, &serde_json::Map::new()).unwrap();
        let keys = KeySet::parse(&serde_json::to_string(&jwk).unwrap()).unwrap();
        assert!(verify(&token, &keys, &Expectations::new(&[algorithm], super::NOW)).is_ok(), "{algorithm}");
    }
}

#[test]
fn both_halves_of_a_key_come_in_as_one_public_key() {
    for algorithm in ALGORITHMS {
        let (private, public) = key_texts(algorithm);
        let whole = ImportedKey::parse(private, algorithm, None).unwrap();
        let half = ImportedKey::parse(public, algorithm, None).unwrap();
        assert_eq!((&half.public_jwk, &half.kid), (&whole.public_jwk, &whole.kid), "{algorithm}");
        assert!(half.private.is_none());
        let jwk = serde_json::to_string(&half.public_jwk).unwrap();
        let again = ImportedKey::parse(&jwk, algorithm, None).unwrap();
        assert_eq!(again.public_jwk, half.public_jwk);
    }
}

#[test]
fn a_public_jwk_keeps_its_name_and_nothing_unknown() {
    let jwk = json!({
        "kty": "OKP", "crv": "Ed25519", "kid": "theirs", "key_ops": ["verify"], "note": "x",
        "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"
    });
    let key = ImportedKey::parse(&jwk.to_string(), Algorithm::EdDsa, None).unwrap();
    assert_eq!(key.kid.as_deref(), Some("theirs"));
    let kept = key.public_jwk.unwrap();
    assert_eq!(kept.keys().collect::<Vec<_>>(), ["alg", "crv", "kid", "kty", "use", "x"]);
    let renamed = ImportedKey::parse(&jwk.to_string(), Algorithm::EdDsa, Some("ours")).unwrap();
    assert_eq!(renamed.public_jwk.unwrap()["kid"], "ours");
}

#[test]
fn a_secret_has_no_public_half_and_no_name_of_its_own() {
    let key = ImportedKey::parse(SECRET, Algorithm::Hs256, None).unwrap();
    assert!(key.kid.is_none() && key.public_jwk.is_none());
    assert_eq!(key.private.unwrap().expose(), SECRET.as_bytes());
}

#[test]
fn what_does_not_fit_does_not_come_in() {
    let long = "k".repeat(257);
    for (text, algorithm, kid, expected) in [
        (key_texts(Algorithm::Es256).0, Algorithm::Es384, None, "key_algorithm_mismatch"),
        (key_texts(Algorithm::Es256).1, Algorithm::Rs256, None, "key_algorithm_mismatch"),
        ("short", Algorithm::Hs256, None, "key_too_weak"),
        (SECRET, Algorithm::Es256, None, "key_algorithm_mismatch"),
        (key_texts(Algorithm::Es256).1, Algorithm::Hs256, None, "key_algorithm_mismatch"),
        ("{}", Algorithm::Hs256, None, "key_malformed"),
        (SECRET, Algorithm::Hs256, Some(""), "key_malformed"),
        (SECRET, Algorithm::Hs256, Some("a\nb"), "key_malformed"),
        (SECRET, Algorithm::Hs256, Some(long.as_str()), "key_malformed"),
    ] {
        assert_eq!(code(ImportedKey::parse(text, algorithm, kid)), expected, "{text} {algorithm}");
    }
}

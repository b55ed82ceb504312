//! Which keys are fit to be used at all.

use serde_json::{Map, Value, json};

use super::rfc_vectors::{RFC7515_A3_KEY, RFC7520_RSA_KEY, RFC8037_KEY};
use super::{Algorithm, NOW, SECRET, base64url, code, object, token};
use crate::jwt::{Expectations, KeySet, SigningKey, VerificationKey, thumbprint, verify};

fn jwk(text: &str) -> Map<String, Value> {
    object(serde_json::from_str(text).unwrap())
}

/// The outcome of reading the key with these members changed; `null` takes one away.
fn changed(base: &str, changes: Value) -> &'static str {
    let mut members = jwk(base);
    for (name, value) in object(changes) {
        match value {
            Value::Null => members.remove(&name),
            value => members.insert(name, value),
        };
    }
    code(VerificationKey::from_jwk(&members))
}

fn coded(bytes: &[u8]) -> Value {
    base64url::encode(bytes).into()
}

#[test]
fn hmac_secrets_are_at_least_as_long_as_the_hash() {
    for (length, algorithm, expected) in [
        (0, Algorithm::Hs256, "key_too_weak"),
        (31, Algorithm::Hs256, "key_too_weak"),
        (32, Algorithm::Hs256, "accepted"),
        (47, Algorithm::Hs384, "key_too_weak"),
        (48, Algorithm::Hs384, "accepted"),
        (63, Algorithm::Hs512, "key_too_weak"),
        (64, Algorithm::Hs512, "accepted"),
    ] {
        let secret = &SECRET[..length];
        assert_eq!(code(SigningKey::parse(secret, algorithm)), expected, "{length} {algorithm}");
        let outcome = KeySet::parse(secret)
            .and_then(|keys| verify(&token(algorithm), &keys, &Expectations::new(&[algorithm], NOW)));
        let expected = if length == 64 {
            "accepted"
        } else if expected == "accepted" {
            "token_signature_invalid"
        } else {
            expected
        };
        assert_eq!(code(outcome), expected, "{length} {algorithm}");
        let oct = json!({"kty": "oct", "k": base64url::encode(secret.as_bytes()), "alg": algorithm.name()});
        assert_eq!(code(KeySet::parse(&oct.to_string())) == "accepted", length >= algorithm_bytes(algorithm));
    }
}

fn algorithm_bytes(algorithm: Algorithm) -> usize {
    match algorithm {
        Algorithm::Hs384 => 48,
        Algorithm::Hs512 => 64,
        _ => 32,
    }
}

#[test]
fn a_secret_that_is_long_enough_for_one_hash_only_is_too_weak_for_the_others() {
    let keys = KeySet::parse(&SECRET[..40]).unwrap();
    let outcome = verify(&token(Algorithm::Hs512), &keys, &Expectations::new(&Algorithm::ALL, NOW));
    assert_eq!(code(outcome), "key_too_weak");
}

#[test]
fn secrets_are_taken_as_they_are_with_white_space_and_all() {
    let outcome = KeySet::parse(&format!("{SECRET}\n")).and_then(|keys| {
        verify(&token(Algorithm::Hs256), &keys, &Expectations::new(&[Algorithm::Hs256], NOW))
    });
    assert_eq!(code(outcome), "token_signature_invalid");
}

#[test]
fn a_jwk_needs_its_members_in_their_exact_form() {
    for (base, changes, expected) in [
        (RFC7515_A3_KEY, json!({}), "accepted"),
        (RFC7515_A3_KEY, json!({"kty": null}), "key_malformed"),
        (RFC7515_A3_KEY, json!({"kty": 1}), "key_malformed"),
        (RFC7515_A3_KEY, json!({"kty": "ec"}), "key_unsupported"),
        (RFC7515_A3_KEY, json!({"kty": "RSA"}), "key_malformed"),
        (RFC7515_A3_KEY, json!({"kty": "oct"}), "key_malformed"),
        (RFC7515_A3_KEY, json!({"kty": "OKP"}), "key_unsupported"),
        (RFC7515_A3_KEY, json!({"crv": null}), "key_malformed"),
        (RFC7515_A3_KEY, json!({"crv": "P-384"}), "key_malformed"),
        (RFC7515_A3_KEY, json!({"crv": "secp256k1"}), "key_unsupported"),
        (RFC7515_A3_KEY, json!({"x": null}), "key_malformed"),
        (RFC7515_A3_KEY, json!({"x": 1}), "key_malformed"),
        (RFC7515_A3_KEY, json!({"x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU="}), "key_malformed"),
        (RFC7515_A3_KEY, json!({"x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEV"}), "key_malformed"),
        (RFC7515_A3_KEY, json!({"x": coded(&[0; 31])}), "key_malformed"),
        (RFC7515_A3_KEY, json!({"x": coded(&[0; 33])}), "key_malformed"),
        (RFC7515_A3_KEY, json!({"kid": 1}), "key_malformed"),
        (RFC7515_A3_KEY, json!({"kid": "a\nb"}), "key_malformed"),
        (RFC7520_RSA_KEY, json!({"n": null}), "key_malformed"),
        (RFC7520_RSA_KEY, json!({"n": ""}), "key_malformed"),
        (RFC8037_KEY, json!({"crv": "X25519"}), "key_unsupported"),
        (RFC8037_KEY, json!({"x": coded(&[1; 31])}), "key_malformed"),
    ] {
        assert_eq!(changed(base, changes.clone()), expected, "{changes}");
    }
}

#[test]
fn points_off_the_curve_are_refused() {
    for (x, y) in [([0; 32], [0; 32]), ([0xff; 32], [0xff; 32]), ([1; 32], [1; 32])] {
        assert_eq!(changed(RFC7515_A3_KEY, json!({"x": coded(&x), "y": coded(&y)})), "key_malformed");
    }
    let swapped = json!({
        "x": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
        "y": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
    });
    assert_eq!(changed(RFC7515_A3_KEY, swapped), "key_malformed");
}

#[test]
fn ed25519_points_of_small_order_are_too_weak() {
    let mut minus_one = [0xff; 32];
    (minus_one[0], minus_one[31]) = (0xec, 0x7f);
    let mut one_with_sign = [0; 32];
    (one_with_sign[0], one_with_sign[31]) = (1, 0x80);
    for point in [[0; 32], minus_one, one_with_sign] {
        assert_eq!(changed(RFC8037_KEY, json!({"x": coded(&point)})), "key_too_weak");
    }
}

#[test]
fn rsa_keys_are_of_2048_to_8192_bits_odd_and_with_a_sensible_exponent() {
    let modulus = |length: usize, first: u8, last: u8| {
        let mut bytes = vec![0xab; length];
        (bytes[0], bytes[length - 1]) = (first, last);
        coded(&bytes)
    };
    for (changes, expected) in [
        (json!({"n": modulus(256, 0x80, 1)}), "accepted"),
        (json!({"n": modulus(256, 0x7f, 1)}), "key_too_weak"),
        (json!({"n": modulus(128, 0xff, 1)}), "key_too_weak"),
        (json!({"n": modulus(256, 0xff, 2)}), "key_too_weak"),
        (json!({"n": modulus(257, 0x00, 1)}), "key_malformed"),
        (json!({"n": modulus(1024, 0xff, 1)}), "accepted"),
        (json!({"n": modulus(1025, 0x01, 1)}), "key_unsupported"),
        (json!({"e": coded(&[1])}), "key_too_weak"),
        (json!({"e": coded(&[3])}), "key_too_weak"),
        (json!({"e": coded(&[0xff, 0xff])}), "key_too_weak"),
        (json!({"e": coded(&[1, 0, 0])}), "key_too_weak"),
        (json!({"e": coded(&[1, 0, 3])}), "accepted"),
        (json!({"e": coded(&[0, 1, 0, 1])}), "key_malformed"),
        (json!({"e": coded(&[1, 0, 0, 0, 1])}), "key_unsupported"),
    ] {
        assert_eq!(changed(RFC7520_RSA_KEY, changes.clone()), expected, "{changes}");
    }
}

/// CVE-2017-15361. A modulus of that generator is a power of 65537 modulo each of these primes; so
/// is a multiple of their product plus 1.
#[test]
fn moduli_of_the_broken_generator_are_too_weak() {
    let primes = [11_u128, 13, 17, 19, 37, 53, 61, 71, 73, 79, 97, 103, 107, 109, 127, 151, 157];
    let product: u128 = primes.iter().product();
    let multiple = (product << product.leading_zeros()).to_be_bytes();
    let modulus = |last: u8| coded(&[&multiple[..], &[0; 239], &[last]].concat());
    assert_eq!(changed(RFC7520_RSA_KEY, json!({"n": modulus(1)})), "key_too_weak");
    assert_eq!(changed(RFC7520_RSA_KEY, json!({"n": modulus(3)})), "accepted");
}

#[test]
fn keys_for_another_use_are_unsupported() {
    for (changes, expected) in [
        (json!({"use": "sig"}), "accepted"),
        (json!({"use": "enc"}), "key_unsupported"),
        (json!({"use": 1}), "key_malformed"),
        (json!({"key_ops": ["verify"]}), "accepted"),
        (json!({"key_ops": ["sign", "verify"]}), "accepted"),
        (json!({"key_ops": ["sign"]}), "key_unsupported"),
        (json!({"key_ops": []}), "key_unsupported"),
        (json!({"key_ops": "verify"}), "key_malformed"),
        (json!({"alg": "ES256"}), "accepted"),
        (json!({"alg": "ES384"}), "key_algorithm_mismatch"),
        (json!({"alg": "RS256"}), "key_algorithm_mismatch"),
        (json!({"alg": "HS256"}), "key_algorithm_mismatch"),
        (json!({"alg": "ES512"}), "key_unsupported"),
        (json!({"alg": "none"}), "key_unsupported"),
        (json!({"alg": 1}), "key_malformed"),
    ] {
        assert_eq!(changed(RFC7515_A3_KEY, changes.clone()), expected, "{changes}");
    }
}

#[test]
fn a_jwk_that_signs_needs_its_private_members_and_they_must_fit() {
    let sign = |base: &str, algorithm: Algorithm, changes: Value| {
        let mut members = jwk(base);
        members.remove("use");
        for (name, value) in object(changes) {
            match value {
                Value::Null => members.remove(&name),
                value => members.insert(name, value),
            };
        }
        code(SigningKey::parse(&serde_json::to_string(&members).unwrap(), algorithm))
    };
    let other = |base: &str, algorithm, changes: Value, expected| {
        assert_eq!(sign(base, algorithm, changes.clone()), expected, "{changes}");
    };
    let (ec, ed, rsa) = (RFC7515_A3_KEY, RFC8037_KEY, RFC7520_RSA_KEY);
    let (es256, eddsa, rs256) = (Algorithm::Es256, Algorithm::EdDsa, Algorithm::Rs256);
    for (base, algorithm) in [(ec, es256), (ed, eddsa), (rsa, rs256)] {
        other(base, algorithm, json!({}), "accepted");
        other(base, algorithm, json!({"d": null}), "key_not_private");
        other(base, algorithm, json!({"key_ops": ["sign"]}), "accepted");
        other(base, algorithm, json!({"key_ops": ["verify"]}), "key_unsupported");
        other(base, algorithm, json!({"use": "enc"}), "key_unsupported");
        other(base, Algorithm::Hs256, json!({}), "key_algorithm_mismatch");
    }
    other(ec, es256, json!({"d": coded(&[7; 32])}), "key_malformed");
    other(ec, es256, json!({"d": coded(&[0; 32])}), "key_malformed");
    other(ec, es256, json!({"d": coded(&[7; 31])}), "key_malformed");
    other(ec, Algorithm::Es384, json!({}), "key_algorithm_mismatch");
    other(ed, eddsa, json!({"d": coded(&[7; 32])}), "key_malformed");
    other(ed, eddsa, json!({"d": coded(&[7; 33])}), "key_malformed");
    other(rsa, rs256, json!({"d": "AQ"}), "key_malformed");
    other(rsa, rs256, json!({"p": null}), "key_malformed");
    other(rsa, rs256, json!({"oth": []}), "key_unsupported");
    other(rsa, Algorithm::Ps256, json!({"alg": "RS256"}), "key_algorithm_mismatch");
}

#[test]
fn text_that_is_json_must_be_one_strict_object() {
    for text in ["{", "{}", "{}{}", r#"{"kty":"oct","kty":"oct"}"#, r#"{"keys":{}}"#, r#"{"keys":[1]}"#] {
        assert_eq!(code(KeySet::parse(text)), "key_malformed", "{text}");
    }
    assert_eq!(code(SigningKey::parse(r#"{"keys":[]}"#, Algorithm::Hs256)), "key_malformed");
}

#[test]
fn a_generated_key_comes_back_from_its_der_and_bears_its_thumbprint() {
    for algorithm in Algorithm::ALL {
        let generated = SigningKey::generate(algorithm).unwrap();
        let key =
            SigningKey::from_der(algorithm, &generated.private).unwrap().with_kid(generated.kid.clone());
        assert_eq!(key.to_private_der().unwrap(), generated.private, "{algorithm}");
        assert_eq!(generated.public_jwk["kid"], generated.kid.as_str());
        assert_eq!(generated.public_jwk["alg"], algorithm.name());
        assert_eq!(generated.public_jwk["use"], "sig");
        let complete =
            if algorithm.is_symmetric() { key.secret_jwk().unwrap() } else { key.public_jwk().unwrap() };
        assert_eq!(thumbprint(&complete).unwrap(), generated.kid, "{algorithm}");
        assert_eq!(algorithm.is_symmetric(), key.public_jwk().is_none());
        assert_eq!(algorithm.is_symmetric(), key.secret_jwk().is_ok());
    }
}

#[test]
fn what_is_meant_to_be_published_holds_nothing_private() {
    for algorithm in Algorithm::ALL {
        let generated = SigningKey::generate(algorithm).unwrap();
        for private in ["k", "d", "p", "q", "dp", "dq", "qi"] {
            assert!(!generated.public_jwk.contains_key(private), "{algorithm} {private}");
        }
    }
}

#[test]
fn der_of_another_key_is_not_taken() {
    let ec = SigningKey::generate(Algorithm::Es256).unwrap();
    assert_eq!(code(SigningKey::from_der(Algorithm::Es384, &ec.private)), "key_algorithm_mismatch");
    assert_eq!(code(SigningKey::from_der(Algorithm::Hs256, &ec.private)), "key_malformed");
    let trailing = crate::secret::Secret::new([ec.private.expose(), &[0]].concat());
    assert_eq!(code(SigningKey::from_der(Algorithm::Es256, &trailing)), "key_malformed");
    let hmac = SigningKey::generate(Algorithm::Hs256).unwrap();
    assert_eq!(code(SigningKey::from_der(Algorithm::Hs512, &hmac.private)), "key_too_weak");
}

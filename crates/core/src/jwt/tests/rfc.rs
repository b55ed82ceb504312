//! What the RFCs say comes out.

use serde_json::{Map, Value, json};

use super::rfc_vectors::*;
use super::{Algorithm, code, forge_with, object};
use crate::Result;
use crate::jwt::{
    Expectations, KeySet, SigningKey, Unverified, VerificationKey, Verified, decode_unverified,
};
use crate::jwt::{thumbprint, verify};

/// A second before the examples of RFC 7515 expire.
const THEN: i64 = 1_300_819_379;

fn jwk(text: &str) -> Map<String, Value> {
    object(serde_json::from_str(text).unwrap())
}

fn verify_then(token: &str, key: &str, algorithm: Algorithm) -> Result<Verified> {
    verify(token, &KeySet::parse(key)?, &Expectations::new(&[algorithm], THEN))
}

/// Of the examples whose payload is no set of claims: the signature alone.
fn verify_signature(token: &str, key: &str) -> Result<()> {
    Unverified::parse(token)?.verify_signature(&VerificationKey::from_jwk(&jwk(key))?)
}

#[test]
fn the_examples_of_rfc_7515_appendix_a_verify_until_they_expire() {
    for (token, key, algorithm) in [
        (RFC7515_A1, RFC7515_A1_KEY, Algorithm::Hs256),
        (RFC7515_A2, RFC7515_A2_KEY, Algorithm::Rs256),
        (RFC7515_A3, RFC7515_A3_KEY, Algorithm::Es256),
    ] {
        let verified = verify_then(token, key, algorithm).unwrap();
        let expected = json!({"iss": "joe", "exp": 1_300_819_380, "http://example.com/is_root": true});
        assert_eq!(verified.claims(), &object(expected));
        let expired = verify(token, &KeySet::parse(key).unwrap(), &Expectations::new(&[algorithm], THEN + 1));
        assert_eq!(code(expired), "token_expired");
    }
}

#[test]
fn the_es512_and_the_unsecured_example_of_rfc_7515_are_of_no_known_algorithm() {
    for token in [RFC7515_A4, RFC7515_A5] {
        assert_eq!(code(Unverified::parse(token)), "token_algorithm_unknown");
    }
}

#[test]
fn the_examples_of_rfc_7520_section_4_verify() {
    assert_eq!(verify_signature(RFC7520_4_1, RFC7520_RSA_KEY), Ok(()));
    assert_eq!(verify_signature(RFC7520_4_2, RFC7520_RSA_KEY), Ok(()));
    assert_eq!(verify_signature(RFC7520_4_4, RFC7520_OCT_KEY), Ok(()));
    assert_eq!(code(verify_signature(RFC7520_4_1, RFC7515_A2_KEY)), "token_signature_invalid");
}

#[test]
fn the_p521_example_of_rfc_7520_is_unsupported_as_token_and_as_key() {
    assert_eq!(code(Unverified::parse(RFC7520_4_3)), "token_algorithm_unknown");
    assert_eq!(code(KeySet::parse(RFC7520_P521_KEY)), "key_unsupported");
}

#[test]
fn a_payload_that_is_no_object_is_refused_however_good_the_signature() {
    assert_eq!(code(verify_then(RFC7520_4_4, RFC7520_OCT_KEY, Algorithm::Hs256)), "token_malformed");
    assert_eq!(code(decode_unverified(RFC7520_4_4)), "token_malformed");
}

#[test]
fn the_example_of_rfc_8037_appendix_a_verifies_and_is_made_again_letter_by_letter() {
    assert_eq!(verify_signature(RFC8037_A4, RFC8037_KEY), Ok(()));
    let key = SigningKey::parse(RFC8037_KEY, Algorithm::EdDsa).unwrap();
    assert_eq!(forge_with(&key, r#"{"alg":"EdDSA"}"#, "Example of Ed25519 signing"), RFC8037_A4);
}

#[test]
fn deterministic_examples_are_made_again_letter_by_letter() {
    let payload = "{\"iss\":\"joe\",\r\n \"exp\":1300819380,\r\n \"http://example.com/is_root\":true}";
    let hmac = SigningKey::parse(RFC7515_A1_KEY, Algorithm::Hs256).unwrap();
    assert_eq!(forge_with(&hmac, "{\"typ\":\"JWT\",\r\n \"alg\":\"HS256\"}", payload), RFC7515_A1);
    let rsa = SigningKey::parse(RFC7515_A2_KEY, Algorithm::Rs256).unwrap();
    assert_eq!(forge_with(&rsa, r#"{"alg":"RS256"}"#, payload), RFC7515_A2);
}

#[test]
fn thumbprints_are_those_of_rfc_7638_and_rfc_8037() {
    let expected = [
        (RFC7638_KEY, "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"),
        (RFC8037_KEY, "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"),
    ];
    for (key, print) in expected {
        assert_eq!(thumbprint(&jwk(key)).unwrap(), print);
    }
}

#[test]
fn a_thumbprint_needs_its_members_and_their_canonical_form() {
    for (key, expected) in [
        (json!({}), "key_malformed"),
        (json!({"kty": "PBKDF"}), "key_unsupported"),
        (json!({"kty": "EC", "crv": "P-256", "x": "AA"}), "key_malformed"),
        (json!({"kty": "oct", "k": 1}), "key_malformed"),
        (json!({"kty": "oct", "k": "AA=="}), "key_malformed"),
        (json!({"kty": "oct", "k": "AB"}), "key_malformed"),
        (json!({"kty": "oct", "k": "AA"}), "accepted"),
    ] {
        assert_eq!(code(thumbprint(&object(key.clone()))), expected, "{key}");
    }
}

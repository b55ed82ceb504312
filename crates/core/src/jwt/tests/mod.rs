//! Tests of the whole module; each child holds one kind of promise.
#![allow(clippy::arithmetic_side_effects)]

use serde_json::{Map, Value, json};

use super::{Algorithm, Expectations, KeySet, SigningKey, Verified, base64url, sign, verify};
use crate::Result;
use crate::wire::Wire;

mod claim_rules;
mod header_attacks;
mod import;
mod key_rules;
mod key_sets;
mod openssl;
mod properties;
mod rfc;
mod rfc_vectors;
mod signature_attacks;
mod signing;
mod strict_json;

/// The present of every test, in seconds since 1970.
const NOW: i64 = 1_700_000_000;
/// 64 bytes: long enough for each hash.
const SECRET: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

const P256: &str = include_str!("keys/p256_pkcs8.pem");
const P256_PUBLIC: &str = include_str!("keys/p256_spki.pem");
const P384: &str = include_str!("keys/p384_pkcs8.pem");
const P384_PUBLIC: &str = include_str!("keys/p384_spki.pem");
const ED25519: &str = include_str!("keys/ed25519_pkcs8.pem");
const ED25519_PUBLIC: &str = include_str!("keys/ed25519_spki.pem");
const RSA: &str = include_str!("keys/rsa_pkcs8.pem");
const RSA_PUBLIC: &str = include_str!("keys/rsa_spki.pem");

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        other => panic!("{other} is no object"),
    }
}

/// Claims that are good for another 15 minutes.
fn claims() -> Map<String, Value> {
    object(json!({"sub": "ann", "exp": NOW + 900}))
}

/// The texts of a signing key and of what verifies its signatures.
fn key_texts(algorithm: Algorithm) -> (&'static str, &'static str) {
    match algorithm {
        Algorithm::EdDsa => (ED25519, ED25519_PUBLIC),
        Algorithm::Es256 => (P256, P256_PUBLIC),
        Algorithm::Es384 => (P384, P384_PUBLIC),
        Algorithm::Hs256 | Algorithm::Hs384 | Algorithm::Hs512 => (SECRET, SECRET),
        _ => (RSA, RSA_PUBLIC),
    }
}

fn signing_key(algorithm: Algorithm) -> SigningKey {
    SigningKey::parse(key_texts(algorithm).0, algorithm).unwrap()
}

fn key_set(algorithm: Algorithm) -> KeySet {
    KeySet::parse(key_texts(algorithm).1).unwrap()
}

fn token(algorithm: Algorithm) -> String {
    sign(&claims(), &signing_key(algorithm), algorithm, &Map::new()).unwrap()
}

/// A token with these very segments and a good signature over them.
fn forge(algorithm: Algorithm, header: &str, payload: &str) -> String {
    forge_with(&signing_key(algorithm), header, payload)
}

fn forge_with(key: &SigningKey, header: &str, payload: &str) -> String {
    let signed =
        format!("{}.{}", base64url::encode(header.as_bytes()), base64url::encode(payload.as_bytes()));
    let signature = key.sign(signed.as_bytes()).unwrap();
    format!("{signed}.{}", base64url::encode(&signature))
}

/// Verifies with the key that goes with the algorithm, which alone is allowed.
fn check(token: &str, algorithm: Algorithm) -> Result<Verified> {
    verify(token, &key_set(algorithm), &Expectations::new(&[algorithm], NOW))
}

/// The stable code of a refusal.
fn code<T>(outcome: Result<T>) -> &'static str {
    match outcome {
        Ok(_) => "accepted",
        Err(error) => Wire::from(&error).code,
    }
}

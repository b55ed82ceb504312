//! Attacks on the signature, and on the question which key it is made with.

use serde_json::json;

use super::{Algorithm, NOW, P256, P256_PUBLIC, RSA_PUBLIC, SECRET};
use super::{base64url, check, claims, code, forge_with, key_set, signing_key, token};
use crate::jwt::{Expectations, KeySet, SigningKey, VerificationKey, verify};

/// The token with this signature in place of its own.
fn resign(token: &str, signature: &[u8]) -> String {
    let (signed, _) = token.rsplit_once('.').unwrap();
    format!("{signed}.{}", base64url::encode(signature))
}

fn signature(token: &str) -> Vec<u8> {
    base64url::decode(token.rsplit_once('.').unwrap().1).unwrap()
}

/// An HS256 token whose "secret" is these bytes, by the library itself: our own `SigningKey` would
/// not take them.
fn hs256_with(secret: &[u8]) -> String {
    use aws_lc_rs::hmac;
    let payload = serde_json::to_vec(&claims()).unwrap();
    let signed = format!("{}.{}", base64url::encode(br#"{"alg":"HS256"}"#), base64url::encode(&payload));
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), signed.as_bytes());
    format!("{signed}.{}", base64url::encode(tag.as_ref()))
}

#[test]
fn a_token_of_another_key_is_refused_for_every_algorithm() {
    for algorithm in Algorithm::ALL {
        let foreign = SigningKey::generate(algorithm).unwrap();
        let foreign = SigningKey::from_der(algorithm, &foreign.private).unwrap();
        let forged =
            forge_with(&foreign, &json!({"alg": algorithm.name()}).to_string(), r#"{"exp":1800000000}"#);
        assert_eq!(code(check(&forged, algorithm)), "token_signature_invalid", "{algorithm}");
    }
}

#[test]
fn a_missing_short_long_or_zero_signature_is_refused_for_every_algorithm() {
    for algorithm in Algorithm::ALL {
        let token = token(algorithm);
        assert_eq!(code(check(&token, algorithm)), "accepted");
        let right = signature(&token);
        for wrong in [
            Vec::new(),
            vec![0],
            vec![0; right.len()],
            vec![0xff; right.len()],
            right[1..].to_vec(),
            right[..right.len() - 1].to_vec(),
            [&right[..], &[0]].concat(),
            [&[0], &right[..]].concat(),
            right.iter().rev().copied().collect(),
        ] {
            assert_eq!(
                code(check(&resign(&token, &wrong), algorithm)),
                "token_signature_invalid",
                "{algorithm}"
            );
        }
    }
}

#[test]
fn header_and_payload_can_not_be_taken_from_another_token() {
    for algorithm in Algorithm::ALL {
        let (signed, signature) =
            token(algorithm).rsplit_once('.').map(|(a, b)| (a.to_owned(), b.to_owned())).unwrap();
        let (header, _) = signed.split_once('.').unwrap();
        let payload = base64url::encode(br#"{"sub":"admin","exp":1800000000}"#);
        let outcome = check(&format!("{header}.{payload}.{signature}"), algorithm);
        assert_eq!(code(outcome), "token_signature_invalid", "{algorithm}");
    }
}

/// CVE-2022-21449, "psychic signatures", and their neighbours.
#[test]
fn ecdsa_signatures_of_zero_or_of_the_order_and_beyond_are_refused() {
    let p256_order = "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551";
    let p384_order =
        "ffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973";
    for (algorithm, order) in [(Algorithm::Es256, p256_order), (Algorithm::Es384, p384_order)] {
        let order: Vec<u8> =
            (0..order.len() / 2).map(|i| u8::from_str_radix(&order[2 * i..2 * i + 2], 16).unwrap()).collect();
        let (zero, most) = (vec![0; order.len()], vec![0xff; order.len()]);
        let one = [&zero[1..], &[1]].concat();
        let token = token(algorithm);
        for r in [&zero, &one, &order, &most] {
            for s in [&zero, &one, &order, &most] {
                let outcome = check(&resign(&token, &[&r[..], &s[..]].concat()), algorithm);
                assert_eq!(code(outcome), "token_signature_invalid");
            }
        }
        // r + n and s + n stand for the same residues but are no signatures.
        let right = signature(&token);
        let (r, s) = right.split_at(order.len());
        for wrong in [[&order[..], s].concat(), [r, &order[..]].concat(), [s, r].concat()] {
            assert_eq!(code(check(&resign(&token, &wrong), algorithm)), "token_signature_invalid");
        }
    }
}

#[test]
fn ecdsa_signatures_in_der_are_refused() {
    let token = token(Algorithm::Es256);
    let right = signature(&token);
    let integer = |half: &[u8]| {
        let pad: &[u8] = if half[0] & 0x80 == 0 { &[] } else { &[0] };
        [&[2, u8::try_from(half.len() + pad.len()).unwrap()], pad, half].concat()
    };
    let body = [integer(&right[..32]), integer(&right[32..])].concat();
    let der = [&[0x30, u8::try_from(body.len()).unwrap()][..], &body].concat();
    assert_eq!(code(check(&resign(&token, &der), Algorithm::Es256)), "token_signature_invalid");
}

#[test]
fn the_ed25519_signature_with_s_plus_the_order_is_refused() {
    const ORDER: [u8; 32] = [
        0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, 0, 0,
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
    ];
    let token = token(Algorithm::EdDsa);
    let mut twin = signature(&token);
    let mut carry = 0;
    for (byte, order) in twin[32..].iter_mut().zip(ORDER) {
        let sum = u16::from(*byte) + u16::from(order) + carry;
        *byte = sum.to_le_bytes()[0];
        carry = sum >> 8;
    }
    assert_eq!(code(check(&resign(&token, &twin), Algorithm::EdDsa)), "token_signature_invalid");
}

#[test]
fn schemes_of_one_key_do_not_stand_in_for_each_other() {
    let rsa = [
        Algorithm::Rs256,
        Algorithm::Rs384,
        Algorithm::Rs512,
        Algorithm::Ps256,
        Algorithm::Ps384,
        Algorithm::Ps512,
    ];
    for signer in rsa {
        for claimed in rsa.into_iter().filter(|claimed| *claimed != signer) {
            let header = json!({"alg": claimed.name()}).to_string();
            let token = forge_with(&signing_key(signer), &header, r#"{"exp":1800000000}"#);
            let outcome = verify(&token, &KeySet::parse(RSA_PUBLIC).unwrap(), &Expectations::new(&rsa, NOW));
            assert_eq!(code(outcome), "token_signature_invalid", "{signer} as {claimed}");
        }
    }
}

#[test]
fn a_pss_salt_of_another_length_is_refused() {
    use aws_lc_rs::rand::SystemRandom;
    use aws_lc_rs::rsa::KeyPair;
    use aws_lc_rs::signature::{RSA_PSS_SHA256, RsaPssSaltLength, RsaSignatureEncoding};
    const NO_SALT: RsaSignatureEncoding = RSA_PSS_SHA256.with_pss_salt_length(RsaPssSaltLength::Custom(0));
    const LONG: RsaSignatureEncoding = RSA_PSS_SHA256.with_pss_salt_length(RsaPssSaltLength::Custom(64));
    let private = signing_key(Algorithm::Ps256).to_private_der().unwrap();
    let pair = KeyPair::from_pkcs8(private.expose()).unwrap();
    let token = token(Algorithm::Ps256);
    let (signed, _) = token.rsplit_once('.').unwrap();
    let outcome = |encoding: &'static RsaSignatureEncoding| {
        let mut signature = vec![0; pair.public_modulus_len()];
        pair.sign(encoding, &SystemRandom::new(), signed.as_bytes(), &mut signature).unwrap();
        code(check(&resign(&token, &signature), Algorithm::Ps256))
    };
    assert_eq!(outcome(&RSA_PSS_SHA256), "accepted");
    assert_eq!(outcome(&NO_SALT), "token_signature_invalid");
    assert_eq!(outcome(&LONG), "token_signature_invalid");
}

/// CVE-2015-9235, CVE-2016-10555.
#[test]
fn the_text_of_a_public_key_is_never_an_hmac_secret() {
    for (pem, asymmetric) in [(RSA_PUBLIC, Algorithm::Rs256), (P256_PUBLIC, Algorithm::Es256)] {
        let jwk = serde_json::to_string(&signing_key(asymmetric).public_jwk()).unwrap();
        let body: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
        let der = base64_standard(&body);
        for secret in [pem.as_bytes(), pem.trim_end().as_bytes(), body.as_bytes(), &der, jwk.as_bytes()] {
            let forged = hs256_with(secret);
            for text in [pem, &jwk] {
                // Even a caller who allows both is safe: the key decides what it is.
                let both = [Algorithm::Hs256, asymmetric];
                let outcome = verify(&forged, &KeySet::parse(text).unwrap(), &Expectations::new(&both, NOW));
                assert_eq!(code(outcome), "token_algorithm_not_allowed");
            }
        }
    }
}

#[test]
fn the_text_of_a_key_that_was_pasted_badly_is_no_hmac_secret_either() {
    let jwk = serde_json::to_string(&signing_key(Algorithm::Rs256).public_jwk()).unwrap();
    let body: String = RSA_PUBLIC.lines().filter(|line| !line.starts_with('-')).collect();
    let private: String = P256.lines().filter(|line| !line.starts_with('-')).collect();
    for text in [
        format!("\"{RSA_PUBLIC}\""),
        format!("key: {RSA_PUBLIC}"),
        format!("\u{feff}{RSA_PUBLIC}"),
        format!("'{jwk}'"),
        format!("\u{feff}{jwk}"),
        format!("[{jwk}]"),
        body.clone(),
        body.replace('+', "-").replace('/', "_").trim_end_matches('=').to_owned(),
        RSA_PUBLIC.lines().filter(|line| !line.starts_with('-')).collect::<Vec<_>>().join("\n"),
        private,
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHC9eKrPGr0r0Sl1zXhU1yUqk3rmeG8gV0p1 me@example".to_owned(),
    ] {
        assert_eq!(code(KeySet::parse(&text)), "key_malformed", "{text}");
        assert_eq!(code(SigningKey::parse(&text, Algorithm::Hs256)), "key_malformed", "{text}");
    }
    for bytes in [RSA_PUBLIC.as_bytes(), &base64_standard(&body), jwk.as_bytes()] {
        let oct = json!({"kty": "oct", "k": base64url::encode(bytes)}).to_string();
        assert_eq!(code(KeySet::parse(&oct)), "key_malformed");
    }
}

/// CVE-2026-44699: an RSA JWK without `alg` used as an empty HMAC key.
#[test]
fn an_rsa_jwk_without_alg_verifies_no_hmac() {
    let mut jwk = signing_key(Algorithm::Rs256).public_jwk().unwrap();
    jwk.remove("alg");
    let key = VerificationKey::from_jwk(&jwk).unwrap();
    for secret in [&b""[..], SECRET.as_bytes()] {
        let token = hs256_with(secret);
        let unverified = crate::jwt::Unverified::parse(&token).unwrap();
        let outcome = unverified.verify_with(&key, &Expectations::new(&Algorithm::ALL, NOW));
        assert_eq!(code(outcome), "token_algorithm_not_allowed");
    }
}

#[test]
fn a_key_verifies_no_algorithm_of_another_type() {
    for of_key in Algorithm::ALL {
        for of_token in Algorithm::ALL {
            let outcome =
                verify(&token(of_token), &key_set(of_key), &Expectations::new(&Algorithm::ALL, NOW));
            let same_key = super::key_texts(of_key) == super::key_texts(of_token);
            let expected = if same_key { "accepted" } else { "token_algorithm_not_allowed" };
            assert_eq!(code(outcome), expected, "{of_token} with a key for {of_key}");
        }
    }
}

#[test]
fn the_alg_of_a_jwk_is_the_only_one_it_verifies() {
    for (alg, other) in [(Algorithm::Rs256, Algorithm::Ps256), (Algorithm::Hs256, Algorithm::Hs512)] {
        let key = signing_key(alg);
        let jwk = key.public_jwk().or_else(|| key.secret_jwk().ok()).unwrap();
        let keys = KeySet::parse(&serde_json::to_string(&jwk).unwrap()).unwrap();
        let allowed = Expectations::new(&Algorithm::ALL, NOW);
        assert_eq!(code(verify(&token(alg), &keys, &allowed)), "accepted");
        assert_eq!(code(verify(&token(other), &keys, &allowed)), "token_algorithm_not_allowed");
    }
}

fn base64_standard(text: &str) -> Vec<u8> {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD.decode(text).unwrap()
}

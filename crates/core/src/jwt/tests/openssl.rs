//! Keys as OpenSSL 3.0 writes them.

use serde_json::Map;

use super::{Algorithm, NOW, RSA, claims, code};
use crate::jwt::{Expectations, KeySet, SigningKey, sign, verify};

macro_rules! pem {
    ($name:literal) => {
        include_str!(concat!("keys/", $name, ".pem"))
    };
}

const ES256: &[Algorithm] = &[Algorithm::Es256];
const RSA_ALGORITHMS: &[Algorithm] = &[
    Algorithm::Rs256,
    Algorithm::Rs384,
    Algorithm::Rs512,
    Algorithm::Ps256,
    Algorithm::Ps384,
    Algorithm::Ps512,
];

/// The forms of one key: private ones, all that may verify, and the algorithms.
fn forms() -> [(&'static [&'static str], &'static [&'static str], &'static [Algorithm]); 4] {
    [
        (
            &[pem!("rsa_pkcs1"), pem!("rsa_pkcs8")],
            &[pem!("rsa_spki"), pem!("rsa_pkcs1_pub"), pem!("rsa_pkcs1"), pem!("rsa_pkcs8")],
            RSA_ALGORITHMS,
        ),
        (
            &[pem!("p256_params_sec1"), pem!("p256_sec1"), pem!("p256_pkcs8")],
            &[pem!("p256_spki"), pem!("p256_spki_compressed"), pem!("p256_sec1"), pem!("p256_pkcs8")],
            ES256,
        ),
        (
            &[pem!("p384_sec1"), pem!("p384_pkcs8")],
            &[pem!("p384_spki"), pem!("p384_sec1"), pem!("p384_pkcs8")],
            &[Algorithm::Es384],
        ),
        (&[pem!("ed25519_pkcs8")], &[pem!("ed25519_spki"), pem!("ed25519_pkcs8")], &[Algorithm::EdDsa]),
    ]
}

#[test]
fn every_form_of_a_key_signs_and_verifies_with_every_other_form_of_it() {
    for (private, verifying, algorithms) in forms() {
        for algorithm in algorithms {
            for text in private {
                let key = SigningKey::parse(text, *algorithm).unwrap();
                let token = sign(&claims(), &key, *algorithm, &Map::new()).unwrap();
                for text in verifying {
                    let keys = KeySet::parse(text).unwrap();
                    verify(&token, &keys, &Expectations::new(algorithms, NOW)).unwrap();
                }
            }
        }
    }
}

#[test]
fn armour_may_be_indented_wrapped_elsewhere_and_end_lines_as_windows_does() {
    let rewrapped = {
        let body: String = RSA.lines().filter(|line| !line.starts_with('-')).collect();
        let lines: Vec<_> =
            body.as_bytes().chunks(76).map(|line| std::str::from_utf8(line).unwrap()).collect();
        format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", lines.join("\n"))
    };
    for text in [
        RSA.replace('\n', "\r\n"),
        RSA.replace('\n', "\n    "),
        format!("\n  {RSA}"),
        RSA.trim_end().to_owned(),
        rewrapped,
    ] {
        SigningKey::parse(&text, Algorithm::Rs256).unwrap();
    }
}

#[test]
fn curves_that_are_spelled_out_are_refused_in_every_form() {
    for text in [pem!("p256_explicit_sec1"), pem!("p256_explicit_pkcs8"), pem!("p256_explicit_spki")] {
        let refusal = code(KeySet::parse(text));
        assert!(["key_malformed", "key_unsupported"].contains(&refusal), "{refusal}");
        assert_ne!(code(SigningKey::parse(text, Algorithm::Es256)), "accepted");
    }
}

#[test]
fn short_rsa_keys_are_too_weak_in_every_form() {
    for text in [pem!("rsa1024_pkcs1"), pem!("rsa1024_pkcs8"), pem!("rsa1024_spki")] {
        assert_eq!(code(KeySet::parse(text)), "key_too_weak");
    }
    for text in [pem!("rsa1024_pkcs1"), pem!("rsa1024_pkcs8")] {
        assert_eq!(code(SigningKey::parse(text, Algorithm::Ps512)), "key_too_weak");
    }
}

#[test]
fn the_exponent_3_is_too_weak() {
    assert_eq!(code(KeySet::parse(pem!("rsa_e3_spki"))), "key_too_weak");
}

#[test]
fn other_curves_and_encrypted_keys_are_unsupported() {
    for text in [
        pem!("p521_spki"),
        pem!("x25519_spki"),
        pem!("rsapss_spki"),
        pem!("p256_encrypted_pkcs8"),
        pem!("p256_encrypted_sec1"),
    ] {
        assert_eq!(code(KeySet::parse(text)), "key_unsupported", "{text}");
    }
}

#[test]
fn public_keys_can_not_sign() {
    for (text, algorithm) in [
        (pem!("rsa_spki"), Algorithm::Rs256),
        (pem!("rsa_pkcs1_pub"), Algorithm::Rs256),
        (pem!("p256_spki"), Algorithm::Es256),
        (pem!("ed25519_spki"), Algorithm::EdDsa),
    ] {
        assert_eq!(code(SigningKey::parse(text, algorithm)), "key_not_private");
    }
}

#[test]
fn a_key_signs_with_no_algorithm_of_another_type() {
    for (text, fitting) in [
        (RSA, RSA_ALGORITHMS),
        (pem!("p256_sec1"), ES256),
        (pem!("p384_pkcs8"), &[Algorithm::Es384]),
        (pem!("ed25519_pkcs8"), &[Algorithm::EdDsa]),
    ] {
        for algorithm in Algorithm::ALL.into_iter().filter(|algorithm| !fitting.contains(algorithm)) {
            assert_eq!(code(SigningKey::parse(text, algorithm)), "key_algorithm_mismatch", "{algorithm}");
        }
    }
}

#[test]
fn damaged_armour_is_malformed() {
    let public = pem!("p256_spki");
    for text in [
        "-----BEGIN PUBLIC KEY-----".to_owned(),
        "-----BEGIN PUBLIC KEY-----\n-----END PUBLIC KEY-----\n".to_owned(),
        public.replace("END PUBLIC", "END PRIVATE"),
        public.replace("MFk", "MF!"),
        public.replace("MFk", "MFkA"),
        public.replace('\n', " "),
        public.replace('\n', "\\n"),
        format!("{public}{public}"),
        format!("{public}trailing"),
        format!("{}{public}", pem!("rsa_spki")),
    ] {
        assert_eq!(code(KeySet::parse(&text)), "key_malformed", "{text}");
    }
}

#[test]
fn nothing_may_follow_the_structure() {
    use base64::{Engine, engine::general_purpose::STANDARD};
    for text in [
        pem!("rsa_pkcs1"),
        pem!("rsa_pkcs8"),
        pem!("rsa_spki"),
        pem!("rsa_pkcs1_pub"),
        pem!("p256_sec1"),
        pem!("p256_pkcs8"),
        pem!("p256_spki"),
        pem!("ed25519_pkcs8"),
        pem!("ed25519_spki"),
    ] {
        let lines: Vec<_> = text.lines().collect();
        let (first, last) = (lines[0], lines[lines.len() - 1]);
        let mut der = STANDARD.decode(lines[1..lines.len() - 1].concat()).unwrap();
        der.push(0);
        let text = format!("{first}\n{}\n{last}\n", STANDARD.encode(der));
        assert_eq!(code(KeySet::parse(&text)), "key_malformed", "{first}");
    }
}

#[test]
fn a_structure_under_the_wrong_label_is_malformed() {
    let swap = |text: &str, from: &str, to: &str| text.replace(from, to);
    for text in [
        swap(pem!("p256_sec1"), "EC PRIVATE KEY", "PRIVATE KEY"),
        swap(pem!("p256_pkcs8"), "PRIVATE KEY", "EC PRIVATE KEY"),
        swap(pem!("rsa_pkcs1"), "RSA PRIVATE KEY", "RSA PUBLIC KEY"),
        swap(pem!("p256_spki"), "PUBLIC KEY", "RSA PUBLIC KEY"),
        swap(pem!("rsa_spki"), "PUBLIC KEY", "PRIVATE KEY"),
    ] {
        assert_eq!(code(KeySet::parse(&text)), "key_malformed", "{text}");
    }
}

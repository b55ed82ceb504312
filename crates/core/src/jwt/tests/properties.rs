//! Whatever arrives: no panic, and nothing accepted that was not signed.

use std::sync::LazyLock;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};

use super::{Algorithm, NOW, check, key_set, token};
use crate::jwt::{Expectations, KeySet, SigningKey, Unverified, decode_unverified, verify};

static TOKENS: LazyLock<Vec<(Algorithm, String)>> =
    LazyLock::new(|| Algorithm::ALL.map(|algorithm| (algorithm, token(algorithm))).to_vec());

fn valid_token() -> impl Strategy<Value = (Algorithm, String)> {
    select(TOKENS.clone())
}

/// Reads it in every way there is.
fn read(text: &str) {
    let _ = decode_unverified(text);
    let _ = Unverified::parse(text);
    let _ = verify(text, &key_set(Algorithm::Hs256), &Expectations::new(&Algorithm::ALL, NOW));
    let _ = KeySet::parse(text);
    for algorithm in [Algorithm::Hs256, Algorithm::Rs256, Algorithm::Es256] {
        let _ = SigningKey::parse(text, algorithm);
    }
}

#[test]
fn every_one_character_change_of_a_token_is_refused() {
    for algorithm in [Algorithm::Hs256, Algorithm::EdDsa] {
        let token = token(algorithm);
        for position in 0..token.len() {
            for replacement in ['A', 'a', '0', '-', '_', '.', '=', '+', ' ', '\0', 'é'] {
                let mut changed = token.clone();
                changed.replace_range(position..=position, replacement.encode_utf8(&mut [0; 4]));
                assert!(changed == token || check(&changed, algorithm).is_err(), "{changed}");
            }
        }
    }
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(text in any::<String>()) {
        read(&text);
    }

    #[test]
    fn no_text_of_the_shape_of_a_token_makes_it_panic(text in "[A-Za-z0-9_-]{0,40}\\.[A-Za-z0-9_-]{0,40}\\.[A-Za-z0-9_-]{0,40}") {
        read(&text);
    }

    #[test]
    fn no_text_of_the_shape_of_a_key_makes_it_panic(
        text in r#"\{("(kty|crv|x|y|n|e|d|k|alg|kid|use|keys)":("(EC|RSA|oct|OKP|P-256|Ed25519|AQAB|[A-Za-z0-9_-]{43})"|\[\]|1),?){0,6}\}?"#
    ) {
        read(&text);
    }

    #[test]
    fn no_bytes_in_armour_make_it_panic(
        label in select(vec!["PUBLIC KEY", "PRIVATE KEY", "EC PRIVATE KEY", "RSA PRIVATE KEY", "RSA PUBLIC KEY"]),
        bytes in vec(any::<u8>(), 0..200),
    ) {
        use base64::Engine;
        let body = base64::engine::general_purpose::STANDARD.encode(bytes);
        read(&format!("-----BEGIN {label}-----\n{body}\n-----END {label}-----\n"));
    }

    #[test]
    fn no_change_of_a_character_goes_unnoticed(
        (algorithm, token) in valid_token(),
        position in any::<Index>(),
        replacement in any::<char>(),
    ) {
        let position = position.index(token.len());
        let mut changed = token.clone();
        changed.replace_range(position..=position, replacement.encode_utf8(&mut [0; 4]));
        prop_assert!(changed == token || check(&changed, algorithm).is_err());
    }

    #[test]
    fn no_addition_or_removal_goes_unnoticed(
        (algorithm, token) in valid_token(),
        from in any::<Index>(),
        to in any::<Index>(),
        filling in "[A-Za-z0-9_.=-]{0,3}",
    ) {
        let (from, to) = (from.index(token.len() + 1), to.index(token.len() + 1));
        let mut changed = token.clone();
        changed.replace_range(from.min(to)..from.max(to), &filling);
        prop_assert!(changed == token || check(&changed, algorithm).is_err());
    }

    #[test]
    fn no_segment_of_one_token_fits_another(
        (algorithm, one) in valid_token(),
        (_, other) in valid_token(),
        which in 0_usize..3,
    ) {
        let mut segments: Vec<_> = one.split('.').collect();
        segments[which] = other.split('.').nth(which).unwrap();
        let mixed = segments.join(".");
        prop_assert!(mixed == one || check(&mixed, algorithm).is_err());
    }
}

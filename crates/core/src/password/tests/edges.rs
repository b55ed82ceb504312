//! Lengths, NUL bytes, Unicode.

use super::{SALT, cheap};
use crate::Error;
use crate::password::{Algorithm, HashSettings, MAX_PASSWORD_BYTES, dummy_hash, hash, verify};

const BOTH: [Algorithm; 2] = [Algorithm::Bcrypt, Algorithm::Argon2id];

// All of Python bcrypt 5.0.0: of 72 times `x`; of `Zürich` with the composed and the decomposed letter; of
// `e\u{fb03}cient`, with the ligature ffi.
const SEVENTY_TWO: &str = "$2b$04$YAZZYiG22uRv6N4uoQew5udlThAHdzcGPdCGlLQhclwfKOAGqCVvS";
const COMPOSED: &str = "$2b$04$xsr6xCgTOcbuMyFatC1eUuqv2.t7rk5cEolbzEOBd.qSJykmpkY6K";
const DECOMPOSED: &str = "$2b$04$a2oW7Km9zS.3Ef9mpNFW6ueihVbLDgr8aGCgcLzgQuzdFGEcH6DAi";
const LIGATURE: &str = "$2b$04$.zZEJQUHOrE/2FZNU8TwWeRNTd6EQwk7XhmPGEdR9u7GW6D1BzWSq";

#[test]
fn bcrypt_takes_72_bytes_and_not_one_more() {
    let settings = cheap(Algorithm::Bcrypt);
    assert_eq!(verify(&"x".repeat(72), SEVENTY_TWO), Ok(true));
    assert!(hash(&"x".repeat(72), &settings, &SALT).is_ok());
    assert_eq!(hash(&"x".repeat(73), &settings, &SALT), Err(Error::PasswordTooLongForBcrypt));
    assert!(hash(&"x".repeat(73), &cheap(Algorithm::Argon2id), &SALT).is_ok());
}

#[test]
fn what_bcrypt_would_cut_off_does_not_verify() {
    assert_eq!(verify(&"x".repeat(73), SEVENTY_TWO), Ok(false));
    assert_eq!(verify(&"x".repeat(1024), SEVENTY_TWO), Ok(false));
}

#[test]
fn the_limit_of_bcrypt_counts_the_bytes_after_normalisation() {
    let settings = cheap(Algorithm::Bcrypt);
    // One ligature of three bytes becomes three letters: 70 bytes stay 70, 24 of U+FDFA become 792.
    assert!(hash(&"\u{fb03}".repeat(24), &settings, &SALT).is_ok());
    assert_eq!(hash(&"\u{fdfa}".repeat(24), &settings, &SALT), Err(Error::PasswordTooLongForBcrypt));
}

#[test]
fn argon2id_takes_1024_bytes_and_not_one_more() {
    let settings = cheap(Algorithm::Argon2id);
    let longest = "x".repeat(MAX_PASSWORD_BYTES);
    let stored = hash(&longest, &settings, &SALT).unwrap();
    assert_eq!(verify(&longest, &stored), Ok(true));
    assert_eq!(verify(&longest[1..], &stored), Ok(false));
    let over = format!("{longest}x");
    assert_eq!(hash(&over, &settings, &SALT), Err(Error::PasswordTooLong));
    assert_eq!(verify(&over, &stored), Ok(false));
    // 100 characters of 3 bytes that become 33 bytes each.
    assert_eq!(hash(&"\u{fdfa}".repeat(100), &settings, &SALT), Err(Error::PasswordTooLong));
}

#[test]
fn an_empty_password_is_refused_and_never_matches() {
    // Of the empty password: OpenBSD's own test vector.
    let of_nothing = "$2a$05$CCCCCCCCCCCCCCCCCCCCC.7uG0VCzI2bS7j6ymqJi9CdcdxiRTWNy";
    assert_eq!(verify("", of_nothing), Ok(false));
    for algorithm in BOTH {
        assert_eq!(hash("", &cheap(algorithm), &SALT), Err(Error::PasswordEmpty));
    }
}

#[test]
fn a_nul_byte_is_refused_and_never_matches() {
    for password in ["\0", "correct\0horse", "Z\u{fc}rich\0"] {
        for algorithm in BOTH {
            assert_eq!(hash(password, &cheap(algorithm), &SALT), Err(Error::PasswordHasNul));
        }
        assert_eq!(verify(password, COMPOSED), Ok(false));
    }
}

#[test]
fn a_password_that_can_not_match_still_needs_a_readable_hash() {
    for password in ["", "\0", "x"] {
        assert_eq!(verify(password, "plain"), Err(Error::HashUnknownFormat));
        assert_eq!(verify(password, "$2b$04$short"), Err(Error::HashMalformed));
    }
}

#[test]
fn composed_and_decomposed_letters_are_the_same_password() {
    for algorithm in BOTH {
        let stored = hash("Zu\u{308}rich und Gen\u{e8}ve", &cheap(algorithm), &SALT).unwrap();
        assert_eq!(verify("Z\u{fc}rich und Gene\u{300}ve", &stored), Ok(true));
        assert_eq!(verify("Zurich und Geneve", &stored), Ok(false));
    }
}

#[test]
fn a_ligature_and_its_letters_are_the_same_password() {
    let stored = hash("e\u{fb03}cient", &cheap(Algorithm::Bcrypt), &SALT).unwrap();
    assert_eq!(verify("efficient", &stored), Ok(true));
    assert_eq!(verify("e\u{fb03}cient", &stored), Ok(true));
}

#[test]
fn imported_hashes_of_texts_that_were_not_normalised_verify() {
    assert_eq!(verify("Z\u{fc}rich", COMPOSED), Ok(true));
    assert_eq!(verify("Zu\u{308}rich", COMPOSED), Ok(true), "the NFKC form");
    assert_eq!(verify("Zu\u{308}rich", DECOMPOSED), Ok(true), "as given");
    assert_eq!(verify("Z\u{fc}rich", DECOMPOSED), Ok(false), "nobody typed that");
    assert_eq!(verify("e\u{fb03}cient", LIGATURE), Ok(true), "as given");
    assert_eq!(verify("efficient", LIGATURE), Ok(false), "nobody typed that");
}

#[test]
fn pgcrypto_hashes_of_letters_with_accents_verify() {
    // select crypt('Zürich', gen_salt('bf', 4))
    let stored = "$2a$04$btHiGJz3iH1cCWPwq53g5u6VEojCdnVW6FSUGKVCQt4X4uzGZm//K";
    assert_eq!(verify("Z\u{fc}rich", stored), Ok(true));
}

#[test]
fn bits_behind_the_last_byte_of_a_bcrypt_salt_do_not_count() {
    // The salt's last character may stand for four bits that no byte holds: `e`, `f` … are the same.
    let stored = "$2b$04$MDEyMzQ1Njc4OWFiY2RlZfNQeWhcG82BOkN8Y6uOh5uyPSrtqEWtG";
    assert_eq!(verify(super::PASSWORD, stored), Ok(true));
}

#[test]
fn a_cost_out_of_range_is_refused() {
    let refused = |settings: HashSettings| {
        let error = hash("password", &settings, &SALT).unwrap_err();
        assert!(matches!(error, Error::HashCostOutOfRange { .. }), "{error:?}");
    };
    for bcrypt_cost in [0, 4, 9, 17, 31, u32::MAX] {
        refused(HashSettings { bcrypt_cost, ..cheap(Algorithm::Bcrypt) });
    }
    for argon2_memory_kib in [0, 7_167, 1_048_577, u32::MAX] {
        refused(HashSettings { argon2_memory_kib, ..cheap(Algorithm::Argon2id) });
    }
    for argon2_iterations in [0, 17, u32::MAX] {
        refused(HashSettings { argon2_iterations, ..cheap(Algorithm::Argon2id) });
    }
    for argon2_parallelism in [0, 17, u32::MAX] {
        refused(HashSettings { argon2_parallelism, ..cheap(Algorithm::Argon2id) });
    }
}

#[test]
fn the_parameters_of_the_other_algorithm_do_not_matter() {
    let settings = HashSettings { bcrypt_cost: 0, ..cheap(Algorithm::Argon2id) };
    assert!(hash("password", &settings, &SALT).is_ok());
}

#[test]
fn algorithm_and_cost_of_a_call_go_before_the_settings() {
    let settings = HashSettings::default();
    assert_eq!(settings.overridden(None, None), Ok(settings));
    assert_eq!(settings.overridden(None, Some(10)).unwrap().bcrypt_cost, 10);
    let argon2 = settings.overridden(Some("argon2id"), Some(3)).unwrap();
    assert_eq!(
        (argon2.algorithm, argon2.argon2_iterations, argon2.bcrypt_cost),
        (Algorithm::Argon2id, 3, 12)
    );
    assert_eq!(settings.overridden(Some("md5"), None), Err(Error::HashAlgorithmUnknown));
    assert_eq!(settings.overridden(Some("Bcrypt"), None), Err(Error::HashAlgorithmUnknown));
    for cost in [i32::MIN, -1, 0, 9, 17, i32::MAX] {
        let error = settings.overridden(None, Some(cost)).unwrap_err();
        assert!(matches!(error, Error::HashCostOutOfRange { cost: told, .. } if told == i64::from(cost)));
    }
}

#[test]
fn the_dummy_hash_matches_nobody() {
    for algorithm in BOTH {
        let dummy = dummy_hash(&cheap(algorithm));
        for password in ["", "\0", "password", "gatehouse: nobod", "no password is this one"] {
            assert_eq!(verify(password, &dummy), Ok(false), "{dummy}");
        }
    }
}

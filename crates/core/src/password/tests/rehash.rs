//! When a stored hash is due for a new one.

use super::{PASSWORD, SALT, cheap};
use crate::Error;
use crate::password::{Algorithm, HashSettings, dummy_hash, hash, needs_rehash};

#[test]
fn a_fresh_hash_is_current() {
    for algorithm in [Algorithm::Bcrypt, Algorithm::Argon2id] {
        let settings = cheap(algorithm);
        assert_eq!(needs_rehash(&hash(PASSWORD, &settings, &SALT).unwrap(), &settings), Ok(false));
    }
}

#[test]
fn the_dummy_hash_has_exactly_the_configured_parameters() {
    for cost in 10..=16 {
        let settings = HashSettings { bcrypt_cost: cost, ..HashSettings::default() };
        let dummy = dummy_hash(&settings);
        assert!(dummy.starts_with(&format!("$2b${cost}$")), "{dummy}");
        assert_eq!(needs_rehash(&dummy, &settings), Ok(false));
        let dearer = HashSettings { bcrypt_cost: cost + 1, ..settings };
        assert_eq!(needs_rehash(&dummy, &dearer), Ok(true));
    }
    let settings = HashSettings {
        algorithm: Algorithm::Argon2id,
        argon2_memory_kib: 1_048_576,
        argon2_iterations: 16,
        argon2_parallelism: 16,
        ..HashSettings::default()
    };
    let dummy = dummy_hash(&settings);
    assert!(dummy.starts_with("$argon2id$v=19$m=1048576,t=16,p=16$"), "{dummy}");
    assert_eq!(needs_rehash(&dummy, &settings), Ok(false));
}

#[test]
fn a_dummy_hash_has_the_shape_of_a_real_one() {
    for algorithm in [Algorithm::Bcrypt, Algorithm::Argon2id] {
        let settings = cheap(algorithm);
        let real = hash(PASSWORD, &settings, &SALT).unwrap();
        let dummy = dummy_hash(&settings);
        let lengths = |hash: &str| hash.split('$').map(str::len).collect::<Vec<_>>();
        assert_eq!(lengths(&dummy), lengths(&real));
    }
}

#[test]
fn a_setting_out_of_range_gives_the_dummy_hash_of_the_nearest_bound() {
    let settings = HashSettings { bcrypt_cost: 99, ..HashSettings::default() };
    assert!(dummy_hash(&settings).starts_with("$2b$16$"));
    let settings = HashSettings { algorithm: Algorithm::Argon2id, argon2_memory_kib: 1, ..settings };
    assert!(dummy_hash(&settings).starts_with("$argon2id$v=19$m=7168,t=2,p=1$"));
}

#[test]
fn less_work_another_variant_or_another_algorithm_needs_a_new_hash() {
    let bcrypt = HashSettings { bcrypt_cost: 12, ..HashSettings::default() };
    let argon2 = HashSettings { algorithm: Algorithm::Argon2id, ..bcrypt };
    let tail = "MDEyMzQ1Njc4OWFiY2RlZeNQeWhcG82BOkN8Y6uOh5uyPSrtqEWtG";
    let long = "MDEyMzQ1Njc4OWFiY2RlZg$gAwJW5vx5itn2V9KHlEUjyUCrpDYgKyQf0gMaHGx1h4";
    for (stored, settings, due) in [
        (format!("$2b$12${tail}"), bcrypt, false),
        (format!("$2b$13${tail}"), bcrypt, false),
        (format!("$2b$11${tail}"), bcrypt, true),
        (format!("$2a$12${tail}"), bcrypt, true),
        (format!("$2y$12${tail}"), bcrypt, true),
        (format!("$2b$12${tail}"), argon2, true),
        (format!("$argon2id$v=19$m=19456,t=2,p=1${long}"), argon2, false),
        (format!("$argon2id$v=19$m=19456,t=2,p=1${long}"), bcrypt, true),
        (format!("$argon2id$v=19$m=65536,t=3,p=4${long}"), argon2, false),
        (format!("$argon2id$v=19$m=19455,t=2,p=1${long}"), argon2, true),
        (format!("$argon2id$v=19$m=19456,t=1,p=1${long}"), argon2, true),
        (format!("$argon2id$v=16$m=19456,t=2,p=1${long}"), argon2, true),
        (format!("$argon2i$v=19$m=19456,t=2,p=1${long}"), argon2, true),
        (
            "$argon2id$v=19$m=19456,t=2,p=1$MTIzNDU2Nzg$gAwJW5vx5itn2V9KHlEUjyUCrpDYgKyQf0gMaHGx1h4".into(),
            argon2,
            true,
        ),
        ("$argon2id$v=19$m=19456,t=2,p=1$MDEyMzQ1Njc4OWFiY2RlZg$B5uy2S3q9KbF9r4oz2p6NQ".into(), argon2, true),
        (format!("$scrypt$ln=17,r=8,p=1${long}"), bcrypt, true),
        (format!("$pbkdf2-sha256$i=600000,l=32${long}"), argon2, true),
    ] {
        assert_eq!(needs_rehash(&stored, &settings), Ok(due), "{stored}");
    }
}

#[test]
fn what_can_not_be_read_is_an_error_and_no_reason_to_rehash() {
    let settings = HashSettings::default();
    for (stored, error) in [
        ("", Error::HashUnknownFormat),
        ("md5:abc", Error::HashUnknownFormat),
        ("$2b$12$abc", Error::HashMalformed),
        ("$2b$31$MDEyMzQ1Njc4OWFiY2RlZeNQeWhcG82BOkN8Y6uOh5uyPSrtqEWtG", Error::HashParametersOutOfRange),
    ] {
        assert_eq!(needs_rehash(stored, &settings), Err(error), "{stored}");
    }
}

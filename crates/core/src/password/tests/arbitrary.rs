//! Whatever comes in, nothing panics and nothing but the right password matches.

use proptest::prelude::*;
use proptest::sample::select;

use super::{PASSWORD, SALT, cheap};
use crate::password::{Algorithm, Policy, check, dummy_hash, hash, needs_rehash, verify};

/// Numbers at the edges; the affordable ones are cheap, so that a case takes milliseconds at most.
fn number() -> impl Strategy<Value = &'static str> {
    select(vec![
        "",
        "0",
        "1",
        "2",
        "04",
        "4",
        "8",
        "64",
        "4294967295",
        "4294967296",
        "18446744073709551616",
        "-1",
    ])
}

fn base64() -> impl Strategy<Value = String> {
    prop_oneof!["[A-Za-z0-9+/.]{0,24}", "[A-Za-z0-9+/.]{42,44}", "[A-Za-z0-9./]{53}"]
}

fn stored() -> impl Strategy<Value = String> {
    let start = "\\$(2[abxy]|argon2(i|id|d)|scrypt|pbkdf2-sha(1|256|512))\\$";
    let list = || (number(), number(), number());
    prop_oneof![
        any::<String>(),
        (start, any::<String>()).prop_map(|(start, rest)| start + &rest),
        ("\\$2[aby]\\$0[0-9]\\$", base64()).prop_map(|(start, tail)| start.replace('9', "4") + &tail),
        (list(), base64(), base64()).prop_map(|((m, t, p), salt, digest)| format!(
            "$argon2id$v=19$m={m},t={t},p={p}${salt}${digest}"
        )),
        (list(), base64(), base64())
            .prop_map(|((ln, r, p), salt, digest)| format!("$scrypt$ln={ln},r={r},p={p}${salt}${digest}")),
        (list(), base64(), base64())
            .prop_map(|((i, l, _), salt, digest)| format!("$pbkdf2-sha512$i={i},l={l}${salt}${digest}")),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn no_hash_makes_verification_panic_or_match(stored in stored()) {
        prop_assert_ne!(verify(PASSWORD, &stored), Ok(true));
        let _ = needs_rehash(&stored, &cheap(Algorithm::Bcrypt));
    }

    #[test]
    fn no_password_makes_the_policy_panic(password in any::<String>(), context in any::<Vec<String>>()) {
        let context: Vec<&str> = context.iter().map(String::as_str).collect();
        let found = check(&password, &context, &Policy::default());
        prop_assert_eq!(found.ok, found.reasons.is_empty());
        prop_assert!(found.score <= 4);
    }

    #[test]
    fn no_repetitive_password_makes_the_policy_panic(password in "[aAb1!@ \u{e9}\u{130}\u{fdfa}]{0,120}") {
        let _ = check(&password, &["ab1@aab.a", &password], &Policy::default());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn every_password_that_can_be_hashed_verifies_and_no_other(password in "\\PC{1,80}", other in any::<String>()) {
        let settings = cheap(Algorithm::Argon2id);
        let stored = hash(&password, &settings, &SALT).unwrap();
        prop_assert_eq!(verify(&password, &stored), Ok(true));
        prop_assert_eq!(verify(&format!("{password}x"), &stored), Ok(false));
        prop_assert_eq!(verify(&other, &dummy_hash(&settings)), Ok(false));
    }
}

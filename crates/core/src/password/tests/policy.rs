//! The password policy.

use std::collections::BTreeSet;

use crate::password::{Algorithm, Assessment, Policy, Reason, check};

const ALICE: &[&str] = &["alice.smith@example.com", "Alice Smith", "Acme Corp", "pg_gatehouse"];

fn codes(password: &str, context: &[&str], policy: &Policy) -> Vec<&'static str> {
    let found = check(password, context, policy);
    assert_eq!(found.ok, found.reasons.is_empty(), "{password}");
    found.reasons.iter().map(Reason::code).collect()
}

fn short() -> Policy {
    Policy { min_length: 8, ..Policy::default() }
}

#[test]
fn passphrases_and_random_passwords_are_accepted() {
    for password in [
        "correct horse battery staple",
        "the quick brown fox trips over seven sleeping dogs",
        "X7#qv9!mWz2$Lp4&",
        "лошадь скрепка батарея верно",
        "馬電池正解ホチキスの針をなめる犬",
        "k3v9x2m7q4w8z1p6",
    ] {
        assert_eq!(codes(password, ALICE, &Policy::default()), Vec::<&str>::new(), "{password}");
    }
}

#[test]
fn no_kind_of_character_is_asked_for() {
    assert!(check("quibble marzipan trellis", &[], &Policy::default()).ok);
    assert!(check("QUIBBLEMARZIPANTRELLIS", &[], &Policy::default()).ok);
    assert!(check("83719264058371", &[], &short()).ok);
}

#[test]
fn the_length_is_counted_in_code_points_after_normalisation() {
    let policy = Policy { min_length: 15, min_score: 0, ..Policy::default() };
    assert_eq!(codes("qzjvkxwypmbfhgt", &[], &policy), Vec::<&str>::new());
    assert_eq!(codes("qzjvkxwypmbfhg", &[], &policy), ["password_too_short"]);
    // Fifteen letters with accents are fifteen, composed or not, although they take 30 or 45 bytes.
    assert_eq!(codes("\u{e9}z\u{e9}vkx\u{e9}ypmbfh\u{e9}t", &[], &policy), Vec::<&str>::new());
    assert_eq!(codes("e\u{301}z\u{e9}vkx\u{e9}ypmbfh\u{e9}", &[], &policy), ["password_too_short"]);
    let words = check("qzjvkxwyp", &[], &policy).reasons[0].to_string();
    assert_eq!(words, "use at least 15 characters; this one has 9");
}

#[test]
fn no_password_at_all_is_a_reason_and_no_error() {
    assert_eq!(codes("", &[], &Policy::default()), ["password_empty"]);
    assert_eq!(codes("correct horse\0battery staple", &[], &Policy::default()), ["password_has_nul"]);
    assert_eq!(codes(&"x".repeat(1025), &[], &Policy::default()), ["password_too_long"]);
    assert_eq!(codes(&"\u{fdfa}".repeat(100), &[], &Policy::default()), ["password_too_long"]);
}

#[test]
fn what_bcrypt_would_not_take_is_too_long_and_fine_with_argon2id() {
    let long = "correct horse battery staple ".repeat(3);
    assert!(codes(&long, &[], &Policy::default()).contains(&"password_too_long"));
    let policy = Policy { max_bytes: Algorithm::Argon2id.max_password_bytes(), ..Policy::default() };
    assert_eq!(codes(&long, &[], &policy), Vec::<&str>::new());
}

#[test]
fn common_passwords_are_refused_in_any_case_and_decoration() {
    for password in [
        "password",
        "PASSWORD",
        "P@ssw0rd",
        "drowssap",
        "Password1!",
        "P@ssw0rd!2024",
        "iloveyou2024!!!",
        "passwordpassword",
        "Password1!Password1!",
        "football-football",
        "hello hello hello",
        "password!password?",
        "jennifer",
        "12345678",
        "football-football-football-football-football-football-football-football",
        "1q2w3e4r",
        "1qaz2wsx3edc4rfv",
        "1q2w3e4r5t6y7u8i9o0p",
        "zaq12wsxcde34rfv",
        "qwertyuiop123456",
        "123456789012345",
        "19841984198419841984",
        "Welcome2024!!!!!",
        "telecommunications",
        "monkey",
        "  monkey  ",
    ] {
        let found = check(password, &[], &Policy { min_score: 0, max_bytes: 1024, ..short() });
        assert!(found.reasons.contains(&Reason::Common), "{password}: {found:?}");
    }
}

#[test]
fn a_common_word_among_others_is_no_common_password() {
    for password in ["monkey trellis marzipan", "purple monkey dishwasher", "monkey8374659201938475"] {
        assert!(check(password, &[], &Policy::default()).ok, "{password}");
    }
}

#[test]
fn words_of_the_context_count_for_nothing() {
    for password in [
        "alice.smith@example.com",
        "ALICE.SMITH@EXAMPLE.COM",
        "alicesmithexample",
        "Alice Smith 2024!!",
        "4l1c3.5m1th-3x4mpl3",
        "ecila htims elpmaxe",
        "acmecorp-acmecorp1",
        "Acme Corp password",
        "gatehouse-2024-alice",
        "pg_gatehouse_pg_gatehouse",
        "my name is alice smith",
    ] {
        assert!(
            codes(password, ALICE, &Policy::default()).contains(&"password_has_context_word"),
            "{password}"
        );
    }
}

#[test]
fn a_word_of_the_context_does_no_harm_where_the_rest_is_enough() {
    for password in ["alice ate nineteen marzipan trellises", "remarkable quibble trellis"] {
        assert!(check(password, &["alice.smith@example.com", "Mark"], &Policy::default()).ok, "{password}");
    }
}

#[test]
fn parts_of_three_characters_and_the_top_level_domain_do_not_count() {
    let context = &["bob@abc.info", "Bob"];
    for password in ["bob quibbles over marzipan", "information marzipan quibble"] {
        assert!(check(password, context, &Policy::default()).ok, "{password}");
    }
    assert!(!check("bob@abc.info.bob@abc.info", context, &Policy::default()).ok);
}

#[test]
fn a_weak_password_is_told_what_is_weak() {
    let strict = Policy { min_score: 4, ..short() };
    for (password, code) in [
        ("aaaaaaaaaaaaaaaaaaaa", "password_repeats"),
        ("abcdefghijklmnopqrst", "password_has_sequence"),
        ("ertyuiop[];lkj", "password_has_keyboard_pattern"),
        ("13.11.1987", "password_has_date"),
    ] {
        let found = codes(password, &[], &strict);
        assert!(found.contains(&"password_too_weak") && found.contains(&code), "{password}: {found:?}");
    }
}

#[test]
fn the_score_asked_for_decides() {
    let accepted = |min_score| check("trellisquibble", &[], &Policy { min_score, ..short() }).ok;
    let score = check("trellisquibble", &[], &short()).score;
    for min_score in 0..=4 {
        assert_eq!(accepted(min_score), min_score <= score);
    }
}

#[test]
fn a_long_password_is_as_strong_as_its_strongest_end() {
    let policy = Policy { max_bytes: 1024, ..Policy::default() };
    let weak = "a".repeat(40);
    assert!(check(&format!("{weak}correct horse battery staple"), &[], &policy).ok);
    assert!(check(&format!("correct horse battery staple{weak}"), &[], &policy).ok);
    assert!(!check(&weak.repeat(25), &[], &policy).ok);
    assert!(!check(&"Summer2025!".repeat(20), &[], &policy).ok);
}

#[test]
fn no_reason_repeats_the_password_or_the_context() {
    let all: Vec<Assessment> =
        ["alice.smith1", "ertyuiop[];lkj", "aaaa", "abcdef", "01.02.1999", "monkey", "x\0y"]
            .iter()
            .map(|password| check(password, ALICE, &Policy { min_score: 4, ..Policy::default() }))
            .collect();
    for reason in all.iter().flat_map(|found| &found.reasons) {
        let words = format!("{reason} {reason:?} {}", reason.code()).to_lowercase();
        for secret in ["alice", "smith", "ertyu", "aaaa", "abcdef", "1999", "monkey"] {
            assert!(!words.contains(secret), "{words}");
        }
    }
}

#[test]
fn every_reason_has_its_own_code_and_words() {
    let all = [
        Reason::Common,
        Reason::ContextWord,
        Reason::Date,
        Reason::Empty,
        Reason::HasNul,
        Reason::Keyboard,
        Reason::Repeats,
        Reason::Sequence,
        Reason::TooLong { max_bytes: 72 },
        Reason::TooShort { length: 3, min_length: 15 },
        Reason::TooWeak { score: 1, min_score: 2 },
    ];
    assert_eq!(all.iter().map(Reason::code).collect::<BTreeSet<_>>().len(), all.len());
    assert_eq!(all.iter().map(ToString::to_string).collect::<BTreeSet<_>>().len(), all.len());
}

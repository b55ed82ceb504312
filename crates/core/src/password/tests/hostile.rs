//! Hashes that nobody should compute, and hashes that are none.

use crate::Error;
use crate::password::verify;

const BCRYPT: &str = "MDEyMzQ1Njc4OWFiY2RlZeNQeWhcG82BOkN8Y6uOh5uyPSrtqEWtG";
const LONG: &str = "MDEyMzQ1Njc4OWFiY2RlZg$gAwJW5vx5itn2V9KHlEUjyUCrpDYgKyQf0gMaHGx1h4";

fn all_give(error: &Error, hashes: &[String]) {
    for stored in hashes {
        assert_eq!(verify("password", stored).as_ref(), Err(error), "{stored}");
    }
}

#[test]
fn a_hash_that_asks_for_too_much_is_refused_before_any_work() {
    let argon2 = |parameters: &str| format!("$argon2id$v=19${parameters}${LONG}");
    let scrypt = |parameters: &str| format!("$scrypt${parameters}${LONG}");
    all_give(
        &Error::HashParametersOutOfRange,
        &[
            format!("$2b$17${BCRYPT}"),
            format!("$2y$31${BCRYPT}"),
            format!("$2a$99${BCRYPT}"),
            argon2("m=1048577,t=1,p=1"),
            argon2("m=4294967295,t=1,p=1"),
            argon2("m=4294967296,t=1,p=1"),
            argon2("m=99999999999999999999999999,t=1,p=1"),
            argon2("m=64,t=65,p=1"),
            argon2("m=64,t=4294967295,p=1"),
            argon2("m=1024,t=1,p=17"),
            argon2("m=1048576,t=17,p=1"),
            scrypt("ln=21,r=8,p=1"),
            scrypt("ln=63,r=8,p=1"),
            scrypt("ln=64,r=8,p=1"),
            scrypt("ln=4294967295,r=8,p=1"),
            scrypt("ln=4,r=4294967295,p=1"),
            scrypt("ln=4,r=8,p=4294967295"),
            scrypt("ln=20,r=8,p=5"),
            scrypt("ln=1,r=1073741824,p=1073741824"),
            format!("$pbkdf2-sha256$i=10000001,l=32${LONG}"),
            format!("$pbkdf2-sha512$i=4294967296,l=32${LONG}"),
            format!("$pbkdf2-sha256$10000001${}", LONG.replace('+', ".")),
            format!("$scrypt$ln=4,r=8,p=1$MDEyMzQ1Njc4OWFiY2RlZg${}", "A".repeat(88)),
        ],
    );
}

#[test]
fn a_hash_that_asks_for_less_than_the_algorithm_allows_is_refused() {
    all_give(
        &Error::HashParametersOutOfRange,
        &[
            format!("$2b$03${BCRYPT}"),
            format!("$2b$00${BCRYPT}"),
            format!("$argon2id$v=19$m=7,t=1,p=1${LONG}"),
            format!("$argon2id$v=19$m=31,t=1,p=4${LONG}"),
            format!("$argon2id$v=19$m=64,t=0,p=1${LONG}"),
            format!("$argon2id$v=19$m=64,t=1,p=0${LONG}"),
            format!("$scrypt$ln=0,r=8,p=1${LONG}"),
            format!("$scrypt$ln=4,r=0,p=1${LONG}"),
            format!("$scrypt$ln=4,r=8,p=0${LONG}"),
            format!("$pbkdf2-sha256$i=0,l=32${LONG}"),
            format!("$pbkdf2-sha256$0${LONG}"),
        ],
    );
}

#[test]
fn malformed_bcrypt_hashes_are_errors() {
    all_give(
        &Error::HashMalformed,
        &[
            "$2b$".into(),
            "$2b$12".into(),
            "$2b$12$".into(),
            format!("$2b${BCRYPT}"),
            format!("$2b$4${BCRYPT}"),
            format!("$2b$004${BCRYPT}"),
            format!("$2b$+4${BCRYPT}"),
            format!("$2b$ 4${BCRYPT}"),
            format!("$2b$xx${BCRYPT}"),
            format!("$2b$04${BCRYPT}A"),
            format!("$2b$04${}", &BCRYPT[1..]),
            format!("$2b$04$ {}", &BCRYPT[1..]),
            format!("$2b$04$+{}", &BCRYPT[1..]),
            format!("$2b$04${} ", &BCRYPT[..52]),
            format!("$2b$04${}=", &BCRYPT[..52]),
            format!("$2b$04${}\u{fc}", &BCRYPT[..51]),
            format!("$2b$04${}\u{20ac}{}", &BCRYPT[..21], &BCRYPT[24..]),
            // The digest's last character stands for two bits too many.
            format!("$2b$04${}H", &BCRYPT[..52]),
        ],
    );
}

#[test]
fn malformed_argon2_hashes_are_errors() {
    let with = |middle: &str| format!("$argon2id${middle}${LONG}");
    all_give(
        &Error::HashMalformed,
        &[
            "$argon2id$".into(),
            "$argon2i$v=19$m=64,t=1,p=1".into(),
            "$argon2id$v=19$m=64,t=1,p=1$MDEyMzQ1Njc4OWFiY2RlZg".into(),
            format!("$argon2id$v=19$m=64,t=1,p=1${LONG}$"),
            format!("$argon2id$v=19$m=64,t=1,p=1${LONG}="),
            with("v=20$m=64,t=1,p=1"),
            with("v=019$m=64,t=1,p=1"),
            with("v=19$v=19$m=64,t=1,p=1"),
            with("v=19$m=64,t=1"),
            with("v=19$m=64,t=1,p=1,p=1"),
            with("v=19$m=64,t=1,p=1,x=1"),
            with("v=19$m=64,t=1,p=1,"),
            with("v=19$m=064,t=1,p=1"),
            with("v=19$m=+64,t=1,p=1"),
            with("v=19$m=-64,t=1,p=1"),
            with("v=19$m= 64,t=1,p=1"),
            with("v=19$m=64.0,t=1,p=1"),
            with("v=19$m=,t=1,p=1"),
            with("v=19$m64,t=1,p=1"),
            with("v=19$M=64,t=1,p=1"),
            with("v=19$m=\u{664},t=1,p=1"),
            "$argon2id$v=19$m=64,t=1,p=1$c2hvcnQ$gAwJW5vx5itn2V9KHlEUjyUCrpDYgKyQf0gMaHGx1h4".into(),
            "$argon2id$v=19$m=64,t=1,p=1$$gAwJW5vx5itn2V9KHlEUjyUCrpDYgKyQf0gMaHGx1h4".into(),
            "$argon2id$v=19$m=64,t=1,p=1$MDEyMzQ1Njc4OWFiY2RlZg$".into(),
            "$argon2id$v=19$m=64,t=1,p=1$MDEyMzQ1Njc4OWFiY2RlZg$gAwJW5vx5itn2V9KHlEUj".into(),
            "$argon2id$v=19$m=64,t=1,p=1$MDEyMzQ1Njc4OWFiY2RlZg$gAwJW5vx5itn2V9KHlEUjyUCrpDYgKyQf0gMaHGx1h5"
                .into(),
            "$argon2id$v=19$m=64,t=1,p=1$MDEyMzQ1Njc4OWFiY2RlZg$gAwJW5vx5itn2V9K-_EUjyUCrpDYgKyQf0gMaHGx1h4"
                .into(),
            format!("$argon2id$v=19$m=64,t=1,p=1${}${}", "A".repeat(172), &LONG[23..]),
            format!("$argon2id$v=19$m=64,t=1,p=1${LONG}{}", "A".repeat(600)),
        ],
    );
}

#[test]
fn malformed_scrypt_and_pbkdf2_hashes_are_errors() {
    all_give(
        &Error::HashMalformed,
        &[
            "$scrypt$".into(),
            "$scrypt$ln=4,r=8,p=1".into(),
            format!("$scrypt$ln=4,r=8${LONG}"),
            format!("$scrypt$n=16,r=8,p=1${LONG}"),
            format!("$scrypt$ln=4;r=8;p=1${LONG}"),
            format!("$scrypt$v=1$ln=4,r=8,p=1${LONG}"),
            "$scrypt$ln=4,r=8,p=1$MDEyMzQ1Njc4OWFiY2RlZg$dG9vIHNob3J0".into(),
            "$pbkdf2-sha256$".into(),
            format!("$pbkdf2-sha256$l=32${LONG}"),
            format!("$pbkdf2-sha256$i=1000,l=31${LONG}"),
            format!("$pbkdf2-sha256$i=1000,l=4294967295${LONG}"),
            format!("$pbkdf2-sha256$01000${LONG}"),
            format!("$pbkdf2-sha256$-1${LONG}"),
            format!("$pbkdf2-sha256$1000${LONG}$"),
            "$pbkdf2-sha256$1000$MDEyMzQ1Njc4OWFiY2RlZg$yqSq2SygY1sB4EcH9f2FG0JTMES+wqLsOT5YmiRBplI".into(),
            "$pbkdf2-sha256$i=1000$MDEyMzQ1Njc4OWFiY2RlZg$yqSq2SygY1sB4EcH9f2FG0JTMES.wqLsOT5YmiRBplI".into(),
        ],
    );
}

#[test]
fn unknown_formats_are_errors_and_never_false() {
    let mut hashes: Vec<String> = [
        "",
        " ",
        "$",
        "$$",
        "$2b",
        "password",
        "5f4dcc3b5aa765d61d8327deb882cf99",
        "{SSHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=",
        "$1$salt$qJH7.N4xYta3aEG/dfqo/0",
        "$5$salt$Gcm6FsVtF/Qa77ZKD.iwsJlCVPY0XSMgLJL0Hnww/c1",
        "$6$salt$IxDD3jeSOb5eB1CX5LBsqZFVkJdido3OUILO5Ifz5iwMuTS4XMS130MTSuDDl3aCI6WouIL9AjRbLCelDCy.g.",
        "$y$j9T$salt$hash",
        "$7$C6..../....salt$hash",
        "pbkdf2_sha256$600000$salt$hash",
        "md55f4dcc3b5aa765d61d8327deb882cf99",
        "SCRAM-SHA-256$4096:c2FsdA==$c3RvcmVk:c2VydmVy",
    ]
    .map(str::to_owned)
    .to_vec();
    hashes.extend(
        ["$2$04$", "$2x$04$", "$2c$04$", "$2B$04$", " $2b$04$"].map(|start| format!("{start}{BCRYPT}")),
    );
    hashes.extend(
        [
            "$argon2d$v=19$m=64,t=1,p=1$",
            "$Argon2id$v=19$m=64,t=1,p=1$",
            "$pbkdf2$i=1000$",
            "$pbkdf2-sha1$1000$",
        ]
        .map(|start| format!("{start}{LONG}")),
    );
    all_give(&Error::HashUnknownFormat, &hashes);
}

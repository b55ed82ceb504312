//! Hashes that other implementations made.

use super::{PASSWORD, SALT, cheap};
use crate::password::{Algorithm, HashSettings, hash, verify};

/// Each line: what made it, and the hash of [`PASSWORD`].
const KNOWN: &[(&str, &str)] = &[
    ("Python bcrypt 5.0.0", "$2b$04$MDEyMzQ1Njc4OWFiY2RlZeNQeWhcG82BOkN8Y6uOh5uyPSrtqEWtG"),
    ("Python bcrypt 5.0.0", "$2a$04$XvNAqD1A7uffbd4AeSzlNe//rup3X4pR3p/PI7KOjj4uu2ToH0xR2"),
    ("htpasswd -nbB -C 4", "$2y$04$05B1L08yJi5qFUqKYkvBGus4BvtlI/JMCARyQEVSesw/djUXXsRVS"),
    ("pgcrypto crypt()", "$2a$04$.zBpxHnv8qscQviRM1ozxOJR8dmzLpHYhYypVn5pAgw2x.OKGciJ."),
    (
        "argon2-cffi 25.1.0",
        "$argon2id$v=19$m=64,t=2,p=1$MDEyMzQ1Njc4OWFiY2RlZg$gAwJW5vx5itn2V9KHlEUjyUCrpDYgKyQf0gMaHGx1h4",
    ),
    (
        "argon2-cffi 25.1.0",
        "$argon2i$v=19$m=64,t=2,p=1$MDEyMzQ1Njc4OWFiY2RlZg$tTEGqyzWgE8XeFIcVmGNBy2ro7tX1aVB4Lm/p52JsIo",
    ),
    (
        "argon2-cffi 25.1.0, version 1.0",
        "$argon2id$v=16$m=64,t=2,p=1$MDEyMzQ1Njc4OWFiY2RlZg$qE2NAJv+l00hufrIZfQRUx+K4huY0JAVlc2AoCy4oc4",
    ),
    (
        "argon2-cffi 25.1.0, version 1.0 without v=",
        "$argon2id$m=64,t=2,p=1$MDEyMzQ1Njc4OWFiY2RlZg$qE2NAJv+l00hufrIZfQRUx+K4huY0JAVlc2AoCy4oc4",
    ),
    (
        "argon2-cffi 25.1.0, four lanes",
        "$argon2id$v=19$m=64,t=1,p=4$MDEyMzQ1Njc4OWFiY2RlZg$qL2+/qcsb/YCer3CNE1RVfQs/8Pg9VmCreSSgF+2/cM",
    ),
    ("argon2-cffi 25.1.0, short", "$argon2i$v=19$m=8,t=1,p=1$MTIzNDU2Nzg$B5uy2S3q9KbF9r4oz2p6NQ"),
    (
        "passlib 1.7.4",
        "$argon2id$v=19$m=64,t=1,p=2$WUuJ0boXwlhrrXVOibEWwg$F6HmpJxUWnUdUdN73kVS5f5jgG3Yq2y/Lrp2NOgfQs8",
    ),
    (
        "Python hashlib",
        "$scrypt$ln=4,r=8,p=1$MDEyMzQ1Njc4OWFiY2RlZg$0Pz6RuN9WCY6OfE3FYH5Myx0JqvNjul84VbFyWLBf4g",
    ),
    (
        "Python hashlib, 64 bytes",
        "$scrypt$ln=6,r=4,p=3$MDEyMzQ1Njc4OWFiY2RlZg$5ChxCdwjNDvvHsJG7QaiYvIeIAjVVPpQTfRs322wtbpPBWIOYqHHlT6qDr0X0gHRDAMPyQmAHwHyYUhVeXBBzA",
    ),
    (
        "passlib 1.7.4",
        "$scrypt$ln=4,r=8,p=1$NmZMydkbI0TImTPmnPPe2w$cZexkX99+guG37zrpmbZY99Rg7MGucjt+MOIB30HOm4",
    ),
    (
        "Python hashlib",
        "$pbkdf2-sha256$i=1000,l=32$MDEyMzQ1Njc4OWFiY2RlZg$yqSq2SygY1sB4EcH9f2FG0JTMES+wqLsOT5YmiRBplI",
    ),
    (
        "Python hashlib, without l=",
        "$pbkdf2-sha256$i=1000$MDEyMzQ1Njc4OWFiY2RlZg$yqSq2SygY1sB4EcH9f2FG0JTMES+wqLsOT5YmiRBplI",
    ),
    (
        "Python hashlib",
        "$pbkdf2-sha512$i=1000,l=64$MDEyMzQ1Njc4OWFiY2RlZg$5bTW2oeyDJyGJPcmEr+mRDE11ghpozWrDGnSNhRXo2ZCu0KHRDiUMAVEGzLJC+oDhRoeIja9J1iLIv9ptDJMfQ",
    ),
    (
        "Python hashlib, half the digest",
        "$pbkdf2-sha512$i=1000,l=32$MDEyMzQ1Njc4OWFiY2RlZg$5bTW2oeyDJyGJPcmEr+mRDE11ghpozWrDGnSNhRXo2Y",
    ),
    (
        "passlib 1.7.4",
        "$pbkdf2-sha256$1000$GuMco7Q2BiCEcG4txXiPEQ$pOFWeuxilmGreu830vIXHiTCpnhqaXvZYVjsL7b9Tew",
    ),
    (
        "passlib 1.7.4",
        "$pbkdf2-sha512$1000$2ZvT2nuv1TqntHYOIYSwtg$FIrxlxA.wvGBs96lmf6E/pqMVr7csnylY25.TOOODbTKByGpvnueftqyuSnZx0HeI2n7ElzSV6mdtkJMeCG/8A",
    ),
    (
        "passlib 1.7.4, a salt full of dots and slashes",
        "$pbkdf2-sha256$1000$....////..8$qoqRxvBCN1TXylOtievNguiQWwn4uVWgM7w7UTbxJ/A",
    ),
];

#[test]
fn hashes_of_other_implementations_verify() {
    for (maker, stored) in KNOWN {
        assert_eq!(verify(PASSWORD, stored), Ok(true), "{maker}: {stored}");
    }
}

#[test]
fn another_password_does_not_verify() {
    for (maker, stored) in KNOWN {
        assert_eq!(verify("correct horse battery stapl", stored), Ok(false), "{maker}: {stored}");
        assert_eq!(verify("Correct horse battery staple", stored), Ok(false), "{maker}: {stored}");
    }
}

#[test]
fn a_hash_with_one_bit_of_its_digest_changed_does_not_verify() {
    for (maker, stored) in KNOWN {
        let at = stored.len() - 5;
        let other = if stored.as_bytes()[at] == b'A' { "B" } else { "A" };
        let changed = format!("{}{other}{}", &stored[..at], &stored[at + 1..]);
        assert_eq!(verify(PASSWORD, &changed), Ok(false), "{maker}: {changed}");
    }
}

/// Python bcrypt 5.0.0 and argon2-cffi 25.1.0 with the same salt and cost give these strings.
#[test]
fn new_hashes_are_those_of_other_implementations() {
    assert_eq!(
        hash(PASSWORD, &cheap(Algorithm::Bcrypt), &SALT).unwrap(),
        "$2b$10$KBCwKxOzLha2MUDgW0PjXeDDbrW2ZldpG6p.2R9OgWkxRmMwXKONq"
    );
    assert_eq!(
        hash(PASSWORD, &cheap(Algorithm::Argon2id), &SALT).unwrap(),
        "$argon2id$v=19$m=7168,t=1,p=1$MDEyMzQ1Njc4OWFiY2RlZg$iXkNVrBBji8iUhkl0sei3qibav/em9Jj4SfkjlqN67g"
    );
}

#[test]
fn what_is_hashed_here_verifies_here() {
    for algorithm in [Algorithm::Bcrypt, Algorithm::Argon2id] {
        let stored = hash(PASSWORD, &cheap(algorithm), &SALT).unwrap();
        assert_eq!(verify(PASSWORD, &stored), Ok(true), "{stored}");
        assert_eq!(verify("something else entirely", &stored), Ok(false), "{stored}");
    }
}

#[test]
fn by_default_argon2id_takes_19_mib_and_two_passes() {
    let settings = HashSettings { algorithm: Algorithm::Argon2id, ..HashSettings::default() };
    let stored = hash(PASSWORD, &settings, &SALT).unwrap();
    assert!(stored.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{stored}");
    assert_eq!(verify(PASSWORD, &stored), Ok(true));
}

/// The digest of the crate in use against that of the `bcrypt` crate, which shares no code with it.
#[test]
fn two_implementations_of_bcrypt_agree() {
    let text: Vec<u8> = (0..72).map(|i| b'!' + i).collect();
    for length in 1..=72 {
        let password = std::str::from_utf8(&text[72 - length..]).unwrap();
        let parts = bcrypt::hash_with_salt(password, 4, SALT).unwrap();
        let stored = parts.format_for_version(bcrypt::Version::TwoB);
        assert_eq!(verify(password, &stored), Ok(true), "{length} bytes: {stored}");
    }
}

/// The example of firebase/scrypt's README.
const FIREBASE: &str = "$fbscrypt$v=1,n=14,r=8,p=1,ss=Bw==,sk=jxspr8Ki0RYycVU8zykbdLGjFQ3McFUH0uiiTvC8pVMXAn210wjLNmdZJzxUECKbm0QsEmYUSDzZvpjeJ9WmXA==$42xEC+ixf3L2lw==$lSrfV15cpx95/sZS2W9c9Kp6i/LVgQNDNC/qzrCnh1SAyZvqmZqAjTdn3aoItz+VHjoZilo78198JAdRuid5lQ==";

#[test]
fn firebases_own_example_verifies() {
    assert_eq!(verify("user1password", FIREBASE), Ok(true));
    assert_eq!(verify("user2password", FIREBASE), Ok(false));
    assert_eq!(crate::password::needs_rehash(FIREBASE, &HashSettings::default()), Ok(true));
}

#[test]
fn a_firebase_hash_that_is_cut_or_asks_for_too_much_is_refused() {
    use crate::Error::{HashMalformed, HashParametersOutOfRange};
    for (from, to, error) in [
        ("v=1,", "v=2,", HashMalformed),
        ("v=1,", "", HashMalformed),
        ("p=1,", "p=1,p=1,", HashMalformed),
        ("n=14", "n=x", HashMalformed),
        ("n=14", "n=32", HashParametersOutOfRange),
        ("r=8", "r=4294967295", HashParametersOutOfRange),
        ("p=1", "p=0", HashParametersOutOfRange),
        ("WmXA==$", "$", HashMalformed),
        ("42xEC", "42xE!", HashMalformed),
        ("$42xEC+ixf3L2lw==", "$", HashMalformed),
        ("uid5lQ==", "", HashMalformed),
        ("ss=Bw==,", "zz=1,", HashMalformed),
    ] {
        let changed = FIREBASE.replacen(from, to, 1);
        assert_ne!(changed, FIREBASE);
        assert_eq!(verify("user1password", &changed), Err(error), "{changed}");
    }
    // Without a separator it is another hash, and still one.
    assert_eq!(verify("user1password", &FIREBASE.replacen("ss=Bw==,", "", 1)), Ok(false));
}

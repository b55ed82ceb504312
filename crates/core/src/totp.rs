//! Codes of an authenticator: time-based one-time passwords.
//!
//! The server does not compare clocks with the authenticator: it accepts the code of the present
//! step and of one on each side, and answers with the step that matched, so that its caller can
//! refuse the same step for ever after.
//!
//! # Source
//! RFC 6238 (TOTP), RFC 4226 §5.3 (truncation), RFC 4648 §6 (base32); the `otpauth` URI as the Key
//! Uri Format of Google Authenticator describes it, which all authenticators read.

use aws_lc_rs::{constant_time, hmac};
use data_encoding::BASE32_NOPAD;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::one_time;
use crate::secret::Secret;

/// Length of a new secret, bytes: 160 bits, as RFC 4226 §4 recommends.
pub const SECRET_BYTES: usize = 20;
/// Length of a step, seconds (RFC 6238 §5.2).
pub const STEP_SECONDS: u64 = 30;
/// Digits of a code.
pub const DIGITS: usize = 6;
/// How many steps before and after the present one are accepted: clocks drift and people type
/// slowly (RFC 6238 §5.2 allows one).
const WINDOW: u64 = 1;

const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The hash that codes are made with. Authenticators are only sure to know SHA-1, which is not
/// weak here: HMAC needs no collision resistance.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Hash {
    /// HMAC-SHA-1.
    #[default]
    Sha1,
    /// HMAC-SHA-256.
    Sha256,
    /// HMAC-SHA-512.
    Sha512,
}

impl Hash {
    fn algorithm(self) -> hmac::Algorithm {
        match self {
            Self::Sha1 => hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
            Self::Sha256 => hmac::HMAC_SHA256,
            Self::Sha512 => hmac::HMAC_SHA512,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Sha1 => "SHA1",
            Self::Sha256 => "SHA256",
            Self::Sha512 => "SHA512",
        }
    }
}

/// What the server and an authenticator share.
#[derive(Clone, Debug)]
pub struct Totp {
    secret: Secret,
    hash: Hash,
}

impl Totp {
    /// Takes a secret over.
    #[must_use]
    pub fn new(secret: Secret, hash: Hash) -> Self {
        Self { secret, hash }
    }

    /// The step that a code is right for at the time `now`, seconds since 1970; none when it is
    /// wrong, or right only for a step up to `used`, the last one that was accepted.
    ///
    /// # Security
    /// The caller must keep the step it gets and refuse it from then on, in one atomic write:
    /// "the verifier MUST NOT accept the second attempt" (RFC 6238 §5.2). It must count attempts:
    /// three codes in a million are right at any time.
    #[must_use]
    pub fn matching_step(&self, code: &str, now: u64, used: Option<u64>) -> Option<u64> {
        let code = one_time::digits(code, DIGITS)?;
        let present = now / STEP_SECONDS;
        let mut matched = None;
        // All are computed, whichever matches.
        for step in present.saturating_sub(WINDOW)..=present.saturating_add(WINDOW) {
            let expected = self.code(step, DIGITS);
            let equal = constant_time::verify_slices_are_equal(code.expose(), expected.as_bytes()).is_ok();
            if equal && used.is_none_or(|used| step > used) && matched.is_none() {
                matched = Some(step);
            }
        }
        matched
    }

    /// What an authenticator shows at the time `now`, seconds since 1970.
    #[must_use]
    pub fn code_at(&self, now: u64) -> String {
        self.code(now / STEP_SECONDS, DIGITS)
    }

    /// The code of a step (RFC 4226 §5.3): `digits` is 6 to 8.
    fn code(&self, step: u64, digits: usize) -> String {
        let key = hmac::Key::new(self.hash.algorithm(), self.secret.expose());
        let tag = hmac::sign(&key, &step.to_be_bytes());
        let tag = tag.as_ref();
        let offset = tag.last().map_or(0, |last| usize::from(last & 0x0f));
        let mut word = [0; 4];
        word.copy_from_slice(&tag[offset..offset + 4]);
        let number = u32::from_be_bytes(word) & 0x7fff_ffff;
        let text = format!("{number:0digits$}");
        text[text.len() - digits..].to_owned()
    }

    /// The secret in base32 without padding, for typing in. Never log it.
    #[must_use]
    pub fn secret_text(&self) -> String {
        BASE32_NOPAD.encode(self.secret.expose())
    }

    /// The URI for the QR code: `otpauth://totp/Issuer:account?…`. Never log it.
    #[must_use]
    pub fn uri(&self, issuer: &str, account: &str) -> String {
        let encode = |text: &str| utf8_percent_encode(text, UNRESERVED).to_string();
        // A colon separates the two: neither may have one of its own.
        let issuer = encode(&issuer.replace(':', " "));
        let label = match issuer.as_str() {
            "" => encode(account),
            issuer => format!("{issuer}:{}", encode(&account.replace(':', " "))),
        };
        let issuer = if issuer.is_empty() { String::new() } else { format!("&issuer={issuer}") };
        format!(
            "otpauth://totp/{label}?secret={}{issuer}&algorithm={}&digits={DIGITS}&period={STEP_SECONDS}",
            self.secret_text(),
            self.hash.name(),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::{Hash, Totp};
    use crate::secret::Secret;

    fn totp(secret: &[u8], hash: Hash) -> Totp {
        Totp::new(Secret::new(secret.to_vec()), hash)
    }

    fn rfc(hash: Hash) -> Totp {
        let length = match hash {
            Hash::Sha1 => 20,
            Hash::Sha256 => 32,
            Hash::Sha512 => 64,
        };
        totp(&b"1234567890".repeat(7)[..length], hash)
    }

    /// RFC 4226 appendix D.
    #[test]
    fn the_vectors_of_rfc_4226() {
        let expected = [
            "755224", "287082", "359152", "969429", "338314", "254676", "287922", "162583", "399871",
            "520489",
        ];
        for (step, code) in (0..).zip(expected) {
            assert_eq!(rfc(Hash::Sha1).code(step, 6), code);
        }
    }

    /// RFC 6238 appendix B.
    #[test]
    fn the_vectors_of_rfc_6238() {
        for (time, sha1, sha256, sha512) in [
            (59, "94287082", "46119246", "90693936"),
            (1_111_111_109, "07081804", "68084774", "25091201"),
            (1_111_111_111, "14050471", "67062674", "99943326"),
            (1_234_567_890, "89005924", "91819424", "93441116"),
            (2_000_000_000, "69279037", "90698825", "38618901"),
            (20_000_000_000_u64, "65353130", "77737706", "47863826"),
        ] {
            for (hash, code) in [(Hash::Sha1, sha1), (Hash::Sha256, sha256), (Hash::Sha512, sha512)] {
                assert_eq!(rfc(hash).code(time / 30, 8), code, "{hash:?} at {time}");
            }
        }
    }

    #[test]
    fn one_step_on_each_side_is_accepted_and_named_and_no_more() {
        let totp = rfc(Hash::Sha1);
        let now: u64 = 1_111_111_111;
        let present = now / 30;
        for (step, accepted) in [(-2_i64, false), (-1, true), (0, true), (1, true), (2, false)] {
            let step = present.saturating_add_signed(step);
            let found = totp.matching_step(&totp.code_at(step * 30), now, None);
            assert_eq!(found, accepted.then_some(step));
        }
    }

    #[test]
    fn a_step_counts_once_and_earlier_ones_not_at_all() {
        let totp = rfc(Hash::Sha1);
        let now = 1_111_111_111;
        let present = now / 30;
        let code = totp.code(present, 6);
        assert_eq!(totp.matching_step(&code, now, Some(present - 1)), Some(present));
        assert_eq!(totp.matching_step(&code, now, Some(present)), None);
        assert_eq!(totp.matching_step(&code, now, Some(present + 1)), None);
        assert_eq!(totp.matching_step(&totp.code(present + 1, 6), now, Some(present)), Some(present + 1));
    }

    #[test]
    fn a_code_is_read_as_people_type_it() {
        let totp = rfc(Hash::Sha1);
        assert!(totp.matching_step(" 287 082", 59, None).is_some());
        for bad in ["", "28708", "2870820", "94287082", "28708a"] {
            assert_eq!(totp.matching_step(bad, 59, None), None, "{bad}");
        }
    }

    #[test]
    fn the_first_and_last_moments_do_not_overflow() {
        let totp = rfc(Hash::Sha1);
        for now in [0, 29, u64::MAX] {
            assert!(totp.matching_step(&totp.code(now / 30, 6), now, None).is_some());
        }
    }

    #[test]
    fn the_secret_is_base32_without_padding() {
        assert_eq!(rfc(Hash::Sha1).secret_text(), "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");
    }

    #[test]
    fn the_uri_says_everything_and_escapes_what_people_write() {
        let uri = totp(b"12345678901234567890", Hash::Sha1).uri("ACME: Co & Söhne", "a+b@example.com");
        assert_eq!(
            uri,
            "otpauth://totp/ACME%20%20Co%20%26%20S%C3%B6hne:a%2Bb%40example.com\
             ?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=ACME%20%20Co%20%26%20S%C3%B6hne\
             &algorithm=SHA1&digits=6&period=30"
        );
        assert!(rfc(Hash::Sha256).uri("", "x").starts_with("otpauth://totp/x?secret="));
    }

    #[test]
    fn it_does_not_print() {
        assert!(!format!("{:?}", rfc(Hash::Sha1)).contains("49"));
    }
}

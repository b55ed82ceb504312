//! Proof Key for Code Exchange (RFC 7636): a code counts only for whoever began the flow.
//!
//! The one who begins keeps a random verifier and tells its SHA-256, the challenge. Of the two
//! methods only S256 is known here: with `plain`, whoever sees the request could use the code.

use aws_lc_rs::{constant_time, digest};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;

use crate::secret::Secret;

/// Length of a SHA-256 digest.
const DIGEST_BYTES: usize = 32;
/// RFC 7636 §4.1.
const VERIFIER_CHARS: std::ops::RangeInclusive<usize> = 43..=128;

/// What was told at the beginning: the SHA-256 of the verifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Challenge([u8; DIGEST_BYTES]);

impl Challenge {
    /// Reads 43 characters of base64url; none when it is none, or when the method is another one.
    ///
    /// # Source
    /// RFC 7636 §4.2 and §4.3: a request without a method means `plain`, which is refused. Clients
    /// write the method in either case.
    #[must_use]
    pub fn parse(challenge: &str, method: &str) -> Option<Self> {
        if !method.eq_ignore_ascii_case("S256") {
            return None;
        }
        let digest = BASE64_URL_SAFE_NO_PAD.decode(challenge).ok()?;
        digest.try_into().ok().map(Self)
    }

    /// Whether it is the challenge of this verifier; the time tells nothing of how near it is.
    ///
    /// # Source
    /// RFC 7636 §4.6.
    #[must_use]
    pub fn is_met_by(&self, verifier: &Verifier) -> bool {
        let digest = digest::digest(&digest::SHA256, verifier.0.expose());
        constant_time::verify_slices_are_equal(digest.as_ref(), &self.0).is_ok()
    }
}

/// What the one who began has kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verifier(Secret);

impl Verifier {
    /// Reads 43 to 128 unreserved characters; none when it is none.
    ///
    /// # Source
    /// RFC 7636 §4.1.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let unreserved = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
        let good = VERIFIER_CHARS.contains(&text.len()) && text.bytes().all(unreserved);
        good.then(|| Self(Secret::new(text.as_bytes().to_vec())))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Challenge, Verifier};

    /// RFC 7636 appendix B.
    const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
    const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

    fn challenge() -> Challenge {
        Challenge::parse(CHALLENGE, "S256").unwrap()
    }

    #[test]
    fn the_example_of_the_rfc_is_met() {
        assert!(challenge().is_met_by(&Verifier::parse(VERIFIER).unwrap()));
        assert_eq!(Challenge::parse(CHALLENGE, "s256"), Some(challenge()));
    }

    #[test]
    fn the_challenge_itself_is_no_verifier_of_it() {
        assert!(!challenge().is_met_by(&Verifier::parse(CHALLENGE).unwrap()));
    }

    #[test]
    fn plain_and_unknown_methods_are_refused() {
        for method in ["plain", "", "S512", "S256 ", "none"] {
            assert_eq!(Challenge::parse(CHALLENGE, method), None, "{method}");
        }
    }

    #[test]
    fn a_challenge_is_43_characters_of_canonical_base64url() {
        let padded = format!("{CHALLENGE}=");
        let longer = format!("{CHALLENGE}A");
        // The last character's two low bits mean nothing: only one spelling is taken.
        let other_spelling = format!("{}N", &CHALLENGE[..42]);
        for text in
            ["", "A", &CHALLENGE[..42], &padded, &longer, &other_spelling, &CHALLENGE.replace('-', "+")]
        {
            assert_eq!(Challenge::parse(text, "S256"), None, "{text}");
        }
    }

    #[test]
    fn a_verifier_is_43_to_128_unreserved_characters() {
        let longest = "~".repeat(128);
        assert!(Verifier::parse(&longest).is_some());
        for text in [
            "",
            &VERIFIER[..42],
            &format!("{longest}~"),
            &VERIFIER.replace('-', " "),
            &VERIFIER.replace('-', "é"),
        ] {
            assert_eq!(Verifier::parse(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_other_verifier_meets_it(other in "[A-Za-z0-9._~-]{43,128}") {
            prop_assume!(other != VERIFIER);
            prop_assert!(!challenge().is_met_by(&Verifier::parse(&other).unwrap()));
        }
    }
}

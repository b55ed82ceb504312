//! Whether a new password is good enough.
//!
//! The rules of NIST SP 800-63B-4 §3.1.1.2 and OWASP ASVS 5.0 V6.2: a minimum length in code points, no
//! rules on the kinds of characters, a list of common passwords, words of the context count for
//! nothing, and an estimate of how many guesses the password withstands. The common passwords are the
//! dictionaries of the `zxcvbn` crate, so the list comes with the library.

use std::ops::RangeInclusive;

use super::context;
use super::reason::Reason;
use super::strength::{self, Strength};
use super::{Algorithm, MAX_PASSWORD_BYTES, text};

/// Accepted values of [`Policy::min_length`], in code points.
pub const MIN_LENGTH: RangeInclusive<u32> = 6..=128;
/// The highest value of [`Policy::min_score`].
pub const MAX_MIN_SCORE: u8 = 4;

/// What a new password must satisfy. Values beyond the ranges are taken as they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// The fewest code points after NFKC: [`MIN_LENGTH`], 6..=128, 15 by default. NIST asks for 15 where
    /// the password is the only factor and for 8 where it is one of two.
    pub min_length: u32,
    /// The lowest accepted score: 0..=4, 2 by default. As `zxcvbn` counts: 0 under 10^3 guesses, 1 under
    /// 10^6, 2 under 10^8, 3 under 10^10, 4 from there on.
    pub min_score: u8,
    /// The most bytes after NFKC: 72..=1024, 72 by default, which is what bcrypt takes; see
    /// [`Algorithm::max_password_bytes`].
    pub max_bytes: usize,
}

impl Default for Policy {
    fn default() -> Self {
        Self { min_length: 15, min_score: 2, max_bytes: Algorithm::default().max_password_bytes() }
    }
}

/// What [`check`] found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assessment {
    /// Whether the password may be used: there is no reason against it.
    pub ok: bool,
    /// The estimated strength, 0..=4, of the password without the words of its context.
    pub score: u8,
    /// What is wrong with it, the gravest first. None of them repeats any part of the password.
    pub reasons: Vec<Reason>,
}

/// Assesses a new password.
///
/// `context` holds what is known of the user and the place: e-mail address, names, tenant, product.
/// Their parts of 4 and more characters count for nothing wherever they stand in the password, also
/// reversed or with digits and signs for letters: the rest must be long and strong enough by itself.
/// The first 32 strings are used, of each the first 320 characters.
///
/// The time is bounded: a typical password takes under a millisecond, one made to take long about
/// 0.15 seconds, whatever its length.
///
/// # Security
/// The estimate works on copies, which stay in freed memory; hashing and verification leave none.
///
/// ```
/// use gatehouse_core::password::{Policy, check};
/// let policy = Policy::default();
/// assert!(check("correct horse battery staple", &["alice@example.com"], &policy).ok);
/// let refused = check("alice@example.com1", &["alice@example.com"], &policy);
/// assert_eq!(refused.reasons[0].code(), "password_has_context_word");
/// ```
#[must_use]
pub fn check(password: &str, context: &[&str], policy: &Policy) -> Assessment {
    if let Some(reason) = impossible(password) {
        return refused(reason);
    }
    let text = text::normalise(password);
    if text.len() > MAX_PASSWORD_BYTES {
        return refused(Reason::TooLong { max_bytes: MAX_PASSWORD_BYTES });
    }
    let mut reasons = length_reasons(&text, policy);
    let rest = context::without(&text, context);
    let strength = strength::estimate(rest.as_ref().unwrap_or(&text));
    if let Some(rest) = &rest
        && (code_points(rest) < policy.min_length || strength.score < policy.min_score)
    {
        reasons.push(Reason::ContextWord);
    }
    reasons.extend(strength_reasons(&strength, policy));
    Assessment { ok: reasons.is_empty(), score: strength.score, reasons }
}

/// Builds the dictionaries that [`check`] uses, which otherwise its first call does: about 25
/// milliseconds and 8 MiB. Done before a server forks, all its processes share them.
pub fn warm_up() {
    let _ = strength::estimate("warm up");
}

/// What no hash could be made of.
fn impossible(password: &str) -> Option<Reason> {
    if password.is_empty() {
        Some(Reason::Empty)
    } else if password.contains('\0') {
        Some(Reason::HasNul)
    } else if password.len() > MAX_PASSWORD_BYTES {
        Some(Reason::TooLong { max_bytes: MAX_PASSWORD_BYTES })
    } else {
        None
    }
}

fn refused(reason: Reason) -> Assessment {
    Assessment { ok: false, score: 0, reasons: vec![reason] }
}

fn length_reasons(text: &str, policy: &Policy) -> Vec<Reason> {
    let mut reasons = Vec::new();
    let length = code_points(text);
    if length < policy.min_length {
        reasons.push(Reason::TooShort { length, min_length: policy.min_length });
    }
    if text.len() > policy.max_bytes {
        reasons.push(Reason::TooLong { max_bytes: policy.max_bytes });
    }
    reasons
}

fn strength_reasons(strength: &Strength, policy: &Policy) -> Vec<Reason> {
    let mut reasons = Vec::new();
    if strength.common {
        reasons.push(Reason::Common);
    }
    if strength.score < policy.min_score {
        reasons.push(Reason::TooWeak { score: strength.score, min_score: policy.min_score });
        reasons.extend(strength.patterns.iter().copied());
    }
    reasons
}

fn code_points(text: &str) -> u32 {
    u32::try_from(text.chars().count()).unwrap_or(u32::MAX)
}

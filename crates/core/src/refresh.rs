//! Refresh tokens: opaque, used once, each the parent of the next.
//!
//! A child's secret is computed from its parent's and from the random id of the child's row. So
//! whoever lost the answer to a refresh can be given the very same child again, although nothing
//! but keyed hashes is stored; and because the id is drawn at each rotation, a rotation that was
//! rolled back tells nothing about the one that happens later.
//!
//! # Source
//! OAuth 2.0 Security Best Current Practice, RFC 9700 §4.14.2: rotation and reuse detection.

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use uuid::Uuid;
use zeroize::Zeroizing;

use crate::keyed_hash::keyed_hash;
use crate::secret::Secret;

/// What every refresh token begins with, so that scanners find leaked ones.
pub const PREFIX: &str = "gatehouse_rt_";
/// Length of the secret, bytes.
pub const SECRET_BYTES: usize = 32;
/// Length of the checksum, bytes.
const CHECKSUM_BYTES: usize = 4;
/// 36 bytes in base64url: no padding and no stray bits, so that a token has one spelling.
const BODY_CHARACTERS: usize = (SECRET_BYTES + CHECKSUM_BYTES) / 3 * 4;

/// A refresh token: 256 bits that nobody but its holder knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefreshToken(Secret);

impl RefreshToken {
    /// The first token of a session, made of randomness.
    #[must_use]
    pub fn new(random: [u8; SECRET_BYTES]) -> Self {
        Self(Secret::new(random.to_vec()))
    }

    /// Reads a token; none when it is not one, down to its checksum.
    ///
    /// ```
    /// use gatehouse_core::refresh::RefreshToken;
    /// let token = RefreshToken::new([7; 32]);
    /// assert_eq!(RefreshToken::parse(&token.expose()), Some(token));
    /// assert_eq!(RefreshToken::parse("gatehouse_rt_"), None);
    /// ```
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let body = text.strip_prefix(PREFIX).filter(|body| body.len() == BODY_CHARACTERS)?;
        let bytes = Zeroizing::new(URL_SAFE_NO_PAD.decode(body).ok()?);
        let (secret, sum) = bytes.split_at_checked(SECRET_BYTES)?;
        (sum == checksum(secret)).then(|| Self(Secret::new(secret.to_vec())))
    }

    /// The token as its holder gets it.
    ///
    /// # Security
    /// A secret: it goes to the client and nowhere else.
    #[must_use]
    pub fn expose(&self) -> String {
        let mut bytes = Zeroizing::new(self.0.expose().to_vec());
        bytes.extend_from_slice(&checksum(self.0.expose()));
        format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(&*bytes))
    }

    /// The next token of the chain, whose row has this random id.
    ///
    /// # Security
    /// The key is of a purpose of its own: a stored hash must not be a child.
    #[must_use]
    pub fn child(&self, key: &Secret, id: Uuid) -> Self {
        let mut value = Zeroizing::new(self.0.expose().to_vec());
        value.extend_from_slice(id.as_bytes());
        Self(Secret::new(keyed_hash(key, &value).to_vec()))
    }

    /// What is stored in its place.
    #[must_use]
    pub fn hash(&self, key: &Secret) -> [u8; crate::keyed_hash::BYTES] {
        keyed_hash(key, self.0.expose())
    }
}

/// Against typing and cutting mistakes only; it protects nothing.
fn checksum(secret: &[u8]) -> [u8; CHECKSUM_BYTES] {
    let mut sum = [0; CHECKSUM_BYTES];
    sum.copy_from_slice(&digest(&SHA256, secret).as_ref()[..CHECKSUM_BYTES]);
    sum
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::{BODY_CHARACTERS, PREFIX, RefreshToken};
    use crate::secret::Secret;

    fn key(byte: u8) -> Secret {
        Secret::new(vec![byte; 32])
    }

    #[test]
    fn a_token_has_a_prefix_a_fixed_length_and_one_spelling() {
        let text = RefreshToken::new([7; 32]).expose();
        assert!(text.starts_with(PREFIX));
        assert_eq!(text.len(), PREFIX.len() + BODY_CHARACTERS);
        for other in [
            format!("{text}="),
            format!(" {text}"),
            format!("{text}\n"),
            text.to_uppercase(),
            text[..text.len() - 1].to_owned(),
            text.replace(PREFIX, ""),
            text.replace(PREFIX, "GATEHOUSE_RT_"),
            String::new(),
        ] {
            assert_eq!(RefreshToken::parse(&other), None, "{other}");
        }
    }

    #[test]
    fn a_token_does_not_print() {
        assert_eq!(format!("{:?}", RefreshToken::new([7; 32])), "RefreshToken(Secret(..))");
    }

    #[test]
    fn a_child_is_the_same_again_for_the_same_id_only() {
        let (parent, id) = (RefreshToken::new([7; 32]), Uuid::from_u128(1));
        assert_eq!(parent.child(&key(1), id), parent.child(&key(1), id));
        for other in [
            parent.child(&key(1), Uuid::from_u128(2)),
            parent.child(&key(2), id),
            RefreshToken::new([8; 32]).child(&key(1), id),
            parent.clone(),
        ] {
            assert_ne!(other, parent.child(&key(1), id));
        }
    }

    #[test]
    fn what_is_stored_is_neither_the_token_nor_its_child() {
        let token = RefreshToken::new([7; 32]);
        let hash = token.hash(&key(1));
        assert_ne!(hash, [7; 32]);
        assert_ne!(RefreshToken::new(hash), token.child(&key(1), Uuid::nil()));
        assert_ne!(token.hash(&key(2)), hash);
    }

    proptest! {
        #[test]
        fn every_token_is_read_as_what_it_was(secret in any::<[u8; 32]>()) {
            let token = RefreshToken::new(secret);
            prop_assert_eq!(RefreshToken::parse(&token.expose()), Some(token));
        }

        #[test]
        fn a_changed_character_is_noticed(secret in any::<[u8; 32]>(), at in 0..BODY_CHARACTERS, to in "[A-Za-z0-9_-]") {
            let text = RefreshToken::new(secret).expose();
            let mut changed = text.clone();
            changed.replace_range(PREFIX.len() + at..=PREFIX.len() + at, &to);
            prop_assert_eq!(RefreshToken::parse(&changed).is_some(), changed == text);
        }

        #[test]
        fn no_text_is_too_strange_to_be_refused(text in any::<String>()) {
            prop_assert_eq!(RefreshToken::parse(&text), None);
        }
    }
}

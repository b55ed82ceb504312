//! The token of an invitation: what the mail carries and its reader brings back.
//!
//! `ghi_`, then 256 random bits and the checksum in base64url. The prefix and the checksum let
//! scanners tell a leaked token from other text, and let us refuse a mistyped one unseen.

use aws_lc_rs::digest;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::keyed_hash::keyed_hash;
use crate::secret::Secret;

/// Random bytes in a token.
pub const RANDOM_BYTES: usize = 32;
/// Bytes of the checksum: together with the random ones they fill base64's groups.
const CHECKSUM_BYTES: usize = 4;
const PREFIX: &str = "ghi_";

/// A token that has the form of one.
#[derive(Debug)]
pub struct InvitationToken(Secret);

impl InvitationToken {
    /// Makes a token of random bytes.
    #[must_use]
    pub fn new(random: &[u8; RANDOM_BYTES]) -> Self {
        let bytes = [random.as_slice(), &checksum(random)].concat();
        Self(Secret::new(format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(bytes)).into_bytes()))
    }

    /// Reads a token that somebody brings; none when it is not of the form, or the checksum is not
    /// that of the rest.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(text.strip_prefix(PREFIX)?).ok()?;
        let (random, sum) = bytes.split_at_checked(RANDOM_BYTES)?;
        (sum == checksum(random)).then(|| Self(Secret::new(text.as_bytes().to_vec())))
    }

    /// What is stored in its place.
    #[must_use]
    pub fn hash(&self, key: &Secret) -> [u8; crate::keyed_hash::BYTES] {
        keyed_hash(key, self.0.expose())
    }

    /// The text, for the mail and nowhere else.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        self.0.expose()
    }
}

/// The first bytes of SHA-256 over prefix and random bytes.
fn checksum(random: &[u8]) -> [u8; CHECKSUM_BYTES] {
    let digest = digest::digest(&digest::SHA256, &[PREFIX.as_bytes(), random].concat());
    let mut sum = [0; CHECKSUM_BYTES];
    sum.copy_from_slice(&digest.as_ref()[..CHECKSUM_BYTES]);
    sum
}

#[cfg(test)]
mod tests {
    use super::InvitationToken;
    use crate::secret::Secret;

    fn text(random: u8) -> String {
        String::from_utf8(InvitationToken::new(&[random; 32]).expose().to_vec()).unwrap()
    }

    #[test]
    fn what_is_made_is_read_back() {
        let key = Secret::new(vec![7; 32]);
        let token = InvitationToken::new(&[1; 32]);
        let read = InvitationToken::parse(&text(1)).unwrap();
        assert_eq!(read.hash(&key), token.hash(&key));
        assert_ne!(InvitationToken::new(&[2; 32]).hash(&key), token.hash(&key));
        assert!(text(1).starts_with("ghi_") && text(1).len() == 52);
    }

    #[test]
    fn every_changed_character_is_noticed() {
        let good = text(9);
        for at in 0..good.len() {
            let mut bytes = good.clone().into_bytes();
            bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
            assert!(InvitationToken::parse(&String::from_utf8(bytes).unwrap()).is_none(), "at {at}");
        }
    }

    #[test]
    fn other_texts_are_none() {
        for bad in [
            "",
            "ghi_",
            "ghi_AAAA",
            &text(1)[4..],
            &format!("{} ", text(1)),
            &format!("{}=", text(1)),
            "ghi_é",
        ] {
            assert!(InvitationToken::parse(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn it_does_not_print() {
        assert!(!format!("{:?}", InvitationToken::new(&[1; 32])).contains("ghi_"));
    }
}

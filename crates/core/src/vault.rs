//! Encryption at rest under the master key: AES-256-GCM (NIST SP 800-38D).
//!
//! A sealed value is `version (1) | key id (4) | nonce (12) | ciphertext and tag`. The key id is
//! the head of the master key's SHA-256, so that a value sealed under another key is told apart
//! before anything is decrypted. `purpose` is authenticated with the value: a sealed private key
//! copied into another row does not open there.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::digest;

use crate::secret::Secret;
use crate::{Error, Result};

/// Length of the nonce, bytes. It must be random and never used twice under one key.
pub const NONCE_BYTES: usize = 12;
const KEY_ID_BYTES: usize = 4;
const HEAD_BYTES: usize = 1 + KEY_ID_BYTES + NONCE_BYTES;
const VERSION: u8 = 1;

/// A key that secrets at rest are sealed under: the master key, or one that is itself sealed under
/// it. It does not print.
#[derive(Clone, Debug)]
pub struct MasterKey {
    bytes: Secret,
    id: [u8; KEY_ID_BYTES],
}

impl MasterKey {
    /// Reads a master key file: 64 hexadecimal digits, white space around them ignored.
    ///
    /// # Errors
    /// - [`Error::MasterKeyMalformed`]: anything else.
    pub fn parse(text: &str) -> Result<Self> {
        let digits = text.trim();
        if digits.len() != 64 || !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return Err(Error::MasterKeyMalformed);
        }
        let bytes = (0..64)
            .step_by(2)
            .map(|at| u8::from_str_radix(&digits[at..at + 2], 16))
            .collect::<std::result::Result<Vec<u8>, _>>()
            .map_err(|_| Error::MasterKeyMalformed)?;
        Self::new(Secret::new(bytes))
    }

    /// Takes 32 random bytes as a key.
    ///
    /// # Errors
    /// - [`Error::MasterKeyMalformed`]: another length.
    pub fn new(bytes: Secret) -> Result<Self> {
        if bytes.expose().len() != AES_256_GCM.key_len() {
            return Err(Error::MasterKeyMalformed);
        }
        let mut id = [0; KEY_ID_BYTES];
        id.copy_from_slice(&digest::digest(&digest::SHA256, bytes.expose()).as_ref()[..KEY_ID_BYTES]);
        Ok(Self { bytes, id })
    }

    /// Encrypts `plain` for `purpose`.
    ///
    /// # Errors
    /// - [`Error::SealBroken`]: the library refused, which it does for absurd lengths only.
    pub fn seal(&self, plain: &Secret, purpose: &str, nonce: [u8; NONCE_BYTES]) -> Result<Vec<u8>> {
        let mut sealed = Vec::with_capacity(HEAD_BYTES + plain.expose().len() + 16);
        let mut body = plain.expose().to_vec();
        self.cipher()?
            .seal_in_place_append_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(purpose.as_bytes()),
                &mut body,
            )
            .map_err(|_| Error::SealBroken)?;
        sealed.push(VERSION);
        sealed.extend_from_slice(&self.id);
        sealed.extend_from_slice(&nonce);
        sealed.append(&mut body);
        Ok(sealed)
    }

    /// Decrypts what [`MasterKey::seal`] made for the same purpose.
    ///
    /// # Errors
    /// - [`Error::SealBroken`]: changed, cut, of another master key or of another purpose.
    pub fn open(&self, sealed: &[u8], purpose: &str) -> Result<Secret> {
        let (head, body) = sealed.split_at_checked(HEAD_BYTES).ok_or(Error::SealBroken)?;
        if head[0] != VERSION || head[1..=KEY_ID_BYTES] != self.id {
            return Err(Error::SealBroken);
        }
        let nonce =
            Nonce::try_assume_unique_for_key(&head[1 + KEY_ID_BYTES..]).map_err(|_| Error::SealBroken)?;
        let mut body = body.to_vec();
        let plain = self
            .cipher()?
            .open_in_place(nonce, Aad::from(purpose.as_bytes()), &mut body)
            .map_err(|_| Error::SealBroken)?
            .len();
        body.truncate(plain);
        Ok(Secret::new(body))
    }

    fn cipher(&self) -> Result<LessSafeKey> {
        UnboundKey::new(&AES_256_GCM, self.bytes.expose())
            .map(LessSafeKey::new)
            .map_err(|_| Error::SealBroken)
    }
}

#[cfg(test)]
mod tests {
    use super::{MasterKey, NONCE_BYTES};
    use crate::Error;
    use crate::secret::Secret;

    fn master(digit: char) -> MasterKey {
        MasterKey::parse(&digit.to_string().repeat(64)).unwrap()
    }

    fn sealed() -> Vec<u8> {
        master('a').seal(&Secret::new(b"private".to_vec()), "signing_key:k1", [7; NONCE_BYTES]).unwrap()
    }

    #[test]
    fn what_was_sealed_opens_under_the_same_key_and_purpose() {
        assert_eq!(master('a').open(&sealed(), "signing_key:k1").unwrap().expose(), b"private");
    }

    #[test]
    fn another_key_or_purpose_opens_nothing() {
        assert_eq!(master('b').open(&sealed(), "signing_key:k1"), Err(Error::SealBroken));
        assert_eq!(master('a').open(&sealed(), "signing_key:k2"), Err(Error::SealBroken));
    }

    #[test]
    fn a_change_of_any_byte_and_any_cut_is_noticed() {
        let whole = sealed();
        for at in 0..whole.len() {
            let mut changed = whole.clone();
            changed[at] ^= 1;
            assert_eq!(master('a').open(&changed, "signing_key:k1"), Err(Error::SealBroken), "byte {at}");
            assert_eq!(master('a').open(&whole[..at], "signing_key:k1"), Err(Error::SealBroken), "cut {at}");
        }
    }

    #[test]
    fn the_master_key_file_is_64_hexadecimal_digits() {
        assert!(MasterKey::parse(&format!(" {}\n", "0f".repeat(32))).is_ok());
        for bad in [
            String::new(),
            "0f".repeat(31),
            "0f".repeat(33),
            "zz".repeat(32),
            "é".repeat(32),
            "+f".repeat(32),
        ] {
            assert_eq!(MasterKey::parse(&bad).err(), Some(Error::MasterKeyMalformed), "{bad}");
        }
    }

    #[test]
    fn a_master_key_does_not_print() {
        assert!(!format!("{:?}", master('a')).contains("aaaa"));
    }
}

//! What is stored in the place of a secret that its holder brings back later: a refresh token, a
//! one-time code, an API key.
//!
//! A bare hash of six digits is found by trying a million; a keyed one by nobody who has the table
//! but not the key.
//!
//! # Source
//! HMAC-SHA-256, RFC 2104 and FIPS 198-1.

use aws_lc_rs::hmac;

use crate::secret::Secret;

/// Length of a key and of a keyed hash, bytes.
pub const BYTES: usize = 32;

/// HMAC-SHA-256 of `value` under `key`.
///
/// # Security
/// One key for one purpose: a hash made for one purpose must mean nothing for another.
#[must_use]
pub fn keyed_hash(key: &Secret, value: &[u8]) -> [u8; BYTES] {
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key.expose()), value);
    let mut hash = [0; BYTES];
    hash.copy_from_slice(tag.as_ref());
    hash
}

#[cfg(test)]
mod tests {
    use super::keyed_hash;
    use crate::secret::Secret;

    /// RFC 4231 §4.3.
    #[test]
    fn it_is_hmac_sha_256() {
        let hash = keyed_hash(&Secret::new(b"Jefe".to_vec()), b"what do ya want for nothing?");
        assert_eq!(hash[..4], [0x5b, 0xdc, 0xc1, 0x46]);
        assert_eq!(hash[28..], [0x64, 0xec, 0x38, 0x43]);
    }

    #[test]
    fn another_key_gives_another_hash() {
        let of = |key: u8| keyed_hash(&Secret::new(vec![key; 32]), b"123456");
        assert_ne!(of(1), of(2));
    }
}

//! Firebase's modified scrypt: `$fbscrypt$v=1,n=<log2 N>,r=<block size>,p=<lanes>,ss=<salt
//! separator>,sk=<signer key>$<salt>$<hash>`, all four in base64 with padding.
//!
//! The project's parameters (`mem_cost` is n, `rounds` is r, `base64_salt_separator` is ss,
//! `base64_signer_key` is sk) are shown by the Firebase console; salt and hash are those of
//! `firebase auth:export`. The form of the text is the one that Supabase Auth reads.
//!
//! # Security
//! The hash is the signer key, encrypted under a key that scrypt derives from the password: whoever
//! has both signer key and hash may guess passwords at the cost of scrypt, as with any other hash.
//!
//! # Source
//! RFC 7914; firebase/scrypt, README; AES in counter mode: NIST SP 800-38A §6.5, counter from 0.

use aws_lc_rs::cipher::{AES_256, EncryptingKey, EncryptionContext, UnboundCipherKey};
use aws_lc_rs::iv::FixedLength;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::phc;
use super::scrypt::Work;
use crate::secret::Secret;
use crate::{Error, Result};

const KEY_BYTES: usize = 32;
const MAX_SEPARATOR_BYTES: usize = 64;

/// A parsed hash within the limits.
pub(super) struct FirebaseHash {
    work: Work,
    /// The salt, followed by the project's separator.
    salt: Vec<u8>,
    signer_key: Secret,
    digest: Vec<u8>,
}

impl FirebaseHash {
    /// Parses what follows `$fbscrypt$`.
    pub(super) fn parse(rest: &str) -> Result<Self> {
        let [list, salt, digest] = phc::fields(rest)?;
        // Base64 may hold `=`, so that only the first of an item divides.
        let mut values = [None; 6];
        for item in list.split(',') {
            let (name, value) = item.split_once('=').ok_or(Error::HashMalformed)?;
            let at = ["v", "n", "r", "p", "ss", "sk"].iter().position(|known| *known == name);
            if values[at.ok_or(Error::HashMalformed)?].replace(value).is_some() {
                return Err(Error::HashMalformed);
            }
        }
        let [Some("1"), Some(log_n), Some(block_size), Some(lanes), separator, Some(signer_key)] = values
        else {
            return Err(Error::HashMalformed);
        };
        let separator = bytes(separator.unwrap_or_default(), 0, MAX_SEPARATOR_BYTES)?;
        let digest = bytes(digest, 16, 64)?;
        let signer_key = Secret::new(bytes(signer_key, 16, 64)?);
        if signer_key.expose().len() != digest.len() {
            return Err(Error::HashMalformed);
        }
        let mut salt = bytes(salt, 1, 128)?;
        salt.extend(separator);
        let work = Work::affordable(phc::number(log_n)?, phc::number(block_size)?, phc::number(lanes)?)?;
        Ok(Self { work, salt, signer_key, digest })
    }

    pub(super) fn digest(&self) -> &[u8] {
        &self.digest
    }

    pub(super) fn compute(&self, password: &[u8]) -> Result<Vec<u8>> {
        let key = Secret::new(self.work.derive(password, &self.salt, KEY_BYTES)?);
        let mut text = self.signer_key.expose().to_vec();
        let failed = |_| Error::KeyOperationFailed;
        let cipher =
            UnboundCipherKey::new(&AES_256, key.expose()).and_then(EncryptingKey::ctr).map_err(failed)?;
        let counter = EncryptionContext::Iv128(FixedLength::from([0; 16]));
        cipher.less_safe_encrypt(&mut text, counter).map_err(failed)?;
        Ok(text)
    }
}

fn bytes(text: &str, min: usize, max: usize) -> Result<Vec<u8>> {
    let bytes = STANDARD.decode(text).map_err(|_| Error::HashMalformed)?;
    if (min..=max).contains(&bytes.len()) { Ok(bytes) } else { Err(Error::HashMalformed) }
}

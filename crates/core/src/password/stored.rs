//! A stored hash, parsed and found affordable.

use aws_lc_rs::constant_time::verify_slices_are_equal;

use super::argon2::Argon2Hash;
use super::bcrypt::{self, BcryptHash};
use super::firebase::FirebaseHash;
use super::pbkdf2::Pbkdf2Hash;
use super::scrypt::ScryptHash;
use super::{Algorithm, HashSettings, MAX_PASSWORD_BYTES};
use crate::{Error, Result};

/// Longer than any hash of the accepted formats.
const MAX_HASH_BYTES: usize = 512;

/// A hash in one of the formats that are read. Whoever holds one may compute it: its parameters are
/// within the limits.
pub(super) enum Stored {
    Argon2(Argon2Hash),
    Bcrypt(BcryptHash),
    Firebase(FirebaseHash),
    Pbkdf2(Pbkdf2Hash),
    Scrypt(ScryptHash),
}

impl Stored {
    /// # Errors
    /// `HashUnknownFormat`, `HashMalformed`, `HashParametersOutOfRange`.
    pub(super) fn parse(hash: &str) -> Result<Self> {
        let (format, rest) =
            hash.strip_prefix('$').and_then(|h| h.split_once('$')).ok_or(Error::HashUnknownFormat)?;
        if hash.len() > MAX_HASH_BYTES {
            return Err(Error::HashMalformed);
        }
        match format {
            "2a" | "2b" | "2y" => BcryptHash::parse(format, rest).map(Self::Bcrypt),
            "argon2i" | "argon2id" => Argon2Hash::parse(format, rest).map(Self::Argon2),
            "fbscrypt" => FirebaseHash::parse(rest).map(Self::Firebase),
            "pbkdf2-sha256" | "pbkdf2-sha512" => Pbkdf2Hash::parse(format, rest).map(Self::Pbkdf2),
            "scrypt" => ScryptHash::parse(rest).map(Self::Scrypt),
            _ => Err(Error::HashUnknownFormat),
        }
    }

    /// The longest password that the algorithm looks at in full, in bytes.
    pub(super) fn max_password_bytes(&self) -> usize {
        match self {
            Self::Bcrypt(_) => bcrypt::MAX_BYTES,
            Self::Argon2(_) | Self::Firebase(_) | Self::Pbkdf2(_) | Self::Scrypt(_) => MAX_PASSWORD_BYTES,
        }
    }

    /// Computes the hash of these bytes and compares, in constant time.
    ///
    /// # Errors
    /// `HashOutOfMemory`.
    pub(super) fn matches(&self, password: &[u8]) -> Result<bool> {
        let (expected, computed) = match self {
            Self::Argon2(hash) => (hash.digest(), hash.compute(password)?),
            Self::Bcrypt(hash) => (hash.digest(), hash.compute(password)),
            Self::Firebase(hash) => (hash.digest(), hash.compute(password)?),
            Self::Pbkdf2(hash) => (hash.digest(), hash.compute(password)),
            Self::Scrypt(hash) => (hash.digest(), hash.compute(password)?),
        };
        Ok(verify_slices_are_equal(expected, &computed).is_ok())
    }

    /// Whether a new hash under `settings` would be of the same kind and no more work.
    pub(super) fn is_current(&self, settings: &HashSettings) -> bool {
        match (self, settings.algorithm) {
            (Self::Argon2(hash), Algorithm::Argon2id) => hash.is_current(settings),
            (Self::Bcrypt(hash), Algorithm::Bcrypt) => hash.is_current(settings),
            _ => false,
        }
    }
}

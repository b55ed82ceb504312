//! PBKDF2 with HMAC-SHA-256 or HMAC-SHA-512, as PHC (`$pbkdf2-sha256$i=<iterations>,l=<bytes>$…`) and
//! passlib (`$pbkdf2-sha256$<iterations>$…`) write it.
//!
//! # Source
//! RFC 8018 §5.2; the PHC string format and passlib's documentation for the text.

use std::num::NonZeroU32;

use aws_lc_rs::pbkdf2::{Algorithm, PBKDF2_HMAC_SHA256, PBKDF2_HMAC_SHA512, derive};

use super::phc::{self, Dialect};
use crate::{Error, Result};

const MAX_ITERATIONS: u32 = 10_000_000;

/// A parsed pbkdf2 hash within the limits.
pub(super) struct Pbkdf2Hash {
    algorithm: Algorithm,
    iterations: NonZeroU32,
    salt: Vec<u8>,
    digest: Vec<u8>,
}

impl Pbkdf2Hash {
    /// Parses what follows `$<format>$`.
    pub(super) fn parse(format: &str, rest: &str) -> Result<Self> {
        let [list, salt, digest] = phc::fields(rest)?;
        let (iterations, length, dialect) = if list.contains('=') {
            let [iterations, length] = phc::parameters(list, ["i", "l"])?;
            (iterations.ok_or(Error::HashMalformed)?, length, Dialect::Phc)
        } else {
            (phc::number(list)?, None, Dialect::Passlib)
        };
        let digest = dialect.digest(digest)?;
        if length.is_some_and(|length| usize::try_from(length) != Ok(digest.len())) {
            return Err(Error::HashMalformed);
        }
        Ok(Self {
            algorithm: if format == "pbkdf2-sha512" { PBKDF2_HMAC_SHA512 } else { PBKDF2_HMAC_SHA256 },
            iterations: affordable(iterations)?,
            salt: dialect.salt(salt, 0)?,
            digest,
        })
    }

    pub(super) fn digest(&self) -> &[u8] {
        &self.digest
    }

    pub(super) fn compute(&self, password: &[u8]) -> Vec<u8> {
        let mut digest = vec![0; self.digest.len()];
        derive(self.algorithm, self.iterations, &self.salt, password, &mut digest);
        digest
    }
}

fn affordable(iterations: u32) -> Result<NonZeroU32> {
    NonZeroU32::new(iterations)
        .filter(|iterations| iterations.get() <= MAX_ITERATIONS)
        .ok_or(Error::HashParametersOutOfRange)
}

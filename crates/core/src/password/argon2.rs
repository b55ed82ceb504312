//! argon2id and argon2i: `$argon2id$v=19$m=<KiB>,t=<passes>,p=<lanes>$<salt>$<digest>`.
//!
//! argon2d is not read: its memory accesses depend on the password.
//!
//! # Source
//! RFC 9106; the PHC string format for the text.

use argon2::{Algorithm, Argon2, Params, Version};

use super::HashSettings;
use super::phc::{self, Dialect};
use crate::{Error, Result};

const MAX_MEMORY_KIB: u32 = 1_048_576;
const MAX_ITERATIONS: u32 = 64;
const MAX_PARALLELISM: u32 = 16;
/// 16 GiB filled in all passes together: what the dearest accepted setting takes (1 GiB, 16 passes).
const MAX_FILLED_KIB: u64 = 16 * 1_048_576;
const MIN_SALT_BYTES: usize = 8;
/// What a new hash has; less is worth a rehash.
const SALT_BYTES: usize = 16;
const DIGEST_BYTES: usize = 32;
const DUMMY_SALT: &[u8; SALT_BYTES] = b"gatehouse: nobod";

/// A parsed argon2 hash within the limits.
pub(super) struct Argon2Hash {
    algorithm: Algorithm,
    version: Version,
    params: Params,
    salt: Vec<u8>,
    digest: Vec<u8>,
}

impl Argon2Hash {
    /// Parses what follows `$<variant>$`. Without `v=`, the version is 1.0, as in the reference code.
    pub(super) fn parse(variant: &str, rest: &str) -> Result<Self> {
        let (version, rest) = match rest.split_once('$') {
            Some(("v=19", rest)) => (Version::V0x13, rest),
            Some(("v=16", rest)) => (Version::V0x10, rest),
            Some((other, _)) if other.starts_with("v=") => return Err(Error::HashMalformed),
            _ => (Version::V0x10, rest),
        };
        let [list, salt, digest] = phc::fields(rest)?;
        let [memory_kib, iterations, parallelism] = phc::all_parameters(list, ["m", "t", "p"])?;
        Ok(Self {
            algorithm: if variant == "argon2i" { Algorithm::Argon2i } else { Algorithm::Argon2id },
            version,
            params: affordable(memory_kib, iterations, parallelism)?,
            salt: Dialect::Phc.salt(salt, MIN_SALT_BYTES)?,
            digest: Dialect::Phc.digest(digest)?,
        })
    }

    pub(super) fn digest(&self) -> &[u8] {
        &self.digest
    }

    pub(super) fn compute(&self, password: &[u8]) -> Result<Vec<u8>> {
        let argon2 = Argon2::new(self.algorithm, self.version, self.params.clone());
        let mut digest = vec![0; self.digest.len()];
        fill(&argon2, password, &self.salt, &mut digest)?;
        Ok(digest)
    }

    pub(super) fn is_current(&self, settings: &HashSettings) -> bool {
        self.algorithm == Algorithm::Argon2id
            && self.version == Version::V0x13
            && self.params.m_cost() >= settings.argon2_memory_kib
            && self.params.t_cost() >= settings.argon2_iterations
            && self.params.p_cost() >= settings.argon2_parallelism
            && self.salt.len() >= SALT_BYTES
            && self.digest.len() >= DIGEST_BYTES
    }
}

/// A new argon2id hash. The caller has checked the settings.
pub(super) fn hash(password: &[u8], settings: &HashSettings, salt: &[u8; SALT_BYTES]) -> Result<String> {
    let params =
        affordable(settings.argon2_memory_kib, settings.argon2_iterations, settings.argon2_parallelism)?;
    let mut digest = [0; DIGEST_BYTES];
    fill(&Argon2::new(Algorithm::Argon2id, Version::V0x13, params), password, salt, &mut digest)?;
    Ok(format(settings, salt, &digest))
}

/// A hash of nothing: the digest is all zeros.
pub(super) fn dummy(settings: &HashSettings) -> String {
    format(settings, DUMMY_SALT, &[0; DIGEST_BYTES])
}

fn format(settings: &HashSettings, salt: &[u8], digest: &[u8]) -> String {
    let HashSettings { argon2_memory_kib: m, argon2_iterations: t, argon2_parallelism: p, .. } = settings;
    format!("$argon2id$v=19$m={m},t={t},p={p}${}${}", phc::encode(salt), phc::encode(digest))
}

fn affordable(memory_kib: u32, iterations: u32, parallelism: u32) -> Result<Params> {
    let filled = u64::from(memory_kib).saturating_mul(u64::from(iterations));
    if memory_kib > MAX_MEMORY_KIB
        || iterations > MAX_ITERATIONS
        || parallelism > MAX_PARALLELISM
        || filled > MAX_FILLED_KIB
    {
        return Err(Error::HashParametersOutOfRange);
    }
    Params::new(memory_kib, iterations, parallelism, None).map_err(|_| Error::HashParametersOutOfRange)
}

/// Fills `digest`. The memory is asked for in a way that can fail: a failed allocation must be an error
/// of this call, not the end of the server.
fn fill(argon2: &Argon2<'_>, password: &[u8], salt: &[u8], digest: &mut [u8]) -> Result<()> {
    argon2.hash_password_into(password, salt, digest).map_err(|error| match error {
        argon2::Error::OutOfMemory => Error::HashOutOfMemory,
        _ => Error::HashMalformed,
    })
}

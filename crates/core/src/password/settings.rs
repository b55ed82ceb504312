//! Which algorithm and cost new hashes take.

use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;

use super::MAX_PASSWORD_BYTES;
use super::bcrypt::MAX_BYTES as BCRYPT_MAX_BYTES;
use crate::{Error, Result};

/// Accepted bcrypt costs of new hashes: log2 of the rounds.
pub const BCRYPT_COST: RangeInclusive<u32> = 10..=16;
/// Accepted argon2id memory of new hashes, in KiB.
pub const ARGON2_MEMORY_KIB: RangeInclusive<u32> = 7_168..=1_048_576;
/// Accepted argon2id passes over the memory.
pub const ARGON2_ITERATIONS: RangeInclusive<u32> = 1..=16;
/// Accepted argon2id lanes. They are computed one after another: a backend has one thread.
pub const ARGON2_PARALLELISM: RangeInclusive<u32> = 1..=16;

/// What new hashes are made with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Algorithm {
    /// argon2id, version 1.3 (RFC 9106).
    Argon2id,
    /// bcrypt, variant `$2b$`.
    #[default]
    Bcrypt,
}

impl Algorithm {
    /// The name in settings and SQL: `argon2id` or `bcrypt`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Argon2id => "argon2id",
            Self::Bcrypt => "bcrypt",
        }
    }

    /// The longest password that the algorithm takes, in bytes of its NFKC form: 1024, for bcrypt 72.
    #[must_use]
    pub fn max_password_bytes(self) -> usize {
        match self {
            Self::Argon2id => MAX_PASSWORD_BYTES,
            Self::Bcrypt => BCRYPT_MAX_BYTES,
        }
    }
}

impl FromStr for Algorithm {
    type Err = Error;

    /// # Errors
    /// [`Error::HashAlgorithmUnknown`] for anything but `bcrypt` and `argon2id`.
    fn from_str(name: &str) -> Result<Self> {
        match name {
            "argon2id" => Ok(Self::Argon2id),
            "bcrypt" => Ok(Self::Bcrypt),
            _ => Err(Error::HashAlgorithmUnknown),
        }
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How new hashes are made, and what [`needs_rehash`](super::needs_rehash) compares with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HashSettings {
    /// The algorithm; `bcrypt` by default.
    pub algorithm: Algorithm,
    /// log2 of bcrypt's rounds: [`BCRYPT_COST`], 10..=16, 12 by default. One more doubles the time.
    pub bcrypt_cost: u32,
    /// argon2id's memory in KiB: [`ARGON2_MEMORY_KIB`], 7168..=1048576, 19456 (19 MiB) by default.
    pub argon2_memory_kib: u32,
    /// argon2id's passes over the memory: [`ARGON2_ITERATIONS`], 1..=16, 2 by default.
    pub argon2_iterations: u32,
    /// argon2id's lanes: [`ARGON2_PARALLELISM`], 1..=16, 1 by default.
    pub argon2_parallelism: u32,
}

impl Default for HashSettings {
    fn default() -> Self {
        Self {
            algorithm: Algorithm::default(),
            bcrypt_cost: 12,
            argon2_memory_kib: 19_456,
            argon2_iterations: 2,
            argon2_parallelism: 1,
        }
    }
}

impl HashSettings {
    /// These settings with another algorithm and cost, where given.
    ///
    /// `cost` is that of the resulting algorithm: bcrypt's cost, argon2id's iterations.
    ///
    /// # Errors
    /// - [`Error::HashAlgorithmUnknown`]: `algorithm` is neither `bcrypt` nor `argon2id`.
    /// - [`Error::HashCostOutOfRange`]: `cost` is outside [`BCRYPT_COST`] or [`ARGON2_ITERATIONS`].
    pub fn overridden(self, algorithm: Option<&str>, cost: Option<i32>) -> Result<Self> {
        let mut settings = self;
        if let Some(name) = algorithm {
            settings.algorithm = name.parse()?;
        }
        if let Some(cost) = cost {
            let (field, allowed) = match settings.algorithm {
                Algorithm::Argon2id => (&mut settings.argon2_iterations, ITERATIONS_ALLOWED),
                Algorithm::Bcrypt => (&mut settings.bcrypt_cost, COST_ALLOWED),
            };
            *field = u32::try_from(cost)
                .map_err(|_| Error::HashCostOutOfRange { cost: i64::from(cost), allowed })?;
        }
        settings.validate()?;
        Ok(settings)
    }

    /// Checks the parameters of the chosen algorithm; those of the other do not matter.
    pub(super) fn validate(&self) -> Result<()> {
        match self.algorithm {
            Algorithm::Bcrypt => within(self.bcrypt_cost, &BCRYPT_COST, COST_ALLOWED),
            Algorithm::Argon2id => {
                within(self.argon2_memory_kib, &ARGON2_MEMORY_KIB, MEMORY_ALLOWED)?;
                within(self.argon2_iterations, &ARGON2_ITERATIONS, ITERATIONS_ALLOWED)?;
                within(self.argon2_parallelism, &ARGON2_PARALLELISM, PARALLELISM_ALLOWED)
            }
        }
    }

    pub(super) fn clamped(&self) -> Self {
        Self {
            algorithm: self.algorithm,
            bcrypt_cost: clamp(self.bcrypt_cost, &BCRYPT_COST),
            argon2_memory_kib: clamp(self.argon2_memory_kib, &ARGON2_MEMORY_KIB),
            argon2_iterations: clamp(self.argon2_iterations, &ARGON2_ITERATIONS),
            argon2_parallelism: clamp(self.argon2_parallelism, &ARGON2_PARALLELISM),
        }
    }
}

const COST_ALLOWED: &str = "bcrypt takes 10 to 16";
const MEMORY_ALLOWED: &str = "argon2id takes 7168 to 1048576 KiB of memory";
const ITERATIONS_ALLOWED: &str = "argon2id takes 1 to 16 iterations";
const PARALLELISM_ALLOWED: &str = "argon2id takes 1 to 16 lanes";

fn within(value: u32, range: &RangeInclusive<u32>, allowed: &'static str) -> Result<()> {
    if range.contains(&value) {
        Ok(())
    } else {
        Err(Error::HashCostOutOfRange { cost: i64::from(value), allowed })
    }
}

fn clamp(value: u32, range: &RangeInclusive<u32>) -> u32 {
    value.clamp(*range.start(), *range.end())
}

//! One prepared key for each hash, made when it is first used.

use std::sync::OnceLock;

use crate::Result;
use crate::jwt::algorithm::Hash;

/// Up to three values, each made once and then shared.
pub(super) struct PerHash<T> {
    sha256: OnceLock<T>,
    sha384: OnceLock<T>,
    sha512: OnceLock<T>,
}

impl<T> PerHash<T> {
    pub(super) const fn new() -> Self {
        Self { sha256: OnceLock::new(), sha384: OnceLock::new(), sha512: OnceLock::new() }
    }

    /// The value for this hash, made now if nobody has asked for it before.
    pub(super) fn get(&self, hash: Hash, make: impl FnOnce() -> Result<T>) -> Result<&T> {
        let slot = match hash {
            Hash::Sha256 => &self.sha256,
            Hash::Sha384 => &self.sha384,
            Hash::Sha512 => &self.sha512,
        };
        if let Some(value) = slot.get() {
            return Ok(value);
        }
        let value = make()?;
        Ok(slot.get_or_init(|| value))
    }
}

//! scrypt: `$scrypt$ln=<log2 N>,r=<block size>,p=<lanes>$<salt>$<digest>`, as PHC and passlib write it.
//!
//! # Source
//! RFC 7914; the PHC string format for the text.

use scrypt::Params;

use super::phc::{self, Dialect};
use crate::{Error, Result};

const MAX_MEMORY_BYTES: u64 = 1 << 30;
/// 4 GiB filled by all lanes together.
const MAX_FILLED_BYTES: u64 = 4 << 30;

/// A parsed scrypt hash within the limits.
pub(super) struct ScryptHash {
    work: Work,
    salt: Vec<u8>,
    digest: Vec<u8>,
}

impl ScryptHash {
    /// Parses what follows `$scrypt$`.
    pub(super) fn parse(rest: &str) -> Result<Self> {
        let [list, salt, digest] = phc::fields(rest)?;
        let [log_n, block_size, lanes] = phc::all_parameters(list, ["ln", "r", "p"])?;
        Ok(Self {
            work: Work::affordable(log_n, block_size, lanes)?,
            salt: Dialect::Phc.salt(salt, 0)?,
            digest: Dialect::Phc.digest(digest)?,
        })
    }

    pub(super) fn digest(&self) -> &[u8] {
        &self.digest
    }

    pub(super) fn compute(&self, password: &[u8]) -> Result<Vec<u8>> {
        self.work.derive(password, &self.salt, self.digest.len())
    }
}

/// scrypt with parameters within the limits.
pub(super) struct Work {
    params: Params,
    /// Bytes that one lane needs: 128 · N · r.
    memory: usize,
}

impl Work {
    /// # Errors
    /// `HashParametersOutOfRange`.
    pub(super) fn affordable(log_n: u32, block_size: u32, lanes: u32) -> Result<Self> {
        let memory = affordable(log_n, block_size, lanes).ok_or(Error::HashParametersOutOfRange)?;
        let params = u8::try_from(log_n)
            .ok()
            .and_then(|log_n| Params::new(log_n, block_size, lanes).ok())
            .ok_or(Error::HashParametersOutOfRange)?;
        Ok(Self { params, memory })
    }

    /// # Errors
    /// `HashOutOfMemory`.
    pub(super) fn derive(&self, password: &[u8], salt: &[u8], length: usize) -> Result<Vec<u8>> {
        self.probe_memory()?;
        let mut derived = vec![0; length];
        scrypt::scrypt(password, salt, &self.params, &mut derived).map_err(|_| Error::HashMalformed)?;
        Ok(derived)
    }

    /// Asks for the memory and gives it back, because the library's own allocation can not fail
    /// without ending the process.
    fn probe_memory(&self) -> Result<()> {
        let mut probe: Vec<u8> = Vec::new();
        probe.try_reserve_exact(self.memory).map_err(|_| Error::HashOutOfMemory)?;
        std::hint::black_box(&probe);
        Ok(())
    }
}

/// The bytes that one lane needs, if that and the whole work are within the limits.
fn affordable(log_n: u32, block_size: u32, lanes: u32) -> Option<usize> {
    let n = 1_u64.checked_shl(log_n).filter(|n| *n > 1)?;
    let memory = u64::from(block_size).checked_mul(128)?.checked_mul(n)?;
    let filled = memory.checked_mul(u64::from(lanes))?;
    let fits = memory > 0 && filled > 0 && memory <= MAX_MEMORY_BYTES && filled <= MAX_FILLED_BYTES;
    usize::try_from(memory).ok().filter(|_| fits)
}

//! The syntax that argon2, scrypt and pbkdf2 hashes share: `name=number` lists and base64 fields.
//!
//! # Source
//! The PHC string format specification; passlib's "adapted base64" (`.` for `+`).

use base64::Engine as _;
use base64::alphabet::Alphabet;
use base64::engine::GeneralPurpose;
use base64::engine::general_purpose::{NO_PAD, STANDARD_NO_PAD};

use crate::{Error, Result};

/// Fewer bytes would be easier to find by chance than a password: such a hash has been cut.
const MIN_DIGEST_BYTES: usize = 16;
const MAX_DIGEST_BYTES: usize = 64;
const MAX_SALT_BYTES: usize = 128;

/// Where the base64 of a field comes from.
#[derive(Clone, Copy)]
pub(super) enum Dialect {
    /// RFC 4648 §4 without padding.
    Phc,
    /// The same with `.` for `+`.
    Passlib,
}

impl Dialect {
    /// A salt of `min`..=128 bytes.
    pub(super) fn salt(self, text: &str, min: usize) -> Result<Vec<u8>> {
        let salt = self.decode(text)?;
        if (min..=MAX_SALT_BYTES).contains(&salt.len()) { Ok(salt) } else { Err(Error::HashMalformed) }
    }

    /// A digest of 16..=64 bytes.
    pub(super) fn digest(self, text: &str) -> Result<Vec<u8>> {
        let digest = self.decode(text)?;
        match digest.len() {
            ..MIN_DIGEST_BYTES => Err(Error::HashMalformed),
            MIN_DIGEST_BYTES..=MAX_DIGEST_BYTES => Ok(digest),
            _ => Err(Error::HashParametersOutOfRange),
        }
    }

    fn decode(self, text: &str) -> Result<Vec<u8>> {
        match self {
            Self::Phc => STANDARD_NO_PAD.decode(text),
            Self::Passlib => passlib_engine()?.decode(text),
        }
        .map_err(|_| Error::HashMalformed)
    }
}

fn passlib_engine() -> Result<GeneralPurpose> {
    Alphabet::new("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789./")
        .map(|alphabet| GeneralPurpose::new(&alphabet, NO_PAD))
        .map_err(|_| Error::HashMalformed)
}

/// Base64 as PHC strings have it.
pub(super) fn encode(bytes: &[u8]) -> String {
    STANDARD_NO_PAD.encode(bytes)
}

/// Exactly `N` fields between dollar signs.
pub(super) fn fields<const N: usize>(rest: &str) -> Result<[&str; N]> {
    let fields: Vec<&str> = rest.split('$').collect();
    fields.try_into().map_err(|_| Error::HashMalformed)
}

/// The values of `names` in a list like `m=19456,t=2,p=1`, in any order, each at most once.
///
/// # Errors
/// `HashMalformed` for another name, a name twice or no number; `HashParametersOutOfRange` for a number
/// beyond 32 bits.
pub(super) fn parameters<const N: usize>(list: &str, names: [&str; N]) -> Result<[Option<u32>; N]> {
    let mut values = [None; N];
    for item in list.split(',') {
        let (name, value) = item.split_once('=').ok_or(Error::HashMalformed)?;
        let at = names.iter().position(|known| *known == name).ok_or(Error::HashMalformed)?;
        let slot = values.get_mut(at).ok_or(Error::HashMalformed)?;
        if slot.replace(number(value)?).is_some() {
            return Err(Error::HashMalformed);
        }
    }
    Ok(values)
}

/// As [`parameters`], with none missing.
pub(super) fn all_parameters<const N: usize>(list: &str, names: [&str; N]) -> Result<[u32; N]> {
    let mut all = [0; N];
    for (slot, value) in all.iter_mut().zip(parameters(list, names)?) {
        *slot = value.ok_or(Error::HashMalformed)?;
    }
    Ok(all)
}

/// A decimal number without sign or leading zeros.
pub(super) fn number(text: &str) -> Result<u32> {
    let canonical = text == "0" || !text.starts_with('0');
    if text.is_empty() || !canonical || !text.bytes().all(|b| b.is_ascii_digit()) {
        return Err(Error::HashMalformed);
    }
    text.parse().map_err(|_| Error::HashParametersOutOfRange)
}

//! bcrypt: `$2b$<cost>$<22 characters of salt><31 characters of digest>`.
//!
//! # Source
//! Provos and Mazières, "A Future-Adaptable Password Scheme", USENIX 1999; OpenBSD's `bcrypt.c` for the
//! text form and the variant `b`.

use base64::Engine as _;
use base64::alphabet::BCRYPT;
use base64::engine::GeneralPurpose;
use base64::engine::general_purpose::NO_PAD;

use super::HashSettings;
use crate::{Error, Result};

/// bcrypt looks at no more bytes of a password than these.
pub(super) const MAX_BYTES: usize = 72;

const MIN_COST: u32 = 4;
const MAX_COST: u32 = 16;
const SALT_CHARS: usize = 22;
const DIGEST_BYTES: usize = 23;
const DUMMY_SALT: &[u8; 16] = b"gatehouse: nobod";

const STRICT: GeneralPurpose = GeneralPurpose::new(&BCRYPT, NO_PAD);
/// Some libraries leave random bits behind the salt's last byte; every bcrypt ignores them.
const LENIENT: GeneralPurpose = GeneralPurpose::new(&BCRYPT, NO_PAD.with_decode_allow_trailing_bits(true));

/// A parsed bcrypt hash of cost 4..=16.
pub(super) struct BcryptHash {
    /// Whether it is `$2b$`, the variant that is written here.
    is_2b: bool,
    cost: u32,
    salt: [u8; 16],
    digest: [u8; DIGEST_BYTES],
}

impl BcryptHash {
    /// Parses what follows `$<variant>$`.
    pub(super) fn parse(variant: &str, rest: &str) -> Result<Self> {
        let (cost, rest) = rest.split_once('$').ok_or(Error::HashMalformed)?;
        let (salt, digest) = rest.split_at_checked(SALT_CHARS).ok_or(Error::HashMalformed)?;
        if cost.len() != 2 || !cost.bytes().all(|b| b.is_ascii_digit()) {
            return Err(Error::HashMalformed);
        }
        let parsed = Self {
            is_2b: variant == "2b",
            cost: cost.parse().map_err(|_| Error::HashMalformed)?,
            salt: decode(&LENIENT, salt)?,
            digest: decode(&STRICT, digest)?,
        };
        if (MIN_COST..=MAX_COST).contains(&parsed.cost) {
            Ok(parsed)
        } else {
            Err(Error::HashParametersOutOfRange)
        }
    }

    pub(super) fn digest(&self) -> &[u8] {
        &self.digest
    }

    /// The digest of these bytes; no more than [`MAX_BYTES`] of them count.
    pub(super) fn compute(&self, password: &[u8]) -> Vec<u8> {
        compute(password, self.cost, &self.salt).to_vec()
    }

    pub(super) fn is_current(&self, settings: &HashSettings) -> bool {
        self.is_2b && self.cost >= settings.bcrypt_cost
    }
}

/// A new hash. The caller has checked the length and the cost.
pub(super) fn hash(password: &[u8], cost: u32, salt: &[u8; 16]) -> String {
    format(cost, salt, &compute(password, cost, salt))
}

/// A hash of nothing: the digest is all zeros.
pub(super) fn dummy(cost: u32) -> String {
    format(cost, DUMMY_SALT, &[0; DIGEST_BYTES])
}

fn format(cost: u32, salt: &[u8; 16], digest: &[u8; DIGEST_BYTES]) -> String {
    format!("$2b${cost:02}${}{}", STRICT.encode(salt), STRICT.encode(digest))
}

fn compute(password: &[u8], cost: u32, salt: &[u8; 16]) -> [u8; DIGEST_BYTES] {
    // The last of the 24 bytes is left out of the text form by every implementation.
    let [digest @ .., _] = bcrypt_rust::bcrypt(cost, *salt, password);
    digest
}

fn decode<const N: usize>(engine: &GeneralPurpose, text: &str) -> Result<[u8; N]> {
    let bytes = engine.decode(text).map_err(|_| Error::HashMalformed)?;
    bytes.try_into().map_err(|_| Error::HashMalformed)
}

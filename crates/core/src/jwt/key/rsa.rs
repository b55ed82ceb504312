//! RSA public keys: their strength, and their preparation for each algorithm.

use aws_lc_rs::rsa::{PublicKey, PublicKeyComponents};
use aws_lc_rs::signature::{
    ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_2048_8192_SHA384, RSA_PKCS1_2048_8192_SHA512,
    RSA_PSS_2048_8192_SHA256, RSA_PSS_2048_8192_SHA384, RSA_PSS_2048_8192_SHA512, RsaParameters,
};

use super::per_hash::PerHash;
use crate::jwt::algorithm::{Algorithm, Hash};
use crate::{Error, Result};

/// The shortest modulus, in bits (RFC 7518 §3.3, §3.5).
const MIN_BITS: usize = 2048;
/// The longest modulus, in bits: verification time grows with its square.
const MAX_BITS: usize = 8192;

pub(super) const TOO_SHORT: Error = Error::KeyTooWeak { need: "an RSA modulus of at least 2048 bits" };

/// The primes modulo which a modulus made by the broken generator of CVE-2017-15361 (ROCA) is a
/// power of 65537. A sound one passes all of these tests once in about 2^28 keys.
const ROCA_PRIMES: [u32; 17] = [11, 13, 17, 19, 37, 53, 61, 71, 73, 79, 97, 103, 107, 109, 127, 151, 157];

/// A public key of good strength.
pub(super) struct RsaPublicKey {
    n: Box<[u8]>,
    e: Box<[u8]>,
    pkcs1: PerHash<ParsedPublicKey>,
    pss: PerHash<ParsedPublicKey>,
}

impl RsaPublicKey {
    /// From modulus and exponent, big-endian without leading zeros.
    pub(super) fn from_components(n: &[u8], e: &[u8]) -> Result<Self> {
        need_strength(n, e)?;
        let key = Self { n: n.into(), e: e.into(), pkcs1: PerHash::new(), pss: PerHash::new() };
        // What the library itself would not take is refused now, not at the first token.
        key.prepared(Algorithm::Rs256)?;
        Ok(key)
    }

    /// From PKCS #1 or `SubjectPublicKeyInfo`.
    pub(super) fn from_der(der: &[u8]) -> Result<Self> {
        Self::from_library(&PublicKey::from_der(der).map_err(|_| Error::KeyMalformed)?)
    }

    pub(super) fn from_library(key: &PublicKey) -> Result<Self> {
        Self::from_components(
            key.modulus().big_endian_without_leading_zero(),
            key.exponent().big_endian_without_leading_zero(),
        )
    }

    /// # Security
    /// The salt of PSS is as long as the hash, no other length is taken (RFC 7518 §3.5).
    pub(super) fn verify(&self, algorithm: Algorithm, message: &[u8], signature: &[u8]) -> Result<()> {
        let key = self.prepared(algorithm)?;
        key.verify_sig(message, signature).map_err(|_| Error::TokenSignatureInvalid)
    }

    fn prepared(&self, algorithm: Algorithm) -> Result<&ParsedPublicKey> {
        let scheme = if algorithm.is_pss() { &self.pss } else { &self.pkcs1 };
        scheme.get(algorithm.hash(), || {
            let components = PublicKeyComponents { n: &self.n, e: &self.e };
            components.to_parsed_public_key(parameters(algorithm)).map_err(|_| Error::KeyMalformed)
        })
    }
}

fn parameters(algorithm: Algorithm) -> &'static RsaParameters {
    match (algorithm.is_pss(), algorithm.hash()) {
        (false, Hash::Sha256) => &RSA_PKCS1_2048_8192_SHA256,
        (false, Hash::Sha384) => &RSA_PKCS1_2048_8192_SHA384,
        (false, Hash::Sha512) => &RSA_PKCS1_2048_8192_SHA512,
        (true, Hash::Sha256) => &RSA_PSS_2048_8192_SHA256,
        (true, Hash::Sha384) => &RSA_PSS_2048_8192_SHA384,
        (true, Hash::Sha512) => &RSA_PSS_2048_8192_SHA512,
    }
}

/// Refuses a modulus that is short, even or from a broken generator, and an exponent that is even,
/// below 65537 or above 32 bits.
///
/// # Errors
/// - [`Error::KeyTooWeak`]; [`Error::KeyUnsupported`] when it is merely too large.
fn need_strength(n: &[u8], e: &[u8]) -> Result<()> {
    let bits = bit_length(n);
    if bits > MAX_BITS || e.len() > 4 {
        return Err(Error::KeyUnsupported);
    }
    if bits < MIN_BITS {
        return Err(TOO_SHORT);
    }
    if is_even(n) || is_roca(n) {
        return Err(Error::KeyTooWeak { need: "an RSA modulus from a sound generator" });
    }
    // FIPS 186-5 §5.4 asks for an odd exponent above 2^16.
    if is_even(e) || bit_length(e) < 17 {
        return Err(Error::KeyTooWeak { need: "an odd RSA exponent of 65537 or more" });
    }
    Ok(())
}

fn bit_length(number: &[u8]) -> usize {
    let Some(first) = number.first() else { return 0 };
    // At most 7 zeros, so the difference only saturates where the number is empty.
    let zeros = usize::try_from(first.leading_zeros()).unwrap_or(0);
    number.len().saturating_mul(8).saturating_sub(zeros)
}

fn is_even(number: &[u8]) -> bool {
    number.last().is_none_or(|last| last % 2 == 0)
}

/// Whether the modulus bears the mark of CVE-2017-15361, by which it can be factored.
fn is_roca(n: &[u8]) -> bool {
    ROCA_PRIMES.iter().all(|prime| is_power_of_65537(residue(n, *prime), *prime))
}

/// The number modulo a prime below 2^8, so that nothing here can overflow.
fn residue(number: &[u8], prime: u32) -> u32 {
    number.iter().fold(0, |rest: u32, byte| {
        rest.wrapping_mul(256).wrapping_add(u32::from(*byte)).checked_rem(prime).unwrap_or(0)
    })
}

fn is_power_of_65537(residue: u32, prime: u32) -> bool {
    let step = |power: &u32| power.wrapping_mul(65_537).checked_rem(prime);
    std::iter::successors(Some(1), step).skip(1).take_while(|power| *power != 1).any(|p| p == residue)
        || residue == 1
}

//! HMAC secrets: long enough, and never the text of a public key.

use aws_lc_rs::hmac;
use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use super::der;
use super::per_hash::PerHash;
use crate::jwt::algorithm::{Algorithm, Hash};
use crate::secret::Secret;
use crate::{Error, Result};

/// A secret of at least 32 bytes, prepared for each hash it is used with.
///
/// # Security
/// - A secret shorter than the output of the hash is refused with that hash (RFC 7518 §3.2).
/// - What looks like another key's text is refused as a secret: whoever pastes a public key with a
///   quotation mark too many, and allows HS256, would otherwise have a "secret" that everybody
///   knows (CVE-2015-9235).
pub(super) struct HmacSecret {
    bytes: Secret,
    prepared: PerHash<hmac::Key>,
}

impl HmacSecret {
    pub(super) fn new(bytes: &[u8]) -> Result<Self> {
        if is_other_key(bytes) {
            return Err(Error::KeyMalformed);
        }
        need_length(bytes, Hash::Sha256)?;
        Ok(Self { bytes: Secret::new(bytes.to_vec()), prepared: PerHash::new() })
    }

    /// Refuses a secret that is too short for this algorithm.
    pub(super) fn need_strength(&self, algorithm: Algorithm) -> Result<()> {
        need_length(self.bytes.expose(), algorithm.hash())
    }

    pub(super) fn sign(&self, algorithm: Algorithm, message: &[u8]) -> Result<Vec<u8>> {
        Ok(hmac::sign(self.key(algorithm)?, message).as_ref().to_vec())
    }

    /// # Security
    /// The comparison takes the same time wherever the signatures differ.
    pub(super) fn verify(&self, algorithm: Algorithm, message: &[u8], signature: &[u8]) -> Result<()> {
        hmac::verify(self.key(algorithm)?, message, signature).map_err(|_| Error::TokenSignatureInvalid)
    }

    pub(super) fn bytes(&self) -> &Secret {
        &self.bytes
    }

    fn key(&self, algorithm: Algorithm) -> Result<&hmac::Key> {
        let hash = algorithm.hash();
        let function = match hash {
            Hash::Sha256 => hmac::HMAC_SHA256,
            Hash::Sha384 => hmac::HMAC_SHA384,
            Hash::Sha512 => hmac::HMAC_SHA512,
        };
        self.prepared.get(hash, || {
            self.need_strength(algorithm)?;
            Ok(hmac::Key::new(function, self.bytes.expose()))
        })
    }
}

fn need_length(bytes: &[u8], hash: Hash) -> Result<()> {
    if bytes.len() >= hash.len() {
        return Ok(());
    }
    Err(Error::KeyTooWeak {
        need: match hash {
            Hash::Sha256 => "an HMAC secret of at least 32 bytes",
            Hash::Sha384 => "an HMAC secret of at least 48 bytes for SHA-384",
            Hash::Sha512 => "an HMAC secret of at least 64 bytes for SHA-512",
        },
    })
}

/// Whether the bytes are, or are the base64 of, a key in PEM, DER, JWK or OpenSSH form.
fn is_other_key(bytes: &[u8]) -> bool {
    is_key_text(bytes) || unwrap_base64(bytes).is_some_and(|inner| is_key_text(inner.expose()))
}

fn is_key_text(bytes: &[u8]) -> bool {
    const MARKS: [&[u8]; 4] = [b"-----BEGIN", b"\"kty\"", b"ssh-rsa AAAA", b"ssh-ed25519 AAAA"];
    MARKS.iter().any(|mark| bytes.windows(mark.len()).any(|window| window == *mark)) || der::is_key(bytes)
}

/// Reads base64 in either alphabet, with or without padding, with whitespace anywhere.
fn unwrap_base64(text: &[u8]) -> Option<Secret> {
    const LENIENT: GeneralPurposeConfig = GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true);
    const READER: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, LENIENT);
    let plain = text.iter().filter(|byte| !byte.is_ascii_whitespace()).map(|byte| match byte {
        b'-' => b'+',
        b'_' => b'/',
        other => *other,
    });
    let plain = Secret::new(plain.collect());
    READER.decode(plain.expose()).ok().map(Secret::new)
}

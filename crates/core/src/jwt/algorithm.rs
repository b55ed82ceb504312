//! The signature algorithms, and the type of key and the hash that each one needs.

use std::fmt;
use std::str::FromStr;

use crate::{Error, Result};

/// A JWS signature algorithm that may be used here. `none` is not one of them.
///
/// # Source
/// RFC 7518 §3.1; `EdDSA` is RFC 8037 §3.1, with Ed25519 only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Algorithm {
    /// Ed25519.
    EdDsa,
    /// ECDSA on P-256 with SHA-256.
    Es256,
    /// ECDSA on P-384 with SHA-384.
    Es384,
    /// HMAC with SHA-256.
    Hs256,
    /// HMAC with SHA-384.
    Hs384,
    /// HMAC with SHA-512.
    Hs512,
    /// RSASSA-PSS with SHA-256 and a salt of 32 bytes.
    Ps256,
    /// RSASSA-PSS with SHA-384 and a salt of 48 bytes.
    Ps384,
    /// RSASSA-PSS with SHA-512 and a salt of 64 bytes.
    Ps512,
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    Rs256,
    /// RSASSA-PKCS1-v1_5 with SHA-384.
    Rs384,
    /// RSASSA-PKCS1-v1_5 with SHA-512.
    Rs512,
}

/// The type of key that an algorithm needs. One key is never of two types.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum KeyType {
    Ed25519,
    Hmac,
    P256,
    P384,
    Rsa,
}

/// The hash inside an HMAC or RSA algorithm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hash {
    Sha256,
    Sha384,
    Sha512,
}

impl Algorithm {
    /// Every algorithm, in alphabetical order of its name.
    pub const ALL: [Self; 12] = [
        Self::Es256,
        Self::Es384,
        Self::EdDsa,
        Self::Hs256,
        Self::Hs384,
        Self::Hs512,
        Self::Ps256,
        Self::Ps384,
        Self::Ps512,
        Self::Rs256,
        Self::Rs384,
        Self::Rs512,
    ];

    /// The name as it stands in `alg`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::EdDsa => "EdDSA",
            Self::Es256 => "ES256",
            Self::Es384 => "ES384",
            Self::Hs256 => "HS256",
            Self::Hs384 => "HS384",
            Self::Hs512 => "HS512",
            Self::Ps256 => "PS256",
            Self::Ps384 => "PS384",
            Self::Ps512 => "PS512",
            Self::Rs256 => "RS256",
            Self::Rs384 => "RS384",
            Self::Rs512 => "RS512",
        }
    }

    /// Whether the key that verifies is the key that signs.
    #[must_use]
    pub const fn is_symmetric(self) -> bool {
        matches!(self.key_type(), KeyType::Hmac)
    }

    pub(super) const fn key_type(self) -> KeyType {
        match self {
            Self::EdDsa => KeyType::Ed25519,
            Self::Es256 => KeyType::P256,
            Self::Es384 => KeyType::P384,
            Self::Hs256 | Self::Hs384 | Self::Hs512 => KeyType::Hmac,
            Self::Ps256 | Self::Ps384 | Self::Ps512 => KeyType::Rsa,
            Self::Rs256 | Self::Rs384 | Self::Rs512 => KeyType::Rsa,
        }
    }

    pub(super) const fn is_pss(self) -> bool {
        matches!(self, Self::Ps256 | Self::Ps384 | Self::Ps512)
    }

    /// The hash; for Ed25519 the SHA-512 that is part of the scheme.
    pub(super) const fn hash(self) -> Hash {
        match self {
            Self::Es256 | Self::Hs256 | Self::Ps256 | Self::Rs256 => Hash::Sha256,
            Self::Es384 | Self::Hs384 | Self::Ps384 | Self::Rs384 => Hash::Sha384,
            Self::EdDsa | Self::Hs512 | Self::Ps512 | Self::Rs512 => Hash::Sha512,
        }
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Algorithm {
    type Err = Error;

    /// Reads the name in its exact spelling: names are case-sensitive (RFC 7515 §4.1.1).
    ///
    /// # Errors
    /// - [`Error::AlgorithmUnknown`] for anything else, `none` included.
    fn from_str(name: &str) -> Result<Self> {
        Self::ALL.into_iter().find(|known| known.name() == name).ok_or(Error::AlgorithmUnknown)
    }
}

impl Hash {
    /// The length of its output in bytes, which is also the least length of an HMAC secret.
    pub(super) const fn len(self) -> usize {
        match self {
            Self::Sha256 => 32,
            Self::Sha384 => 48,
            Self::Sha512 => 64,
        }
    }
}

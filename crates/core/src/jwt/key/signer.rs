//! The half of a key that signs.

use aws_lc_rs::error::{KeyRejected, Unspecified};
use aws_lc_rs::rand::{self, SystemRandom};
use aws_lc_rs::rsa::{KeyPair as RsaKeyPair, KeyPairComponents, KeySize, PublicKeyComponents};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, EcdsaSigningAlgorithm,
    Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256, RSA_PKCS1_SHA384, RSA_PKCS1_SHA512, RSA_PSS_SHA256,
    RSA_PSS_SHA384, RSA_PSS_SHA512, RsaSignatureEncoding,
};

use super::hmac::HmacSecret;
use super::jwk::Jwk;
use super::pem::{Block, Label};
use super::rsa::RsaPublicKey;
use super::verifier::Verifier;
use super::{P256_BYTES, P384_BYTES, der};
use crate::jwt::algorithm::{Algorithm, Hash, KeyType};
use crate::secret::Secret;
use crate::{Error, Result};

/// A private key or secret, parsed and checked.
pub(super) enum Signer {
    Ed25519(Ed25519KeyPair),
    Hmac(Box<HmacSecret>),
    P256(EcdsaKeyPair),
    P384(EcdsaKeyPair),
    Rsa(RsaKeyPair),
}

impl Signer {
    /// Draws a new key from the library's random generator; RSA keys have 2048 bits, HMAC secrets
    /// the length of the hash.
    pub(super) fn generate(algorithm: Algorithm) -> Result<Self> {
        match algorithm.key_type() {
            KeyType::Ed25519 => Ed25519KeyPair::generate().map(Self::Ed25519).map_err(failed),
            KeyType::P256 => {
                EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).map(Self::P256).map_err(failed)
            }
            KeyType::P384 => {
                EcdsaKeyPair::generate(&ECDSA_P384_SHA384_FIXED_SIGNING).map(Self::P384).map_err(failed)
            }
            KeyType::Rsa => RsaKeyPair::generate(KeySize::Rsa2048).map(Self::Rsa).map_err(failed),
            KeyType::Hmac => {
                let mut bytes = vec![0; algorithm.hash().len()];
                rand::fill(&mut bytes).map_err(failed)?;
                Self::from_secret(Secret::new(bytes).expose())
            }
        }
    }

    pub(super) fn from_secret(bytes: &[u8]) -> Result<Self> {
        HmacSecret::new(bytes).map(Box::new).map(Self::Hmac)
    }

    pub(super) fn from_pem(block: &Block) -> Result<Self> {
        let der = block.der.expose();
        match block.label {
            Label::Pkcs1Public | Label::Spki => Err(Error::KeyNotPrivate),
            Label::Pkcs8 => Self::from_pkcs8(der),
            Label::Pkcs1 => {
                der::need_sequence(der)?;
                Self::rsa(RsaKeyPair::from_der(der))
            }
            Label::Sec1 => match der::sec1_type(der)? {
                KeyType::P256 => {
                    Self::p256(EcdsaKeyPair::from_private_key_der(&ECDSA_P256_SHA256_FIXED_SIGNING, der))
                }
                _ => Self::p384(EcdsaKeyPair::from_private_key_der(&ECDSA_P384_SHA384_FIXED_SIGNING, der)),
            },
        }
    }

    pub(super) fn from_pkcs8(der: &[u8]) -> Result<Self> {
        match der::pkcs8_type(der)? {
            KeyType::Ed25519 => Ed25519KeyPair::from_pkcs8(der).map(Self::Ed25519).map_err(malformed),
            KeyType::P256 => Self::p256(EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, der)),
            KeyType::P384 => Self::p384(EcdsaKeyPair::from_pkcs8(&ECDSA_P384_SHA384_FIXED_SIGNING, der)),
            KeyType::Rsa => Self::rsa(RsaKeyPair::from_pkcs8(der)),
            KeyType::Hmac => Err(Error::KeyMalformed),
        }
    }

    /// # Errors
    /// - [`Error::KeyNotPrivate`] when the private members are missing.
    /// - [`Error::KeyMalformed`] when private and public members do not belong together.
    pub(super) fn from_jwk(jwk: &Jwk<'_>) -> Result<Self> {
        if jwk.key_type == KeyType::Hmac {
            return Self::from_secret(jwk.bytes("k")?.expose());
        }
        if !jwk.has("d") {
            return Err(Error::KeyNotPrivate);
        }
        match jwk.key_type {
            KeyType::P256 => ec_from_jwk(&ECDSA_P256_SHA256_FIXED_SIGNING, jwk, P256_BYTES).map(Self::P256),
            KeyType::P384 => ec_from_jwk(&ECDSA_P384_SHA384_FIXED_SIGNING, jwk, P384_BYTES).map(Self::P384),
            KeyType::Rsa => rsa_from_jwk(jwk),
            KeyType::Ed25519 | KeyType::Hmac => {
                let (seed, point) = (jwk.sized("d", 32)?, jwk.sized("x", 32)?);
                let pair = Ed25519KeyPair::from_seed_and_public_key(seed.expose(), point.expose());
                pair.map(Self::Ed25519).map_err(malformed)
            }
        }
    }
}

impl Signer {
    fn p256(pair: std::result::Result<EcdsaKeyPair, KeyRejected>) -> Result<Self> {
        pair.map(Self::P256).map_err(malformed)
    }

    fn p384(pair: std::result::Result<EcdsaKeyPair, KeyRejected>) -> Result<Self> {
        pair.map(Self::P384).map_err(malformed)
    }

    /// Whatever its form was: the public half must be of good strength.
    fn rsa(pair: std::result::Result<RsaKeyPair, KeyRejected>) -> Result<Self> {
        let pair = pair.map_err(malformed)?;
        RsaPublicKey::from_library(pair.public_key())?;
        Ok(Self::Rsa(pair))
    }

    pub(super) const fn key_type(&self) -> KeyType {
        match self {
            Self::Ed25519(_) => KeyType::Ed25519,
            Self::Hmac(_) => KeyType::Hmac,
            Self::P256(_) => KeyType::P256,
            Self::P384(_) => KeyType::P384,
            Self::Rsa(_) => KeyType::Rsa,
        }
    }

    /// # Errors
    /// - [`Error::KeyAlgorithmMismatch`] when the algorithm is for another type of key.
    /// - [`Error::KeyTooWeak`] when an HMAC secret is too short for it.
    pub(super) fn need(&self, algorithm: Algorithm) -> Result<()> {
        match self {
            _ if algorithm.key_type() != self.key_type() => Err(Error::KeyAlgorithmMismatch),
            Self::Hmac(secret) => secret.need_strength(algorithm),
            _ => Ok(()),
        }
    }

    pub(super) fn sign(&self, algorithm: Algorithm, message: &[u8]) -> Result<Vec<u8>> {
        self.need(algorithm)?;
        let random = SystemRandom::new();
        match self {
            Self::Hmac(secret) => secret.sign(algorithm, message),
            Self::Ed25519(pair) => Ok(pair.try_sign(message).map_err(failed)?.as_ref().to_vec()),
            Self::P256(pair) | Self::P384(pair) => {
                Ok(pair.sign(&random, message).map_err(failed)?.as_ref().to_vec())
            }
            Self::Rsa(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(rsa_encoding(algorithm), &random, message, &mut signature).map_err(failed)?;
                Ok(signature)
            }
        }
    }

    /// The half that verifies.
    pub(super) fn verifier(&self) -> Result<Verifier> {
        match self {
            Self::Ed25519(pair) => Verifier::ed25519(pair.public_key().as_ref()),
            Self::Hmac(secret) => Ok(Verifier::Hmac(Box::new(HmacSecret::new(secret.bytes().expose())?))),
            Self::P256(pair) => Verifier::p256(pair.public_key().as_ref()),
            Self::P384(pair) => Verifier::p384(pair.public_key().as_ref()),
            Self::Rsa(pair) => Ok(Verifier::Rsa(Box::new(RsaPublicKey::from_library(pair.public_key())?))),
        }
    }
}

fn rsa_encoding(algorithm: Algorithm) -> &'static RsaSignatureEncoding {
    match (algorithm.is_pss(), algorithm.hash()) {
        (false, Hash::Sha256) => &RSA_PKCS1_SHA256,
        (false, Hash::Sha384) => &RSA_PKCS1_SHA384,
        (false, Hash::Sha512) => &RSA_PKCS1_SHA512,
        (true, Hash::Sha256) => &RSA_PSS_SHA256,
        (true, Hash::Sha384) => &RSA_PSS_SHA384,
        (true, Hash::Sha512) => &RSA_PSS_SHA512,
    }
}

fn ec_from_jwk(
    algorithm: &'static EcdsaSigningAlgorithm,
    jwk: &Jwk<'_>,
    coordinate_length: usize,
) -> Result<EcdsaKeyPair> {
    let (d, point) = (jwk.sized("d", coordinate_length)?, jwk.point(coordinate_length)?);
    EcdsaKeyPair::from_private_key_and_public_key(algorithm, d.expose(), &point).map_err(malformed)
}

/// # Source
/// RFC 7518 §6.3.2; all CRT members must be there, other primes may not.
fn rsa_from_jwk(jwk: &Jwk<'_>) -> Result<Signer> {
    if jwk.has("oth") {
        return Err(Error::KeyUnsupported);
    }
    let part = |name| jwk.integer(name);
    let (n, e, d, p, q) = (part("n")?, part("e")?, part("d")?, part("p")?, part("q")?);
    let (dp, dq, qi) = (part("dp")?, part("dq")?, part("qi")?);
    let components = KeyPairComponents {
        public_key: PublicKeyComponents { n: n.expose(), e: e.expose() },
        d: d.expose(),
        p: p.expose(),
        q: q.expose(),
        dP: dp.expose(),
        dQ: dq.expose(),
        qInv: qi.expose(),
    };
    Signer::rsa(RsaKeyPair::from_components(&components))
}

/// The library tells a short modulus only by name; a test holds it to that.
fn malformed(reason: KeyRejected) -> Error {
    match reason.to_string().as_str() {
        "TooSmall" => super::rsa::TOO_SHORT,
        _ => Error::KeyMalformed,
    }
}

/// The library's random generator or its memory gave out.
pub(super) fn failed(_: Unspecified) -> Error {
    Error::KeyOperationFailed
}

//! The half of a key that verifies.

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ED25519, ParsedPublicKey, VerificationAlgorithm,
};

use super::hmac::HmacSecret;
use super::jwk::Jwk;
use super::pem::{Block, Label};
use super::rsa::RsaPublicKey;
use super::signer::Signer;
use super::{P256_BYTES, P384_BYTES, der};
use crate::jwt::algorithm::{Algorithm, KeyType};
use crate::{Error, Result};

/// A key that is parsed and checked once, and then verifies many times.
pub(super) enum Verifier {
    Ed25519(ParsedPublicKey),
    Hmac(Box<HmacSecret>),
    P256(ParsedPublicKey),
    P384(ParsedPublicKey),
    Rsa(Box<RsaPublicKey>),
}

/// The points of small order in every encoding, sign bit aside: with such a "key" anybody can sign.
/// All zeros, what a forgotten key looks like, is among them.
///
/// # Source
/// RFC 8032 §5.1.7 leaves the check to the caller; the list is the one of RFC 7748's curve as in
/// libsodium's `ge25519_has_small_order`.
const SMALL_ORDER: [[u8; 32]; 7] = [
    tail(0x00, 0x00, 0x00),
    tail(0x01, 0x00, 0x00),
    tail(0xec, 0xff, 0x7f),
    tail(0xed, 0xff, 0x7f),
    tail(0xee, 0xff, 0x7f),
    [
        0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98, 0xf0, 0xd5,
        0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05,
    ],
    [
        0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67, 0x0f, 0x2a,
        0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a,
    ],
];

const fn tail(first: u8, middle: u8, last: u8) -> [u8; 32] {
    let mut point = [middle; 32];
    point[0] = first;
    point[31] = last;
    point
}

impl Verifier {
    /// From a public key, or from the public half of a private one.
    pub(super) fn from_pem(block: &Block) -> Result<Self> {
        let der = block.der.expose();
        match block.label {
            Label::Pkcs1 | Label::Pkcs8 | Label::Sec1 => Signer::from_pem(block)?.verifier(),
            Label::Pkcs1Public => {
                der::need_sequence(der)?;
                Ok(Self::Rsa(Box::new(RsaPublicKey::from_der(der)?)))
            }
            Label::Spki => match der::spki_type(der)? {
                KeyType::Ed25519 => Self::ed25519(der::spki_key(der)?),
                KeyType::P256 => Self::p256(der),
                KeyType::P384 => Self::p384(der),
                KeyType::Rsa => Ok(Self::Rsa(Box::new(RsaPublicKey::from_der(der)?))),
                KeyType::Hmac => Err(Error::KeyMalformed),
            },
        }
    }

    pub(super) fn from_secret(bytes: &[u8]) -> Result<Self> {
        HmacSecret::new(bytes).map(Box::new).map(Self::Hmac)
    }

    /// From the public members of a JWK, or from `k`.
    ///
    /// # Source
    /// RFC 7518 §6.2.1, §6.3.1, §6.4; RFC 8037 §2.
    pub(super) fn from_jwk(jwk: &Jwk<'_>) -> Result<Self> {
        match jwk.key_type {
            KeyType::Ed25519 => Self::ed25519(jwk.sized("x", 32)?.expose()),
            KeyType::Hmac => Ok(Self::Hmac(Box::new(HmacSecret::new(jwk.bytes("k")?.expose())?))),
            KeyType::P256 => Self::p256(&jwk.point(P256_BYTES)?),
            KeyType::P384 => Self::p384(&jwk.point(P384_BYTES)?),
            KeyType::Rsa => {
                let (n, e) = (jwk.integer("n")?, jwk.integer("e")?);
                Ok(Self::Rsa(Box::new(RsaPublicKey::from_components(n.expose(), e.expose())?)))
            }
        }
    }

    pub(super) fn ed25519(point: &[u8]) -> Result<Self> {
        if is_small_order(point) {
            return Err(Error::KeyTooWeak { need: "an Ed25519 point of full order" });
        }
        parse(&ED25519, point).map(Self::Ed25519)
    }

    /// From a point or a `SubjectPublicKeyInfo`; a point that is not on the curve is refused.
    pub(super) fn p256(key: &[u8]) -> Result<Self> {
        parse(&ECDSA_P256_SHA256_FIXED, key).map(Self::P256)
    }

    /// As [`Self::p256`].
    pub(super) fn p384(key: &[u8]) -> Result<Self> {
        parse(&ECDSA_P384_SHA384_FIXED, key).map(Self::P384)
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

    /// Refuses an HMAC secret that is too short for this algorithm.
    pub(super) fn need_strength(&self, algorithm: Algorithm) -> Result<()> {
        match self {
            Self::Hmac(secret) => secret.need_strength(algorithm),
            _ => Ok(()),
        }
    }

    /// # Errors
    /// - [`Error::TokenAlgorithmNotAllowed`] when the algorithm is for another type of key.
    /// - [`Error::KeyTooWeak`] when an HMAC secret is too short for the algorithm.
    /// - [`Error::TokenSignatureInvalid`].
    pub(super) fn verify(&self, algorithm: Algorithm, message: &[u8], signature: &[u8]) -> Result<()> {
        if algorithm.key_type() != self.key_type() {
            return Err(Error::TokenAlgorithmNotAllowed);
        }
        match self {
            Self::Hmac(secret) => secret.verify(algorithm, message, signature),
            Self::Rsa(key) => key.verify(algorithm, message, signature),
            Self::Ed25519(key) | Self::P256(key) | Self::P384(key) => {
                key.verify_sig(message, signature).map_err(|_| Error::TokenSignatureInvalid)
            }
        }
    }
}

fn parse(algorithm: &'static dyn VerificationAlgorithm, key: &[u8]) -> Result<ParsedPublicKey> {
    ParsedPublicKey::new(algorithm, key).map_err(|_| Error::KeyMalformed)
}

fn is_small_order(point: &[u8]) -> bool {
    let Some((last, rest)) = point.split_last() else { return false };
    SMALL_ORDER
        .iter()
        .filter_map(|small| small.split_last())
        .any(|(small_last, small_rest)| rest == small_rest && last & 0x7f == *small_last)
}

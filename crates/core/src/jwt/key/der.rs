//! What type of key a DER structure holds. The cryptographic library reads the key itself; here is
//! made sure that it is exactly one such structure, and that its curve is named, not spelled out.

use pkcs8::PrivateKeyInfoRef;
use pkcs8::der::asn1::{AnyRef, ObjectIdentifier, SequenceRef, UintRef};
use pkcs8::der::{Decode, SliceReader};
use pkcs8::spki::{AlgorithmIdentifierRef, SubjectPublicKeyInfoRef};
use sec1::{EcParameters, EcPrivateKey};

use crate::jwt::algorithm::KeyType;
use crate::{Error, Result};

/// RFC 8017 appendix A.1.
const RSA_ENCRYPTION: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
/// RFC 5480 §2.1.1.
const EC_PUBLIC_KEY: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
const P256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7");
const P384: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.34");
/// RFC 8410 §3.
const ED25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");

/// The key type of a `SubjectPublicKeyInfo` (RFC 5280 §4.1.2.7).
pub(super) fn spki_type(der: &[u8]) -> Result<KeyType> {
    let info = SubjectPublicKeyInfoRef::from_der(der).map_err(|_| Error::KeyMalformed)?;
    key_type(&info.algorithm)
}

/// The key itself in a `SubjectPublicKeyInfo`.
pub(super) fn spki_key(der: &[u8]) -> Result<&[u8]> {
    let info = SubjectPublicKeyInfoRef::from_der(der).map_err(|_| Error::KeyMalformed)?;
    info.subject_public_key.as_bytes().ok_or(Error::KeyMalformed)
}

/// The key type of a PKCS #8 `PrivateKeyInfo` (RFC 5958 §2).
pub(super) fn pkcs8_type(der: &[u8]) -> Result<KeyType> {
    let info = PrivateKeyInfoRef::from_der(der).map_err(|_| Error::KeyMalformed)?;
    key_type(&info.algorithm)
}

/// The key type of a SEC 1 `ECPrivateKey`, which must name its curve (RFC 5915 §3).
pub(super) fn sec1_type(der: &[u8]) -> Result<KeyType> {
    let key = EcPrivateKey::from_der(der).map_err(|_| Error::KeyMalformed)?;
    curve_type(key.parameters.and_then(EcParameters::named_curve))
}

/// Makes sure that this is one PKCS #1 `RSAPublicKey` or `RSAPrivateKey` (RFC 8017 appendix A.1)
/// with nothing after it.
pub(super) fn need_sequence(der: &[u8]) -> Result<()> {
    <&SequenceRef>::from_der(der).map(|_| ()).map_err(|_| Error::KeyMalformed)
}

/// Whether the bytes are a key in any of these forms.
pub(super) fn is_key(bytes: &[u8]) -> bool {
    // All of them are a SEQUENCE; hardly any secret begins like one.
    bytes.first() == Some(&0x30)
        && (SubjectPublicKeyInfoRef::from_der(bytes).is_ok()
            || PrivateKeyInfoRef::from_der(bytes).is_ok()
            || EcPrivateKey::from_der(bytes).is_ok()
            || is_integers(bytes))
}

/// Whether the bytes are a sequence of two or more unsigned integers, as PKCS #1 keys are.
fn is_integers(bytes: &[u8]) -> bool {
    let Ok(sequence) = <&SequenceRef>::from_der(bytes) else { return false };
    let Ok(mut reader) = SliceReader::new(sequence.as_bytes()) else { return false };
    UintRef::decode(&mut reader).is_ok() && UintRef::decode(&mut reader).is_ok()
}

fn key_type(algorithm: &AlgorithmIdentifierRef<'_>) -> Result<KeyType> {
    match algorithm.oid {
        RSA_ENCRYPTION => Ok(KeyType::Rsa),
        ED25519 => Ok(KeyType::Ed25519),
        EC_PUBLIC_KEY => curve_type(algorithm.parameters.and_then(named_curve)),
        _ => Err(Error::KeyUnsupported),
    }
}

/// Curves that are spelled out by their parameters are refused: CVE-2020-0601.
fn named_curve(parameters: AnyRef<'_>) -> Option<ObjectIdentifier> {
    parameters.decode_as().ok()
}

fn curve_type(curve: Option<ObjectIdentifier>) -> Result<KeyType> {
    match curve {
        Some(P256) => Ok(KeyType::P256),
        Some(P384) => Ok(KeyType::P384),
        _ => Err(Error::KeyUnsupported),
    }
}

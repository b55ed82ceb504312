//! What rustls does not tell of a certificate (RFC 5280 §4.1): its signature's hash, and how long it
//! is valid.

#[cfg(test)]
mod tests;

use std::time::Duration;

use aws_lc_rs::digest::{self, SHA224, SHA256, SHA384, SHA512};
use der::asn1::{AnyRef, GeneralizedTime, UtcTime};
use der::oid::ObjectIdentifier;
use der::{Decode, Header, Reader, SliceReader, Tag, TagNumber};
use tokio_rustls::rustls::pki_types::{CertificateDer, UnixTime};
use tokio_rustls::rustls::{CertificateError, Error};

type Hash = &'static digest::Algorithm;

/// RFC 4055 §3.1: the parameters name the hash.
const RSASSA_PSS: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.10");

const NAMED_HASH: Tag = Tag::ContextSpecific { constructed: true, number: TagNumber(0) };

/// Signature algorithms (RFC 3279, 4055, 5758), and hashes as parameters name them (RFC 8017), with
/// the hash of the channel binding. The channel binding takes SHA-256 in the place of MD5 and SHA-1.
const HASHES: [(ObjectIdentifier, Hash); 16] = [
    (ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.4"), &SHA256),
    (ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.5"), &SHA256),
    (ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.11"), &SHA256),
    (ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.12"), &SHA384),
    (ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.13"), &SHA512),
    (ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.14"), &SHA224),
    (ObjectIdentifier::new_unwrap("1.2.840.10045.4.1"), &SHA256),
    (ObjectIdentifier::new_unwrap("1.2.840.10045.4.3.1"), &SHA224),
    (ObjectIdentifier::new_unwrap("1.2.840.10045.4.3.2"), &SHA256),
    (ObjectIdentifier::new_unwrap("1.2.840.10045.4.3.3"), &SHA384),
    (ObjectIdentifier::new_unwrap("1.2.840.10045.4.3.4"), &SHA512),
    (ObjectIdentifier::new_unwrap("1.3.14.3.2.26"), &SHA256),
    (ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.1"), &SHA256),
    (ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.2"), &SHA384),
    (ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.3"), &SHA512),
    (ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.4"), &SHA224),
];

/// `tls-server-end-point` (RFC 5929 §4.1): the certificate's hash, by the hash of its signature.
/// `None` for a signature that has no such hash, as Ed25519 has none.
pub(super) fn server_end_point(certificate: &CertificateDer<'_>) -> Option<Vec<u8>> {
    let hash = Certificate::read(certificate).ok()?.hash?;
    Some(digest::digest(hash, certificate).as_ref().to_vec())
}

/// # Errors
/// It is not valid yet, not any more, or no certificate.
pub(super) fn check_validity(certificate: &CertificateDer<'_>, now: UnixTime) -> Result<(), Error> {
    let [from, to] = Certificate::read(certificate).map_err(|_| CertificateError::BadEncoding)?.validity;
    let now = Duration::from_secs(now.as_secs());
    if now < from {
        return Err(CertificateError::NotValidYet.into());
    }
    if now > to {
        return Err(CertificateError::Expired.into());
    }
    Ok(())
}

struct Certificate {
    /// Since 1970.
    validity: [Duration; 2],
    hash: Option<Hash>,
}

impl Certificate {
    fn read(der: &[u8]) -> der::Result<Self> {
        let mut reader = SliceReader::new(der)?;
        reader.sequence(|certificate| {
            let validity = certificate.sequence(validity)?;
            let hash = certificate.sequence(hash)?;
            certificate.tlv_bytes()?;
            Ok(Self { validity, hash })
        })
    }
}

/// Of a `TBSCertificate`.
fn validity(certificate: &mut SliceReader<'_>) -> der::Result<[Duration; 2]> {
    let version = u8::from(Tag::peek(certificate)?.is_context_specific());
    // Perhaps a version; then serial number, signature and issuer.
    for _ in 0..version + 3 {
        certificate.tlv_bytes()?;
    }
    let validity = certificate.sequence(|times| Ok::<_, der::Error>([time(times)?, time(times)?]))?;
    certificate.drain(certificate.remaining_len())?;
    Ok(validity)
}

fn time(reader: &mut SliceReader<'_>) -> der::Result<Duration> {
    if Tag::peek(reader)? == Tag::UtcTime {
        return Ok(UtcTime::decode(reader)?.to_unix_duration());
    }
    Ok(GeneralizedTime::decode(reader)?.to_unix_duration())
}

/// Of an `AlgorithmIdentifier`.
fn hash(algorithm: &mut SliceReader<'_>) -> der::Result<Option<Hash>> {
    let identifier = ObjectIdentifier::decode(algorithm)?;
    let parameters = if algorithm.is_finished() { None } else { Some(AnyRef::decode(algorithm)?) };
    if identifier != RSASSA_PSS {
        return Ok(HASHES.iter().find(|(known, _)| *known == identifier).map(|(_, hash)| *hash));
    }
    let Some(parameters) = parameters else { return Ok(Some(&SHA256)) };
    parameters.sequence(|fields| {
        // Without a name it is SHA-1.
        let mut found = Some(&SHA256 as Hash);
        if !fields.is_finished() && Tag::peek(fields)? == NAMED_HASH {
            Header::decode(fields)?;
            found = fields.sequence(hash)?;
        }
        fields.drain(fields.remaining_len())?;
        Ok(found)
    })
}

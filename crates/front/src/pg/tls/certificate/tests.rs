//! Certificates as OpenSSL 3.0 makes them, and the hashes that `openssl dgst` gives of them.

use std::time::Duration;

use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, UnixTime};
use tokio_rustls::rustls::{CertificateError, Error};

use super::{check_validity, server_end_point};

macro_rules! pem {
    ($name:literal) => {
        include_str!(concat!("shown/", $name, ".pem"))
    };
}

/// SHA-1 counts as SHA-256.
const END_POINTS: [(&str, &str); 5] = [
    (
        pem!("ecdsa_sha384"),
        "64207cff33682398377eb418d75de681d0e643802a1520745b49cb261669634c\
         6d30935154c97160bdaef75c64823141",
    ),
    (
        pem!("pss_sha384"),
        "73845a6b7f2ac6773d387ea7c7cd50fc151899250046e8ae44e1791fe08b0f02\
         f2185fbcf331bbcdad586fe8de9fb702",
    ),
    (pem!("sha1_rsa"), "b1cb3c7daf12123b7401ef363999a116ad3d67ada50ff9daa3d643ef322edf2b"),
    (pem!("sha256_rsa"), "c3bf44daf953413c45bfc4dded3d64861395bf17f163d1f7897677bc1a33e9c0"),
    (
        pem!("sha512_rsa"),
        "64c77d5d5d8bb20d04e4e00b901eda450fa2897479068ec1062328c2ab7a5117\
         dd764a746f0c54ab532e7a4e2a860e35eb608eb65dc31f2aaa465c173e872b5d",
    ),
];

fn certificate(pem: &str) -> CertificateDer<'static> {
    CertificateDer::from_pem_slice(pem.as_bytes()).unwrap()
}

#[test]
fn a_login_is_tied_to_the_certificate_by_the_hash_of_its_signature() {
    for (pem, expected) in END_POINTS {
        let hash = server_end_point(&certificate(pem)).unwrap();
        let hex: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hex, expected);
    }
}

#[test]
fn a_signature_without_a_hash_ties_nothing() {
    assert_eq!(server_end_point(&certificate(pem!("ed25519"))), None);
    assert_eq!(server_end_point(&CertificateDer::from(b"no certificate".as_slice())), None);
}

#[test]
fn a_certificate_is_valid_from_its_first_second_to_its_last() {
    let certificate = certificate(pem!("ecdsa_sha384"));
    // Written in two ways: years to 2049 have two digits.
    let (first, last) = (1_795_960_809, 4_949_560_809);
    let check =
        |seconds| check_validity(&certificate, UnixTime::since_unix_epoch(Duration::from_secs(seconds)));
    assert!(check(first).is_ok() && check(last).is_ok());
    assert_eq!(check(first - 1), Err(Error::InvalidCertificate(CertificateError::NotValidYet)));
    assert_eq!(check(last + 1), Err(Error::InvalidCertificate(CertificateError::Expired)));
}

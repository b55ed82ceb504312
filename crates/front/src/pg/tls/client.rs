//! The client's side of TLS, as the connection string asks for it.
//!
//! The files are read for each connection: a renewed one is taken up by itself.

use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;

use tokio_rustls::rustls::client::Resumption;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::version::{TLS12, TLS13};
use tokio_rustls::rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion};

use super::TlsError;
use super::verifier::{Trusted, Verifier};
use crate::config::{DatabaseTls, Roots, TlsFiles, TlsMode, TlsVersion};

pub(super) fn config(tls: &DatabaseTls) -> Result<ClientConfig, TlsError> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let verifier = Verifier {
        algorithms: provider.signature_verification_algorithms,
        trusted: tls.roots.as_ref().map(trusted).transpose()?,
        compares_name: tls.mode == TlsMode::VerifyFull,
    };
    let builder = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&versions(tls.versions))
        .map_err(|error| TlsError::Io(io::Error::other(error)))?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier));
    let mut config = match &tls.identity {
        Some(files) => {
            let (chain, key) = (certificates("sslcert", &files.certificate)?, key(files)?);
            let mismatch = |error| file("sslkey", &files.key, format!("not the key of sslcert: {error}"));
            builder.with_client_auth_cert(chain, key).map_err(mismatch)?
        }
        None => builder.with_no_client_auth(),
    };
    config.enable_sni = tls.sni;
    // It serves one connection: there is nothing to resume.
    config.resumption = Resumption::disabled();
    Ok(config)
}

fn versions(range: [TlsVersion; 2]) -> Vec<&'static SupportedProtocolVersion> {
    match range {
        [TlsVersion::V12, TlsVersion::V12] => vec![&TLS12],
        [TlsVersion::V12, TlsVersion::V13] => vec![&TLS13, &TLS12],
        [TlsVersion::V13, _] => vec![&TLS13],
    }
}

fn trusted(roots: &Roots) -> Result<Trusted, TlsError> {
    let mut store = RootCertStore::empty();
    match roots {
        Roots::File(path) => {
            let named = certificates("sslrootcert", path)?;
            for certificate in &named {
                let refused = |error| file("sslrootcert", path, format!("it can not be trusted: {error}"));
                store.add(certificate.clone()).map_err(refused)?;
            }
            Ok(Trusted { store, named })
        }
        Roots::System => {
            store.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
            if store.is_empty() {
                return Err(TlsError::NoSystemRoots);
            }
            Ok(Trusted { store, named: Vec::new() })
        }
    }
}

fn certificates(option: &'static str, path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let pem = fs::read(path).map_err(|error| file(option, path, error.to_string()))?;
    match CertificateDer::pem_slice_iter(&pem).collect::<Result<Vec<_>, _>>() {
        Ok(found) if !found.is_empty() => Ok(found),
        _ => Err(file(option, path, "there is no certificate in it (expected PEM)".to_owned())),
    }
}

fn key(files: &TlsFiles) -> Result<PrivateKeyDer<'static>, TlsError> {
    let pem = fs::read(&files.key).map_err(|error| file("sslkey", &files.key, error.to_string()))?;
    PrivateKeyDer::from_pem_slice(&pem).map_err(|_| {
        file("sslkey", &files.key, "there is no private key in it (expected PEM, not encrypted)".to_owned())
    })
}

fn file(option: &'static str, path: &Path, problem: String) -> TlsError {
    TlsError::File { option, path: path.display().to_string(), problem }
}

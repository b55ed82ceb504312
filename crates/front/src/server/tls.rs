//! TLS for the main port (rustls, TLS 1.2 and 1.3), with certificates that are read again when their
//! files change.

use std::fs;
use std::io;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, SystemTime};

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{interval, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{self, ServerConfig};
use tokio_rustls::server::TlsStream;

use crate::config::TlsFiles;

/// How often the files are looked at.
const LOOK: Duration = Duration::from_secs(10);
/// How long a client may take to agree on keys.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

/// Why a pair of files can not be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TlsError {
    #[error("GATEHOUSE_TLS_CERT: {0}: {1}")]
    Certificate(String, String),
    #[error("GATEHOUSE_TLS_KEY: {0}: {1}")]
    Key(String, String),
    #[error("GATEHOUSE_TLS_KEY: {0} is not the key of the certificate in GATEHOUSE_TLS_CERT: {1}")]
    Mismatch(String, rustls::Error),
}

/// The current certificate.
#[derive(Debug)]
pub(crate) struct Tls {
    files: TlsFiles,
    config: RwLock<Arc<ServerConfig>>,
}

impl Tls {
    /// # Errors
    /// The files can not be read, or are no pair.
    pub(crate) fn load(files: TlsFiles) -> Result<Self, TlsError> {
        let config = RwLock::new(Arc::new(server_config(&files)?));
        Ok(Self { files, config })
    }

    /// Agrees on keys with a client. `None` is the client's fault, or its absence.
    pub(super) async fn accept<S>(&self, stream: S) -> Option<TlsStream<S>>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let config = Arc::clone(&self.config.read().unwrap_or_else(PoisonError::into_inner));
        timeout(HANDSHAKE_TIMEOUT, TlsAcceptor::from(config).accept(stream)).await.ok()?.ok()
    }

    /// Reads the files again whenever they have changed; a pair that can not be used changes nothing.
    pub(super) async fn follow(self: Arc<Self>) {
        let mut seen = stamp(&self.files);
        let mut ticks = interval(LOOK);
        loop {
            ticks.tick().await;
            let now = stamp(&self.files);
            if now == seen {
                continue;
            }
            seen = now;
            match server_config(&self.files) {
                Ok(config) => {
                    *self.config.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(config);
                    tracing::info!("the TLS certificate was read again");
                }
                Err(error) => tracing::error!(%error, "the TLS certificate stays as it was"),
            }
        }
    }
}

/// When the files changed last; links are followed, as certificates are often exchanged by one.
fn stamp(files: &TlsFiles) -> [Option<SystemTime>; 2] {
    [&files.certificate, &files.key].map(|path| fs::metadata(path).and_then(|file| file.modified()).ok())
}

fn server_config(files: &TlsFiles) -> Result<ServerConfig, TlsError> {
    let (chain, key) = (certificates(files)?, key(files)?);
    let shown = files.key.display().to_string();
    let builder = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| TlsError::Mismatch(shown.clone(), error))?;
    let mut config = builder
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .map_err(|error| TlsError::Mismatch(shown, error))?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}

fn certificates(files: &TlsFiles) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let path = &files.certificate;
    let problem = |text: String| TlsError::Certificate(path.display().to_string(), text);
    let pem = fs::read(path).map_err(|error| problem(error.to_string()))?;
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    match chain {
        Ok(chain) if !chain.is_empty() => Ok(chain),
        _ => Err(problem("there is no certificate in it (expected PEM)".to_owned())),
    }
}

fn key(files: &TlsFiles) -> Result<PrivateKeyDer<'static>, TlsError> {
    let path = &files.key;
    let problem = |text: String| TlsError::Key(path.display().to_string(), text);
    let pem = fs::read(path).map_err(|error: io::Error| problem(error.to_string()))?;
    PrivateKeyDer::from_pem_slice(&pem)
        .map_err(|_| problem("there is no private key in it (expected PEM)".to_owned()))
}

//! Keys in PEM armour.

use pem_rfc7468::Decoder;
use zeroize::Zeroizing;

use crate::secret::Secret;
use crate::{Error, Result};

/// How a text that holds a PEM block begins.
pub(super) const BEGIN: &str = "-----BEGIN ";

/// What the label says of the structure inside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Label {
    /// `PRIVATE KEY`: PKCS #8.
    Pkcs8,
    /// `RSA PRIVATE KEY`: PKCS #1.
    Pkcs1,
    /// `RSA PUBLIC KEY`: PKCS #1.
    Pkcs1Public,
    /// `EC PRIVATE KEY`: SEC 1.
    Sec1,
    /// `PUBLIC KEY`: SubjectPublicKeyInfo.
    Spki,
}

/// The one block of a PEM text.
pub(super) struct Block {
    pub(super) label: Label,
    pub(super) der: Secret,
}

impl Block {
    /// Reads a text with exactly one key in it. Lines may be indented and of any one length; a
    /// block of `EC PARAMETERS`, as `openssl ecparam -genkey` writes it, may go before the key.
    ///
    /// # Errors
    /// - [`Error::KeyMalformed`] when it is no PEM, or two keys.
    /// - [`Error::KeyUnsupported`] for other labels, certificates and encrypted keys among them.
    ///
    /// # Source
    /// RFC 7468.
    pub(super) fn parse(text: &str) -> Result<Self> {
        // Sized beforehand here and below, so that growing leaves no copy of a private key behind.
        let mut lines = Zeroizing::new(String::with_capacity(text.len().saturating_add(1)));
        for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
            lines.push_str(line);
            lines.push('\n');
        }
        let key = skip_parameters(&lines);
        // Headers such as `Proc-Type: 4,ENCRYPTED` stand only in encrypted keys of the old kind.
        if key.contains(':') {
            return Err(Error::KeyUnsupported);
        }
        let mut decoder = Decoder::new_detect_wrap(key.as_bytes()).map_err(|_| Error::KeyMalformed)?;
        let label = label(decoder.type_label())?;
        let mut der = Zeroizing::new(vec![0; decoder.remaining_len()]);
        decoder.decode(&mut der).map_err(|_| Error::KeyMalformed)?;
        Ok(Self { label, der: Secret::new(std::mem::take(&mut *der)) })
    }
}

fn skip_parameters(text: &str) -> &str {
    let body = text.strip_prefix("-----BEGIN EC PARAMETERS-----\n");
    body.and_then(|body| body.split_once("-----END EC PARAMETERS-----\n")).map_or(text, |(_, rest)| rest)
}

fn label(label: &str) -> Result<Label> {
    match label {
        "EC PRIVATE KEY" => Ok(Label::Sec1),
        "PRIVATE KEY" => Ok(Label::Pkcs8),
        "PUBLIC KEY" => Ok(Label::Spki),
        "RSA PRIVATE KEY" => Ok(Label::Pkcs1),
        "RSA PUBLIC KEY" => Ok(Label::Pkcs1Public),
        _ => Err(Error::KeyUnsupported),
    }
}

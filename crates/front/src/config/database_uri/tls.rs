//! TLS to the database, by the options of libpq (`sslmode` …) and its environment names
//! (`PGSSLMODE` …).
//!
//! Source: PostgreSQL documentation, "SSL Support" and "Parameter Key Words" (libpq).

#[cfg(test)]
mod tests;

use std::path::PathBuf;

use super::{Lookup, Options};
use crate::config::TlsFiles;

/// How a connection over TCP is made. A unix socket never has TLS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DatabaseTls {
    pub(crate) mode: TlsMode,
    /// Who may have signed the server's certificate. With `None` anybody may.
    pub(crate) roots: Option<Roots>,
    /// What the front shows a server that asks for a certificate.
    pub(crate) identity: Option<TlsFiles>,
    /// Whether the server is told, in the clear, which host it is taken for.
    pub(crate) sni: bool,
    /// The oldest and the newest protocol.
    pub(crate) versions: [TlsVersion; 2],
    pub(crate) channel_binding: ChannelBinding,
}

/// `sslmode`, from the weakest on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum TlsMode {
    Disable,
    /// TLS, if the server does not let us in without.
    Allow,
    /// Without TLS, if the server has none or does not let us in with it.
    Prefer,
    Require,
    VerifyCa,
    /// The certificate has to name the host as well.
    VerifyFull,
}

/// `sslrootcert`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Roots {
    /// PEM.
    File(PathBuf),
    /// Those that the operating system trusts.
    System,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum TlsVersion {
    V12,
    V13,
}

/// Whether a login by SCRAM is tied to the certificate that the server has shown (RFC 5802 §6):
/// then nobody in between can pass it on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ChannelBinding {
    Disable,
    Prefer,
    Require,
}

/// An option and its environment name.
type Name = (&'static str, &'static str);

/// The options that are read here.
pub(super) const OPTIONS: [&str; 13] = [
    "channel_binding",
    "ssl_max_protocol_version",
    "ssl_min_protocol_version",
    "sslcert",
    "sslcertmode",
    "sslcrl",
    "sslcrldir",
    "sslkey",
    "sslmode",
    "sslnegotiation",
    "sslpassword",
    "sslrootcert",
    "sslsni",
];

const MODES: [(&str, TlsMode); 6] = [
    ("disable", TlsMode::Disable),
    ("allow", TlsMode::Allow),
    ("prefer", TlsMode::Prefer),
    ("require", TlsMode::Require),
    ("verify-ca", TlsMode::VerifyCa),
    ("verify-full", TlsMode::VerifyFull),
];
const BINDINGS: [(&str, ChannelBinding); 3] = [
    ("disable", ChannelBinding::Disable),
    ("prefer", ChannelBinding::Prefer),
    ("require", ChannelBinding::Require),
];
const VERSIONS: [(&str, TlsVersion); 2] = [("TLSv1.2", TlsVersion::V12), ("TLSv1.3", TlsVersion::V13)];

/// What would change whom the front trusts, and is not there.
const REFUSED: [(Name, &str); 3] = [
    (("sslcrl", "PGSSLCRL"), "no sslcrl: lists of revoked certificates are not read"),
    (("sslcrldir", "PGSSLCRLDIR"), "no sslcrldir: lists of revoked certificates are not read"),
    (("sslpassword", ""), "no sslpassword: the key in sslkey must not be encrypted"),
];

impl DatabaseTls {
    /// The error says what is allowed and holds no part of the text. With `needs_roots`, whoever
    /// asks for verification has to say whom to trust.
    pub(super) fn read(options: &Options, lookup: &Lookup<'_>, needs_roots: bool) -> Result<Self, String> {
        let reader = Reader { options, lookup };
        reader.refuse()?;
        let roots = reader.find(("sslrootcert", "PGSSLROOTCERT")).map(|value| match value.as_str() {
            "system" => Roots::System,
            _ => Roots::File(PathBuf::from(value)),
        });
        Ok(Self {
            mode: reader.mode(roots.as_ref(), needs_roots)?,
            roots,
            identity: reader.identity()?,
            sni: reader.choose(("sslsni", "PGSSLSNI"), &[("0", false), ("1", true)], true)?,
            versions: reader.versions()?,
            channel_binding: reader.choose(
                ("channel_binding", "PGCHANNELBINDING"),
                &BINDINGS,
                ChannelBinding::Prefer,
            )?,
        })
    }
}

struct Reader<'a> {
    options: &'a Options,
    lookup: &'a Lookup<'a>,
}

impl Reader<'_> {
    fn find(&self, (key, environment): Name) -> Option<String> {
        self.options.find_or(key, environment, self.lookup)
    }

    fn choose<T: Copy>(&self, name: Name, choices: &[(&str, T)], default: T) -> Result<T, String> {
        let Some(text) = self.find(name) else { return Ok(default) };
        let found = choices.iter().find(|(choice, _)| *choice == text).map(|(_, value)| *value);
        found.ok_or_else(|| {
            let choices: Vec<_> = choices.iter().map(|(choice, _)| *choice).collect();
            format!("{} (or {}) one of {}", name.0, name.1, choices.join(", "))
        })
    }

    fn refuse(&self) -> Result<(), String> {
        if let Some((_, reason)) = REFUSED.iter().find(|(name, _)| self.find(*name).is_some()) {
            return Err((*reason).to_owned());
        }
        self.choose(("sslnegotiation", "PGSSLNEGOTIATION"), &[("postgres", ())], ())?;
        self.choose(("sslcertmode", "PGSSLCERTMODE"), &[("allow", ())], ())
    }

    /// The system's roots vouch for anybody's host, so without the name they mean nothing.
    fn mode(&self, roots: Option<&Roots>, needs_roots: bool) -> Result<TlsMode, String> {
        let is_system = roots == Some(&Roots::System);
        let default = if is_system { TlsMode::VerifyFull } else { TlsMode::Prefer };
        let mode = self.choose(("sslmode", "PGSSLMODE"), &MODES, default)?;
        if is_system && mode != TlsMode::VerifyFull {
            return Err("sslmode=verify-full where sslrootcert=system".to_owned());
        }
        match (mode, roots) {
            (TlsMode::VerifyCa | TlsMode::VerifyFull, None) if needs_roots => {
                Err("sslmode=verify-ca and sslmode=verify-full with sslrootcert (or PGSSLROOTCERT): the PEM \
                     file of whom to trust, or system with verify-full"
                    .to_owned())
            }
            _ => Ok(mode),
        }
    }

    fn identity(&self) -> Result<Option<TlsFiles>, String> {
        match (self.find(("sslcert", "PGSSLCERT")), self.find(("sslkey", "PGSSLKEY"))) {
            (Some(certificate), Some(key)) => {
                Ok(Some(TlsFiles { certificate: certificate.into(), key: key.into() }))
            }
            (None, None) => Ok(None),
            _ => Err("sslcert (or PGSSLCERT) and sslkey (or PGSSLKEY) together, both PEM files".to_owned()),
        }
    }

    fn versions(&self) -> Result<[TlsVersion; 2], String> {
        let oldest = ("ssl_min_protocol_version", "PGSSLMINPROTOCOLVERSION");
        let newest = ("ssl_max_protocol_version", "PGSSLMAXPROTOCOLVERSION");
        let oldest = self.choose(oldest, &VERSIONS, TlsVersion::V12)?;
        let newest = self.choose(newest, &VERSIONS, TlsVersion::V13)?;
        if oldest > newest {
            return Err("ssl_min_protocol_version not above ssl_max_protocol_version".to_owned());
        }
        Ok([oldest, newest])
    }
}

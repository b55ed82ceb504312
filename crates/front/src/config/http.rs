//! How the front meets the internet: TLS, limits, proxies, floods.

mod proxies;
mod rate;

use std::path::PathBuf;
use std::time::Duration;

pub(crate) use proxies::{ForwardingHeader, Proxies};
pub(crate) use rate::Rate;

use super::reader::{ConfigError, Reader};

const YEAR: u64 = 365 * 86_400;

/// The files of a certificate with its chain and of its key, both PEM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TlsFiles {
    pub(crate) certificate: PathBuf,
    pub(crate) key: PathBuf,
}

/// What one client may take of the front.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Limits {
    /// Bytes of a request's target.
    pub(crate) uri: usize,
    /// Bytes of a request's head.
    pub(crate) head: usize,
    /// Header fields of a request.
    pub(crate) headers: usize,
    /// Bytes of a body of the data API.
    pub(crate) body: usize,
    /// For the head of a request from its first byte, for the first head also from the connection's start.
    pub(crate) head_timeout: Duration,
    /// For the whole body of a request.
    pub(crate) body_timeout: Duration,
    /// Between requests.
    pub(crate) idle_timeout: Duration,
    /// For a client that reads nothing of its answer.
    pub(crate) write_timeout: Duration,
    /// From the request's head to the answer's; `None` leaves it to the database.
    pub(crate) request_timeout: Option<Duration>,
    /// Open connections.
    pub(crate) connections: usize,
    /// Open connections from one address.
    pub(crate) connections_per_address: usize,
}

/// Everything here but the files' content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Http {
    pub(crate) tls: Option<TlsFiles>,
    /// HTTP/2 without TLS, for proxies that speak it.
    pub(crate) http2_cleartext: bool,
    /// How long browsers keep to HTTPS; only said over TLS.
    pub(crate) hsts: Duration,
    pub(crate) compression: bool,
    pub(crate) proxies: Proxies,
    pub(crate) limits: Limits,
    /// Requests of one address to the auth API.
    pub(crate) auth_rate: Option<Rate>,
    /// Requests of one address.
    pub(crate) rate: Option<Rate>,
}

pub(super) fn read(reader: &Reader<'_>) -> Result<Http, ConfigError> {
    Ok(Http {
        tls: tls(reader)?,
        http2_cleartext: reader.boolean("GATEHOUSE_HTTP2_CLEARTEXT", false)?,
        hsts: seconds(reader, "GATEHOUSE_HSTS", 63_072_000, 0, 10 * YEAR)?,
        compression: reader.boolean("GATEHOUSE_COMPRESSION", true)?,
        proxies: proxies(reader)?,
        limits: limits(reader)?,
        auth_rate: rate(reader, "GATEHOUSE_RATE_LIMIT_AUTH", Some(Rate::DEFAULT_AUTH))?,
        rate: rate(reader, "GATEHOUSE_RATE_LIMIT", None)?,
    })
}

fn tls(reader: &Reader<'_>) -> Result<Option<TlsFiles>, ConfigError> {
    let (certificate, key) = (reader.text("GATEHOUSE_TLS_CERT"), reader.text("GATEHOUSE_TLS_KEY"));
    match (certificate, key) {
        (None, None) => Ok(None),
        (Some(certificate), Some(key)) => {
            Ok(Some(TlsFiles { certificate: certificate.into(), key: key.into() }))
        }
        (None, Some(_)) => Err(reader.error("GATEHOUSE_TLS_CERT", "a PEM file, as GATEHOUSE_TLS_KEY is set")),
        (Some(_), None) => Err(reader.error("GATEHOUSE_TLS_KEY", "a PEM file, as GATEHOUSE_TLS_CERT is set")),
    }
}

fn limits(reader: &Reader<'_>) -> Result<Limits, ConfigError> {
    let request_timeout = seconds(reader, "GATEHOUSE_REQUEST_TIMEOUT", 0, 0, 86_400)?;
    Ok(Limits {
        uri: reader.number("GATEHOUSE_MAX_URI", 65_534, 1_024..=65_534)?,
        head: reader.number("GATEHOUSE_MAX_HEAD", 131_072, 8_192..=1_048_576)?,
        headers: reader.number("GATEHOUSE_MAX_HEADERS", 100, 16..=1_000)?,
        body: reader.number("GATEHOUSE_MAX_BODY", 16_777_216, 1_024..=1_073_741_824)?,
        head_timeout: seconds(reader, "GATEHOUSE_HEAD_TIMEOUT", 30, 1, 3_600)?,
        idle_timeout: seconds(reader, "GATEHOUSE_IDLE_TIMEOUT", 75, 1, 86_400)?,
        body_timeout: seconds(reader, "GATEHOUSE_BODY_TIMEOUT", 30, 1, 3_600)?,
        write_timeout: seconds(reader, "GATEHOUSE_WRITE_TIMEOUT", 30, 1, 3_600)?,
        request_timeout: Some(request_timeout).filter(|timeout| !timeout.is_zero()),
        connections: reader.number("GATEHOUSE_MAX_CONNECTIONS", 10_000, 1..=1_000_000)?,
        connections_per_address: reader.number(
            "GATEHOUSE_MAX_CONNECTIONS_PER_ADDRESS",
            1_000,
            1..=1_000_000,
        )?,
    })
}

fn seconds(
    reader: &Reader<'_>,
    key: &str,
    default: u64,
    least: u64,
    most: u64,
) -> Result<Duration, ConfigError> {
    reader.number(key, default, least..=most).map(Duration::from_secs)
}

fn proxies(reader: &Reader<'_>) -> Result<Proxies, ConfigError> {
    const KEY: &str = "GATEHOUSE_TRUSTED_PROXIES";
    let headers =
        [("x-forwarded-for", ForwardingHeader::XForwardedFor), ("forwarded", ForwardingHeader::Forwarded)];
    let header = reader.choice("GATEHOUSE_FORWARDING_HEADER", &headers, ForwardingHeader::default())?;
    let proxies = reader.text(KEY).map_or_else(|| Some(Proxies::default()), |text| Proxies::parse(&text));
    proxies.map(|proxies| proxies.with_header(header)).ok_or_else(|| {
        reader.error(KEY, "addresses and networks such as 10.0.0.0/8 or fd00::/8, and unix, by commas")
    })
}

fn rate(reader: &Reader<'_>, key: &str, default: Option<Rate>) -> Result<Option<Rate>, ConfigError> {
    match reader.text(key) {
        None => Ok(default),
        Some(text) if text.eq_ignore_ascii_case("off") => Ok(None),
        Some(text) => Rate::parse(&text).map(Some).ok_or_else(|| {
            reader.error(key, "off, or a rate such as 10/second, 300/minute or 300/minute burst 50")
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::super::reader::Reader;
    use super::{Http, read};

    fn of(pairs: &[(&str, &str)]) -> Result<Http, String> {
        let lookup =
            |key: &str| pairs.iter().find(|(name, _)| *name == key).map(|&(_, value)| value.to_owned());
        read(&Reader::new(&lookup)).map_err(|error| error.to_string())
    }

    #[test]
    fn half_a_key_pair_is_named() {
        let error = of(&[("GATEHOUSE_TLS_CERT", "/c.pem")]).unwrap_err();
        assert!(error.starts_with("GATEHOUSE_TLS_KEY:"), "{error}");
        let error = of(&[("GATEHOUSE_TLS_KEY", "/k.pem")]).unwrap_err();
        assert!(error.starts_with("GATEHOUSE_TLS_CERT:"), "{error}");
    }

    #[test]
    fn a_wrong_value_is_one_line_that_says_what_is_allowed() {
        for (key, value) in [
            ("GATEHOUSE_MAX_URI", "10"),
            ("GATEHOUSE_TRUSTED_PROXIES", "10.0.0.0/33"),
            ("GATEHOUSE_RATE_LIMIT", "many"),
            ("GATEHOUSE_HEAD_TIMEOUT", "0"),
        ] {
            let error = of(&[(key, value)]).unwrap_err();
            assert!(error.starts_with(&format!("{key}: \"{value}\" is not allowed")), "{error}");
            assert!(!error.contains('\n'));
        }
    }

    #[test]
    fn by_default_the_auth_api_alone_is_limited() {
        let http = of(&[]).unwrap();
        assert!(http.auth_rate.is_some() && http.rate.is_none() && http.tls.is_none());
        assert!(of(&[("GATEHOUSE_RATE_LIMIT_AUTH", "off")]).unwrap().auth_rate.is_none());
    }
}

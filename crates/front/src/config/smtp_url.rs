//! `GATEHOUSE_SMTP_URL`: the server that takes our mail.

use std::net::IpAddr;
use std::time::Duration;

use percent_encoding::percent_decode_str;
use url::Url;

use super::Secret;

/// How the connection is protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Encryption {
    None,
    /// STARTTLS if the server offers it; whoever sits in between can hide the offer.
    Opportunistic,
    /// STARTTLS or no mail.
    StartTls,
    /// TLS from the first byte (RFC 8314 §3).
    Tls,
}

/// The server, and how to enter it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SmtpServer {
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) encryption: Encryption,
    pub(crate) credentials: Option<(String, Secret)>,
    /// How long the server may take for one mail, after it let us in.
    pub(crate) patience: Duration,
}

pub(super) const ALLOWED: &str = "smtps://user:password@host:port or smtp://user:password@host:port, special \
     characters of user and password percent-encoded; ?tls=required, opportunistic (without a password) or \
     none for smtp; ?timeout= 1 to 600 seconds";

/// RFC 6409 §3.1 and RFC 8314 §7.3.
const SUBMISSION_PORT: u16 = 587;
const SUBMISSIONS_PORT: u16 = 465;

/// RFC 5321 §4.5.3.2 asks for more; but a mail with a code is of no use after ten minutes.
const PATIENCE: Duration = Duration::from_secs(120);
const MOST_SECONDS: u64 = 600;

impl SmtpServer {
    /// `None` when it is no such URL. Nothing tells why: the text has a password in it.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let url = Url::parse(text).ok()?;
        let wrapped = match url.scheme() {
            "smtps" => true,
            "smtp" => false,
            _ => return None,
        };
        if !matches!(url.path(), "" | "/") || url.fragment().is_some() {
            return None;
        }
        let host = decode(url.host_str()?)?.trim_matches(['[', ']']).to_owned();
        let mut server = Self {
            port: url.port().unwrap_or(if wrapped { SUBMISSIONS_PORT } else { SUBMISSION_PORT }),
            encryption: if wrapped { Encryption::Tls } else { usual(&host) },
            credentials: credentials(&url)?,
            patience: PATIENCE,
            host,
        };
        for (key, value) in url.query_pairs() {
            server.set(&key, &value)?;
        }
        let exposed = server.encryption == Encryption::Opportunistic && server.credentials.is_some();
        (!exposed && !server.host.is_empty() && server.port != 0).then_some(server)
    }

    /// A server on this machine that needs nothing.
    pub(crate) fn local(port: u16) -> Self {
        let host = "127.0.0.1".to_owned();
        Self { host, port, encryption: Encryption::None, credentials: None, patience: PATIENCE }
    }

    fn set(&mut self, key: &str, value: &str) -> Option<()> {
        match (key, value) {
            ("tls", "required") if self.encryption != Encryption::Tls => {
                self.encryption = Encryption::StartTls;
            }
            ("tls", "required") => {}
            ("tls", "opportunistic") if self.encryption != Encryption::Tls => {
                self.encryption = Encryption::Opportunistic;
            }
            ("tls", "none") if self.encryption != Encryption::Tls => self.encryption = Encryption::None,
            ("timeout", seconds) => {
                let seconds = seconds.parse().ok().filter(|seconds| (1..=MOST_SECONDS).contains(seconds))?;
                self.patience = Duration::from_secs(seconds);
            }
            _ => return None,
        }
        Some(())
    }
}

/// Whether a host name means this machine, whatever a name server says.
pub(crate) fn is_loopback(host: &str) -> bool {
    let is_address = host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
    is_address || host.eq_ignore_ascii_case("localhost")
}

/// What never leaves the machine needs no TLS, and a relay there seldom has a certificate.
fn usual(host: &str) -> Encryption {
    if is_loopback(host) { Encryption::None } else { Encryption::StartTls }
}

/// The outer `None` is a user without a password, or the other way round.
fn credentials(url: &Url) -> Option<Option<(String, Secret)>> {
    match (url.username(), url.password()) {
        ("", None) => Some(None),
        ("", Some(_)) | (_, None) => None,
        (user, Some(password)) => Some(Some((decode(user)?, Secret::new(decode(password)?)))),
    }
}

fn decode(text: &str) -> Option<String> {
    percent_decode_str(text).decode_utf8().ok().map(String::from)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Encryption, SmtpServer};

    fn parse(text: &str) -> SmtpServer {
        SmtpServer::parse(text).unwrap()
    }

    #[test]
    fn a_url_gives_every_part() {
        let server = parse("smtps://us%40er:p%3Aw%2F@mail.example:2465?timeout=5");
        assert_eq!((server.host.as_str(), server.port), ("mail.example", 2465));
        let (user, password) = server.credentials.unwrap();
        assert_eq!((user.as_str(), password.expose()), ("us@er", "p:w/"));
        assert_eq!((server.encryption, server.patience), (Encryption::Tls, Duration::from_secs(5)));
    }

    #[test]
    fn without_a_port_it_is_the_port_of_submission() {
        assert_eq!(parse("smtp://mail.example").port, 587);
        assert_eq!(parse("smtps://mail.example").port, 465);
    }

    #[test]
    fn encryption_is_required_unless_the_server_is_this_machine_or_the_operator_says_so() {
        assert_eq!(parse("smtp://u:p@mail.example").encryption, Encryption::StartTls);
        assert_eq!(parse("smtp://mail.example?tls=none").encryption, Encryption::None);
        assert_eq!(parse("smtp://mail.example?tls=opportunistic").encryption, Encryption::Opportunistic);
        for local in ["smtp://localhost", "smtp://127.0.0.1:25", "smtp://[::1]:25"] {
            assert_eq!(parse(local).encryption, Encryption::None, "{local}");
        }
        assert_eq!(parse("smtp://localhost?tls=required").encryption, Encryption::StartTls);
        assert_eq!(parse("smtp://[::1]:25").host, "::1");
        assert_eq!(parse("smtp://localhost.evil.example").encryption, Encryption::StartTls);
    }

    #[test]
    fn what_is_no_such_url_is_refused() {
        for text in [
            "mail.example",
            "http://mail.example",
            "smtp://",
            "smtp://u@mail.example",
            "smtp://:p@mail.example",
            "smtp://mail.example/folder",
            "smtp://mail.example?tls=maybe",
            "smtps://mail.example?tls=none",
            "smtp://u:p@mail.example?tls=opportunistic",
            "smtp://mail.example?timeout=0",
            "smtp://mail.example?other=1",
            "smtp://mail.example:0",
            "smtp://u:%ff@mail.example",
        ] {
            assert_eq!(SmtpServer::parse(text), None, "{text}");
        }
    }
}

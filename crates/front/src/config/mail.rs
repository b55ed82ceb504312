//! `GATEHOUSE_SMTP_URL`, `GATEHOUSE_MAIL_FROM`, `GATEHOUSE_MAIL_TEMPLATES`, `GATEHOUSE_DEV_MAILBOX`:
//! whether mail is sent, and how.

use std::path::PathBuf;
use std::sync::Arc;

use lettre::message::Mailbox;

use super::reader::{ConfigError, Reader};
use super::smtp_url::{self, SmtpServer, is_loopback};
use super::{BindHost, Listen};
use crate::mail::{Templates, parse_sender};

/// Everything about mail.
#[derive(Clone, Debug)]
pub(crate) struct MailSettings {
    pub(crate) delivery: Delivery,
    /// The sender of mails whose tenant has none of its own.
    pub(crate) sender: Mailbox,
    /// As given, for showing it.
    pub(crate) templates_folder: Option<PathBuf>,
    pub(crate) templates: Arc<Templates>,
}

/// Where mail goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Delivery {
    /// To the sink in this process, for development.
    Mailbox,
    Smtp(SmtpServer),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum DevMailbox {
    Off,
    On,
    Forced,
}

const SMTP_URL: &str = "GATEHOUSE_SMTP_URL";
const FROM: &str = "GATEHOUSE_MAIL_FROM";
const TEMPLATES: &str = "GATEHOUSE_MAIL_TEMPLATES";
const DEV_MAILBOX: &str = "GATEHOUSE_DEV_MAILBOX";
const SITE_URL: &str = "GATEHOUSE_SITE_URL";
const EXTERNAL_URL: &str = "GATEHOUSE_EXTERNAL_URL";

/// `true` and its kin are those of every switch.
const CHOICES: [(&str, DevMailbox); 7] = [
    ("off", DevMailbox::Off),
    ("on", DevMailbox::On),
    ("force", DevMailbox::Forced),
    ("false", DevMailbox::Off),
    ("true", DevMailbox::On),
    ("0", DevMailbox::Off),
    ("1", DevMailbox::On),
];

const DEVELOPER: &str = "Gatehouse <gatehouse@localhost>";

/// `None` when no mail is sent: what is written for it waits in the database.
pub(super) fn read(reader: &Reader<'_>, listen: &Listen) -> Result<Option<MailSettings>, ConfigError> {
    let Some(delivery) = delivery(reader, listen)? else { return Ok(None) };
    if reader.text("GATEHOUSE_SERVICE_DB_URI").is_none() {
        let allowed = "a connection URI that logs in as service_authenticator, to take the mails to be sent";
        return Err(reader.error("GATEHOUSE_SERVICE_DB_URI", allowed));
    }
    require_address(reader, &delivery)?;
    let templates_folder = reader.text(TEMPLATES).map(PathBuf::from);
    let templates = Templates::load(templates_folder.as_deref())
        .map_err(|problem| reader.error(TEMPLATES, format!("a folder of templates that work; {problem}")))?;
    Ok(Some(MailSettings {
        sender: sender(reader, &delivery)?,
        delivery,
        templates_folder,
        templates: Arc::new(templates),
    }))
}

fn delivery(reader: &Reader<'_>, listen: &Listen) -> Result<Option<Delivery>, ConfigError> {
    let mailbox = reader.choice(DEV_MAILBOX, &CHOICES, DevMailbox::Off)?;
    if mailbox == DevMailbox::On && !is_local(listen) {
        let allowed = "on with PGRST_SERVER_HOST=127.0.0.1 only (whoever reads the mailbox signs in as \
                       anybody); off; force, where nobody else reaches this machine";
        return Err(reader.error(DEV_MAILBOX, allowed));
    }
    if let Some(text) = reader.secret(SMTP_URL, smtp_url::ALLOWED)? {
        let server = SmtpServer::parse(&text);
        let server = server.ok_or_else(|| reader.secret_error(SMTP_URL, smtp_url::ALLOWED))?;
        return Ok(Some(Delivery::Smtp(server)));
    }
    Ok((mailbox != DevMailbox::Off).then_some(Delivery::Mailbox))
}

/// A socket's file is for a proxy, and a proxy is for others.
fn is_local(listen: &Listen) -> bool {
    matches!(listen, Listen::Tcp { host: BindHost::Named(host), .. } if is_loopback(host))
}

fn sender(reader: &Reader<'_>, delivery: &Delivery) -> Result<Mailbox, ConfigError> {
    let default = (*delivery == Delivery::Mailbox).then(|| DEVELOPER.to_owned());
    let text = reader.text(FROM).or(default).unwrap_or_default();
    parse_sender(&text).ok_or_else(|| reader.error(FROM, "an address such as Acme <no-reply@acme.example>"))
}

/// What is good enough to try the front out leads nobody anywhere else.
fn require_address(reader: &Reader<'_>, delivery: &Delivery) -> Result<(), ConfigError> {
    let is_set = reader.either(EXTERNAL_URL, SITE_URL).is_some();
    if is_set || *delivery == Delivery::Mailbox {
        return Ok(());
    }
    Err(reader.error(SITE_URL, "the URL that links in mails begin with, such as https://app.example.com"))
}

#[cfg(test)]
mod tests {
    use super::super::{Config, Sources};
    use super::{Delivery, MailSettings};

    const SMTP: (&str, &str) = ("GATEHOUSE_SMTP_URL", "smtps://u:hunter2@mail.example");
    const FROM: (&str, &str) = ("GATEHOUSE_MAIL_FROM", "Acme <no-reply@acme.example>");
    const SITE: (&str, &str) = ("GATEHOUSE_SITE_URL", "https://acme.example/app/");
    const LOCAL: (&str, &str) = ("PGRST_SERVER_HOST", "127.0.0.1");
    const MAILBOX: (&str, &str) = ("GATEHOUSE_DEV_MAILBOX", "on");

    fn config(pairs: &[(&str, &str)]) -> Result<Config, String> {
        let mut all = vec![("USER", "me"), ("GATEHOUSE_SERVICE_DB_URI", "postgres://s@h/d")];
        all.extend_from_slice(pairs);
        Config::read(&Sources::of(&all)).map_err(|error| error.to_string())
    }

    fn read(pairs: &[(&str, &str)]) -> Result<Option<MailSettings>, String> {
        config(pairs).map(|config| config.mail)
    }

    #[test]
    fn without_a_server_and_without_the_mailbox_no_mail_is_sent() {
        assert!(read(&[]).unwrap().is_none());
        assert!(read(&[("GATEHOUSE_DEV_MAILBOX", "off")]).unwrap().is_none());
    }

    #[test]
    fn a_server_needs_a_sender_and_what_links_begin_with() {
        let mail = read(&[SMTP, FROM, SITE]).unwrap().unwrap();
        assert!(matches!(mail.delivery, Delivery::Smtp(_)));
        assert!(read(&[SMTP, SITE]).unwrap_err().starts_with("GATEHOUSE_MAIL_FROM: "));
        assert!(read(&[SMTP, FROM]).unwrap_err().starts_with("GATEHOUSE_SITE_URL: "));
        let external = ("GATEHOUSE_EXTERNAL_URL", "https://auth.acme.example");
        assert!(read(&[SMTP, FROM, external]).unwrap().is_some());
        let all = [("USER", "me"), SMTP, FROM, SITE];
        let error = Config::read(&Sources::of(&all)).unwrap_err().to_string();
        assert!(error.starts_with("GATEHOUSE_SERVICE_DB_URI: "), "{error}");
    }

    #[test]
    fn no_password_is_printed() {
        let error = read(&[("GATEHOUSE_SMTP_URL", "smtps://u:hunter2@"), FROM, SITE]).unwrap_err();
        assert!(error.starts_with("GATEHOUSE_SMTP_URL: ") && !error.contains("hunter2"), "{error}");
        let config = config(&[SMTP, FROM, SITE]).unwrap();
        assert!(!format!("{config:?}").contains("hunter2"));
        assert!(!config.to_text().contains("hunter2"));
        assert!(config.to_text().contains("gatehouse-smtp-url = \"(hidden)\""));
    }

    #[test]
    fn the_mailbox_is_for_a_front_that_nobody_else_reaches() {
        let mail = read(&[MAILBOX, LOCAL]).unwrap().unwrap();
        assert_eq!(mail.delivery, Delivery::Mailbox);
        for host in ["*", "!4", "0.0.0.0", "192.0.2.1", "localhost.example"] {
            let error = read(&[MAILBOX, ("PGRST_SERVER_HOST", host)]).unwrap_err();
            assert!(error.starts_with("GATEHOUSE_DEV_MAILBOX: "), "{error}");
        }
        assert!(read(&[MAILBOX, ("PGRST_SERVER_UNIX_SOCKET", "/tmp/x.sock")]).is_err());
        assert!(read(&[("GATEHOUSE_DEV_MAILBOX", "force")]).unwrap().is_some());
    }

    #[test]
    fn a_server_wins_over_the_mailbox() {
        let mail = read(&[SMTP, FROM, SITE, MAILBOX, LOCAL]).unwrap().unwrap();
        assert!(matches!(mail.delivery, Delivery::Smtp(_)));
    }

    #[test]
    fn a_sender_is_an_address() {
        for from in ["Acme", "no-reply@", "a@b.example, c@d.example", "a@b.example\r\nBcc: c@d.example"] {
            assert!(read(&[SMTP, SITE, ("GATEHOUSE_MAIL_FROM", from)]).is_err(), "{from}");
        }
    }
}

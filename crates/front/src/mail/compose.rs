//! From a row of the outbox to a message (RFC 5322). Pure: the time is a parameter.

use std::time::SystemTime;

use lettre::message::header::{HeaderName, HeaderValue};
use lettre::message::{Mailbox, MultiPart, SinglePart};
use lettre::{Address, Message};
use serde_json::Value;
use url::{Host, Url};

use super::outbox::Mail;
use super::text::is_control;
use super::{sender, variables};
use crate::config::{MailSettings, Site};

/// Why there is no message. Nothing of it is a secret.
#[derive(Debug, thiserror::Error)]
pub(super) enum ComposeError {
    #[error("the recipient is no address")]
    Recipient,
    #[error("the template failed: {0}")]
    Template(#[from] minijinja::Error),
    #[error("the message can not be built: {0}")]
    Message(#[from] lettre::error::Error),
}

/// The message of a mail: the same one for every attempt, but for its date.
pub(super) fn compose(
    mail: &Mail,
    settings: &MailSettings,
    site: &Site,
    now: SystemTime,
) -> Result<Message, ComposeError> {
    let recipient = recipient(&mail.recipient).ok_or(ComposeError::Recipient)?;
    let sender = sender::of(&mail.data["tenant"], &settings.sender);
    let name = sender.name.as_deref().or(settings.sender.name.as_deref());
    let variables = variables::of(mail, site, name);
    let rendered = settings.templates.render(&mail.kind, &variables)?;
    let builder = Message::builder()
        .from(sender)
        .to(Mailbox::new(None, recipient))
        .subject(rendered.subject)
        .date(now)
        .message_id(Some(message_id(&mail.id, &site.external_url)))
        .raw_header(automatic());
    let message = match rendered.html {
        Some(html) => builder.multipart(MultiPart::alternative_plain_html(rendered.text, html)),
        None => builder.singlepart(SinglePart::plain(rendered.text)),
    };
    Ok(message?)
}

/// The database lets no control characters in; here none would get out either.
fn recipient(text: &str) -> Option<Address> {
    let is_clean = !text.chars().any(|c| is_control(c) || c.is_whitespace());
    text.parse().ok().filter(|_| is_clean)
}

/// The same for every attempt, so that a receiver can drop what it has already. An address in the
/// place of a domain is in brackets (RFC 5322 §3.6.4).
fn message_id(id: &str, external: &str) -> String {
    let host = match Url::parse(external).as_ref().map(Url::host) {
        Ok(Some(Host::Domain(domain))) => domain.to_owned(),
        Ok(Some(Host::Ipv4(address))) => format!("[{address}]"),
        Ok(Some(Host::Ipv6(address))) => format!("[IPv6:{address}]"),
        _ => "gatehouse.invalid".to_owned(),
    };
    format!("<{id}@{host}>")
}

/// RFC 3834 §5: nobody's holiday message is to answer.
fn automatic() -> HeaderValue {
    HeaderValue::new(HeaderName::new_from_ascii_str("Auto-Submitted"), "auto-generated".to_owned())
}

/// What of a mail is a secret.
pub(super) fn secrets(mail: &Mail) -> impl Iterator<Item = &str> {
    ["token", "code"].into_iter().filter_map(|name| mail.data.get(name).and_then(Value::as_str))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::{Duration, SystemTime};

    use mail_parser::MessageParser;
    use serde_json::{Value, json};

    use super::compose;
    use crate::config::{Delivery, MailSettings, Site};
    use crate::mail::outbox::Mail;
    use crate::mail::{Templates, parse_sender};

    const ID: &str = "2b1f0c9e-0000-4000-8000-000000000001";

    fn raw(kind: &str, recipient: &str, data: Value) -> Option<String> {
        let site = Site {
            site_url: "https://app.example".to_owned(),
            external_url: "https://auth.example:8443".to_owned(),
            redirect_urls: Vec::new(),
        };
        let settings = MailSettings {
            delivery: Delivery::Mailbox,
            sender: parse_sender("Acme Inc. <no-reply@acme.example>").unwrap(),
            templates_folder: None,
            templates: Arc::new(Templates::load(None).unwrap()),
        };
        let mail = Mail {
            id: ID.to_owned(),
            kind: kind.to_owned(),
            recipient: recipient.to_owned(),
            data,
            attempt: 1,
        };
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_900_000_000);
        compose(&mail, &settings, &site, now)
            .ok()
            .map(|message| String::from_utf8(message.formatted()).unwrap())
    }

    fn head(raw: &str) -> Vec<&str> {
        let (head, _) = raw.split_once("\r\n\r\n").unwrap();
        head.split("\r\n").filter(|line| !line.starts_with([' ', '\t'])).collect()
    }

    #[test]
    fn a_message_has_the_headers_that_a_receiver_goes_by() {
        let raw = raw("recovery", "a@example.com", json!({"token": "t", "code": "123456"})).unwrap();
        let head = head(&raw);
        for expected in [
            "From: \"Acme Inc.\" <no-reply@acme.example>",
            "To: a@example.com",
            "Subject: Reset your password for Acme Inc.",
            "Date: Sun, 17 Mar 2030 17:46:40 +0000",
            "Message-ID: <2b1f0c9e-0000-4000-8000-000000000001@auth.example>",
            "Auto-Submitted: auto-generated",
            "MIME-Version: 1.0",
        ] {
            assert!(head.contains(&expected), "{expected}\n{raw}");
        }
        let message = MessageParser::new().parse(&raw).unwrap();
        assert_eq!((message.text_body_count(), message.html_body_count()), (1, 1));
        assert!(message.body_text(0).unwrap().contains("https://auth.example:8443/auth/v1/verify?token=t"));
    }

    #[test]
    fn no_name_adds_a_header() {
        for name in ["x\r\nBcc: eve@example.com", "x\nBcc: eve@example.com", "x\r\n\r\nbody", "x\u{0}\r.\r\n"]
        {
            let data = json!({
                "token": "t", "role": name, "invited_by": name,
                "tenant": {"name": name, "slug": name, "mail_from": format!("{name} <t@acme.example>")}
            });
            let raw = raw("invitation", "a@example.com", data).unwrap();
            let names: Vec<_> =
                head(&raw).iter().map(|line| line.split(':').next().unwrap().to_owned()).collect();
            let expected = [
                "From",
                "To",
                "Subject",
                "Date",
                "Message-ID",
                "Auto-Submitted",
                "MIME-Version",
                "Content-Type",
            ];
            assert_eq!(names, expected, "{raw}");
            assert!(raw.contains("From: \"Acme Inc.\" <no-reply@acme.example>"), "{raw}");
        }
    }

    #[test]
    fn a_recipient_that_is_more_than_an_address_gets_nothing() {
        for recipient in
            ["a@example.com\r\nBcc: b@example.com", "a b@example.com", "a@example.com,b@example.com", ""]
        {
            assert!(raw("recovery", recipient, json!({"token": "t"})).is_none(), "{recipient}");
        }
    }

    #[test]
    fn a_kind_without_a_template_is_told() {
        assert!(raw("unheard_of", "a@example.com", json!({})).is_none());
    }

    #[test]
    fn text_of_other_scripts_arrives_as_it_was_written() {
        let data = json!({"token": "t", "tenant": {"name": "Müller & Söhne 株式会社", "slug": "m"}});
        let raw = raw("invitation", "a@example.com", data).unwrap();
        assert!(raw.is_ascii());
        let message = MessageParser::new().parse(&raw).unwrap();
        assert_eq!(message.subject().unwrap(), "Invitation to Müller & Söhne 株式会社");
        assert!(message.body_text(0).unwrap().contains("to join Müller & Söhne 株式会社 at"));
    }
}

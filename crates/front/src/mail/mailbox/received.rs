//! A mail as it came, and what it says.

use mail_parser::{Addr, Address, DateTime, Message, MessageParser, MessagePart};
use serde_json::{Value, json};

use crate::mail::text::one_line;

#[derive(Debug, Default)]
pub(super) struct Received {
    pub(super) id: u64,
    /// Those of the envelope.
    pub(super) recipients: Vec<String>,
    pub(super) from: String,
    pub(super) subject: String,
    pub(super) date: String,
    pub(super) message_id: String,
    pub(super) text: String,
    pub(super) html: Option<String>,
    pub(super) raw: Vec<u8>,
}

impl Received {
    /// What is no mail is kept without what would be read from it.
    pub(super) fn read(id: u64, recipients: Vec<String>, raw: Vec<u8>) -> Self {
        let recipients = recipients.iter().map(|recipient| one_line(recipient)).collect();
        let read = MessageParser::default().parse(&raw).map(|message| Self::of(&message));
        Self { id, recipients, raw, ..read.unwrap_or_default() }
    }

    fn of(message: &Message<'_>) -> Self {
        let has_html = message.html_bodies().any(MessagePart::is_text_html);
        Self {
            from: message.from().and_then(Address::first).map(shown).unwrap_or_default(),
            subject: one_line(message.subject().unwrap_or_default()),
            date: message.date().map(DateTime::to_rfc3339).unwrap_or_default(),
            message_id: one_line(message.message_id().unwrap_or_default()),
            text: in_lines(&message.body_text(0).unwrap_or_default()),
            html: message.body_html(0).filter(|_| has_html).map(|html| in_lines(&html)),
            ..Self::default()
        }
    }

    /// What in the text is an address of the web.
    pub(super) fn links(&self) -> impl Iterator<Item = &str> {
        self.text
            .split(|c: char| c.is_whitespace() || matches!(c, '<' | '>' | '"'))
            .filter(|word| word.starts_with("http://") || word.starts_with("https://"))
    }

    pub(super) fn to_json(&self) -> Value {
        json!({
            "id": self.id, "to": self.recipients, "from": self.from, "subject": self.subject, "date": self.date,
            "message_id": self.message_id, "text": self.text, "html": self.html,
            "links": self.links().collect::<Vec<_>>()
        })
    }
}

/// With the line ends that programs expect; those of mail are in the source.
fn in_lines(text: &str) -> String {
    text.replace("\r\n", "\n")
}

fn shown(address: &Addr<'_>) -> String {
    let mailbox = address.address().unwrap_or_default();
    one_line(&address.name().map_or_else(|| mailbox.to_owned(), |name| format!("{name} <{mailbox}>")))
}

#[cfg(test)]
mod tests {
    use super::Received;

    #[test]
    fn a_mail_is_read_with_its_links() {
        let raw = b"From: \"A\" <a@x.example>\r\nSubject: =?utf-8?Q?Gr=C3=BC=C3=9Fe?=\r\nMessage-ID: <1@x.example>\r\n\
            Date: Sun, 17 Mar 2030 17:46:40 +0000\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n\
            Open https://x.example/a?b=c&d=e\r\n(or not)\r\n";
        let mail = Received::read(7, vec!["b@x.example".to_owned()], raw.to_vec());
        assert_eq!((mail.subject.as_str(), mail.message_id.as_str()), ("Grüße", "1@x.example"));
        assert_eq!((mail.from.as_str(), mail.date.as_str()), ("A <a@x.example>", "2030-03-17T17:46:40Z"));
        assert_eq!(mail.links().collect::<Vec<_>>(), ["https://x.example/a?b=c&d=e"]);
        assert_eq!(mail.html, None);
        assert!(mail.text.ends_with("d=e\n(or not)\n"), "{}", mail.text);
    }

    #[test]
    fn what_is_no_mail_is_shown_as_far_as_it_goes() {
        let mail = Received::read(1, Vec::new(), vec![0xff, 0, 13, 10]);
        assert_eq!((mail.subject.as_str(), mail.from.as_str()), ("", ""));
    }
}

//! Whom a mail is from.

use lettre::message::Mailbox;
use serde_json::Value;

use super::text::{is_control, one_line};

/// `Name <address>` or an address alone. `None` for anything else, and for what could begin another
/// header.
pub(crate) fn parse(text: &str) -> Option<Mailbox> {
    if text.chars().any(is_control) {
        return None;
    }
    let mailbox: Mailbox = text.trim().parse().ok()?;
    let name = mailbox.name.as_deref().map(one_line).filter(|name| !name.is_empty());
    Some(Mailbox::new(name, mailbox.email))
}

/// The tenant's, else ours. A tenant's that is none is worth a line in the log and no lost mail.
pub(super) fn of(tenant: &Value, ours: &Mailbox) -> Mailbox {
    let Some(text) = tenant.get("mail_from").and_then(Value::as_str) else { return ours.clone() };
    parse(text).unwrap_or_else(|| {
        let tenant = tenant.get("slug").and_then(Value::as_str).unwrap_or_default();
        tracing::warn!(tenant, "the tenant's mail_from is no address such as Acme <no-reply@acme.example>");
        ours.clone()
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{of, parse};

    #[test]
    fn a_sender_has_a_name_or_not() {
        assert_eq!(parse("Acme Inc. <a@acme.example>").unwrap().name.unwrap(), "Acme Inc.");
        assert_eq!(parse("a@acme.example").unwrap().name, None);
        assert_eq!(parse("Gatehouse <gatehouse@localhost>").unwrap().email.domain(), "localhost");
    }

    #[test]
    fn what_could_begin_another_header_is_no_sender() {
        for text in
            ["", "Acme", "a@b.example\r\nBcc: c@d.example", "A\n <a@b.example>", "a@b.example, c@d.example"]
        {
            assert!(parse(text).is_none(), "{text:?}");
        }
    }

    #[test]
    fn a_tenant_has_its_own_sender_unless_it_is_none() {
        let ours = parse("Ours <o@example.com>").unwrap();
        assert_eq!(of(&json!(null), &ours), ours);
        assert_eq!(of(&json!({"mail_from": null}), &ours), ours);
        assert_eq!(of(&json!({"slug": "t", "mail_from": "broken"}), &ours), ours);
        let theirs = of(&json!({"mail_from": "Theirs <t@example.com>"}), &ours);
        assert_eq!(theirs.email.user(), "t");
    }
}

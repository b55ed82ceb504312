//! What templates can say: the same names for every kind of mail, empty where a kind has no such
//! thing. Also under the names of Supabase's templates.

use serde_json::{Value, json};

use super::outbox::Mail;
use super::{lifetime, link, text};
use crate::config::Site;

/// Every name, for finding the wrong ones in templates.
pub(super) const NAMES: [&str; 27] = [
    "ConfirmationURL",
    "Data",
    "Email",
    "NewEmail",
    "RedirectTo",
    "SiteURL",
    "Token",
    "TokenHash",
    "app_name",
    "code",
    "code_lifetime",
    "confirmation_url",
    "data",
    "email",
    "expires_at",
    "friendly_name",
    "invited_by",
    "kind",
    "link_lifetime",
    "new_email",
    "recipient",
    "redirect_to",
    "remaining",
    "role",
    "site_url",
    "tenant",
    "token_hash",
];

/// Longer metadata is not for a mail.
const LONGEST_NAME: usize = 100;

/// The variables of one mail. `sender_name` is what the sender calls itself.
pub(super) fn of(mail: &Mail, site: &Site, sender_name: Option<&str>) -> Value {
    let data = text::in_lines(&mail.data);
    let tenant = &data["tenant"];
    let site_url = tenant["site_url"].as_str().unwrap_or(&site.site_url);
    let confirmation_url = link::of(&mail.kind, &mail.data, site);
    let redirect_to = link::redirect_to(&data);
    let email = data["email"].as_str().unwrap_or(&mail.recipient);
    let new_email = data["data"]["new_email"].as_str().or(data["new_email"].as_str());
    let tenant_name = tenant["name"].as_str().or(data["tenant_name"].as_str());
    let tenant_name = tenant_name.map(|name| text::shortened(name, LONGEST_NAME));
    let tenant_slug = tenant["slug"].as_str().or(data["tenant_slug"].as_str());
    json!({
        "ConfirmationURL": confirmation_url, "confirmation_url": confirmation_url,
        "Data": data["user_metadata"], "data": data["user_metadata"],
        "Email": email, "email": email,
        "NewEmail": new_email, "new_email": new_email,
        "RedirectTo": redirect_to, "redirect_to": redirect_to,
        "SiteURL": site_url, "site_url": site_url,
        "Token": data["code"], "code": data["code"],
        "TokenHash": data["token"], "token_hash": data["token"],
        "app_name": sender_name.unwrap_or_else(|| host(site_url)),
        "code_lifetime": data["code_seconds"].as_u64().map(lifetime::words),
        "expires_at": data["expires_at"],
        "friendly_name": data["friendly_name"],
        "invited_by": data["invited_by"],
        "kind": mail.kind,
        "link_lifetime": data["link_seconds"].as_u64().map(lifetime::words),
        "recipient": mail.recipient,
        "remaining": data["remaining"],
        "role": data["role"],
        "tenant": { "name": tenant_name, "slug": tenant_slug },
    })
}

fn host(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.split('/').next().unwrap_or(rest)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{NAMES, of};
    use crate::config::Site;
    use crate::mail::outbox::Mail;

    fn variables(data: serde_json::Value) -> serde_json::Value {
        let mail = Mail {
            id: "0".to_owned(),
            kind: "recovery".to_owned(),
            recipient: "a@example.com".to_owned(),
            data,
            attempt: 1,
        };
        let site = Site {
            site_url: "https://app.example/x".to_owned(),
            external_url: "https://auth.example".to_owned(),
            redirect_urls: Vec::new(),
        };
        of(&mail, &site, None)
    }

    #[test]
    fn the_names_are_the_listed_ones_whatever_a_mail_has() {
        for data in
            [json!({}), json!({"token": "t", "options": {"redirect_to": "x"}}), json!([]), json!(null)]
        {
            let variables = variables(data);
            let names: Vec<_> = variables.as_object().unwrap().keys().map(String::as_str).collect();
            assert_eq!(names, NAMES);
        }
    }

    #[test]
    fn a_tenant_has_its_own_site_and_name() {
        let plain = variables(json!({"tenant": null}));
        assert_eq!(
            (&plain["site_url"], &plain["app_name"]),
            (&json!("https://app.example/x"), &json!("app.example"))
        );
        let tenant = json!({"name": "Acme\r\nInc.", "slug": "acme", "site_url": "https://acme.example"});
        let theirs = variables(json!({"tenant": tenant}));
        assert_eq!(theirs["site_url"], "https://acme.example");
        assert_eq!(theirs["tenant"], json!({"name": "Acme Inc.", "slug": "acme"}));
    }

    #[test]
    fn what_users_wrote_of_themselves_stays_in_one_line() {
        let variables = variables(json!({"user_metadata": {"name": "A\n\nClick https://evil.example"}}));
        assert_eq!(variables["Data"]["name"], "A Click https://evil.example");
    }
}

//! A mail with something in every place, to try templates with before anybody waits for them.

use serde_json::{Value, json};

use crate::config::Site;
use crate::mail::outbox::Mail;
use crate::mail::variables;

pub(super) fn variables(kind: &str) -> Value {
    let mail = Mail {
        id: "00000000-0000-0000-0000-000000000000".to_owned(),
        kind: kind.to_owned(),
        recipient: "alice@acme.example".to_owned(),
        attempt: 1,
        data: json!({
            "token": "sample", "code": "123456", "email": "alice@acme.example",
            "code_seconds": 600, "link_seconds": 3600, "user_metadata": {"name": "Alice"},
            "data": {"new_email": "alice@new.example"}, "new_email": "alice@new.example",
            "options": {"redirect_to": "https://app.acme.example/welcome"},
            "tenant": {"slug": "acme", "name": "Acme Inc."}, "role": "member",
            "invited_by": "bob@acme.example", "expires_at": "2030-01-01T00:00:00+00:00",
            "friendly_name": "phone", "remaining": 9
        }),
    };
    let site = Site {
        site_url: "https://app.acme.example".to_owned(),
        external_url: "https://auth.acme.example".to_owned(),
        redirect_urls: Vec::new(),
    };
    variables::of(&mail, &site, Some("Acme"))
}

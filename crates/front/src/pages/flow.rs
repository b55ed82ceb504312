//! What one page tells the next in a cookie: whom mail was sent to, and what for. Nothing of it is
//! trusted; it saves typing.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

use super::link::Kind;
use super::visit::Visit;
use crate::browser::Small;

/// Longer addresses are none (RFC 5321 §4.5.3.1).
const MOST_EMAIL: usize = 254;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Flow {
    pub(super) email: String,
    pub(super) kind: Kind,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) tenant: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) redirect_to: Option<String>,
}

impl Flow {
    pub(super) fn of(visit: &Visit) -> Option<Self> {
        Self::read(visit.cookies.get(&Small::Flow.name())?)
    }

    pub(super) fn keep(&self, visit: &mut Visit) {
        visit.set.small(Small::Flow, &self.write());
    }

    fn read(text: &str) -> Option<Self> {
        let json = URL_SAFE_NO_PAD.decode(text).ok()?;
        let flow: Self = serde_json::from_slice(&json).ok()?;
        (flow.email.len() <= MOST_EMAIL).then_some(flow)
    }

    fn write(&self) -> String {
        let email: String = self.email.chars().take(MOST_EMAIL).collect();
        let json = serde_json::to_vec(&Self { email, ..self.clone() }).unwrap_or_default();
        URL_SAFE_NO_PAD.encode(json)
    }
}

#[cfg(test)]
mod tests {
    use super::{Flow, Kind};

    #[test]
    fn a_flow_comes_back_as_it_went() {
        let flow = Flow {
            email: "a;b\"@example.com".to_owned(),
            kind: Kind::Recovery,
            tenant: None,
            redirect_to: Some("https://app.example.com/?a=1;b".to_owned()),
        };
        let text = flow.write();
        assert!(text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)));
        assert_eq!(Flow::read(&text), Some(flow));
    }

    #[test]
    fn what_somebody_made_up_is_none() {
        for text in ["", "x", "e30", "bnVsbA", "%"] {
            assert_eq!(Flow::read(text), None, "{text}");
        }
    }
}

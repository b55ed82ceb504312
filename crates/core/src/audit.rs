//! The hash chain of audit events.
//!
//! Each sealed event has a position and a hash: HMAC-SHA-256 (RFC 2104) under a key of this
//! database over the hash before it, the position and the event. Whoever changes, removes, inserts
//! or reorders an event without the key breaks the chain at that place.
//!
//! The encoding is unambiguous: a fixed number of fields in a fixed order, each with a byte that
//! tells whether it is there and, if so, its length.

use aws_lc_rs::hmac;

use serde_json::{Map, Value};

use crate::secret::Secret;

/// Length of a hash, bytes.
pub const HASH_BYTES: usize = 32;

/// What one hash of the chain is for; a hash made for one can not stand for another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Link {
    /// An event.
    Event,
    /// The end of a run of events that retention dropped.
    Anchor,
    /// The last sealed position.
    Head,
}

/// The fields of an event, in the order in which they are hashed. Text is as PostgreSQL prints it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Event<'a> {
    /// Number of the row.
    pub id: i64,
    /// Microseconds since 2000-01-01 UTC, as PostgreSQL counts.
    pub at: i64,
    /// What happened.
    pub event: &'a str,
    /// `success` or `failure`.
    pub outcome: &'a str,
    /// Whom it concerns.
    pub user_id: Option<&'a [u8]>,
    /// In which tenant.
    pub tenant_id: Option<&'a [u8]>,
    /// In which session.
    pub session_id: Option<&'a [u8]>,
    /// From where.
    pub ip: Option<&'a str>,
    /// With which program.
    pub user_agent: Option<&'a str>,
    /// More, as JSON.
    pub detail: &'a str,
}

/// The hash of `event` at `position` (1 and up), after one whose hash is `previous` (empty at the
/// beginning).
#[must_use]
pub fn hash(key: &Secret, previous: &[u8], position: i64, event: &Event) -> [u8; HASH_BYTES] {
    let mut mac = Mac::new(key, Link::Event);
    mac.field(Some(previous));
    mac.number(position);
    mac.number(event.id);
    mac.number(event.at);
    mac.field(Some(event.event.as_bytes()));
    mac.field(Some(event.outcome.as_bytes()));
    for id in [event.user_id, event.tenant_id, event.session_id] {
        mac.field(id);
    }
    mac.field(event.ip.map(str::as_bytes));
    mac.field(event.user_agent.map(str::as_bytes));
    mac.field(Some(event.detail.as_bytes()));
    mac.finish()
}

/// Authenticates a statement about the chain: that the events `from..=to` are there or were
/// dropped by retention, and that the last one's hash is `last`.
#[must_use]
pub fn mark(key: &Secret, link: Link, from: i64, to: i64, last: &[u8]) -> [u8; HASH_BYTES] {
    let mut mac = Mac::new(key, link);
    mac.number(from);
    mac.number(to);
    mac.field(Some(last));
    mac.finish()
}

struct Mac(hmac::Context);

impl Mac {
    fn new(key: &Secret, link: Link) -> Self {
        let mut context = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, key.expose()));
        // The version of the encoding, and what the hash is for.
        context.update(&[1, link as u8]);
        Self(context)
    }

    fn number(&mut self, value: i64) {
        self.field(Some(&value.to_be_bytes()));
    }

    fn field(&mut self, value: Option<&[u8]>) {
        match value {
            None => self.0.update(&[0]),
            Some(bytes) => {
                self.0.update(&[1]);
                self.0.update(&(bytes.len() as u64).to_be_bytes());
                self.0.update(bytes);
            }
        }
    }

    fn finish(self) -> [u8; HASH_BYTES] {
        let mut hash = [0; HASH_BYTES];
        hash.copy_from_slice(self.0.sign().as_ref());
        hash
    }
}

/// An event as it is written to the log and kept until it is written to the table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// JSON on one line.
    pub json: String,
    /// Whether its outcome is a failure.
    pub is_failure: bool,
}

/// Longest user agent and longest name of an event, bytes, where there is not room for all.
const USER_AGENT_BYTES: usize = 120;
const EVENT_BYTES: usize = 60;

/// The event as JSON of at most `limit` bytes (500 at least). What is too long loses first the end of
/// its user agent, then its detail, then its user agent; never whom, what, when and from where.
#[must_use]
pub fn fit(mut event: Map<String, Value>, limit: usize) -> Message {
    let is_failure = event.get("outcome").and_then(Value::as_str) != Some("success");
    let shorten = |event: &mut Map<String, Value>, name: &str, bytes: usize| {
        if let Some(Value::String(text)) = event.get_mut(name) {
            *text = cut(text, bytes).to_owned();
        }
    };
    shorten(&mut event, "event", EVENT_BYTES);
    event.retain(|_, value| !value.is_null());
    let mut json = Value::Object(event.clone()).to_string();
    if json.len() > limit {
        shorten(&mut event, "user_agent", USER_AGENT_BYTES);
        json = Value::Object(event.clone()).to_string();
    }
    if json.len() > limit {
        event.insert("detail".to_owned(), serde_json::json!({"truncated": true}));
        json = Value::Object(event.clone()).to_string();
    }
    if json.len() > limit {
        event.remove("user_agent");
        json = Value::Object(event).to_string();
    }
    Message { json, is_failure }
}

/// Cuts `text` to at most `bytes` bytes, at the border of a character.
#[must_use]
pub fn cut(text: &str, bytes: usize) -> &str {
    &text[..text.floor_char_boundary(bytes)]
}

#[cfg(test)]
mod tests {
    use super::{Event, Link, cut, fit, hash, mark};
    use crate::secret::Secret;
    use proptest::prelude::*;

    fn key() -> Secret {
        Secret::new(vec![7; 32])
    }

    fn event() -> Event<'static> {
        Event {
            id: 3,
            at: 5,
            event: "sign_in",
            outcome: "failure",
            user_id: Some(&[1; 16]),
            tenant_id: None,
            session_id: Some(&[2; 16]),
            ip: Some("10.0.0.1/32"),
            user_agent: Some("curl"),
            detail: "{}",
        }
    }

    #[test]
    fn every_field_the_position_the_predecessor_and_the_key_count() {
        let right = hash(&key(), b"before", 9, &event());
        let others = [
            Event { id: 4, ..event() },
            Event { at: 6, ..event() },
            Event { event: "sign_up", ..event() },
            Event { outcome: "success", ..event() },
            Event { user_id: None, ..event() },
            Event { tenant_id: Some(&[1; 16]), user_id: None, ..event() },
            Event { session_id: Some(&[3; 16]), ..event() },
            Event { ip: None, ..event() },
            Event { ip: Some("10.0.0.2/32"), ..event() },
            Event { user_agent: Some(""), ..event() },
            Event { user_agent: None, ..event() },
            Event { detail: "{\"a\": 1}", ..event() },
        ];
        for other in others {
            assert_ne!(hash(&key(), b"before", 9, &other), right, "{other:?}");
        }
        assert_ne!(hash(&key(), b"before", 10, &event()), right);
        assert_ne!(hash(&key(), b"", 9, &event()), right);
        assert_ne!(hash(&Secret::new(vec![8; 32]), b"before", 9, &event()), right);
        assert_eq!(hash(&key(), b"before", 9, &event()), right);
    }

    #[test]
    fn a_mark_of_one_kind_can_not_stand_for_another() {
        let anchor = mark(&key(), Link::Anchor, 1, 2, b"last");
        assert_ne!(mark(&key(), Link::Head, 1, 2, b"last"), anchor);
        assert_ne!(mark(&key(), Link::Anchor, 2, 2, b"last"), anchor);
        assert_ne!(mark(&key(), Link::Anchor, 1, 3, b"last"), anchor);
        assert_ne!(mark(&key(), Link::Anchor, 1, 2, b"lost"), anchor);
    }

    #[test]
    fn a_cut_never_splits_a_character() {
        assert_eq!(cut("häuser", 2), "h");
        assert_eq!(cut("häuser", 3), "hä");
        assert_eq!(cut("", 3), "");
    }

    fn full(user_agent: &str, detail: &str) -> serde_json::Map<String, serde_json::Value> {
        let id = "00000000-0000-4000-8000-000000000000";
        let event = serde_json::json!({
            "at": "2026-11-24T12:00:00.123456+00:00", "event": "sign_in", "outcome": "failure",
            "user_id": id, "tenant_id": id, "session_id": id, "user_agent": user_agent,
            "ip": "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "detail": {"reason": detail},
        });
        event.as_object().unwrap().clone()
    }

    #[test]
    fn an_event_that_fits_is_kept_whole_but_for_its_nulls() {
        let mut event = full("curl", "wrong_password");
        event.insert("nothing".to_owned(), serde_json::Value::Null);
        let message = fit(event, 700);
        let event: serde_json::Value = serde_json::from_str(&message.json).unwrap();
        assert_eq!(event, serde_json::Value::Object(full("curl", "wrong_password")));
        assert!(message.is_failure);
    }

    #[test]
    fn the_detail_goes_before_the_user_agent() {
        let message = fit(full(&"u".repeat(500), &"d".repeat(500)), 600).json;
        assert!(message.contains("\"truncated\":true") && message.contains("uuuu"), "{message}");
    }

    proptest! {
        #[test]
        fn whatever_is_in_it_an_event_fits_and_stays_json(agent in "\\PC{0,700}", detail in "\\PC{0,700}") {
            let message = fit(full(&agent, &detail), 500);
            prop_assert!(message.json.len() <= 500, "{}", message.json.len());
            let event: serde_json::Value = serde_json::from_str(&message.json).unwrap();
            prop_assert_eq!(&event["event"], "sign_in");
            prop_assert!(!message.json.contains('\n'));
        }

        /// Moving bytes between neighbouring fields is noticed: the encoding is unambiguous.
        #[test]
        fn the_border_between_fields_counts(text in "[a-z]{1,12}", at in 0usize..12, other in 0usize..12) {
            let (at, other) = (at.min(text.len()), other.min(text.len()));
            prop_assume!(at != other);
            let split = |at: usize| {
                let (event, outcome) = text.split_at(at);
                hash(&key(), b"", 1, &Event { event, outcome, ..Event::default() })
            };
            prop_assert_ne!(split(at), split(other));
        }

        #[test]
        fn a_cut_is_a_prefix_within_the_limit(text in "\\PC{0,40}", bytes in 0usize..60) {
            let short = cut(&text, bytes);
            prop_assert!(short.len() <= bytes && text.starts_with(short));
            prop_assert!(text.len() - short.len() < 4 || short.len() + 4 > bytes);
        }
    }
}

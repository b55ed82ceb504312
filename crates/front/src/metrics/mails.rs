//! What became of mails, by kind.

use std::fmt::Write;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::mail::KINDS;

/// The kinds, and one place for those of the operator's own: labels must not grow without end.
const PLACES: usize = KINDS.len() + 1;
const OTHER: &str = "other";

#[derive(Debug, Default)]
pub(crate) struct MailMetrics {
    sent: [AtomicU64; PLACES],
    failed: [AtomicU64; PLACES],
    dead: [AtomicU64; PLACES],
}

impl MailMetrics {
    pub(crate) fn sent(&self, kind: &str) {
        count(&self.sent, kind);
    }

    /// One attempt; there may be more.
    pub(crate) fn failed(&self, kind: &str) {
        count(&self.failed, kind);
    }

    /// Given up.
    pub(crate) fn dead(&self, kind: &str) {
        count(&self.dead, kind);
    }

    pub(super) fn write(&self, text: &mut String) {
        for (name, help, counters) in [
            ("gatehouse_mails_sent_total", "Mails that the mail server took", &self.sent),
            ("gatehouse_mails_failed_total", "Attempts to send a mail that failed", &self.failed),
            ("gatehouse_mails_dead_total", "Mails that were given up", &self.dead),
        ] {
            let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} counter");
            for (kind, counter) in KINDS.iter().chain([&OTHER]).zip(counters) {
                let _ = writeln!(text, "{name}{{kind=\"{kind}\"}} {}", counter.load(Ordering::Relaxed));
            }
        }
    }
}

fn count(counters: &[AtomicU64; PLACES], kind: &str) {
    let place = KINDS.iter().position(|known| *known == kind).unwrap_or(PLACES - 1);
    counters[place].fetch_add(1, Ordering::Relaxed);
}

#[cfg(test)]
mod tests {
    use super::MailMetrics;

    #[test]
    fn mails_are_counted_by_kind_and_unknown_kinds_together() {
        let metrics = MailMetrics::default();
        metrics.sent("recovery");
        metrics.sent("recovery");
        metrics.failed("one of the operator's");
        metrics.failed("another");
        metrics.dead("invite");
        let mut text = String::new();
        metrics.write(&mut text);
        for line in [
            "gatehouse_mails_sent_total{kind=\"recovery\"} 2",
            "gatehouse_mails_failed_total{kind=\"other\"} 2",
            "gatehouse_mails_dead_total{kind=\"invite\"} 1",
            "gatehouse_mails_dead_total{kind=\"other\"} 0",
        ] {
            assert!(text.lines().any(|is| is == line), "{line}\n{text}");
        }
    }
}

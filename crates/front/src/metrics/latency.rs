//! How long answers take, by what was asked for and how it ended, as Prometheus histograms.

use std::fmt::Write;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::http::StatusCode;

/// What was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Class {
    Auth,
    Call,
    Data,
    /// Whoever watches over this process.
    Health,
    Page,
}

const CLASSES: [(Class, &str); 5] = [
    (Class::Auth, "auth"),
    (Class::Call, "rpc"),
    (Class::Data, "data"),
    (Class::Health, "health"),
    (Class::Page, "page"),
];

/// By the first digit of the status.
const STATUSES: [&str; 5] = ["1xx", "2xx", "3xx", "4xx", "5xx"];

const NAME: &str = "gatehouse_http_request_duration_seconds";

/// The upper bounds, in microseconds and as they are written.
const BOUNDS: [(u64, &str); 12] = [
    (500, "0.0005"),
    (1_000, "0.001"),
    (2_500, "0.0025"),
    (5_000, "0.005"),
    (10_000, "0.01"),
    (25_000, "0.025"),
    (50_000, "0.05"),
    (100_000, "0.1"),
    (250_000, "0.25"),
    (1_000_000, "1"),
    (5_000_000, "5"),
    (30_000_000, "30"),
];

#[derive(Debug, Default)]
struct Histogram {
    /// Not cumulated; the last is for all that took longer.
    buckets: [AtomicU64; BOUNDS.len() + 1],
    microseconds: AtomicU64,
}

#[derive(Debug, Default)]
pub(super) struct Latency([[Histogram; STATUSES.len()]; CLASSES.len()]);

impl Class {
    pub(crate) fn of(path: &str) -> Self {
        if path.starts_with("/auth/v1/") || path.starts_with("/.well-known/") {
            Self::Auth
        } else if path.starts_with("/auth/") || path.starts_with("/dev/") {
            Self::Page
        } else if path.starts_with("/rpc/") || path.starts_with("/rest/v1/rpc/") {
            Self::Call
        } else if matches!(path, "/live" | "/ready") {
            Self::Health
        } else {
            Self::Data
        }
    }

    /// What no route but the data API's takes.
    pub(crate) fn is_data(self) -> bool {
        matches!(self, Self::Call | Self::Data)
    }

    fn place(self) -> usize {
        CLASSES.iter().position(|(class, _)| *class == self).unwrap_or_default()
    }
}

impl Latency {
    pub(super) fn observe(&self, class: Class, status: StatusCode, took: Duration) {
        let status = usize::from(status.as_u16() / 100).clamp(1, STATUSES.len()) - 1;
        let histogram = &self.0[class.place()][status];
        let took = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let bucket = BOUNDS.iter().position(|(bound, _)| took <= *bound).unwrap_or(BOUNDS.len());
        histogram.buckets[bucket].fetch_add(1, Ordering::Relaxed);
        histogram.microseconds.fetch_add(took, Ordering::Relaxed);
    }

    /// Of each class and status that there was.
    pub(super) fn write(&self, text: &mut String) {
        let _ = writeln!(text, "# HELP {NAME} Time to an answer\n# TYPE {NAME} histogram");
        for (histograms, (_, class)) in self.0.iter().zip(CLASSES) {
            for (histogram, status) in histograms.iter().zip(STATUSES) {
                histogram.write(&format!("api=\"{class}\",status=\"{status}\""), text);
            }
        }
    }
}

impl Histogram {
    fn write(&self, labels: &str, text: &mut String) {
        let buckets: Vec<_> = self.buckets.iter().map(|bucket| bucket.load(Ordering::Relaxed)).collect();
        if buckets.iter().all(|count| *count == 0) {
            return;
        }
        let mut count = 0;
        for (bucket, bound) in buckets.iter().zip(BOUNDS.iter().map(|(_, shown)| *shown).chain(["+Inf"])) {
            count += bucket;
            let _ = writeln!(text, "{NAME}_bucket{{{labels},le=\"{bound}\"}} {count}");
        }
        let sum = self.microseconds.load(Ordering::Relaxed);
        let (seconds, rest) = (sum / 1_000_000, sum % 1_000_000);
        let _ =
            writeln!(text, "{NAME}_sum{{{labels}}} {seconds}.{rest:06}\n{NAME}_count{{{labels}}} {count}");
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use axum::http::StatusCode;

    use super::{Class, Latency};

    #[test]
    fn buckets_are_cumulative_and_the_last_has_all() {
        let latency = Latency::default();
        for milliseconds in [0, 3, 60_000] {
            latency.observe(Class::Data, StatusCode::OK, Duration::from_millis(milliseconds));
        }
        latency.observe(Class::Auth, StatusCode::TOO_MANY_REQUESTS, Duration::ZERO);
        let mut text = String::new();
        latency.write(&mut text);
        for line in [
            "_bucket{api=\"data\",status=\"2xx\",le=\"0.0005\"} 1",
            "_bucket{api=\"data\",status=\"2xx\",le=\"0.005\"} 2",
            "_bucket{api=\"data\",status=\"2xx\",le=\"30\"} 2",
            "_bucket{api=\"data\",status=\"2xx\",le=\"+Inf\"} 3",
            "_sum{api=\"data\",status=\"2xx\"} 60.003000",
            "_count{api=\"data\",status=\"2xx\"} 3",
            "_count{api=\"auth\",status=\"4xx\"} 1",
        ] {
            assert!(
                text.contains(&format!("gatehouse_http_request_duration_seconds{line}\n")),
                "{line}\n{text}"
            );
        }
        assert!(!text.contains("5xx"));
    }

    #[test]
    fn paths_are_told_apart() {
        for (path, class) in [
            ("/auth/v1/token", Class::Auth),
            ("/auth/sign-in", Class::Page),
            ("/rest/v1/rpc/f", Class::Call),
            ("/rpc/f", Class::Call),
            ("/rest/v1/note", Class::Data),
            ("/ready", Class::Health),
        ] {
            assert_eq!(Class::of(path), class, "{path}");
        }
    }
}

//! How long answers take, by what was asked for, as a Prometheus histogram.

use std::fmt::Write;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// What was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Class {
    Auth,
    Call,
    Data,
}

const CLASSES: [(Class, &str); 3] = [(Class::Auth, "auth"), (Class::Call, "rpc"), (Class::Data, "data")];

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
pub(super) struct Latency([Histogram; CLASSES.len()]);

impl Class {
    pub(crate) fn of(path: &str) -> Self {
        if path.starts_with("/auth/") {
            Self::Auth
        } else if path.starts_with("/rpc/") || path.starts_with("/rest/v1/rpc/") {
            Self::Call
        } else {
            Self::Data
        }
    }

    fn place(self) -> usize {
        CLASSES.iter().position(|(class, _)| *class == self).unwrap_or_default()
    }
}

impl Latency {
    pub(super) fn observe(&self, class: Class, took: Duration) {
        let histogram = &self.0[class.place()];
        let took = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let bucket = BOUNDS.iter().position(|(bound, _)| took <= *bound).unwrap_or(BOUNDS.len());
        histogram.buckets[bucket].fetch_add(1, Ordering::Relaxed);
        histogram.microseconds.fetch_add(took, Ordering::Relaxed);
    }

    pub(super) fn write(&self, text: &mut String) {
        const NAME: &str = "gatehouse_http_request_duration_seconds";
        let _ = writeln!(text, "# HELP {NAME} Time to an answer\n# TYPE {NAME} histogram");
        for (histogram, (_, class)) in self.0.iter().zip(CLASSES) {
            let mut count = 0;
            let bounds = BOUNDS.iter().map(|(_, shown)| *shown).chain(["+Inf"]);
            for (bucket, bound) in histogram.buckets.iter().zip(bounds) {
                count += bucket.load(Ordering::Relaxed);
                let _ = writeln!(text, "{NAME}_bucket{{api=\"{class}\",le=\"{bound}\"}} {count}");
            }
            let sum = histogram.microseconds.load(Ordering::Relaxed);
            let (seconds, rest) = (sum / 1_000_000, sum % 1_000_000);
            let _ = writeln!(text, "{NAME}_sum{{api=\"{class}\"}} {seconds}.{rest:06}");
            let _ = writeln!(text, "{NAME}_count{{api=\"{class}\"}} {count}");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Class, Latency};

    #[test]
    fn buckets_are_cumulative_and_the_last_has_all() {
        let latency = Latency::default();
        for milliseconds in [0, 3, 60_000] {
            latency.observe(Class::Data, Duration::from_millis(milliseconds));
        }
        let mut text = String::new();
        latency.write(&mut text);
        for line in [
            "_bucket{api=\"data\",le=\"0.0005\"} 1",
            "_bucket{api=\"data\",le=\"0.005\"} 2",
            "_bucket{api=\"data\",le=\"30\"} 2",
            "_bucket{api=\"data\",le=\"+Inf\"} 3",
            "_sum{api=\"data\"} 60.003000",
            "_count{api=\"data\"} 3",
            "_count{api=\"auth\"} 0",
        ] {
            assert!(
                text.contains(&format!("gatehouse_http_request_duration_seconds{line}\n")),
                "{line}\n{text}"
            );
        }
    }

    #[test]
    fn paths_are_told_apart() {
        assert_eq!(Class::of("/auth/v1/token"), Class::Auth);
        assert_eq!(Class::of("/rest/v1/rpc/f"), Class::Call);
        assert_eq!(Class::of("/rest/v1/note"), Class::Data);
    }
}

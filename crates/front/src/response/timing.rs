//! `Server-Timing` (W3C): how long each step took.

use std::fmt::Write;
use std::time::Instant;

use axum::http::{HeaderMap, HeaderName};

use super::insert;

const SERVER_TIMING: HeaderName = HeaderName::from_static("server-timing");

/// The steps so far; nothing when it is off.
#[derive(Debug)]
pub(crate) struct Timing(Option<Steps>);

#[derive(Debug)]
struct Steps {
    begun: Instant,
    text: String,
}

impl Timing {
    pub(crate) fn new(enabled: bool) -> Self {
        Self(enabled.then(|| Steps { begun: Instant::now(), text: String::new() }))
    }

    /// A step has ended, the next begins.
    pub(crate) fn step(&mut self, name: &'static str) {
        let Some(steps) = &mut self.0 else { return };
        let now = Instant::now();
        let milliseconds = now.duration_since(steps.begun).as_secs_f64() * 1000.0;
        steps.begun = now;
        let comma = if steps.text.is_empty() { "" } else { ", " };
        let _ = write!(steps.text, "{comma}{name};dur={milliseconds:.1}");
    }

    /// Ends the last step and tells all.
    pub(crate) fn finish(mut self, headers: &mut HeaderMap) {
        self.step("response");
        if let Some(steps) = self.0 {
            insert(headers, SERVER_TIMING, &steps.text);
        }
    }
}

//! How long a server that could not be reached is left alone.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

const FIRST: Duration = Duration::from_millis(100);
const LONGEST: Duration = Duration::from_secs(2);

#[derive(Debug, Default)]
pub(super) struct Backoff(Mutex<Option<Pause>>);

#[derive(Clone, Copy, Debug)]
struct Pause {
    until: Instant,
    length: Duration,
}

impl Backoff {
    pub(super) fn is_on(&self) -> bool {
        self.pause().is_some_and(|pause| Instant::now() < pause.until)
    }

    /// It could not be reached: a pause, twice as long as the last one.
    pub(super) fn begin(&self) {
        let length = self.pause().map_or(FIRST, |pause| (pause.length * 2).min(LONGEST));
        self.set(Some(Pause { until: Instant::now() + length, length }));
    }

    pub(super) fn end(&self) {
        self.set(None);
    }

    fn pause(&self) -> Option<Pause> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&self, pause: Option<Pause>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = pause;
    }
}

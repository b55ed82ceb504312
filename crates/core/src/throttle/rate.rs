//! How many attempts there are: the generic cell rate algorithm.
//!
//! A counter is one number, the moment at which it will be empty again. Each attempt moves it on by
//! the time in which one attempt drains; an attempt that would move it further ahead than the burst
//! allows is refused. So there is no window at whose edge twice the limit gets through.
//!
//! # Source
//! ITU-T I.371, annex A (the virtual scheduling algorithm).

use super::key::Key;
use super::{DAY, SECOND};
use crate::{Error, Result};

/// Most attempts per period, and the largest burst.
pub const MAX_ATTEMPTS: i32 = 1_000_000;

/// So many attempts per so much time, of which so many at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// Time in which one attempt drains, microseconds, 1..=30 days.
    interval: i64,
    /// How far ahead of now a counter may be: `interval * burst`, at most 30 days * 1 000 000 in
    /// microseconds, which is 2.6e18 and fits.
    tolerance: i64,
}

impl Rate {
    /// - `attempts`: 1..=1 000 000, per `per`
    /// - `per`: microseconds, 1 second..=30 days
    /// - `burst`: attempts at once after a long rest, 1..=1 000 000
    ///
    /// # Errors
    /// - [`Error::ThrottleLimitOutOfRange`]
    pub fn new(attempts: i32, per: i64, burst: i32) -> Result<Self> {
        let good = (1..=MAX_ATTEMPTS).contains(&attempts)
            && (1..=MAX_ATTEMPTS).contains(&burst)
            && (SECOND..=30 * DAY).contains(&per);
        if !good {
            return Err(Error::ThrottleLimitOutOfRange);
        }
        let attempts = i64::from(attempts);
        // Rounded up: never more than asked for.
        let interval = (per + attempts - 1) / attempts;
        Ok(Self { interval, tolerance: interval * i64::from(burst) })
    }
}

/// A counter. All zero: a free place.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Bucket {
    pub(super) key: Key,
    /// When it will be empty again (the theoretical arrival time).
    empty_at: i64,
    /// The tolerance of the rate it was last filled by.
    tolerance: i64,
}

impl Bucket {
    pub(super) fn new(key: Key) -> Self {
        Self { key, empty_at: i64::MIN, tolerance: 0 }
    }

    /// When it is empty, as far as it can be: a clock that was set back, or a limit that was
    /// lowered, must not make anybody wait longer than a full counter takes.
    fn level(&self, rate: Rate, now: i64) -> i64 {
        self.empty_at.clamp(now, now.saturating_add(rate.tolerance))
    }

    /// Microseconds until the next attempt may be made; 0 when it may now.
    pub(super) fn wait(&self, rate: Rate, now: i64) -> i64 {
        let ahead = self.level(rate, now).saturating_sub(now);
        ahead.saturating_add(rate.interval).saturating_sub(rate.tolerance).max(0)
    }

    /// Counts an attempt that [`Self::wait`] has allowed.
    pub(super) fn take(&mut self, rate: Rate, now: i64) {
        self.empty_at = self.level(rate, now).saturating_add(rate.interval);
        self.tolerance = rate.tolerance;
    }

    /// How much would be lost with it: 0 when it is empty, up to 1000 when it is full.
    pub(super) fn fullness(&self, now: i64) -> u32 {
        if self.tolerance == 0 {
            return 0;
        }
        let ahead = i128::from(self.empty_at) - i128::from(now);
        let tolerance = i128::from(self.tolerance);
        u32::try_from((ahead * 1000 + tolerance - 1).div_euclid(tolerance).clamp(0, 1000)).unwrap_or(0)
    }
}

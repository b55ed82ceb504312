//! How long to wait after consecutive failures of one account.
//!
//! An attempt counts from the moment it begins: who breaks it off before it has failed gains
//! nothing. What is under way is kept apart from what has failed, so that a few good attempts at
//! the same time do not hinder each other.
//!
//! # Source
//! NIST SP 800-63B-4 §3.2.2: at most 100 consecutive failures; growing delays; a success forgets
//! them.

use super::key::Key;
use super::{DAY, SECOND};
use crate::{Error, Result};

/// An attempt that nobody heard of for that long was broken off: it counts as failed.
/// Microseconds; checking a credential takes a second at most.
pub const BROKEN_OFF_AFTER: i64 = 60 * SECOND;
/// So many attempts may be under way at once before they count like failures.
pub const MAX_UNDER_WAY: u16 = 16;
/// How long a newcomer to a full memory bears what the entry it displaced had, microseconds.
pub const INHERITED_FOR: i64 = DAY;
/// Most consecutive failures (NIST SP 800-63B-4 §3.2.2).
pub const MAX_FAILURES: i32 = 100;

/// How failures are answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Delay {
    /// Failures without a delay, 0..=100.
    free: u32,
    /// Wait after the next failure, microseconds; it doubles with each further one.
    first: i64,
    /// Longest wait, microseconds.
    longest: i64,
    /// Failures after which the way is shut, 1..=100.
    shut_after: u32,
    /// Quiet time after which half of the failures are forgotten, microseconds.
    halve_after: i64,
}

impl Delay {
    /// - `free`: failures without a delay, 0..=100
    /// - `first`: microseconds, 1 second..=1 hour
    /// - `longest`: microseconds, `first`..=1 day
    /// - `shut_after`: failures, 1..=100; then the way stays shut until the owner proves control in
    ///   another way, or until half is forgotten
    /// - `halve_after`: microseconds, 1..=365 days
    ///
    /// # Errors
    /// - [`Error::ThrottleLimitOutOfRange`]
    pub fn new(free: i32, first: i64, longest: i64, shut_after: i32, halve_after: i64) -> Result<Self> {
        let good = (0..=MAX_FAILURES).contains(&free)
            && (SECOND..=3600 * SECOND).contains(&first)
            && (first..=DAY).contains(&longest)
            && (1..=MAX_FAILURES).contains(&shut_after)
            && (DAY..=365 * DAY).contains(&halve_after);
        if !good {
            return Err(Error::ThrottleLimitOutOfRange);
        }
        Ok(Self {
            free: free.unsigned_abs(),
            first,
            longest,
            shut_after: shut_after.unsigned_abs(),
            halve_after,
        })
    }

    /// Failures without a delay.
    pub(super) fn free(self) -> u32 {
        self.free
    }

    /// How long after the last of so many failures the next attempt may be made, microseconds.
    fn after(self, failures: u32) -> i64 {
        if failures >= self.shut_after {
            return self.halve_after;
        }
        // More doublings than a day in seconds has bits would overflow and change nothing.
        match failures.checked_sub(self.free + 1) {
            None => 0,
            Some(doublings) => (self.first << doublings.min(17)).min(self.longest),
        }
    }
}

/// The consecutive failures of an account at one act. All zero: a free place.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Failures {
    pub(super) key: Key,
    /// The last attempt or failure.
    last: i64,
    failures: u32,
    under_way: u16,
    /// What the entry that it displaced had, at most the free failures; forgotten after a quiet day.
    inherited: u8,
    /// 1 when it was told to the journal: then its end must be, too.
    kept: u8,
}

/// From how many failures on an entry is worth keeping on disk.
pub const KEPT_FROM: u32 = 4;

impl Failures {
    /// Length of [`Self::to_bytes`].
    pub const BYTES: usize = 32;

    pub(super) fn new(key: Key, inherited: u32, now: i64) -> Self {
        let inherited = u8::try_from(inherited).unwrap_or(u8::MAX);
        Self { key, last: now, failures: 0, under_way: 0, inherited, kept: 0 }
    }

    /// As it is at `now`: what was broken off has failed, and old failures are half forgotten.
    pub(super) fn settled(mut self, delay: Delay, now: i64) -> Self {
        // The clock may have been set back.
        self.last = self.last.min(now);
        let quiet = now.saturating_sub(self.last);
        if quiet > BROKEN_OFF_AFTER {
            self.failures = self.own();
            self.under_way = 0;
        }
        if quiet > INHERITED_FOR {
            self.inherited = 0;
        }
        let halvings = u32::try_from(quiet / delay.halve_after).unwrap_or(u32::MAX).min(31);
        self.failures = self.failures.min(delay.shut_after) >> halvings;
        self
    }

    /// What counts; see the module.
    pub(super) fn count(&self, delay: Delay) -> u32 {
        let failed = self.failures.saturating_add(self.inherited.into());
        if failed > delay.free || self.under_way >= MAX_UNDER_WAY { self.weight() } else { failed }
    }

    /// Failures and attempts under way.
    pub(super) fn own(&self) -> u32 {
        self.failures.saturating_add(self.under_way.into())
    }

    /// How much would be lost with it.
    pub(super) fn weight(&self) -> u32 {
        self.own().saturating_add(self.inherited.into())
    }

    /// Microseconds until the next attempt may be made; 0 when it may now.
    pub(super) fn wait(self, delay: Delay, now: i64) -> i64 {
        let settled = self.settled(delay, now);
        let until = settled.last.saturating_add(delay.after(settled.count(delay)));
        until.saturating_sub(now).max(0)
    }

    /// An attempt begins.
    pub(super) fn begin(&mut self, delay: Delay, now: i64) {
        *self = self.settled(delay, now);
        self.under_way = self.under_way.saturating_add(1);
        self.last = now;
    }

    /// An attempt has failed.
    pub(super) fn fail(&mut self, delay: Delay, now: i64) {
        *self = self.settled(delay, now);
        self.under_way = self.under_way.saturating_sub(1);
        self.failures = self.failures.saturating_add(1);
        self.last = now;
    }

    /// Whether it should be, or was, kept on disk; from now on it is.
    pub(super) fn keep(&mut self) -> bool {
        let keep = self.kept != 0 || self.own() >= KEPT_FROM;
        self.kept = keep.into();
        keep
    }

    /// When the last attempt was made.
    pub(super) fn last(&self) -> i64 {
        self.last
    }

    /// As it is kept on disk, in the machine's own order of bytes.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; Self::BYTES] {
        let mut bytes = [0; Self::BYTES];
        bytes[..16].copy_from_slice(&self.key.to_bytes());
        bytes[16..24].copy_from_slice(&self.last.to_ne_bytes());
        bytes[24..28].copy_from_slice(&self.failures.to_ne_bytes());
        bytes[28..30].copy_from_slice(&self.under_way.to_ne_bytes());
        bytes[30] = self.inherited;
        bytes[31] = self.kept;
        bytes
    }

    /// Whatever the bytes are: a key that is nobody's finds nothing, and numbers are bounded when
    /// they are used.
    #[must_use]
    pub fn from_bytes(bytes: &[u8; Self::BYTES]) -> Self {
        fn part<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
            bytes.get(at..at + N).and_then(|part| part.try_into().ok()).unwrap_or([0; N])
        }
        Self {
            key: Key::from_bytes(part(bytes, 0)),
            last: i64::from_ne_bytes(part(bytes, 16)),
            failures: u32::from_ne_bytes(part(bytes, 24)),
            under_way: u16::from_ne_bytes(part(bytes, 28)),
            inherited: bytes[30],
            kept: bytes[31],
        }
    }
}

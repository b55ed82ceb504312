//! Where an account has signed in from lately.

use super::DAY;
use super::key::Key;

/// How long an address stays known after the last success there, days.
pub const KNOWN_FOR: u16 = 90;

/// An account at an address: 48 bits of the pair's keyed hash and the day of the last success.
/// Zero: a free place.
///
/// Two of a set's sixteen places agreeing with a stranger's 48 bits has a chance of one in 2^44; it
/// would give that stranger counters of their own, and nothing else.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(transparent)]
pub struct Known(u64);

impl Known {
    /// Length of [`Self::to_bytes`].
    pub const BYTES: usize = 8;

    pub(super) fn new(pair: Key, now: i64) -> Self {
        Self((pair.tag() & !0xffff) | u64::from(day(now)))
    }

    pub(super) fn is(self, pair: Key) -> bool {
        self.day() != 0 && self.0 & !0xffff == pair.tag() & !0xffff
    }

    /// Whether the last success is recent enough; one in the future, by a clock set back, is.
    pub(super) fn is_fresh(self, now: i64) -> bool {
        day(now).saturating_sub(self.day()) <= KNOWN_FOR
    }

    /// The day of the last success, counted from the first one that times can express; 0 never.
    pub(super) fn day(self) -> u16 {
        u16::try_from(self.0 & 0xffff).unwrap_or(0)
    }

    /// As it is kept on disk.
    #[must_use]
    pub fn to_bytes(self) -> [u8; Self::BYTES] {
        self.0.to_ne_bytes()
    }

    /// What was kept.
    #[must_use]
    pub fn from_bytes(bytes: [u8; Self::BYTES]) -> Self {
        Self(u64::from_ne_bytes(bytes))
    }
}

/// Never 0; good for 179 years.
fn day(now: i64) -> u16 {
    u16::try_from(now.div_euclid(DAY).clamp(0, 65_534) + 1).unwrap_or(1)
}

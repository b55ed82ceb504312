//! `10/second burst 100`: how often, and how many at once.

use std::num::NonZeroU32;
use std::time::Duration;

/// So many in so long, after a burst that is free.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rate {
    pub(crate) count: NonZeroU32,
    pub(crate) period: Duration,
    pub(crate) burst: NonZeroU32,
}

impl Rate {
    /// What nobody meets who signs in by hand, nor an office behind one address.
    pub(super) const DEFAULT_AUTH: Self = Self {
        count: NonZeroU32::new(20).unwrap(),
        period: Duration::from_secs(1),
        burst: NonZeroU32::new(200).unwrap(),
    };

    #[cfg(test)]
    pub(crate) fn of(text: &str) -> Self {
        Self::parse(text).unwrap_or(Self::DEFAULT_AUTH)
    }

    /// `COUNT/PERIOD [burst BURST]`; without a burst, the count.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut words = text.split_whitespace();
        let (count, period) = words.next()?.split_once('/')?;
        let count = count.parse().ok()?;
        let period = Duration::from_secs(match period {
            "second" | "s" => 1,
            "minute" | "m" => 60,
            "hour" | "h" => 3_600,
            _ => return None,
        });
        let burst = match (words.next(), words.next(), words.next()) {
            (None, ..) => count,
            (Some("burst"), Some(burst), None) => burst.parse().ok()?,
            _ => return None,
        };
        Some(Self { count, period, burst })
    }

    /// The time after which one more is allowed.
    pub(crate) fn interval(self) -> Duration {
        self.period / self.count.get()
    }
}

impl std::fmt::Display for Rate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let period = match self.period.as_secs() {
            1 => "second",
            60 => "minute",
            _ => "hour",
        };
        write!(f, "{}/{period} burst {}", self.count, self.burst)
    }
}

#[cfg(test)]
mod tests {
    use super::Rate;

    #[test]
    fn a_rate_is_read_as_it_is_written() {
        for (text, shown) in [
            ("10/second", "10/second burst 10"),
            ("300/m burst 5", "300/minute burst 5"),
            (" 7/hour  burst 70 ", "7/hour burst 70"),
        ] {
            assert_eq!(Rate::parse(text).unwrap().to_string(), shown);
        }
    }

    #[test]
    fn what_is_no_rate_is_none() {
        for text in
            ["", "10", "0/second", "10/day", "10/second burst", "10/second burst 0", "-1/s", "1/s burst 2 x"]
        {
            assert_eq!(Rate::parse(text), None, "{text}");
        }
    }

    #[test]
    fn the_interval_is_the_period_by_the_count() {
        assert_eq!(Rate::parse("300/minute").unwrap().interval().as_millis(), 200);
    }
}

//! Times as people say them.

use cookie::time::OffsetDateTime;
use cookie::time::format_description::well_known::Rfc3339;

const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Moment(OffsetDateTime);

impl Moment {
    /// As PostgreSQL writes it in JSON.
    pub(super) fn parse(text: &str) -> Option<Self> {
        OffsetDateTime::parse(text, &Rfc3339).ok().map(Self)
    }

    /// How long ago for a week, then the date. `now`: seconds since 1970.
    pub(super) fn told(self, now: i64) -> String {
        match now.saturating_sub(self.0.unix_timestamp()) {
            ..MINUTE => "just now".to_owned(),
            ago @ MINUTE..HOUR => count(ago / MINUTE, "minute"),
            ago @ HOUR..DAY => count(ago / HOUR, "hour"),
            ago if ago < 7 * DAY => count(ago / DAY, "day"),
            _ => format!("on {} {} {}", self.0.day(), self.0.month(), self.0.year()),
        }
    }
}

fn count(number: i64, what: &str) -> String {
    format!("{number} {what}{} ago", if number == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::Moment;

    #[test]
    fn times_are_told_as_people_do() {
        let moment = Moment::parse("2026-11-24T15:30:00.123456+00:00").unwrap();
        let at = moment.0.unix_timestamp();
        for (later, text) in [
            (0, "just now"),
            (-5, "just now"),
            (60, "1 minute ago"),
            (3599, "59 minutes ago"),
            (3600, "1 hour ago"),
            (2 * 86_400, "2 days ago"),
            (7 * 86_400, "on 24 November 2026"),
        ] {
            assert_eq!(moment.told(at + later), text);
        }
    }

    #[test]
    fn any_offset_is_read_and_nothing_else() {
        assert!(Moment::parse("2026-11-24T15:30:00+02:00").is_some());
        assert!(Moment::parse("infinity").is_none());
    }
}

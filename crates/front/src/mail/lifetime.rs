//! How long a link or a code lives, in words.

/// In the largest unit that divides it, from minutes to days.
pub(super) fn words(seconds: u64) -> String {
    const UNITS: [(u64, &str); 3] = [(86_400, "day"), (3600, "hour"), (60, "minute")];
    // "24 hours" is what people say.
    let unit = UNITS.iter().find(|(size, _)| seconds >= *size && seconds.is_multiple_of(*size));
    let (count, name) = match unit {
        Some((86_400, _)) if seconds == 86_400 => (24, "hour"),
        Some((size, name)) => (seconds / size, *name),
        None if seconds > 120 => (seconds / 60, "minute"),
        None => (seconds, "second"),
    };
    format!("{count} {name}{}", if count == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::words;

    #[test]
    fn a_lifetime_is_told_in_its_largest_whole_unit() {
        for (seconds, expected) in [
            (600, "10 minutes"),
            (3600, "1 hour"),
            (5400, "90 minutes"),
            (86_400, "24 hours"),
            (604_800, "7 days"),
            (60, "1 minute"),
            (90, "90 seconds"),
            (605, "10 minutes"),
        ] {
            assert_eq!(words(seconds), expected);
        }
    }
}

//! The `Prefer` header (RFC 7240). What is not known is ignored, as the RFC says, unless the client
//! wants strict handling. The first preference of a kind counts.

use axum::http::HeaderMap;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Count {
    Estimated,
    Exact,
    Planned,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Handling {
    Lenient,
    Strict,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Missing {
    Default,
    Null,
}

/// What a write gives back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Representation {
    Full,
    HeadersOnly,
    Minimal,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Resolution {
    IgnoreDuplicates,
    MergeDuplicates,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Transaction {
    Commit,
    Rollback,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Preferences {
    pub(crate) count: Option<Count>,
    pub(crate) handling: Option<Handling>,
    pub(crate) max_affected: Option<i64>,
    pub(crate) missing: Option<Missing>,
    pub(crate) representation: Option<Representation>,
    pub(crate) resolution: Option<Resolution>,
    pub(crate) timezone: Option<String>,
    pub(crate) transaction: Option<Transaction>,
    /// What nobody knows, in the order sent.
    pub(crate) unknown: Vec<String>,
}

impl Preferences {
    /// `may_end` says whether the client may choose how the transaction ends.
    pub(super) fn parse(headers: &HeaderMap, may_end: bool) -> Self {
        let mut preferences = Self::default();
        for header in headers.get_all("prefer") {
            for preference in String::from_utf8_lossy(header.as_bytes()).split(',') {
                preferences.take(preference.trim());
            }
        }
        if !may_end {
            preferences.transaction = None;
        }
        preferences
    }

    fn take(&mut self, text: &str) {
        match text {
            "count=estimated" => first(&mut self.count, Count::Estimated),
            "count=exact" => first(&mut self.count, Count::Exact),
            "count=planned" => first(&mut self.count, Count::Planned),
            "handling=lenient" => first(&mut self.handling, Handling::Lenient),
            "handling=strict" => first(&mut self.handling, Handling::Strict),
            "missing=default" => first(&mut self.missing, Missing::Default),
            "missing=null" => first(&mut self.missing, Missing::Null),
            "resolution=ignore-duplicates" => first(&mut self.resolution, Resolution::IgnoreDuplicates),
            "resolution=merge-duplicates" => first(&mut self.resolution, Resolution::MergeDuplicates),
            "return=headers-only" => first(&mut self.representation, Representation::HeadersOnly),
            "return=minimal" => first(&mut self.representation, Representation::Minimal),
            "return=representation" => first(&mut self.representation, Representation::Full),
            "tx=commit" => first(&mut self.transaction, Transaction::Commit),
            "tx=rollback" => first(&mut self.transaction, Transaction::Rollback),
            _ => self.take_valued(text),
        }
    }

    fn take_valued(&mut self, text: &str) {
        if let Some(zone) = text.strip_prefix("timezone=") {
            first(&mut self.timezone, zone.to_owned());
        } else if let Some(most) = text.strip_prefix("max-affected=") {
            if let Ok(most) = most.parse() {
                first(&mut self.max_affected, most);
            }
        } else {
            self.unknown.push(text.to_owned());
        }
    }

    pub(crate) fn is_strict(&self) -> bool {
        self.handling == Some(Handling::Strict)
    }

    /// Whether rows are to be counted exactly, at least up to a limit.
    pub(crate) fn counts(&self) -> bool {
        matches!(self.count, Some(Count::Exact | Count::Estimated))
    }

    /// Whether the planner is to be asked for the number of rows.
    pub(crate) fn estimates(&self) -> bool {
        matches!(self.count, Some(Count::Planned | Count::Estimated))
    }

    /// The most rows that a statement may touch.
    pub(crate) fn limit_affected(&self) -> Option<i64> {
        self.max_affected.filter(|_| self.is_strict())
    }

    /// The value of `Preference-Applied`; nothing when none was.
    pub(crate) fn applied(&self) -> Option<String> {
        let timezone = self.timezone.as_ref().map(|zone| format!("timezone={zone}"));
        let affected = self.limit_affected().map(|most| format!("max-affected={most}"));
        let parts = [
            self.resolution.map(|resolution| match resolution {
                Resolution::IgnoreDuplicates => "resolution=ignore-duplicates",
                Resolution::MergeDuplicates => "resolution=merge-duplicates",
            }),
            self.missing.map(|missing| match missing {
                Missing::Default => "missing=default",
                Missing::Null => "missing=null",
            }),
            self.representation.map(|representation| match representation {
                Representation::Full => "return=representation",
                Representation::HeadersOnly => "return=headers-only",
                Representation::Minimal => "return=minimal",
            }),
            self.count.map(|count| match count {
                Count::Estimated => "count=estimated",
                Count::Exact => "count=exact",
                Count::Planned => "count=planned",
            }),
            self.transaction.map(|transaction| match transaction {
                Transaction::Commit => "tx=commit",
                Transaction::Rollback => "tx=rollback",
            }),
            self.handling.map(|handling| match handling {
                Handling::Lenient => "handling=lenient",
                Handling::Strict => "handling=strict",
            }),
            timezone.as_deref(),
            affected.as_deref(),
        ];
        let parts: Vec<_> = parts.into_iter().flatten().collect();
        (!parts.is_empty()).then(|| parts.join(", "))
    }
}

fn first<T>(slot: &mut Option<T>, value: T) {
    slot.get_or_insert(value);
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderMap, HeaderValue};

    use super::{Count, Handling, Preferences, Representation, Transaction};

    fn parse(values: &[&'static str]) -> Preferences {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append("prefer", HeaderValue::from_static(value));
        }
        Preferences::parse(&headers, true)
    }

    #[test]
    fn the_first_of_a_kind_counts_in_one_header_or_several() {
        let preferences = parse(&["count=exact,  return=minimal", "return=representation,count=planned"]);
        assert_eq!(preferences.count, Some(Count::Exact));
        assert_eq!(preferences.representation, Some(Representation::Minimal));
    }

    #[test]
    fn what_is_not_known_is_kept_for_strict_handling() {
        let preferences = parse(&["handling=strict, something, return=all, max-affected=5, timezone=X/Y"]);
        assert_eq!(preferences.handling, Some(Handling::Strict));
        assert_eq!(preferences.unknown, ["something", "return=all"]);
        assert_eq!((preferences.limit_affected(), preferences.timezone.as_deref()), (Some(5), Some("X/Y")));
    }

    #[test]
    fn a_client_ends_the_transaction_only_where_it_may() {
        let mut headers = HeaderMap::new();
        headers.insert("prefer", HeaderValue::from_static("tx=rollback"));
        assert_eq!(Preferences::parse(&headers, false).transaction, None);
        assert_eq!(Preferences::parse(&headers, true).transaction, Some(Transaction::Rollback));
    }

    #[test]
    fn what_was_applied_is_told_in_a_fixed_order() {
        let preferences = parse(&["max-affected=1, handling=strict, count=exact, return=minimal"]);
        assert_eq!(
            preferences.applied().unwrap(),
            "return=minimal, count=exact, handling=strict, max-affected=1"
        );
        assert_eq!(parse(&["max-affected=1"]).applied(), None);
    }
}

//! Which rows of a result: `limit`, `offset` and the `Range` header (RFC 9110 §14.2, in rows).

use axum::http::HeaderMap;
use axum::http::header::RANGE;

/// Rows by their position from 0, both ends included; no last one is no limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Range {
    pub(crate) first: i64,
    pub(crate) last: Option<i64>,
}

impl Range {
    pub(crate) const ALL: Self = Self { first: 0, last: None };
    /// What `limit=0` asks for: no rows, and no complaint about it.
    const NONE: Self = Self { first: 0, last: Some(-1) };

    /// From the parameters; what is no whole number counts as not given.
    pub(super) fn of(limit: Option<&str>, offset: Option<&str>) -> Self {
        let number = |text: Option<&str>| text.map(|text| text.trim().parse::<i64>().ok());
        match (number(limit), number(offset)) {
            (Some(Some(limit)), None | Some(None)) => Self { first: 0, last: Some(limit.saturating_sub(1)) },
            (None | Some(None), Some(Some(offset))) => Self { first: offset, last: None },
            (Some(Some(limit)), Some(Some(offset))) => {
                Self { first: offset, last: Some(offset.saturating_add(limit).saturating_sub(1)) }
            }
            _ => Self::ALL,
        }
    }

    /// `Range: 0-24` or `25-`; anything else is no range.
    pub(super) fn of_header(headers: &HeaderMap) -> Self {
        let text = headers.get(RANGE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let Some((first, last)) = text.split_once('-') else { return Self::ALL };
        let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        if first.is_empty() || !digits(first) || !digits(last) {
            return Self::ALL;
        }
        let first = first.parse().unwrap_or(i64::MAX);
        Self { first, last: if last.is_empty() { None } else { Some(last.parse().unwrap_or(i64::MAX)) } }
    }

    pub(crate) fn intersect(self, other: Self) -> Self {
        let last = match (self.last, other.last) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
        Self { first: self.first.max(other.first), last }
    }

    pub(crate) fn is_empty(self) -> bool {
        self.last.is_some_and(|last| last < self.first)
    }

    /// Whether it is what `limit=0` makes.
    pub(crate) fn is_limit_zero(self) -> bool {
        self.last == Some(-1)
    }

    /// This range, or no rows at all if `limit` is the one that asks for none.
    pub(crate) fn unless_zero(self, limit: Self) -> Self {
        if limit.is_limit_zero() { Self::NONE } else { self }
    }

    /// At most `most` rows from the first on.
    pub(crate) fn at_most(self, most: Option<u64>) -> Self {
        let Some(most) = most else { return self };
        let most = i64::try_from(most).unwrap_or(i64::MAX);
        let last = self.first.saturating_add(most).saturating_sub(1);
        self.intersect(Self { first: self.first, last: Some(last) }).unless_zero(self)
    }

    pub(crate) fn limit(self) -> Option<i64> {
        self.last.map(|last| last.saturating_sub(self.first).saturating_add(1))
    }
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderMap, HeaderValue, header::RANGE};

    use super::Range;

    fn header(text: &'static str) -> Range {
        let mut headers = HeaderMap::new();
        headers.insert(RANGE, HeaderValue::from_static(text));
        Range::of_header(&headers)
    }

    #[test]
    fn limit_and_offset_make_a_range() {
        assert_eq!(Range::of(Some("5"), Some("10")), Range { first: 10, last: Some(14) });
        assert_eq!(Range::of(Some("5"), None).limit(), Some(5));
        assert_eq!(Range::of(None, Some("3")), Range { first: 3, last: None });
        assert_eq!(Range::of(Some("x"), None), Range::ALL);
        assert!(Range::of(Some("-1"), None).is_empty());
        assert!(Range::of(Some("0"), None).is_limit_zero());
    }

    #[test]
    fn a_header_that_is_no_range_is_ignored() {
        assert_eq!(header("0-1"), Range { first: 0, last: Some(1) });
        assert_eq!(header("7-"), Range { first: 7, last: None });
        assert!(header("1-0").is_empty());
        for text in ["bytes=0-1", "-5", "a-b", "1"] {
            assert_eq!(header(text), Range::ALL, "{text}");
        }
    }

    #[test]
    fn the_most_rows_bound_every_range_but_none() {
        assert_eq!(Range::ALL.at_most(Some(2)), Range { first: 0, last: Some(1) });
        assert_eq!(Range { first: 5, last: Some(5) }.at_most(Some(2)).limit(), Some(1));
        assert!(Range::NONE.at_most(Some(2)).is_limit_zero());
        assert_eq!(Range::ALL.at_most(None), Range::ALL);
    }
}

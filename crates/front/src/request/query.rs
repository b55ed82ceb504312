//! The query string: PostgREST's parameters, and every other name as a filter on a column.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

use super::grammar::{self, Filter, OrderTerm, Selection};
use crate::error::Error;

/// The query string, parsed.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Query {
    pub(crate) select: Selection,
    pub(crate) filters: Vec<Filter>,
    pub(crate) order: Vec<OrderTerm>,
    pub(crate) limit: Option<u64>,
    pub(crate) offset: u64,
}

impl Query {
    /// Parameters without `=` are ignored, as PostgREST does.
    pub(super) fn parse(text: &str) -> Result<Self, Error> {
        let mut query = Self::default();
        for pair in text.split('&') {
            let Some((name, value)) = pair.split_once('=') else { continue };
            query.add(&decode(name)?, &decode(value)?)?;
        }
        Ok(query)
    }

    fn add(&mut self, name: &str, value: &str) -> Result<(), Error> {
        match name {
            "select" => self.select = grammar::select(value)?,
            "order" => self.order = grammar::order(value)?,
            "limit" => self.limit = limit(value)?,
            "offset" => self.offset = value.parse().unwrap_or(0),
            "and" | "or" | "not.and" | "not.or" => return Err(not_yet("logical operators between filters")),
            "columns" => return Err(not_yet("the columns parameter")),
            "on_conflict" => return Err(not_yet("the on_conflict parameter")),
            _ => self.filters.push(grammar::filter(name, value)?),
        }
        Ok(())
    }
}

/// What is no whole number is no limit, as in PostgREST.
fn limit(value: &str) -> Result<Option<u64>, Error> {
    let Ok(limit) = value.parse::<i64>() else { return Ok(None) };
    u64::try_from(limit).map(Some).map_err(|_| Error::NegativeLimit)
}

fn not_yet(what: &str) -> Error {
    Error::NotImplemented(format!("{what} are not part of this version"))
}

fn decode(text: &str) -> Result<Cow<'_, str>, Error> {
    if !text.contains(['+', '%']) {
        return Ok(Cow::Borrowed(text));
    }
    let spaced = text.replace('+', " ");
    match percent_decode_str(&spaced).decode_utf8() {
        Ok(decoded) => Ok(Cow::Owned(decoded.into_owned())),
        Err(_) => Err(Error::Parse {
            message: "failed to parse the query string".to_owned(),
            details: "it is not UTF-8".to_owned(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::super::grammar::{Operator, Selection};
    use super::Query;
    use crate::error::Error;

    #[test]
    fn every_name_that_is_not_reserved_is_a_filter() {
        let query = Query::parse("select=id&id=eq.1&my%20column=eq.a%2Bb+c&limit=5&offset=2").unwrap();
        assert_eq!(query.select, Selection::Columns(vec!["id".to_owned()]));
        assert_eq!((query.limit, query.offset), (Some(5), 2));
        let filters: Vec<_> = query.filters.iter().map(|f| (f.column.as_str(), f.value.as_str())).collect();
        assert_eq!(filters, [("id", "1"), ("my column", "a+b c")]);
        assert!(query.filters.iter().all(|filter| filter.operator == Operator::Equal));
    }

    #[test]
    fn what_can_not_be_decoded_is_refused() {
        assert!(matches!(Query::parse("id=eq.%ff"), Err(Error::Parse { .. })));
    }

    #[test]
    fn names_alone_are_ignored() {
        assert_eq!(Query::parse("&x&").unwrap(), Query::default());
    }

    #[test]
    fn a_negative_limit_is_refused_and_an_odd_one_is_none() {
        assert!(matches!(Query::parse("limit=-1"), Err(Error::NegativeLimit)));
        assert_eq!(Query::parse("limit=x&offset=-3").unwrap(), Query::default());
    }

    #[test]
    fn what_this_version_does_not_do_says_so() {
        for text in ["or=(a.eq.1)", "columns=a", "on_conflict=a"] {
            assert!(matches!(Query::parse(text), Err(Error::NotImplemented(_))), "{text}");
        }
    }
}

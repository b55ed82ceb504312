//! The query string: PostgREST's parameters, and every other name as a filter or an argument.

mod decode;
#[cfg(test)]
mod tests;

pub(crate) use decode::encode;
pub(super) use decode::{Pair, pairs};

use super::grammar;
use super::range::Range;
use super::tree::{EmbedPath, Filter, Logic, OrderTerm, SelectItem};
use crate::error::Error;

/// The query string, parsed.
#[derive(Debug, Default)]
pub(crate) struct Query {
    pub(crate) select: Vec<SelectItem>,
    pub(crate) filters: Vec<(EmbedPath, Filter)>,
    pub(crate) logic: Vec<(EmbedPath, Logic)>,
    pub(crate) order: Vec<(EmbedPath, Vec<OrderTerm>)>,
    /// Of embedded relations and, with an empty path, of the request's own.
    pub(crate) ranges: Vec<(EmbedPath, Range)>,
    pub(crate) columns: Option<Vec<String>>,
    pub(crate) on_conflict: Option<Vec<String>>,
    /// The names of all parameters that are filters, as sent.
    pub(crate) filter_names: Vec<String>,
    /// Arguments of a function that is called by GET.
    pub(crate) arguments: Vec<(String, String)>,
    /// The parameters sorted by name, encoded anew, without the question mark.
    pub(crate) canonical: String,
}

impl Query {
    /// With `calls`, a parameter without operator is an argument. Parameters without `=` are
    /// ignored.
    pub(crate) fn parse(text: &str, calls: bool) -> Result<Self, Error> {
        let pairs = pairs(text)?;
        let mut query = Self { canonical: decode::canonical(&pairs), ..Self::default() };
        let given = |wanted: &str| {
            pairs.iter().find(|(name, _)| name == wanted).and_then(|(_, value)| value.as_deref())
        };
        query.select = grammar::select(given("select").unwrap_or("*"))?;
        query.columns =
            given("columns").map(|text| grammar::columns("columns parameter", text)).transpose()?;
        query.on_conflict =
            given("on_conflict").map(|text| grammar::columns("on_conflict parameter", text)).transpose()?;
        let valued = pairs.iter().filter_map(|(name, value)| Some((&**name, value.as_deref()?)));
        for (name, value) in valued.clone() {
            query.add(name, value, calls)?;
        }
        query.ranges = ranges(valued)?;
        Ok(query)
    }

    fn add(&mut self, name: &str, value: &str, calls: bool) -> Result<(), Error> {
        match name.rsplit('.').next().unwrap_or_default() {
            "order" => self.order.push((grammar::path(name)?.0, grammar::order(value)?)),
            "and" | "or" => self.logic.push(logic(name, value)?),
            "limit" | "offset" => {}
            _ if matches!(name, "select" | "columns" | "on_conflict") => {}
            _ => self.add_filter(name, value, calls)?,
        }
        Ok(())
    }

    fn add_filter(&mut self, name: &str, value: &str, calls: bool) -> Result<(), Error> {
        let (path, field) = grammar::path(name)?;
        let argument = field.name.clone();
        match grammar::operation(field, value) {
            Ok(filter) => self.filters.push((path, filter)),
            Err(_) if calls => self.arguments.push((argument, value.to_owned())),
            Err(error) => return Err(error),
        }
        self.filter_names.push(name.to_owned());
        Ok(())
    }

    /// The range of the request's own relation.
    pub(super) fn range(&self) -> Range {
        self.ranges.iter().find(|(path, _)| path.is_empty()).map_or(Range::ALL, |&(_, range)| range)
    }
}

fn logic(name: &str, value: &str) -> Result<(EmbedPath, Logic), Error> {
    let mut path = grammar::logic_path(name)?;
    let operator = path.pop().unwrap_or_default();
    let negated = path.iter().any(|part| part == "not");
    path.retain(|part| part != "not");
    let operator = if negated { format!("not.{operator}") } else { operator };
    Ok((path, grammar::logic(&operator, value)?))
}

/// `limit` and `offset` of each embedded relation, brought together. Of several the last counts.
fn ranges<'a>(
    parameters: impl Iterator<Item = (&'a str, &'a str)>,
) -> Result<Vec<(EmbedPath, Range)>, Error> {
    type Bounds<'a> = (EmbedPath, Option<&'a str>, Option<&'a str>);
    let mut all: Vec<Bounds<'a>> = Vec::new();
    for (name, value) in parameters {
        let is_limit = match name.rsplit('.').next() {
            Some("limit") => true,
            Some("offset") => false,
            _ => continue,
        };
        let path = grammar::path(name)?.0;
        let index = all.iter().position(|(other, ..)| *other == path).unwrap_or_else(|| {
            all.push((path, None, None));
            all.len() - 1
        });
        let (_, limit, offset) = &mut all[index];
        *(if is_limit { limit } else { offset }) = Some(value);
    }
    Ok(all.into_iter().map(|(path, limit, offset)| (path, Range::of(limit, offset))).collect())
}

//! The grammar of parameter names and values, PostgREST's: recursive descent by winnow.
//!
//! An error tells the place where the parser got furthest, and what it could have used there;
//! clients show it to their developers, so message and column are PostgREST's.

mod filter;
mod logic;
mod names;
mod order;
#[cfg(test)]
mod properties;
mod select;
#[cfg(test)]
mod tests;
mod trace;

use winnow::Parser;
use winnow::combinator::separated;

use self::names::{comma, field_name};
use self::trace::{Input, Parsed, Trace, character};
use super::tree::{EmbedPath, Field, Filter, Logic, OrderTerm, SelectItem};
use crate::error::Error;

/// The deepest nesting of `select`, `and` and `or`.
pub(super) const MOST_LEVELS: usize = 32;

/// `select=`; an empty list stands for an empty text.
pub(super) fn select(text: &str) -> Result<Vec<SelectItem>, Error> {
    run("select parameter", (text, text), Rest::Ignored, select::forest)
}

/// `order=`.
pub(super) fn order(text: &str) -> Result<Vec<OrderTerm>, Error> {
    run("order", (text, text), Rest::Refused, order::terms)
}

/// `columns=` and `on_conflict=`.
pub(super) fn columns(what: &str, text: &str) -> Result<Vec<String>, Error> {
    run(what, (text, text), Rest::Refused, |input: &mut Input<'_>| {
        separated(1.., field_name, comma).parse_next(input)
    })
}

/// `<operator>.<value>`.
pub(super) fn operation(field: Field, text: &str) -> Result<Filter, Error> {
    let (negated, operation) = run("filter", (text, text), Rest::Refused, filter::operation)?;
    Ok(Filter { field, negated, operation })
}

/// `and=(…)` and its kin; `operator` is `and`, `or`, `not.and` or `not.or`.
pub(super) fn logic(operator: &str, text: &str) -> Result<Logic, Error> {
    run("logic tree", (text, &format!("{operator}{text}")), Rest::Ignored, logic::tree)
}

/// The name of a parameter: embedded relations and a field, by dots.
pub(super) fn path(text: &str) -> Result<(EmbedPath, Field), Error> {
    run("tree path", (text, text), Rest::Refused, |input: &mut Input<'_>| {
        let mut names: EmbedPath =
            separated(1.., field_name, character('.', "delimiter (.)")).parse_next(input)?;
        let path = names::json_path(input)?;
        let name = names.pop().unwrap_or_default();
        Ok((names, Field { name, path }))
    })
}

/// The name of a logic parameter, as its parts.
pub(super) fn logic_path(text: &str) -> Result<Vec<String>, Error> {
    run("logic path", (text, text), Rest::Refused, |input: &mut Input<'_>| {
        separated(1.., field_name, character('.', "delimiter (.)")).parse_next(input)
    })
}

/// What becomes of text after what was understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rest {
    /// PostgREST ignores it after a closed tree, and there are clients with a parenthesis too many.
    Ignored,
    Refused,
}

impl Rest {
    /// A comma promises one more item.
    fn is_fine(self, text: &str) -> bool {
        self == Self::Ignored && !text.trim_start().starts_with(',')
    }
}

/// Parses `text`; `shown` is what the message repeats of it.
fn run<T>(
    what: &str,
    (shown, text): (&str, &str),
    rest: Rest,
    mut parser: impl FnMut(&mut Input<'_>) -> Parsed<T>,
) -> Result<T, Error> {
    let silent = Trace::silent(text.len());
    if let Some(value) = attempt(text, &silent, rest, &mut parser) {
        return Ok(value);
    }
    if silent.is_too_deep() {
        return Err(Error::Parse {
            message: format!("failed to parse {what}: it nests deeper than {MOST_LEVELS} levels"),
            details: format!("at most {MOST_LEVELS} levels of parentheses are allowed"),
        });
    }
    // Once more, to see what is wrong.
    let noting = Trace::noting(text.len());
    attempt(text, &noting, rest, &mut parser).ok_or_else(|| failure(what, shown, text, &noting))
}

fn attempt<'i, T>(
    text: &'i str,
    trace: &'i Trace,
    rest: Rest,
    parser: &mut impl FnMut(&mut Input<'i>) -> Parsed<T>,
) -> Option<T> {
    let mut input = Input { input: text, state: trace };
    let value = parser(&mut input).ok().filter(|_| !trace.is_too_deep())?;
    if input.input.is_empty() || rest.is_fine(input.input) {
        return Some(value);
    }
    trace.note(&input, "end of input");
    None
}

fn failure(what: &str, shown: &str, text: &str, trace: &Trace) -> Error {
    let (offset, expected) = trace.furthest();
    let column = text.get(..offset).unwrap_or_default().chars().count() + 1;
    let unexpected = text.get(offset..).and_then(|rest| rest.chars().next());
    let unexpected = unexpected.map_or_else(|| "end of input".to_owned(), |found| format!("\"{found}\""));
    let expecting =
        if expected.is_empty() { String::new() } else { format!(" expecting {}", expected.join(" or ")) };
    Error::Parse {
        message: format!("\"failed to parse {what} ({shown})\" (line 1, column {column})"),
        details: format!("unexpected {unexpected}{expecting}"),
    }
}

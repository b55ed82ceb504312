//! SQL text: constant fragments, and identifiers from the schema cache, already quoted. Whatever
//! the client sent is a bound parameter.

mod insert;
mod prelude;
mod read;
mod statement;
#[cfg(test)]
mod tests;

pub(crate) use prelude::{Prelude, pre_request};
pub(crate) use statement::Statement;

use crate::plan::Plan;

impl From<Plan<'_>> for Statement {
    fn from(plan: Plan<'_>) -> Self {
        match plan {
            Plan::Insert(insert) => insert::statement(insert),
            Plan::Read(read) => read::statement(read),
        }
    }
}

/// A name between double quotes.
pub(crate) fn quote_identifier(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// The value of `search_path` for one exposed schema.
pub(crate) fn search_path(schema: &str, extra: &[String]) -> String {
    let schemas = std::iter::once(schema).chain(extra.iter().map(String::as_str));
    schemas.map(quote_identifier).collect::<Vec<_>>().join(", ")
}

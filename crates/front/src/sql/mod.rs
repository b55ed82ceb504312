//! SQL text: constant fragments, and quoted identifiers. Whatever value the client sent is a bound
//! parameter.

mod answer;
mod body;
mod call;
mod condition;
mod count;
mod describe;
mod field;
mod prelude;
mod read;
mod rows;
mod statement;
#[cfg(test)]
mod tests;
mod write;

pub(crate) use answer::WRONG_ROWS;
pub(crate) use describe::description;
pub(crate) use prelude::{Caller, Prelude, isolation, pre_request};
pub(crate) use statement::Statement;

use crate::plan::Plan;
use crate::request::{Preferences, Range};

impl Statement {
    /// The main statement of a plan; `None` when it needs no database, or another one. `range` is
    /// what the request asks for, `most` the most rows that it gets.
    pub(crate) fn of(
        plan: &Plan<'_>,
        preferences: &Preferences,
        range: Range,
        most: Option<u64>,
    ) -> Option<Self> {
        match plan {
            Plan::Call(call) => Some(answer::calling(call, preferences, range, most)),
            Plan::Read(read) => Some(answer::reading(read, preferences, range, most)),
            Plan::Write(write) => Some(answer::writing(write, preferences)),
            Plan::Describe { .. } | Plan::Info { .. } => None,
        }
    }

    /// Asks the planner how many rows a read would have without a limit.
    pub(crate) fn estimate(plan: &Plan<'_>) -> Option<Self> {
        match plan {
            Plan::Read(read) => Some(answer::estimate(&read.tree)),
            _ => None,
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

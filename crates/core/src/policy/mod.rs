//! What the expression of a row-level security policy looks at and what it comes to.
//!
//! PostgreSQL keeps a policy's expression as a parse tree in text form (`pg_node_tree`). Reading
//! that tree tells a call within a subquery from one that runs for every row, and a column of the
//! protected table from its namesake inside a subquery; the deparsed text does not. Nothing is
//! ever evaluated by the server: the expression is somebody else's code.
//!
//! | module | what |
//! | --- | --- |
//! | [`tree`] | text → tree |
//! | [`facts`] | which columns, which calls, which mistakes |
//! | [`truth`] | true, false or dependent on the row, given what is known of the user |

mod facts;
mod tree;
mod truth;

#[cfg(test)]
mod tests;

use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

pub use truth::Known;

/// What is known of a policy's expression without evaluating it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Facts {
    /// Numbers of the protected table's columns that it reads, also from within subqueries; 0 is
    /// the whole row, negative ones are system columns.
    pub columns: BTreeSet<i32>,
    /// Functions called outside of subqueries, by oid. True where at least one call reads nothing
    /// of the row, so that once for the whole statement would do.
    pub calls: BTreeMap<u32, bool>,
    /// Whether a subquery reads the row, and so may run once for each.
    pub row_subquery: bool,
    /// Whether it compares a column with itself: nearly always a name that was meant for another
    /// table.
    pub self_comparison: bool,
    /// True: lets every row pass. False: none. None: depends on the row or on what is not known.
    pub truth: Option<bool>,
}

/// Reads a policy's expression; none when the text is no expression tree, or nested deeper than
/// anybody writes.
#[must_use]
pub fn read(tree: &str, known: &Known) -> Option<Facts> {
    let root = tree::parse(tree)?;
    let mut facts = facts::collect(&root);
    facts.truth = truth::passes(&root, known);
    Some(facts)
}

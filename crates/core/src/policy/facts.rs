//! Which columns, which calls, which mistakes.

use super::Facts;
use super::tree::Node;
use std::collections::{BTreeMap, BTreeSet};

/// Oid of type boolean; fixed in PostgreSQL's catalogue.
const BOOLEAN: u32 = 16;

/// Collects the facts of an expression over one table.
pub(super) fn collect(root: &Node<'_>) -> Facts {
    let mut facts = Facts {
        columns: BTreeSet::new(),
        calls: BTreeMap::new(),
        row_subquery: false,
        self_comparison: false,
        truth: None,
    };
    walk(root, 0, &mut facts);
    facts
}

/// Walks the tree; whether the row is read in it. `depth`: how many queries are around.
fn walk(node: &Node<'_>, depth: u32, facts: &mut Facts) -> bool {
    if let Some(column) = row_column(node, depth) {
        facts.columns.insert(column);
        return true;
    }
    facts.self_comparison |= compares_with_itself(node);
    let below = if node.tag == "QUERY" { depth.saturating_add(1) } else { depth };
    let mut of_row = false;
    for child in node.children() {
        of_row |= walk(child, below, facts);
    }
    match node.tag {
        "FUNCEXPR" if depth == 0 => {
            if let Some(function) = node.number("funcid") {
                let needless = facts.calls.entry(function).or_default();
                *needless |= !of_row;
            }
        }
        "SUBLINK" if depth == 0 => facts.row_subquery |= of_row,
        _ => {}
    }
    of_row
}

/// The protected table is the first one of the outermost query.
fn row_column(node: &Node<'_>, depth: u32) -> Option<i32> {
    let is_row =
        node.tag == "VAR" && node.word("varno") == Some("1") && node.number("varlevelsup") == Some(depth);
    if is_row { node.number("varattno") } else { None }
}

fn compares_with_itself(node: &Node<'_>) -> bool {
    if node.tag != "OPEXPR" || node.number("opresulttype") != Some(BOOLEAN) {
        return false;
    }
    let same = |field| match node.list("args").as_slice() {
        [left, right] => left.word(field).is_some() && left.word(field) == right.word(field),
        _ => false,
    };
    node.list("args").iter().all(|argument| argument.tag == "VAR")
        && same("varno")
        && same("varattno")
        && same("varlevelsup")
}

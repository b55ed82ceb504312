//! How many rows there would be without a limit.

use super::Statement;
use super::condition::{condition, group};
use super::read::{and, from, join_conditions};
use crate::plan::{Condition, ReadNode};

/// One row of no columns for each; embedded relations count only where they take rows away.
pub(super) fn select(sql: &mut Statement, node: &ReadNode<'_>) {
    sql.text("select 1");
    from(sql, node);
    let mut first = true;
    for one in &node.conditions {
        and(sql, &mut first);
        counted(sql, node, one);
    }
    join_conditions(sql, node, &mut first);
    for child in node.children.iter().filter(|child| child.join.as_ref().is_some_and(|join| join.inner)) {
        and(sql, &mut first);
        exists(sql, child);
    }
}

/// There are no laterals here, so whether something embedded has a match is asked on the spot.
fn counted(sql: &mut Statement, node: &ReadNode<'_>, what: &Condition<'_>) {
    match what {
        Condition::Embedded { lateral, exists: wanted } => {
            let is_it =
                |child: &&ReadNode<'_>| child.join.as_ref().is_some_and(|join| join.lateral == *lateral);
            let Some(child) = node.children.iter().find(is_it) else { return };
            if !wanted {
                sql.text("not ");
            }
            exists(sql, child);
        }
        Condition::Filter { .. } => condition(sql, &node.reference(), what),
        Condition::Group { negated, operator, members } => {
            group(sql, *negated, *operator, members, |sql, member| counted(sql, node, member));
        }
    }
}

fn exists(sql: &mut Statement, child: &ReadNode<'_>) {
    sql.text("exists (");
    select(sql, child);
    sql.text(")");
}

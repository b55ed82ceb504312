//! Fields and orderings.

use super::Statement;
use crate::plan::{Ordering, Resolved};
use crate::request::tree::{Direction, JsonOperand, Nulls};
use crate::schema_cache::Name;

/// A field of what `table` names, as it is compared and sorted.
pub(super) fn field(sql: &mut Statement, table: &Name, field: &Resolved<'_>) {
    match &field.vector {
        None => plain(sql, table, field),
        Some(language) => {
            sql.text("to_tsvector(");
            if let Some(language) = language {
                sql.value(language.clone()).text(", ");
            }
            plain(sql, table, field);
            sql.text(")");
        }
    }
}

fn plain(sql: &mut Statement, table: &Name, field: &Resolved<'_>) {
    if field.whole_row {
        sql.identifier(&table.name);
    } else if field.path.is_empty() || !field.to_json {
        sql.column(table, &field.name);
    } else {
        sql.text("to_jsonb(").column(table, &field.name).text(")");
    }
    for step in &field.path {
        sql.text(if step.as_text { "->>" } else { "->" });
        match &step.operand {
            JsonOperand::Key(key) => sql.value(key.clone()),
            JsonOperand::Index(index) => sql.value(index.clone()).text("::int"),
        };
    }
}

/// A field as it goes out.
pub(super) fn output(sql: &mut Statement, table: &Name, resolved: &Resolved<'_>) {
    match resolved.transform {
        None => field(sql, table, resolved),
        Some(function) => {
            sql.name(function).text("(");
            field(sql, table, resolved);
            sql.text(")");
        }
    }
}

pub(super) fn ordering(sql: &mut Statement, table: &Name, ordering: &Ordering<'_>) {
    match &ordering.relation {
        None => field(sql, table, &ordering.field),
        Some(lateral) => field(sql, &Name::local(lateral), &ordering.field),
    }
    match ordering.direction {
        Some(Direction::Ascending) => {
            sql.text(" asc");
        }
        Some(Direction::Descending) => {
            sql.text(" desc");
        }
        None => {}
    }
    match ordering.nulls {
        Some(Nulls::First) => {
            sql.text(" nulls first");
        }
        Some(Nulls::Last) => {
            sql.text(" nulls last");
        }
        None => {}
    }
}

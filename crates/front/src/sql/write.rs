//! `insert`, `update` and `delete`, with what they give back.

use super::Statement;
use super::condition::condition;
use super::rows::{body, written};
use crate::plan::{Condition, Conflict, Rows, WriteKind, WritePlan};
use crate::request::Resolution;
use crate::schema_cache::{Name, Relation};

/// Counts the rows that go in and, again, those that turn out to be there already.
const COUNT_INSERTED: &str = "pg_catalog.set_config('pgrst.inserted', (coalesce(nullif(pg_catalog.\
    current_setting('pgrst.inserted', true), '')::int, 0) + 1)::text, true) <> '0'";
const UNCOUNT_INSERTED: &str = "pg_catalog.set_config('pgrst.inserted', (coalesce(nullif(pg_catalog.\
    current_setting('pgrst.inserted', true), '')::int, 0) - 1)::text, true) <> '-1'";

/// The statement that changes rows.
pub(super) fn change(sql: &mut Statement, plan: &WritePlan<'_>) {
    let relation = plan.relation;
    match &plan.kind {
        WriteKind::Delete { conditions } => {
            sql.text("delete from ").name(&relation.name);
            only(sql, &relation.name, conditions);
            returning(sql, &relation.name, &plan.returning);
        }
        WriteKind::Insert { rows, conflict } => {
            insert(sql, relation, rows);
            let merges = conflict.as_ref().is_some_and(merges);
            if merges {
                sql.text(" where ").text(COUNT_INSERTED);
            }
            if let Some(Conflict { resolution, columns }) = conflict {
                on_conflict(sql, rows, *resolution, columns);
            }
            returning(sql, &relation.name, &plan.returning);
        }
        WriteKind::Put { rows, key, conditions } => {
            insert(sql, relation, rows);
            sql.text(" where ").text(COUNT_INSERTED);
            for one in conditions {
                sql.text(" and ");
                condition(sql, &body(), one);
            }
            on_conflict(sql, rows, Resolution::MergeDuplicates, key);
            returning(sql, &relation.name, &plan.returning);
        }
        WriteKind::Update { rows, .. } if rows.columns.is_empty() => {
            nothing(sql, relation, &plan.returning);
        }
        WriteKind::Update { rows, conditions } => {
            sql.text("update ").name(&relation.name).text(" set ");
            sql.list(", ", &rows.columns, |sql, target| {
                let name = &target.column.name;
                sql.identifier(name).text(" = ").column(&body(), name);
            });
            written(sql, rows);
            only(sql, &relation.name, conditions);
            returning(sql, &relation.name, &plan.returning);
        }
    }
}

fn merges(conflict: &Conflict) -> bool {
    conflict.resolution == Resolution::MergeDuplicates
}

fn insert(sql: &mut Statement, relation: &Relation, rows: &Rows<'_>) {
    sql.text("insert into ").name(&relation.name);
    if !rows.columns.is_empty() {
        sql.text(" (").list(", ", &rows.columns, |sql, target| {
            sql.identifier(&target.column.name);
        });
        sql.text(")");
    }
    sql.text(" select ");
    sql.list(", ", &rows.columns, |sql, target| {
        sql.column(&body(), &target.column.name);
    });
    written(sql, rows);
}

fn on_conflict(sql: &mut Statement, rows: &Rows<'_>, resolution: Resolution, columns: &[String]) {
    sql.text(" on conflict (")
        .list(", ", columns, |sql, column| {
            sql.identifier(column);
        })
        .text(")");
    if resolution == Resolution::IgnoreDuplicates || rows.columns.is_empty() {
        sql.text(" do nothing");
        return;
    }
    sql.text(" do update set ").list(", ", &rows.columns, |sql, target| {
        let name = &target.column.name;
        sql.identifier(name).text(" = excluded.").identifier(name);
    });
    sql.text(" where ").text(UNCOUNT_INSERTED);
}

fn only(sql: &mut Statement, table: &Name, conditions: &[Condition<'_>]) {
    if !conditions.is_empty() {
        sql.text(" where ").list(" and ", conditions, |sql, one| condition(sql, table, one));
    }
}

fn returning(sql: &mut Statement, table: &Name, columns: &[String]) {
    sql.text(" returning ");
    if columns.is_empty() {
        // At least the number of rows is needed.
        sql.text("1");
    } else {
        sql.list(", ", columns, |sql, column| {
            sql.column(table, column);
        });
    }
}

/// An update of no columns: no rows, of the columns that would be given back.
fn nothing(sql: &mut Statement, relation: &Relation, columns: &[String]) {
    sql.text("select ");
    if columns.is_empty() {
        sql.text("null");
    } else {
        let table = Name::local(&relation.name.name);
        sql.list(", ", columns, |sql, column| {
            sql.column(&table, column);
        });
    }
    sql.text(" from ").name(&relation.name).text(" where false");
}

//! `insert … select` from the JSON body, which the database takes apart.

use super::Statement;
use super::read::columns;
use crate::plan::InsertPlan;

pub(super) fn statement(plan: InsertPlan<'_>) -> Statement {
    let mut sql = Statement::default();
    let Some(returning) = &plan.returning else {
        insert(&mut sql, &plan);
        return sql;
    };
    sql.text("with r as (");
    insert(&mut sql, &plan);
    sql.text(" returning ");
    columns(&mut sql, returning);
    sql.text(") select pg_catalog.count(*)::text, coalesce(pg_catalog.json_agg(r.*), '[]')::text from r");
    sql
}

fn insert(sql: &mut Statement, plan: &InsertPlan<'_>) {
    sql.text("insert into ").relation(plan.relation);
    match (plan.columns.as_slice(), plan.is_object) {
        ([], true) => {
            sql.text(" default values");
        }
        // As many empty objects as the array has: as many rows of defaults.
        ([], false) => {
            sql.text(" select from pg_catalog.json_array_elements(").json(plan.json.clone()).text(")");
        }
        (given, is_object) => {
            let names = |sql: &mut Statement| {
                sql.list(", ", given, |sql, column| {
                    sql.column(column);
                });
            };
            sql.text(" (");
            names(sql);
            sql.text(") select ");
            names(sql);
            let function = if is_object { "json_to_record(" } else { "json_to_recordset(" };
            sql.text(" from pg_catalog.").text(function).json(plan.json.clone()).text(") as body (");
            sql.list(", ", given, |sql, column| {
                sql.column(column).text(" ").data_type(column);
            });
            sql.text(")");
        }
    }
}

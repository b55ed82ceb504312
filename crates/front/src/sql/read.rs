//! `select`: one row with the number of rows and their JSON array.

use super::Statement;
use crate::plan::{Columns, Condition, Ordering, ReadPlan};
use crate::request::{Direction, Nulls, Operator};

pub(super) fn statement(plan: ReadPlan<'_>) -> Statement {
    let mut sql = Statement::new(
        "select pg_catalog.count(*)::text, coalesce(pg_catalog.json_agg(r.*), '[]')::text from (select ",
    );
    columns(&mut sql, &plan.columns);
    sql.text(" from ").relation(plan.relation);
    if !plan.conditions.is_empty() {
        sql.text(" where ").list(" and ", plan.conditions, condition);
    }
    if !plan.order.is_empty() {
        sql.text(" order by ").list(", ", &plan.order, ordering);
    }
    if let Some(limit) = plan.limit {
        sql.text(" limit ").number(limit);
    }
    if plan.offset > 0 {
        sql.text(" offset ").number(plan.offset);
    }
    sql.text(") r");
    sql
}

pub(super) fn columns(sql: &mut Statement, columns: &Columns<'_>) {
    match columns {
        Columns::All => sql.text("*"),
        Columns::These(columns) => sql.list(", ", columns, |sql, column| {
            sql.column(column);
        }),
    };
}

fn condition(sql: &mut Statement, condition: Condition<'_>) {
    let operator = match condition.operator {
        Operator::Equal => " = ",
    };
    sql.column(condition.column).text(operator).value(condition.value);
}

fn ordering(sql: &mut Statement, ordering: &Ordering<'_>) {
    sql.column(ordering.column);
    match ordering.direction {
        Some(Direction::Ascending) => sql.text(" asc"),
        Some(Direction::Descending) => sql.text(" desc"),
        None => sql,
    };
    match ordering.nulls {
        Some(Nulls::First) => sql.text(" nulls first"),
        Some(Nulls::Last) => sql.text(" nulls last"),
        None => sql,
    };
}

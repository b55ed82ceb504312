//! Calling a function in `from`.

use super::Statement;
use super::condition::array;
use super::rows::{arguments, body};
use crate::pg::oid;
use crate::plan::{Arguments, CallPlan, Passed};
use crate::schema_cache::{Name, Parameter};

/// The query that calls.
pub(super) fn call(sql: &mut Statement, plan: &CallPlan<'_>) {
    let result = Name::local("pgrst_call");
    sql.text("select ");
    if !plan.routine.returns.composite {
        sql.text("pgrst_call.pgrst_scalar");
    } else if plan.returning.is_empty() {
        sql.text("*");
    } else {
        sql.list(", ", &plan.returning, |sql, column| {
            sql.column(&result, column);
        });
    }
    match &plan.arguments {
        Arguments::Direct(passed) => {
            sql.text(" from ");
            invoke(sql, plan, |sql| {
                sql.list(", ", passed, |sql, (parameter, value)| direct(sql, parameter, value));
            });
        }
        Arguments::Json { parameters, .. } if parameters.is_empty() => {
            sql.text(" from ");
            invoke(sql, plan, |_| {});
        }
        Arguments::Json { parameters, json } => {
            arguments(sql, parameters, json);
            sql.text(", lateral ");
            invoke(sql, plan, |sql| {
                sql.list(", ", parameters, |sql, parameter| {
                    assign(sql, parameter);
                    sql.column(&body(), &parameter.name);
                });
            });
        }
        Arguments::Whole { parameter, body } => {
            sql.text(" from ");
            invoke(sql, plan, |sql| match parameter.data_type.as_str() {
                "bytea" => {
                    sql.typed(oid::BYTEA, hexadecimal(body).into());
                }
                other => {
                    sql.value(body.clone()).text("::").catalog_text(other);
                }
            });
        }
    }
}

fn invoke(sql: &mut Statement, plan: &CallPlan<'_>, arguments: impl FnOnce(&mut Statement)) {
    let scalar = !plan.routine.returns.composite;
    if scalar {
        sql.text("(select ");
    }
    sql.name(&plan.routine.name).text("(");
    arguments(sql);
    sql.text(")");
    sql.text(if scalar { " pgrst_scalar) pgrst_call" } else { " pgrst_call" });
}

fn assign(sql: &mut Statement, parameter: &Parameter) {
    if parameter.variadic {
        sql.text("variadic ");
    }
    sql.identifier(&parameter.name).text(" := ");
}

fn direct(sql: &mut Statement, parameter: &Parameter, value: &Passed) {
    assign(sql, parameter);
    match value {
        Passed::One(value) => sql.value(value.clone()),
        Passed::Several(values) => sql.typed(oid::TEXT_ARRAY, array(values).into()),
    };
    sql.text("::").catalog_text(&parameter.open_type);
}

/// `bytea` as text: Postgres reads `\x` and hexadecimal digits.
fn hexadecimal(bytes: &[u8]) -> String {
    use std::fmt::Write;
    let mut text = String::with_capacity(2 + bytes.len() * 2);
    text.push_str("\\x");
    for byte in bytes {
        let _ = write!(text, "{byte:02x}");
    }
    text
}

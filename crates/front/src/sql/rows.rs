//! Rows from a JSON body, which the database takes apart.

use bytes::Bytes;

use super::Statement;
use crate::pg::oid;
use crate::plan::{Rows, Target};
use crate::request::is_object;
use crate::schema_cache::{Name, Parameter};

/// What the rows of the body are called.
pub(super) fn body() -> Name {
    Name::local("pgrst_body")
}

/// ` from (…) payload, lateral (…) pgrst_body`: the columns of a write.
pub(super) fn written(sql: &mut Statement, rows: &Rows<'_>) {
    let object = is_object(&rows.json);
    let json = if rows.defaults { oid::JSONB } else { oid::JSON };
    payload(sql, json, rows.json.clone());
    if rows.defaults {
        defaults(sql, &rows.columns, object);
    }
    let source = if rows.defaults { "filled.json_data" } else { "payload.json_data" };
    let function = match (rows.defaults, object, rows.columns.is_empty()) {
        // An empty object is one row.
        (_, true, true) => {
            sql.text(", lateral (select) pgrst_body");
            return;
        }
        (false, false, true) => "json_array_elements(",
        (true, false, true) => "jsonb_array_elements(",
        (false, true, false) => "json_to_record(",
        (true, true, false) => "jsonb_to_record(",
        (false, false, false) => "json_to_recordset(",
        (true, false, false) => "jsonb_to_recordset(",
    };
    sql.text(", lateral (select ").list(", ", &rows.columns, |sql, target| {
        let name = &target.column.name;
        match target.transform {
            None => {
                sql.identifier(name);
            }
            Some(function) => {
                sql.name(function).text("(").identifier(name).text(") as ").identifier(name);
            }
        }
    });
    sql.text(" from pg_catalog.").text(function).text(source).text(") as item");
    if !rows.columns.is_empty() {
        sql.text(" (").list(", ", &rows.columns, |sql, target| {
            // Of a column with a representation the JSON itself goes into the function.
            let data_type = target.transform.map_or(&*target.column.nominal_type, |_| "json");
            sql.identifier(&target.column.name).text(" ").catalog_text(data_type);
        });
        sql.text(")");
    }
    sql.text(") pgrst_body");
}

/// As [`written`], for the arguments of a function: of several rows the first counts.
pub(super) fn arguments(sql: &mut Statement, parameters: &[&Parameter], json: &Bytes) {
    payload(sql, oid::JSON, json.clone());
    sql.text(", lateral (select ");
    sql.list(", ", parameters, |sql, parameter| {
        sql.identifier(&parameter.name);
    });
    sql.text(" from pg_catalog.");
    sql.text(if is_object(json) { "json_to_record(" } else { "json_to_recordset(" });
    sql.text("payload.json_data) as item (").list(", ", parameters, |sql, parameter| {
        sql.identifier(&parameter.name).text(" ").catalog_text(&parameter.open_type);
    });
    sql.text(") limit 1) pgrst_body");
}

fn payload(sql: &mut Statement, json_type: u32, json: Bytes) {
    sql.text(" from (select ").typed(json_type, json).text(" as json_data) payload");
}

/// Puts the defaults under every object.
fn defaults(sql: &mut Statement, columns: &[Target<'_>], object: bool) {
    let with = |sql: &mut Statement| {
        let mut given = columns.iter().filter_map(|target| {
            target.column.default_value.as_ref().map(|default| (&target.column.name, default))
        });
        sql.text("jsonb_build_object(").list(", ", given.by_ref(), |sql, (name, default)| {
            sql.literal(name).text(", ").catalog_text(default);
        });
        sql.text(")");
    };
    if object {
        sql.text(", lateral (select ");
        with(sql);
        sql.text(" || payload.json_data as json_data) filled");
    } else {
        sql.text(", lateral (select jsonb_agg(");
        with(sql);
        sql.text(" || elem) as json_data from jsonb_array_elements(payload.json_data) elem) filled");
    }
}

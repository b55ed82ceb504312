//! What the rows become: JSON in its shapes, CSV, or what a function of the database makes.

use super::Statement;
use crate::plan::{Body, WritePlan};
use crate::schema_cache::Routine;

/// The expression of the body.
pub(super) fn body(sql: &mut Statement, body: &Body<'_>, routine: Option<&Routine>) {
    let scalar = routine.is_some_and(|routine| !routine.returns.composite);
    let rows = if scalar { "_postgrest_t.pgrst_scalar" } else { "_postgrest_t" };
    match body {
        Body::Nothing => {
            sql.text("''::text");
        }
        Body::Json => json(sql, routine, rows, false),
        Body::ArrayStripped => json(sql, routine, rows, true),
        Body::Single { stripped } => {
            let rows = if routine.is_some_and(Routine::returns_scalar) { rows } else { "_postgrest_t" };
            one(sql, rows, *stripped);
        }
        Body::GeoJson => {
            sql.text("json_build_object('type', 'FeatureCollection', 'features', ");
            sql.text("coalesce(json_agg(ST_AsGeoJSON(_postgrest_t)::json), '[]'))");
        }
        Body::Csv => csv(sql),
        Body::Custom { function, target } => {
            sql.name(function).text("(");
            if routine.is_some_and(Routine::returns_scalar) {
                sql.text("_postgrest_t.pgrst_scalar");
            } else {
                sql.text("_postgrest_t");
                if let Some(target) = target {
                    sql.text("::").name(target);
                }
            }
            sql.text(")");
        }
    }
}

fn json(sql: &mut Statement, routine: Option<&Routine>, rows: &'static str, stripped: bool) {
    if routine.is_some_and(|routine| !routine.returns.set) {
        return one(sql, rows, stripped);
    }
    sql.text(if stripped { "coalesce(json_strip_nulls(json_agg(" } else { "coalesce(json_agg(" });
    sql.text(rows).text(if stripped { ")), '[]')" } else { "), '[]')" });
}

/// The first row, or null.
fn one(sql: &mut Statement, rows: &'static str, stripped: bool) {
    sql.text(if stripped { "coalesce(json_strip_nulls(json_agg(" } else { "coalesce(json_agg(" });
    sql.text(rows).text(if stripped { ")->0), 'null')" } else { ")->0, 'null')" });
}

/// The names of the columns, then each row as Postgres writes it, without its parentheses.
fn csv(sql: &mut Statement) {
    sql.text("(select coalesce(string_agg(a.k, ','), '') from (select json_object_keys(r)::text as k ");
    sql.text("from (select row_to_json(h) as r from pgrst_source as h limit 1) s) a) || '\n' || ");
    sql.text(
        "coalesce(string_agg(substring(_postgrest_t::text, 2, length(_postgrest_t::text) - 2), '\n'), '')",
    );
}

/// The primary key of the one row that was inserted, as an array of `name=eq.value`.
pub(super) fn location(sql: &mut Statement, plan: &WritePlan<'_>) {
    let key = &plan.relation.primary_key;
    if !plan.locates || key.is_empty() {
        sql.text("null");
        return;
    }
    sql.text("case when pg_catalog.count(_postgrest_t) = 1 then (select json_agg(json_build_array(");
    sql.text("m.key, coalesce('eq.' || m.value, 'is.null'))) from (select row_to_json(s) as row ");
    sql.text("from pgrst_source as s limit 1) d, json_each_text(d.row) as m where m.key in (");
    sql.list(", ", key, |sql, name| {
        sql.literal(name);
    });
    sql.text(")) end");
}

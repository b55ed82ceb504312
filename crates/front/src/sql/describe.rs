//! What the description of the API needs to know of the database besides the schema cache.

use super::Statement;
use crate::pg::oid;

/// One row: the schema's comment, and the relations and functions that the caller may use, as JSON
/// arrays of their numbers. With `all`, privileges do not count.
pub(crate) fn description(schema: &str, all: bool) -> Statement {
    let mut sql = Statement::new("select pg_catalog.obj_description(n.oid, 'pg_namespace'), ");
    if all {
        sql.text("null, null from pg_catalog.pg_namespace n where n.nspname = ");
        sql.typed(oid::TEXT, schema.to_owned().into());
        return sql;
    }
    sql.text("(select coalesce(json_agg(c.oid::pg_catalog.int8), '[]') from pg_catalog.pg_class c ");
    sql.text("where c.relnamespace = n.oid and c.relkind in ('r', 'p', 'v', 'm', 'f') and (");
    sql.text("pg_catalog.pg_has_role(c.relowner, 'usage') or pg_catalog.has_table_privilege(c.oid, ");
    sql.text("'select, insert, update, delete, truncate, references, trigger') or ");
    sql.text("pg_catalog.has_any_column_privilege(c.oid, 'select, insert, update, references'))), ");
    sql.text("(select coalesce(json_agg(p.oid::pg_catalog.int8), '[]') from pg_catalog.pg_proc p ");
    sql.text("where p.pronamespace = n.oid and pg_catalog.has_function_privilege(p.oid, 'execute')) ");
    sql.text("from pg_catalog.pg_namespace n where n.nspname = ");
    sql.typed(oid::TEXT, schema.to_owned().into());
    sql
}

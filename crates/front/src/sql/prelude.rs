//! The first statement of every transaction: it makes the transaction the caller's. Everything it
//! sets is local to the transaction.

use bytes::Bytes;

use super::{Statement, quote_identifier};
use crate::config::Qualified;
use crate::pg::oid;
use crate::request::Variables;

/// Whom and what a transaction is for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Prelude<'a> {
    pub(crate) caller: Caller<'a>,
    pub(crate) read_only: bool,
    pub(crate) search_path: &'a str,
    pub(crate) variables: &'a Variables,
    /// Settings of the role, which the login role may set and the role perhaps not.
    pub(crate) role_settings: &'a [(String, String)],
    pub(crate) timezone: Option<&'a str>,
    /// Settings of the function that is called, then those of the operator.
    pub(crate) settings: [&'a [(String, String)]; 2],
}

/// Who is calling.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Caller<'a> {
    /// A role that the configuration names, or one that the front has verified; then with the
    /// claims.
    Role { role: &'a str, claims: Option<&'a str> },
    /// Whoever the token says, if the database agrees.
    Token(&'a str),
}

impl Prelude<'_> {
    /// Counting the nulls among the results keeps them from being sent back, which would cost more
    /// than setting them. Arguments are evaluated in the order written; a token comes last: the
    /// transaction is sealed when everything else is set.
    pub(crate) fn statement(&self) -> Statement {
        let mut sql = Statement::new("select pg_catalog.num_nulls(pg_catalog.set_config('search_path', ");
        text(&mut sql, self.search_path.to_owned()).text(", true)");
        for (name, value) in self.role_settings.iter().filter(|(name, _)| name != ISOLATION) {
            setting(&mut sql, name, value);
        }
        if let Caller::Role { role, claims } = self.caller {
            sql.text(", pg_catalog.set_config('role', ");
            text(&mut sql, role.to_owned()).text(", true)");
            if let Some(claims) = claims {
                sql.text(", pg_catalog.set_config('request.jwt.claims', ");
                text(&mut sql, claims.to_owned()).text(", true)");
            }
        }
        self.request(&mut sql);
        if let Some(zone) = self.timezone {
            sql.text(", pg_catalog.set_config('timezone', ");
            text(&mut sql, zone.to_owned()).text(", true)");
        }
        for (name, value) in self.settings.into_iter().flatten().filter(|(name, _)| name != ISOLATION) {
            setting(&mut sql, name, value);
        }
        if self.read_only {
            sql.text(", pg_catalog.set_config('transaction_read_only', 'on', true)");
        }
        if let Caller::Token(token) = self.caller {
            sql.text(", auth.authenticate(");
            text(&mut sql, token.to_owned()).text(")");
        }
        sql.text(")");
        sql
    }

    fn request(&self, sql: &mut Statement) {
        let variables = self.variables;
        sql.text(", pg_catalog.set_config('request.method', ");
        text(sql, variables.method.clone());
        sql.text(", true), pg_catalog.set_config('request.path', ");
        text(sql, variables.path.clone());
        sql.text(", true), pg_catalog.set_config('request.headers', ");
        text(sql, variables.headers.clone());
        sql.text(", true), pg_catalog.set_config('request.cookies', ");
        text(sql, variables.cookies.clone());
        sql.text(", true)");
    }
}

/// It can only be set before the first query, so not like the others; see [`isolation`].
const ISOLATION: &str = "default_transaction_isolation";

fn setting(sql: &mut Statement, name: &str, value: &str) {
    sql.text(", pg_catalog.set_config(");
    text(sql, name.to_owned()).text(", ");
    text(sql, value.to_owned()).text(", true)");
}

fn text(sql: &mut Statement, value: impl Into<Bytes>) -> &mut Statement {
    sql.typed(oid::TEXT, value.into())
}

/// The statement that sets a level of isolation, if it is another than the lowest.
pub(crate) fn isolation(level: &str) -> Option<&'static str> {
    let level = level.trim_matches(['"', '\'']).to_ascii_lowercase();
    match level.as_str() {
        "repeatable read" => Some("set local transaction_isolation = 'repeatable read'"),
        "serializable" => Some("set local transaction_isolation = 'serializable'"),
        _ => None,
    }
}

/// The call of the operator's function that runs before every main statement.
pub(crate) fn pre_request(function: &Qualified) -> String {
    let name = quote_identifier(&function.name);
    match &function.schema {
        Some(schema) => format!("select {}.{name}()", quote_identifier(schema)),
        None => format!("select {name}()"),
    }
}

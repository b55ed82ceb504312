//! The first statement of every transaction: it makes the transaction the caller's. Everything it
//! sets is local to the transaction.

use super::quote_identifier;
use crate::pg::oid;

/// Who the transaction is for, and whether it may only read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Prelude {
    /// A role that the configuration names.
    Role { read_only: bool },
    /// Whoever the token says, if the database agrees.
    Token { read_only: bool },
}

/// The caller comes last: the transaction is sealed when everything else is set. Arguments are
/// evaluated in the order written. Counting the nulls among the results keeps them from being sent
/// back, which would cost more than setting them.
macro_rules! prelude {
    ($mode:literal, $caller:literal) => {
        concat!(
            "select pg_catalog.num_nulls(pg_catalog.set_config('search_path', $1, true)",
            ", pg_catalog.set_config('request.method', $2, true)",
            ", pg_catalog.set_config('request.path', $3, true)",
            ", pg_catalog.set_config('request.headers', $4, true)",
            ", pg_catalog.set_config('request.cookies', $5, true)",
            $mode,
            $caller,
            ")"
        )
    };
}

impl Prelude {
    /// How many parameters [`Self::sql`] takes: search path, method, path, headers, cookies, and
    /// the role or the token. All are text.
    pub(crate) const TYPES: [u32; 6] = [oid::TEXT; 6];

    pub(crate) fn sql(self) -> &'static str {
        match self {
            Self::Role { read_only: true } => prelude!(
                ", pg_catalog.set_config('transaction_read_only', 'on', true)",
                ", pg_catalog.set_config('role', $6, true)"
            ),
            Self::Role { read_only: false } => prelude!("", ", pg_catalog.set_config('role', $6, true)"),
            Self::Token { read_only: true } => prelude!(
                ", pg_catalog.set_config('transaction_read_only', 'on', true)",
                ", auth.authenticate($6)"
            ),
            Self::Token { read_only: false } => prelude!("", ", auth.authenticate($6)"),
        }
    }
}

/// The call of the operator's function that runs before every main statement.
pub(crate) fn pre_request(schema: Option<&str>, name: &str) -> String {
    match schema {
        Some(schema) => format!("select {}.{}()", quote_identifier(schema), quote_identifier(name)),
        None => format!("select {}()", quote_identifier(name)),
    }
}

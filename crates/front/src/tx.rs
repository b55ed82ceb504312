//! The only place that talks to the pools: one request is one transaction, sent as one pipeline
//! (see [`crate::pg`]): prelude, the operator's pre-request function if there is one, statement.
//!
//! The pools log in as roles without any right of their own, so a transaction whose prelude fails
//! can do nothing, and Postgres skips the rest of the pipeline anyway. All that the prelude sets
//! is local to the transaction, so the next user of the connection inherits nothing.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use crate::config::Config;
use crate::error::Error;
use crate::pg::{PgError, Pool, Row, Step};
use crate::request::{Credential, Variables};
use crate::sql::{self, Prelude, Statement};

/// The role that has a pool of its own.
const SERVICE_ROLE: &str = "service_role";

/// Which role the public routes of the auth API run as when the configuration names none.
const DEFAULT_ANON_ROLE: &str = "anon";

#[derive(Debug)]
pub(crate) struct Database {
    pool: Pool,
    service_pool: Option<Pool>,
    anon_role: Option<String>,
    pre_request: Option<String>,
    /// By exposed schema.
    search_paths: HashMap<String, String>,
}

/// Who and where a transaction is for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Context<'a> {
    pub(crate) credential: &'a Credential<'a>,
    pub(crate) variables: &'a Variables,
    /// The exposed schema that unqualified names are looked up in first.
    pub(crate) schema: &'a str,
    pub(crate) read_only: bool,
}

impl Database {
    pub(crate) fn new(config: &Config) -> Self {
        let path = |schema: &String| (schema.clone(), sql::search_path(schema, &config.extra_search_path));
        let pre_request = config.pre_request.as_ref();
        Self {
            pool: Pool::new(config.database.clone(), config.pool),
            service_pool: config.service_database.clone().map(|uri| Pool::new(uri, config.pool)),
            anon_role: config.anon_role.clone(),
            pre_request: pre_request.map(|(schema, name)| sql::pre_request(schema.as_deref(), name)),
            search_paths: config.schemas.iter().map(path).collect(),
        }
    }

    /// The pool of the plain login role, for what is nobody's request: the catalog, readiness.
    pub(crate) fn pool(&self) -> &Pool {
        &self.pool
    }

    /// Runs one statement as the caller.
    ///
    /// # Errors
    /// The first error of the transaction; nothing of it stays then.
    pub(crate) async fn run(&self, context: Context<'_>, statement: &Statement) -> Result<Vec<Row>, Error> {
        let caller = self.caller(context.credential)?;
        let prelude = if caller.is_token {
            Prelude::Token { read_only: context.read_only }
        } else {
            Prelude::Role { read_only: context.read_only }
        };
        let values = statement.values();
        let search_path = self.search_paths.get(context.schema).map_or("", String::as_str);
        let prelude_values = prelude_values(search_path, context.variables, caller.name);
        let prelude = Step { sql: prelude.sql(), types: &Prelude::TYPES, values: &prelude_values, scope: 0 };
        let statement = statement.step(&values, caller.scope);
        let result = match &self.pre_request {
            None => self.pool_for(&caller).run(&[prelude, statement]).await,
            Some(sql) => {
                let pre_request = Step { sql, types: &[], values: &[], scope: caller.scope };
                self.pool_for(&caller).run(&[prelude, pre_request, statement]).await
            }
        };
        result.map_err(|error| caller.blame(error))
    }

    /// Runs one statement of a public route of the auth API, whatever the client shows of itself.
    ///
    /// # Errors
    /// As [`Self::run`], without what depends on a caller.
    pub(crate) async fn run_public(
        &self,
        variables: &Variables,
        statement: Step<'_>,
    ) -> Result<Vec<Row>, PgError> {
        let role = self.anon_role.as_deref().unwrap_or(DEFAULT_ANON_ROLE);
        let values = prelude_values("", variables, role);
        let sql = Prelude::Role { read_only: false }.sql();
        self.pool.run(&[Step { sql, types: &Prelude::TYPES, values: &values, scope: 0 }, statement]).await
    }

    fn caller<'a>(&'a self, credential: &'a Credential<'a>) -> Result<Caller<'a>, Error> {
        let anon_role = self.anon_role.as_deref();
        match credential {
            Credential::Anonymous => {
                let role = anon_role.ok_or(Error::TokenRequired)?;
                Ok(Caller { name: role, role, is_token: false, is_anonymous: true, scope: scope(role) })
            }
            Credential::Bearer(bearer) => {
                let role = bearer.unverified_role().or(anon_role).unwrap_or_default();
                let is_anonymous = Some(role) == anon_role;
                Ok(Caller { name: bearer.token(), role, is_token: true, is_anonymous, scope: scope(role) })
            }
        }
    }

    fn pool_for(&self, caller: &Caller<'_>) -> &Pool {
        match &self.service_pool {
            Some(pool) if caller.is_token && caller.role == SERVICE_ROLE => pool,
            _ => &self.pool,
        }
    }
}

fn prelude_values<'a>(
    search_path: &'a str,
    variables: &'a Variables,
    caller: &'a str,
) -> [Option<&'a [u8]>; 6] {
    [
        Some(search_path.as_bytes()),
        Some(variables.method.as_bytes()),
        Some(variables.path.as_bytes()),
        Some(&variables.headers),
        Some(&variables.cookies),
        Some(caller.as_bytes()),
    ]
}

/// Keeps the prepared statements of one role apart from those of another. Only a transaction that
/// the database let in can prepare one, so a made-up role gets no entry.
fn scope(role: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    role.hash(&mut hasher);
    hasher.finish()
}

/// The caller as far as the front needs to know.
struct Caller<'a> {
    /// What the prelude takes: the role's name or the token.
    name: &'a str,
    /// The role, of a token as it claims.
    role: &'a str,
    is_token: bool,
    is_anonymous: bool,
    scope: u64,
}

impl Caller<'_> {
    fn blame(&self, error: PgError) -> Error {
        match error {
            PgError::Database { step: 0, error } if self.is_token && error.code() == "28000" => {
                Error::InvalidToken(error.into())
            }
            error => Error::Database { error, authenticated: !self.is_anonymous },
        }
    }
}

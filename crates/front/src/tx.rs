//! The only place that talks to the pools: one request is one transaction, sent as one pipeline
//! (see [`crate::pg`]): prelude, the operator's pre-request function if there is one, statement.
//!
//! The pools log in as roles without any right of their own, so a transaction whose prelude fails
//! can do nothing, and Postgres skips the rest of the pipeline anyway. All that the prelude sets
//! is local to the transaction, so the next user of the connection inherits nothing.

mod caller;

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

pub(crate) use caller::Identity;
use caller::scope;

use crate::access_log::Queries;
use crate::config::Config;
use crate::error::Error;
use crate::pg::{ConnectError, PgError, Pool, Row, Step};
use crate::request::{Credential, Variables};
use crate::schema_cache::{Routine, SchemaCache};
use crate::sql::{self, Prelude, Statement};
use crate::token::Verifier;

/// The role that has a pool of its own.
const SERVICE_ROLE: &str = "service_role";

/// Which role the public routes of the auth API run as when the configuration names none.
const DEFAULT_ANON_ROLE: &str = "anon";

/// Ends a transaction without effect. What would have failed at its end, fails before.
const CHECK_DEFERRED: &str = "set constraints all immediate";
const ROLLBACK: &str = "rollback";

#[derive(Debug)]
pub(crate) struct Database {
    pool: Pool,
    service_pool: Option<Pool>,
    read_pool: Option<Pool>,
    login: LoginPools,
    /// Exchanged when the configuration is read again.
    settings: RwLock<Arc<Settings>>,
}

/// For statements that hash passwords, which keeps a core busy for as long as an attacker is to be
/// kept busy. On connections of their own, and few: a storm of logins queues here and lets data
/// requests pass.
#[derive(Debug)]
struct LoginPools {
    pool: Pool,
    service_pool: Option<Pool>,
}

/// What a statement of the auth API costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Work {
    Quick,
    /// It may hash a password.
    Hashing,
}

/// What of the configuration transactions depend on.
#[derive(Debug)]
struct Settings {
    anon_role: Option<String>,
    pre_request: Option<String>,
    /// By exposed schema.
    search_paths: HashMap<String, String>,
    app_settings: Vec<(String, String)>,
    verifier: Option<Verifier>,
}

/// Who and where a transaction is for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Context<'a> {
    pub(crate) cache: &'a SchemaCache,
    pub(crate) identity: &'a Identity<'a>,
    pub(crate) variables: &'a Variables,
    /// The exposed schema that unqualified names are looked up in first.
    pub(crate) schema: &'a str,
    pub(crate) read_only: bool,
    pub(crate) rolls_back: bool,
    pub(crate) timezone: Option<&'a str>,
    /// Whether the statement raises an error of its own when it touches a wrong number of rows.
    pub(crate) checks_rows: bool,
    /// The function that is called, for its settings.
    pub(crate) routine: Option<&'a Routine>,
}

/// What a transaction gave.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    pub(crate) rows: Vec<Row>,
    /// The plan of the estimate.
    pub(crate) estimate: Option<Row>,
}

impl Settings {
    fn new(config: &Config) -> Result<Self, gatehouse_core::Error> {
        let path = |schema: &String| (schema.clone(), sql::search_path(schema, &config.extra_search_path));
        Ok(Self {
            anon_role: config.anon_role.clone(),
            pre_request: config.pre_request.as_ref().map(sql::pre_request),
            search_paths: config.schemas.iter().map(path).collect(),
            app_settings: config.app_settings.clone(),
            verifier: config.tokens.as_ref().map(Verifier::new).transpose()?,
        })
    }
}

impl Database {
    /// # Errors
    /// As [`Self::reconfigure`].
    pub(crate) fn new(config: &Config) -> Result<Self, gatehouse_core::Error> {
        let pool = |uri| Pool::new(uri, config.pool);
        let login_pool = |uri| Pool::new(uri, config.login_pool);
        Ok(Self {
            pool: pool(config.database.clone()),
            service_pool: config.service_database.clone().map(pool),
            read_pool: config.read_database.clone().map(pool),
            login: LoginPools {
                pool: login_pool(config.database.clone()),
                service_pool: config.service_database.clone().map(login_pool),
            },
            settings: RwLock::new(Arc::new(Settings::new(config)?)),
        })
    }

    /// Goes by another configuration from now on. The pools stay as large and where they are.
    ///
    /// # Errors
    /// The keys are none; the configuration has judged them before.
    pub(crate) fn reconfigure(&self, config: &Config) -> Result<(), gatehouse_core::Error> {
        let settings = Arc::new(Settings::new(config)?);
        *self.settings.write().unwrap_or_else(PoisonError::into_inner) = settings;
        self.pools().for_each(|pool| pool.prepare_statements(config.pool.prepared_statements));
        Ok(())
    }

    /// Closes connections that had nothing to do for too long.
    pub(crate) fn tidy(&self) {
        self.pools().for_each(Pool::tidy);
    }

    fn pools(&self) -> impl Iterator<Item = &Pool> {
        let others = [&self.service_pool, &self.read_pool, &self.login.service_pool].into_iter().flatten();
        [&self.pool, &self.login.pool].into_iter().chain(others)
    }

    /// The pool of the login role that may act as `service_role`.
    pub(crate) fn service_pool(&self) -> Option<&Pool> {
        self.service_pool.as_ref()
    }

    fn settings(&self) -> Arc<Settings> {
        Arc::clone(&self.settings.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// The pool of the plain login role, for what is nobody's request: the catalog, readiness.
    pub(crate) fn pool(&self) -> &Pool {
        &self.pool
    }

    /// The pool on which passwords are hashed.
    pub(crate) fn login_pool(&self) -> &Pool {
        &self.login.pool
    }

    /// Who shows this. `now`: seconds since 1970.
    ///
    /// # Errors
    /// The token is not good, or one is needed.
    pub(crate) fn identify<'a>(&self, credential: &Credential<'a>, now: i64) -> Result<Identity<'a>, Error> {
        Identity::of(&self.settings(), credential, now)
    }

    /// Runs one statement as the caller; with `estimate`, what the planner thinks of it too. What is
    /// sent is noted in `queries`.
    ///
    /// # Errors
    /// The first error of the transaction; nothing of it stays then.
    pub(crate) async fn run(
        &self,
        context: Context<'_>,
        statement: &Statement,
        estimate: Option<&Statement>,
        queries: Option<&mut Queries>,
    ) -> Result<Outcome, Error> {
        let (identity, settings) = (context.identity, &*self.settings());
        let role_settings = context.cache.role_settings(identity.role());
        let prelude = prelude(settings, context, role_settings).statement();
        let (prelude_values, values) = (prelude.values(), statement.values());
        let estimate_values = estimate.map(Statement::values).unwrap_or_default();
        let scope = identity.scope();
        let mut steps = Vec::with_capacity(7);
        steps.extend(isolation(context.routine, role_settings).map(|sql| Step::new(sql, &[], &[])));
        let prelude_step = steps.len();
        steps.push(Step { kept: false, ..prelude.step(&prelude_values, 0) });
        if let Some(sql) = &settings.pre_request {
            steps.push(Step { scope, ..Step::new(sql, &[], &[]) });
        }
        let main = steps.len();
        steps.push(statement.step(&values, scope));
        steps.extend(estimate.map(|estimate| estimate.step(&estimate_values, scope)));
        if context.rolls_back {
            steps.extend([CHECK_DEFERRED, ROLLBACK].map(|sql| Step::new(sql, &[], &[])));
        }
        if let Some(queries) = queries {
            queries.note(steps.iter().map(|step| step.sql));
        }
        let rows = self.pool_for(context).run(&steps).await;
        let rows = rows.map_err(|error| identity.blame(error, prelude_step, context.checks_rows))?;
        let (rows, estimate) = rows.into_iter().partition::<Vec<_>, _>(|row| row.step == main);
        Ok(Outcome { rows, estimate: estimate.into_iter().next() })
    }

    /// Runs one statement of the auth API, as its anonymous role whatever the client shows of itself.
    ///
    /// # Errors
    /// As [`Pool::run`]; step 0 is the prelude.
    pub(crate) async fn run_public(
        &self,
        variables: &Variables,
        work: Work,
        statement: Step<'_>,
    ) -> Result<Vec<Row>, PgError> {
        let settings = self.settings();
        let role = settings.anon_role.as_deref().unwrap_or(DEFAULT_ANON_ROLE);
        let caller = sql::Caller::Role { role, claims: None };
        let pool = if work == Work::Hashing { &self.login.pool } else { &self.pool };
        run_bare(pool, caller, variables, Step { scope: scope(role), ..statement }).await
    }

    /// Runs one statement of the auth API as the caller.
    ///
    /// # Errors
    /// As [`Self::run_public`].
    pub(crate) async fn run_as(
        &self,
        identity: &Identity<'_>,
        variables: &Variables,
        work: Work,
        statement: Step<'_>,
    ) -> Result<Vec<Row>, PgError> {
        let (pool, service_pool) = match work {
            Work::Quick => (&self.pool, &self.service_pool),
            Work::Hashing => (&self.login.pool, &self.login.service_pool),
        };
        let pool = service_pool.as_ref().filter(|_| is_service(identity)).unwrap_or(pool);
        let statement = Step { scope: identity.scope(), ..statement };
        run_bare(pool, identity.caller(), variables, statement).await
    }

    /// Runs one statement as `service_role`, for the front itself: its login role may take that role,
    /// and no token takes part.
    ///
    /// # Errors
    /// As [`Self::run`], without what depends on a caller; there is no pool for it.
    pub(crate) async fn run_service(&self, statement: Step<'_>) -> Result<Vec<Row>, PgError> {
        let pool = self.service_pool.as_ref().ok_or(PgError::Connect(ConnectError::NoService))?;
        let variables = Variables::none();
        let caller = sql::Caller::Role { role: SERVICE_ROLE, claims: None };
        let prelude = bare_prelude(caller, &variables).statement();
        let values = prelude.values();
        let prelude = Step { kept: false, ..prelude.step(&values, 0) };
        pool.run(&[prelude, Step { scope: scope(SERVICE_ROLE), ..statement }]).await
    }

    fn pool_for(&self, context: Context<'_>) -> &Pool {
        match (&self.service_pool, &self.read_pool) {
            (Some(pool), _) if is_service(context.identity) => pool,
            (_, Some(pool)) if context.read_only => pool,
            _ => &self.pool,
        }
    }
}

fn is_service(identity: &Identity<'_>) -> bool {
    identity.is_token() && identity.role() == SERVICE_ROLE
}

async fn run_bare(
    pool: &Pool,
    caller: sql::Caller<'_>,
    variables: &Variables,
    statement: Step<'_>,
) -> Result<Vec<Row>, PgError> {
    let prelude = bare_prelude(caller, variables).statement();
    let values = prelude.values();
    pool.run(&[Step { kept: false, ..prelude.step(&values, 0) }, statement]).await
}

/// Of the auth API, whose functions need nothing but a caller.
fn bare_prelude<'a>(caller: sql::Caller<'a>, variables: &'a Variables) -> Prelude<'a> {
    Prelude {
        caller,
        read_only: false,
        search_path: "",
        variables,
        role_settings: &[],
        timezone: None,
        settings: [&[], &[]],
    }
}

fn prelude<'a>(
    settings: &'a Settings,
    context: Context<'a>,
    role_settings: &'a [(String, String)],
) -> Prelude<'a> {
    let search_path = settings.search_paths.get(context.schema);
    let of_routine = context.routine.map_or(&[][..], |routine| &routine.settings);
    Prelude {
        caller: context.identity.caller(),
        read_only: context.read_only,
        search_path: search_path.map_or("", String::as_str),
        variables: context.variables,
        role_settings,
        timezone: context.timezone,
        settings: [of_routine, &settings.app_settings],
    }
}

/// The function's level of isolation, else the role's.
fn isolation(routine: Option<&Routine>, role_settings: &[(String, String)]) -> Option<&'static str> {
    let of_routine = routine.and_then(|routine| routine.isolation.as_deref());
    let of_role = || role_settings.iter().find(|(name, _)| name == "default_transaction_isolation");
    of_routine.or_else(|| of_role().map(|(_, value)| value.as_str())).and_then(sql::isolation)
}

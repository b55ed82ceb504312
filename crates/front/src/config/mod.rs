//! What the operator says by environment variables: `PGRST_…` names with PostgREST's meaning, and
//! `GATEHOUSE_…` for what is ours.
//!
//! A wrong value is one line that names the key, the value and what is allowed. Secrets never
//! print. This module must not know the database or HTTP.

mod database_uri;
mod host;
mod reader;
mod secret;
#[cfg(test)]
mod tests;

use std::time::Duration;

pub(crate) use database_uri::{DatabaseUri, Endpoint};
pub(crate) use host::{BindHost, Family};
pub(crate) use reader::ConfigError;
use reader::Reader;
pub(crate) use secret::Secret;

/// Where one HTTP listener binds.
#[derive(Clone, Debug)]
pub(crate) struct Listen {
    pub(crate) host: BindHost,
    /// 0 takes a free port.
    pub(crate) port: u16,
}

/// The limits of one pool of database connections.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PoolLimits {
    /// Most connections at a time, at least 1.
    pub(crate) size: usize,
    /// How long a request waits for a free connection.
    pub(crate) acquisition_timeout: Duration,
    /// Whether statements are kept prepared on a connection. Off for a pooler that can not.
    pub(crate) prepared_statements: bool,
}

/// Which answered requests are logged; PostgREST's `log-level`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum LogLevel {
    /// None.
    Crit,
    /// Those answered 5xx.
    Error,
    /// And those answered 4xx.
    Warn,
    /// All.
    Info,
    /// All.
    Debug,
}

/// Everything the operator decides.
#[derive(Debug)]
pub(crate) struct Config {
    pub(crate) listen: Listen,
    pub(crate) admin: Option<Listen>,
    pub(crate) database: DatabaseUri,
    /// The pool for tokens of `service_role`; without it they are refused by the database.
    pub(crate) service_database: Option<DatabaseUri>,
    pub(crate) pool: PoolLimits,
    /// The exposed schemas, at least one; the first is the default.
    pub(crate) schemas: Vec<String>,
    /// Appended to the search path of every transaction.
    pub(crate) extra_search_path: Vec<String>,
    /// Who a request without a token is; `None` refuses it.
    pub(crate) anon_role: Option<String>,
    /// Called in every transaction before the main statement: schema (perhaps none) and name.
    pub(crate) pre_request: Option<(Option<String>, String)>,
    /// Most rows in one answer.
    pub(crate) max_rows: Option<u64>,
    pub(crate) log_level: LogLevel,
}

/// Settings of PostgREST that would weaken or change what a caller may do if they were silently
/// ignored, and that this version does not carry out.
const REFUSED: [(&str, &str); 5] = [
    ("PGRST_JWT_SECRET", "tokens are verified by the extension in the database; unset it"),
    ("PGRST_JWT_AUD", "audiences are checked by the extension in the database; unset it"),
    ("PGRST_JWT_ROLE_CLAIM_KEY", "set pg_gatehouse.role_claim in the database; unset it"),
    ("PGRST_DB_PRE_CONFIG", "in-database configuration is not read; unset it"),
    ("PGRST_SERVER_UNIX_SOCKET", "unix sockets are not served; use PGRST_SERVER_HOST and _PORT"),
];

const LEVELS: [(&str, LogLevel); 5] = [
    ("crit", LogLevel::Crit),
    ("error", LogLevel::Error),
    ("warn", LogLevel::Warn),
    ("info", LogLevel::Info),
    ("debug", LogLevel::Debug),
];

impl Config {
    /// Reads the configuration through `lookup`, which gives the value of a variable.
    pub(crate) fn read(lookup: &dyn Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let reader = Reader::new(lookup);
        for (key, instead) in REFUSED {
            reader.refuse(key, instead)?;
        }
        reader.only("PGRST_DB_TX_END", "commit")?;
        let listen = listen(&reader)?;
        let admin = admin(&reader, &listen)?;
        Ok(Self {
            database: database(&reader, "PGRST_DB_URI")?
                .map_or_else(|| DatabaseUri::parse("", lookup), Ok)
                .map_err(|problem| reader.secret_error("PGRST_DB_URI", problem))?,
            service_database: database(&reader, "GATEHOUSE_SERVICE_DB_URI")?,
            pool: pool(&reader)?,
            schemas: schemas(&reader)?,
            extra_search_path: reader.list("PGRST_DB_EXTRA_SEARCH_PATH", &["public"]),
            anon_role: reader.text("PGRST_DB_ANON_ROLE"),
            pre_request: reader.text("PGRST_DB_PRE_REQUEST").map(qualified),
            max_rows: reader.optional("PGRST_DB_MAX_ROWS", "a whole number from 0")?,
            log_level: reader.choice("PGRST_LOG_LEVEL", &LEVELS, LogLevel::Error)?,
            listen,
            admin,
        })
    }
}

fn listen(reader: &Reader<'_>) -> Result<Listen, ConfigError> {
    Ok(Listen {
        host: reader.text("PGRST_SERVER_HOST").map_or_else(BindHost::default, BindHost::parse),
        port: reader.number("PGRST_SERVER_PORT", 3000, 0..=u16::MAX)?,
    })
}

fn admin(reader: &Reader<'_>, main: &Listen) -> Result<Option<Listen>, ConfigError> {
    const KEY: &str = "PGRST_ADMIN_SERVER_PORT";
    let Some(port) = reader.optional::<u16>(KEY, "a port from 0 to 65535")? else {
        return Ok(None);
    };
    if port == main.port && port != 0 {
        return Err(reader.error(KEY, "a port other than PGRST_SERVER_PORT"));
    }
    let host = reader.text("PGRST_ADMIN_SERVER_HOST").map(BindHost::parse);
    Ok(Some(Listen { host: host.unwrap_or_else(|| main.host.clone()), port }))
}

fn database(reader: &Reader<'_>, key: &'static str) -> Result<Option<DatabaseUri>, ConfigError> {
    let Some(text) = reader.text_or_file(key)? else { return Ok(None) };
    DatabaseUri::parse(&text, reader.lookup()).map(Some).map_err(|problem| reader.secret_error(key, problem))
}

fn pool(reader: &Reader<'_>) -> Result<PoolLimits, ConfigError> {
    let seconds = reader.number("PGRST_DB_POOL_ACQUISITION_TIMEOUT", 10, 1..=3600)?;
    Ok(PoolLimits {
        size: reader.number("PGRST_DB_POOL", 10, 1..=1000)?,
        acquisition_timeout: Duration::from_secs(seconds),
        prepared_statements: reader.boolean("PGRST_DB_PREPARED_STATEMENTS", true)?,
    })
}

fn schemas(reader: &Reader<'_>) -> Result<Vec<String>, ConfigError> {
    let key = if reader.text("PGRST_DB_SCHEMAS").is_some() { "PGRST_DB_SCHEMAS" } else { "PGRST_DB_SCHEMA" };
    let schemas = reader.list(key, &["public"]);
    let system = |schema: &String| matches!(schema.as_str(), "pg_catalog" | "information_schema" | "");
    if schemas.is_empty() || schemas.iter().any(system) {
        return Err(reader.error(key, "names of schemas, by commas, not pg_catalog or information_schema"));
    }
    Ok(schemas)
}

fn qualified(name: String) -> (Option<String>, String) {
    match name.split_once('.') {
        Some((schema, name)) => (Some(schema.to_owned()), name.to_owned()),
        None => (None, name),
    }
}

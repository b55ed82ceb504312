//! Reads the parts of the configuration that are more than one value.

use std::path::PathBuf;
use std::time::Duration;

use super::reader::{ConfigError, Reader};
use super::{
    BindHost, DatabaseUri, Listen, LogFormat, LogLevel, OpenApi, OpenApiMode, PoolLimits, TransactionEnd,
};

const LEVELS: [(&str, LogLevel); 5] = [
    ("crit", LogLevel::Crit),
    ("error", LogLevel::Error),
    ("warn", LogLevel::Warn),
    ("info", LogLevel::Info),
    ("debug", LogLevel::Debug),
];

const ENDS: [(&str, TransactionEnd); 4] = [
    ("commit", TransactionEnd { rollback: false, overridable: false }),
    ("commit-allow-override", TransactionEnd { rollback: false, overridable: true }),
    ("rollback", TransactionEnd { rollback: true, overridable: false }),
    ("rollback-allow-override", TransactionEnd { rollback: true, overridable: true }),
];

const MODES: [(&str, OpenApiMode); 3] = [
    ("follow-privileges", OpenApiMode::FollowPrivileges),
    ("ignore-privileges", OpenApiMode::IgnorePrivileges),
    ("disabled", OpenApiMode::Disabled),
];

pub(super) fn listen(reader: &Reader<'_>) -> Result<Listen, ConfigError> {
    if let Some(unix) = unix(reader, "PGRST_SERVER_UNIX_SOCKET", "PGRST_SERVER_UNIX_SOCKET_MODE")? {
        return Ok(unix);
    }
    Ok(Listen::Tcp {
        host: reader.text("PGRST_SERVER_HOST").map_or_else(BindHost::default, BindHost::parse),
        port: reader.number("PGRST_SERVER_PORT", 3000, 0..=u16::MAX)?,
        shared: reader.boolean("PGRST_SERVER_REUSEPORT", false)?,
    })
}

pub(super) fn admin(reader: &Reader<'_>, main: &Listen) -> Result<Option<Listen>, ConfigError> {
    const KEY: &str = "PGRST_ADMIN_SERVER_PORT";
    if let Some(unix) = unix(reader, "PGRST_ADMIN_SERVER_UNIX_SOCKET", "PGRST_ADMIN_SERVER_UNIX_SOCKET_MODE")?
    {
        return Ok(Some(unix));
    }
    let Some(port) = reader.optional::<u16>(KEY, "a port from 0 to 65535")? else {
        return Ok(None);
    };
    if matches!(main, Listen::Tcp { port: other, .. } if *other == port && port != 0) {
        return Err(reader.error(KEY, "a port other than PGRST_SERVER_PORT"));
    }
    let host = reader.either("PGRST_ADMIN_SERVER_HOST", "PGRST_SERVER_HOST");
    Ok(Some(Listen::Tcp { host: host.map_or_else(BindHost::default, BindHost::parse), port, shared: false }))
}

fn unix(reader: &Reader<'_>, key: &str, mode_key: &str) -> Result<Option<Listen>, ConfigError> {
    const ALLOWED: &str = "the octal mode of a file, from 600 to 777";
    let mode = match reader.text(mode_key) {
        None => 0o660,
        Some(text) => u32::from_str_radix(&text, 8)
            .ok()
            .filter(|mode| (0o600..=0o777).contains(mode))
            .ok_or_else(|| reader.error(mode_key, ALLOWED))?,
    };
    Ok(reader.text(key).map(|path| Listen::Unix { path: PathBuf::from(path), mode }))
}

pub(super) fn database(reader: &Reader<'_>, key: &'static str) -> Result<Option<DatabaseUri>, ConfigError> {
    let allowed = "a connection URI, or @ and the path of a readable file";
    let Some(text) = reader.secret(key, allowed)? else { return Ok(None) };
    DatabaseUri::parse(&text, reader.lookup()).map(Some).map_err(|problem| reader.secret_error(key, problem))
}

pub(super) fn pool(reader: &Reader<'_>) -> Result<PoolLimits, ConfigError> {
    let idle = reader.number("PGRST_DB_POOL_TIMEOUT", 30, 0..=86_400 * 365)?;
    let seconds =
        |key, default, least| reader.number(key, default, least..=86_400 * 365).map(Duration::from_secs);
    Ok(PoolLimits {
        size: reader.number("PGRST_DB_POOL", 10, 1..=1000)?,
        queue: usize::MAX,
        acquisition_timeout: seconds("PGRST_DB_POOL_ACQUISITION_TIMEOUT", 10, 1)?,
        max_lifetime: seconds("PGRST_DB_POOL_MAX_LIFETIME", 1800, 1)?,
        max_idle: seconds("PGRST_DB_POOL_MAX_IDLETIME", idle, 0)?,
        prepared_statements: reader.boolean("PGRST_DB_PREPARED_STATEMENTS", true)?,
    })
}

/// The pool for what hashes passwords: as many as there are cores, since each keeps one busy, and a
/// queue that is short enough for the last in it to be answered within seconds.
pub(super) fn login_pool(reader: &Reader<'_>, pool: PoolLimits) -> Result<PoolLimits, ConfigError> {
    let cores = std::thread::available_parallelism().map_or(2, usize::from).max(2);
    Ok(PoolLimits {
        size: reader.number("GATEHOUSE_LOGIN_POOL", cores, 1..=1000)?,
        queue: reader.number("GATEHOUSE_LOGIN_QUEUE", 64, 0..=100_000)?,
        ..pool
    })
}

pub(super) fn schemas(reader: &Reader<'_>) -> Result<Vec<String>, ConfigError> {
    let key = if reader.text("PGRST_DB_SCHEMAS").is_some() { "PGRST_DB_SCHEMAS" } else { "PGRST_DB_SCHEMA" };
    let mut schemas = reader.list(key, &["public"]);
    if reader.text(key).is_none() {
        schemas = vec!["public".to_owned()];
    }
    let system = |schema: &String| matches!(schema.as_str(), "pg_catalog" | "information_schema" | "");
    if schemas.is_empty() || schemas.iter().any(system) {
        return Err(reader.error(key, "names of schemas, by commas, not pg_catalog or information_schema"));
    }
    Ok(schemas)
}

pub(super) fn channel(reader: &Reader<'_>) -> Result<Option<String>, ConfigError> {
    let enabled = reader.boolean("PGRST_DB_CHANNEL_ENABLED", true)?;
    Ok(enabled.then(|| reader.text("PGRST_DB_CHANNEL").unwrap_or_else(|| "pgrst".to_owned())))
}

pub(super) fn max_rows(reader: &Reader<'_>) -> Result<Option<u64>, ConfigError> {
    let allowed = "a whole number from 0";
    let most = reader.optional("PGRST_DB_MAX_ROWS", allowed)?;
    if most.is_some() { Ok(most) } else { reader.optional("PGRST_MAX_ROWS", allowed) }
}

pub(super) fn transaction_end(reader: &Reader<'_>) -> Result<TransactionEnd, ConfigError> {
    reader.choice("PGRST_DB_TX_END", &ENDS, TransactionEnd::default())
}

pub(super) fn log_level(reader: &Reader<'_>) -> Result<LogLevel, ConfigError> {
    reader.choice("PGRST_LOG_LEVEL", &LEVELS, LogLevel::Error)
}

/// A boolean; the words are those of PostgREST 13.
pub(super) fn log_query(reader: &Reader<'_>) -> Result<bool, ConfigError> {
    let choices = [("true", true), ("false", false), ("main-query", true), ("disabled", false)];
    reader.choice("PGRST_LOG_QUERY", &choices, false)
}

pub(super) fn log_format(reader: &Reader<'_>) -> Result<LogFormat, ConfigError> {
    let formats = [("text", LogFormat::Text), ("json", LogFormat::Json)];
    reader.choice("GATEHOUSE_LOG_FORMAT", &formats, LogFormat::default())
}

pub(super) fn some_list(reader: &Reader<'_>, key: &str) -> Vec<String> {
    if reader.text(key).is_some() { reader.list(key, &[]) } else { Vec::new() }
}

pub(super) fn openapi(reader: &Reader<'_>) -> Result<OpenApi, ConfigError> {
    const KEY: &str = "PGRST_OPENAPI_SERVER_PROXY_URI";
    let proxy = reader.text(KEY);
    if proxy.as_deref().is_some_and(|uri| crate::openapi::Proxy::parse(uri).is_none()) {
        return Err(reader.error(KEY, "a URI such as https://example.com:8443/path"));
    }
    Ok(OpenApi {
        mode: reader.choice("PGRST_OPENAPI_MODE", &MODES, OpenApiMode::default())?,
        security: reader.boolean("PGRST_OPENAPI_SECURITY_ACTIVE", false)?,
        proxy,
    })
}

/// The names of the choices, the other way round.
pub(super) fn level_name(level: LogLevel) -> &'static str {
    LEVELS.iter().find(|(_, value)| *value == level).map_or("", |(name, _)| name)
}

pub(super) fn end_name(end: TransactionEnd) -> &'static str {
    ENDS.iter().find(|(_, value)| *value == end).map_or("", |(name, _)| name)
}

pub(super) fn mode_name(mode: OpenApiMode) -> &'static str {
    MODES.iter().find(|(_, value)| *value == mode).map_or("", |(name, _)| name)
}

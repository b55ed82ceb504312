//! What the operator says: by environment variables, in a file, in the database. `PGRST_…` names
//! have PostgREST's meaning, `GATEHOUSE_…` is for what is ours.
//!
//! A wrong value is one line that names the key, the value and what is allowed. Secrets never
//! print. This module must not know the database or HTTP.

mod claim_path;
mod database_uri;
mod dump;
mod file;
mod host;
mod http;
mod mail;
mod options;
mod pages;
mod parts;
mod reader;
mod secret;
mod site;
mod smtp_url;
mod sources;
#[cfg(test)]
mod tests;
mod token;

pub(crate) use claim_path::ClaimPath;
pub(crate) use database_uri::{
    ChannelBinding, DatabaseTls, DatabaseUri, Endpoint, Keepalive, Roots, SessionKind, TlsMode, TlsVersion,
};
pub(crate) use dump::EXAMPLE;
pub(crate) use host::{BindHost, Family};
pub(crate) use http::{ForwardingHeader, Http, Limits, Proxies, Rate, TlsFiles};
pub(crate) use mail::{Delivery, MailSettings};
pub(crate) use options::{
    Listen, LogFormat, LogLevel, OpenApi, OpenApiMode, PoolLimits, Qualified, TransactionEnd,
};
pub(crate) use pages::{Pages, Palette};
pub(crate) use reader::ConfigError;
use reader::Reader;
pub(crate) use secret::Secret;
pub(crate) use site::Site;
pub(crate) use smtp_url::{Encryption, SmtpServer, is_loopback};
pub(crate) use sources::Sources;
pub(crate) use token::TokenSettings;

/// Everything the operator decides.
#[derive(Clone, Debug)]
pub(crate) struct Config {
    pub(crate) listen: Listen,
    pub(crate) admin: Option<Listen>,
    pub(crate) database: DatabaseUri,
    /// The pool for tokens of `service_role`; without it they are refused by the database.
    pub(crate) service_database: Option<DatabaseUri>,
    /// Where reading requests go, if not where writing ones do.
    pub(crate) read_database: Option<DatabaseUri>,
    pub(crate) pool: PoolLimits,
    /// Of the connections on which passwords are hashed.
    pub(crate) login_pool: PoolLimits,
    /// The exposed schemas, at least one; the first is the default.
    pub(crate) schemas: Vec<String>,
    /// Appended to the search path of every transaction.
    pub(crate) extra_search_path: Vec<String>,
    /// Who a request without a token is; `None` refuses it.
    pub(crate) anon_role: Option<String>,
    /// Called in every transaction before the main statement.
    pub(crate) pre_request: Option<Qualified>,
    /// Called before the settings in the database are read.
    pub(crate) pre_config: Option<Qualified>,
    /// Whether settings in the database count.
    pub(crate) database_settings: bool,
    /// Where the database says that something changed; `None` does not listen.
    pub(crate) channel: Option<String>,
    /// Whether a lost database is waited for; otherwise the process ends.
    pub(crate) automatic_recovery: bool,
    /// Most rows in one answer.
    pub(crate) max_rows: Option<u64>,
    pub(crate) aggregates: bool,
    pub(crate) plans: bool,
    /// The function that answers at the root, if not the description of the API.
    pub(crate) root: Option<Qualified>,
    pub(crate) transaction_end: TransactionEnd,
    /// Settings of functions that are applied before.
    pub(crate) hoisted_settings: Vec<String>,
    pub(crate) app_settings: Vec<(String, String)>,
    /// How tokens are verified here; `None` leaves it to the extension in the database.
    pub(crate) tokens: Option<TokenSettings>,
    pub(crate) log_level: LogLevel,
    /// Whether the SQL of a request is logged with it.
    pub(crate) log_query: bool,
    pub(crate) log_format: LogFormat,
    pub(crate) openapi: OpenApi,
    /// Whether errors tell details and hints.
    pub(crate) verbose_errors: bool,
    /// The origins that browsers may call from; any when there are none.
    pub(crate) cors_origins: Vec<String>,
    /// A header that is given back as it came.
    pub(crate) trace_header: Option<axum::http::HeaderName>,
    pub(crate) server_timing: bool,
    /// Whether an embedding may be named by its relation where it has an alias.
    pub(crate) legacy_names: bool,
    pub(crate) http: Http,
    /// How mail is sent; `None` leaves it in the database.
    pub(crate) mail: Option<MailSettings>,
    pub(crate) site: Site,
    pub(crate) pages: Pages,
}

impl Config {
    /// Reads the configuration.
    pub(crate) fn read(sources: &Sources) -> Result<Self, ConfigError> {
        let lookup = |name: &str| sources.find(name);
        let reader = Reader::new(&lookup);
        let listen = parts::listen(&reader)?;
        let pool = parts::pool(&reader)?;
        Ok(Self {
            admin: parts::admin(&reader, &listen)?,
            mail: mail::read(&reader, &listen)?,
            site: Site::read(&reader, &listen)?,
            pages: Pages::read(&reader)?,
            listen,
            database: parts::database(&reader, "PGRST_DB_URI")?
                .map_or_else(|| DatabaseUri::parse("", &lookup), Ok)
                .map_err(|problem| reader.secret_error("PGRST_DB_URI", problem))?,
            service_database: parts::database(&reader, "GATEHOUSE_SERVICE_DB_URI")?,
            read_database: parts::database(&reader, "GATEHOUSE_DB_READ_URI")?,
            login_pool: parts::login_pool(&reader, pool)?,
            pool,
            schemas: parts::schemas(&reader)?,
            extra_search_path: reader.list("PGRST_DB_EXTRA_SEARCH_PATH", &["public"]),
            anon_role: reader.text("PGRST_DB_ANON_ROLE"),
            pre_request: reader
                .either("PGRST_DB_PRE_REQUEST", "PGRST_PRE_REQUEST")
                .map(|text| Qualified::parse(&text)),
            pre_config: reader.text("PGRST_DB_PRE_CONFIG").map(|text| Qualified::parse(&text)),
            database_settings: reader.boolean("PGRST_DB_CONFIG", true)?,
            channel: parts::channel(&reader)?,
            automatic_recovery: reader.boolean("PGRST_DB_POOL_AUTOMATIC_RECOVERY", true)?,
            max_rows: parts::max_rows(&reader)?,
            aggregates: reader.boolean("PGRST_DB_AGGREGATES_ENABLED", false)?,
            plans: reader.boolean("PGRST_DB_PLAN_ENABLED", false)?,
            root: reader.either("PGRST_DB_ROOT_SPEC", "PGRST_ROOT_SPEC").map(|text| Qualified::parse(&text)),
            transaction_end: parts::transaction_end(&reader)?,
            hoisted_settings: reader.list(
                "PGRST_DB_HOISTED_TX_SETTINGS",
                &["statement_timeout", "plan_filter.statement_cost_limit", "default_transaction_isolation"],
            ),
            app_settings: sources.app_settings(),
            tokens: token::read(&reader)?,
            log_level: parts::log_level(&reader)?,
            log_query: parts::log_query(&reader)?,
            log_format: parts::log_format(&reader)?,
            openapi: parts::openapi(&reader)?,
            verbose_errors: reader.choice(
                "PGRST_CLIENT_ERROR_VERBOSITY",
                &[("verbose", true), ("minimal", false)],
                true,
            )?,
            cors_origins: parts::some_list(&reader, "PGRST_SERVER_CORS_ALLOWED_ORIGINS"),
            trace_header: reader.optional("PGRST_SERVER_TRACE_HEADER", "the name of a header")?,
            server_timing: reader.boolean("PGRST_SERVER_TIMING_ENABLED", false)?,
            legacy_names: reader.boolean("PGRST_URL_USE_LEGACY_TARGET_NAMES", true)?,
            http: http::read(&reader)?,
        })
    }
}

//! A libpq connection string: `postgresql://…` or `key=value …`, with libpq's environment names
//! (`PGHOST`, `PGPORT`, `PGUSER`, `PGPASSWORD`, `PGDATABASE`, `PGSSLMODE` …) for what it leaves out.

mod keepalive;
mod syntax;
mod tls;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::Secret;
pub(crate) use keepalive::Keepalive;
pub(crate) use tls::{ChannelBinding, DatabaseTls, Roots, TlsMode, TlsVersion};

type Lookup<'a> = dyn Fn(&str) -> Option<String> + 'a;

/// Where a server may listen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Endpoint {
    Tcp {
        /// Whom the server's certificate has to name.
        host: String,
        /// Where it is, if that is not to be looked up by its name.
        address: Option<String>,
        port: u16,
    },
    Unix(PathBuf),
}

impl Endpoint {
    pub(crate) fn is_tcp(&self) -> bool {
        matches!(self, Self::Tcp { .. })
    }
}

/// How to reach and enter a database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DatabaseUri {
    /// Tried in this order; at least one.
    pub(crate) endpoints: Vec<Endpoint>,
    pub(crate) user: String,
    pub(crate) password: Option<Secret>,
    pub(crate) database: String,
    pub(crate) application_name: String,
    /// Command-line options for the backend, as in `PGOPTIONS`.
    pub(crate) options: Option<String>,
    /// Whether requests share the connection, so that none may leave anything in it for the next.
    pub(crate) is_shared: bool,
    /// For one endpoint, name resolution and authentication included.
    pub(crate) connect_timeout: Duration,
    /// Which servers will do: the first endpoint whose server is one is taken.
    pub(crate) session: SessionKind,
    pub(crate) tls: Arc<DatabaseTls>,
    pub(crate) keepalive: Keepalive,
}

/// `target_session_attrs`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum SessionKind {
    #[default]
    Any,
    /// A standby; any, when there is none.
    PreferStandby,
    Primary,
    ReadOnly,
    ReadWrite,
    Standby,
}

const SESSIONS: [(&str, SessionKind); 7] = [
    ("", SessionKind::Any),
    ("any", SessionKind::Any),
    ("prefer-standby", SessionKind::PreferStandby),
    ("primary", SessionKind::Primary),
    ("read-only", SessionKind::ReadOnly),
    ("read-write", SessionKind::ReadWrite),
    ("standby", SessionKind::Standby),
];

const DEFAULT_SOCKET_DIRECTORY: &str = "/var/run/postgresql";
const DEFAULT_PORT: u16 = 5432;
const DEFAULT_CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Options of libpq that change nothing here whatever their value.
const IGNORED: [&str; 4] = ["client_encoding", "fallback_application_name", "gssencmode", "sslcompression"];

/// The options of a connection string in the order written; a later one wins.
#[derive(Default)]
struct Options(Vec<(String, String)>);

impl Options {
    fn find(&self, key: &str) -> Option<&str> {
        let found = self.0.iter().rev().find(|(name, value)| name == key && !value.is_empty());
        found.map(|(_, value)| value.as_str())
    }

    fn find_or(&self, key: &str, environment: &str, lookup: &Lookup<'_>) -> Option<String> {
        let inherited = || lookup(environment).filter(|value| !value.is_empty());
        self.find(key).map(str::to_owned).or_else(inherited)
    }
}

impl DatabaseUri {
    /// Reads a connection string. The error says what is allowed and holds no part of the text.
    pub(crate) fn parse(text: &str, lookup: &Lookup<'_>) -> Result<Self, String> {
        let options = syntax::parse(text)?;
        check(&options)?;
        let user = options
            .find_or("user", "PGUSER", lookup)
            .or_else(|| lookup("USER"))
            .ok_or("a connection string with a user")?;
        let endpoints = endpoints(&options, lookup)?;
        let needs_roots = endpoints.iter().any(Endpoint::is_tcp);
        Ok(Self {
            tls: Arc::new(DatabaseTls::read(&options, lookup, needs_roots)?),
            endpoints,
            password: options.find_or("password", "PGPASSWORD", lookup).map(Secret::new),
            database: options.find_or("dbname", "PGDATABASE", lookup).unwrap_or_else(|| user.clone()),
            is_shared: true,
            application_name: options
                .find_or("application_name", "PGAPPNAME", lookup)
                .unwrap_or_else(|| "gatehouse".to_owned()),
            options: options.find_or("options", "PGOPTIONS", lookup),
            connect_timeout: connect_timeout(&options)?,
            keepalive: Keepalive::read(&options)?,
            session: session(&options, lookup),
            user,
        })
    }
}

fn check(options: &Options) -> Result<(), String> {
    for (key, value) in &options.0 {
        match key.as_str() {
            "host" | "hostaddr" | "port" | "user" | "password" | "dbname" | "application_name"
            | "options" | "connect_timeout" => {}
            "target_session_attrs" if SESSIONS.iter().any(|(name, _)| name == value) => {}
            "target_session_attrs" => {
                return Err("target_session_attrs as libpq documents it".into());
            }
            known if IGNORED.contains(&known) => {}
            known if tls::OPTIONS.contains(&known) || keepalive::OPTIONS.contains(&known) => {}
            // The key is not told: in a malformed string it may be a piece of the password.
            _ => return Err("only connection options that libpq documents".into()),
        }
    }
    Ok(())
}

fn session(options: &Options, lookup: &Lookup<'_>) -> SessionKind {
    let text = options.find_or("target_session_attrs", "PGTARGETSESSIONATTRS", lookup).unwrap_or_default();
    SESSIONS.iter().find(|(name, _)| *name == text).map_or(SessionKind::Any, |(_, kind)| *kind)
}

fn endpoints(options: &Options, lookup: &Lookup<'_>) -> Result<Vec<Endpoint>, String> {
    let addresses = options.find_or("hostaddr", "PGHOSTADDR", lookup);
    let names = options.find_or("host", "PGHOST", lookup);
    let hosts = names.as_ref().or(addresses.as_ref()).map_or("", String::as_str);
    let hosts: Vec<_> = hosts.split(',').collect();
    // Without names, the addresses are the hosts.
    let addresses: Vec<_> = match (&names, &addresses) {
        (Some(_), Some(list)) => list.split(',').collect(),
        _ => Vec::new(),
    };
    if !addresses.is_empty() && addresses.len() != hosts.len() {
        return Err("as many addresses in hostaddr as names in host".into());
    }
    let ports = options.find_or("port", "PGPORT", lookup).unwrap_or_default();
    let ports: Vec<_> = ports.split(',').map(port).collect::<Result<_, _>>()?;
    if ports.len() > 1 && ports.len() != hosts.len() {
        return Err("one port, or as many ports as hosts".into());
    }
    let port_of = |index: usize| ports.get(index).or(ports.first()).copied().unwrap_or(DEFAULT_PORT);
    let endpoint = |(index, host): (usize, &&str)| endpoint(host, addresses.get(index), port_of(index));
    Ok(hosts.iter().enumerate().map(endpoint).collect())
}

fn endpoint(host: &str, address: Option<&&str>, port: u16) -> Endpoint {
    let address = address.filter(|address| !address.is_empty()).map(|&address| address.to_owned());
    match (host, address) {
        ("", Some(address)) => Endpoint::Tcp { host: address, address: None, port },
        ("", None) => unix(DEFAULT_SOCKET_DIRECTORY, port),
        (directory, None) if directory.starts_with('/') => unix(directory, port),
        (host, address) => Endpoint::Tcp { host: host.to_owned(), address, port },
    }
}

fn unix(directory: &str, port: u16) -> Endpoint {
    Endpoint::Unix(PathBuf::from(directory).join(format!(".s.PGSQL.{port}")))
}

fn port(text: &str) -> Result<u16, String> {
    if text.is_empty() {
        return Ok(DEFAULT_PORT);
    }
    text.parse().ok().filter(|&port| port > 0).ok_or_else(|| "a port from 1 to 65535".to_owned())
}

fn connect_timeout(options: &Options) -> Result<Duration, String> {
    let Some(text) = options.find("connect_timeout") else { return Ok(DEFAULT_CONNECT_TIMEOUT) };
    let seconds: u64 = text.parse().map_err(|_| "connect_timeout in whole seconds")?;
    Ok(if seconds == 0 { DEFAULT_CONNECT_TIMEOUT } else { Duration::from_secs(seconds) })
}

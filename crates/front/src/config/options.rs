//! The smaller parts of the configuration.

use std::path::PathBuf;
use std::time::Duration;

use super::BindHost;

/// Where one HTTP listener binds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Listen {
    Tcp {
        host: BindHost,
        /// 0 takes a free port.
        port: u16,
        /// Whether other processes may bind the same port.
        shared: bool,
    },
    Unix {
        path: PathBuf,
        /// Of the socket's file.
        mode: u32,
    },
}

/// The limits of one pool of database connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PoolLimits {
    /// Most connections at a time, at least 1.
    pub(crate) size: usize,
    /// How long a request waits for a free connection.
    pub(crate) acquisition_timeout: Duration,
    /// How old a connection may become.
    pub(crate) max_lifetime: Duration,
    /// How long a connection may do nothing.
    pub(crate) max_idle: Duration,
    /// How many requests may wait for one.
    pub(crate) queue: usize,
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

/// How the log is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum LogFormat {
    /// An object a line.
    Json,
    #[default]
    Text,
}

/// How a transaction ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct TransactionEnd {
    /// Without effect, unless the client says otherwise and may.
    pub(crate) rollback: bool,
    /// Whether the client may.
    pub(crate) overridable: bool,
}

/// What the description of the API shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum OpenApiMode {
    Disabled,
    /// What the caller may use.
    #[default]
    FollowPrivileges,
    /// Everything that is exposed.
    IgnorePrivileges,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct OpenApi {
    pub(crate) mode: OpenApiMode,
    /// Whether it says that a token is needed.
    pub(crate) security: bool,
    /// Where clients find the API, if not where it listens.
    pub(crate) proxy: Option<String>,
}

/// What is written as `schema.name`, or a name alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Qualified {
    pub(crate) schema: Option<String>,
    pub(crate) name: String,
}

impl Qualified {
    pub(super) fn parse(text: &str) -> Self {
        match text.split_once('.') {
            Some((schema, name)) => Self { schema: Some(schema.to_owned()), name: name.to_owned() },
            None => Self { schema: None, name: text.to_owned() },
        }
    }
}

impl std::fmt::Display for Qualified {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.schema {
            Some(schema) => write!(f, "{schema}.{}", self.name),
            None => f.write_str(&self.name),
        }
    }
}

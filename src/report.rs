//! The only place that raises: core error → SQLSTATE, message, DETAIL.
//!
//! DETAIL is the stable code of `gatehouse_core::wire` and nothing else. All refusals of a token
//! share one message. A panic becomes an error with a fixed text: what a panic says may quote
//! data, and where it happened is for the server's log only.

use gatehouse_core::Error;
use gatehouse_core::wire::Wire;
use pgrx::pg_sys::panic::CaughtError;
use pgrx::prelude::*;
use pgrx::{PgTryBuilder, pg_sys};

/// What only the server side can run into; the core's errors have their own table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// The decision of the core.
    Core(Error),
    /// `create extension` has not run in this database.
    ExtensionMissing,
    /// No key to sign with.
    KeyMissing,
    /// The file that `pg_gatehouse.master_key_file` names can not be read.
    MasterKeyUnreadable { why: String },
    /// A master key that `pg_gatehouse.next_master_key_file` does not name.
    MasterKeyNotAnnounced,
    /// JSON that must be an object is something else.
    NotAnObject,
    /// The library was not preloaded, so that there is no shared memory.
    NotPreloaded,
    /// The token's role does not exist, is a superuser, or may not be taken on by the login role.
    RoleRefused { role: String },
    /// The transaction already has its identity.
    SessionSealed,
    /// The connection is a pool's, and the statement would outlive its transaction.
    SessionStateRefused,
    /// The token setting came from somewhere other than the running transaction.
    TokenSourceRefused,
    /// A transaction that changed keys can not be prepared (two-phase commit).
    KeysInPreparedTransaction,
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Self::Core(error)
    }
}

/// What PostgreSQL is told of a refusal.
pub(crate) struct Report {
    pub(crate) sqlstate: PgSqlErrorCode,
    pub(crate) message: String,
    pub(crate) code: &'static str,
    pub(crate) hint: Option<&'static str>,
}

impl Report {
    fn new(sqlstate: PgSqlErrorCode, message: impl Into<String>, code: &'static str) -> Self {
        Self { sqlstate, message: message.into(), code, hint: None }
    }

    fn hint(self, hint: &'static str) -> Self {
        Self { hint: Some(hint), ..self }
    }
}

impl From<&Refusal> for Report {
    fn from(refusal: &Refusal) -> Self {
        use PgSqlErrorCode::{
            ERRCODE_CONFIG_FILE_ERROR, ERRCODE_FEATURE_NOT_SUPPORTED, ERRCODE_INSUFFICIENT_PRIVILEGE,
            ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
        };
        match refusal {
            Refusal::Core(error) => core_report(error),
            Refusal::ExtensionMissing => Self::new(
                ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
                "extension pg_gatehouse is not installed in this database",
                "extension_missing",
            )
            .hint("Run: create extension pg_gatehouse"),
            Refusal::KeyMissing => Self::new(
                ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
                "there is no active signing key",
                "signing_key_missing",
            )
            .hint("Run as the owner: select auth.rotate_signing_key()"),
            Refusal::KeysInPreparedTransaction => Self::new(
                ERRCODE_FEATURE_NOT_SUPPORTED,
                "a transaction that changed signing keys can not be prepared",
                "keys_in_prepared_transaction",
            )
            .hint("Commit it instead: every backend must learn of the change at its commit."),
            Refusal::MasterKeyUnreadable { why } => Self::new(
                ERRCODE_CONFIG_FILE_ERROR,
                format!("the master key can not be read: {why}"),
                "master_key_unreadable",
            )
            .hint("Set pg_gatehouse.master_key_file to a file of 64 hexadecimal digits that only the server can read."),
            Refusal::MasterKeyNotAnnounced => Self::new(
                ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
                "the new master key's file is not the one of pg_gatehouse.next_master_key_file",
                "master_key_not_announced",
            )
            .hint("Set pg_gatehouse.next_master_key_file to it and reload first, so that every backend can open what it seals."),
            Refusal::NotAnObject => Self::new(
                PgSqlErrorCode::ERRCODE_INVALID_PARAMETER_VALUE,
                "claims, header and JWK must be JSON objects",
                "not_an_object",
            ),
            Refusal::NotPreloaded => Self::new(
                ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
                "pg_gatehouse is not preloaded",
                "not_preloaded",
            )
            .hint("Set shared_preload_libraries = 'pg_gatehouse' in postgresql.conf and restart the server."),
            Refusal::RoleRefused { role } => Self::new(
                ERRCODE_INSUFFICIENT_PRIVILEGE,
                format!("the role \"{role}\" can not be taken on by a token in this session"),
                "role_refused",
            )
            .hint("The login role must be a member of it, and it must not be a superuser."),
            Refusal::SessionSealed => Self::new(
                ERRCODE_INSUFFICIENT_PRIVILEGE,
                "the session is sealed until the transaction ends",
                "session_sealed",
            )
            .hint("Authenticate once in each transaction."),
            Refusal::SessionStateRefused => Self::new(
                ERRCODE_INSUFFICIENT_PRIVILEGE,
                "what outlives the transaction is refused on this connection",
                "session_state_refused",
            )
            .hint("The connection is shared (pg_gatehouse.refuse_session_state). Use set local, and no temporary objects, prepared statements or held cursors."),
            Refusal::TokenSourceRefused => Self::new(
                ERRCODE_INSUFFICIENT_PRIVILEGE,
                "pg_gatehouse.token can not be stored or given when connecting",
                "token_source_refused",
            )
            .hint("Call auth.authenticate(token) in the transaction that needs it."),
        }
    }
}

fn core_report(error: &Error) -> Report {
    let wire = Wire::from(error);
    let sqlstate = match wire.sqlstate {
        "28000" => PgSqlErrorCode::ERRCODE_INVALID_AUTHORIZATION_SPECIFICATION,
        "22023" => PgSqlErrorCode::ERRCODE_INVALID_PARAMETER_VALUE,
        "38000" => PgSqlErrorCode::ERRCODE_EXTERNAL_ROUTINE_EXCEPTION,
        "58000" => PgSqlErrorCode::ERRCODE_SYSTEM_ERROR,
        _ => PgSqlErrorCode::ERRCODE_INTERNAL_ERROR,
    };
    let message = if wire.sqlstate == "28000" { wire.public.to_owned() } else { error.to_string() };
    Report::new(sqlstate, message, wire.code)
}

/// Tells the server's log and nobody else.
pub(crate) fn log(message: &str) {
    pgrx::ereport!(
        PgLogLevel::LOG_SERVER_ONLY,
        PgSqlErrorCode::ERRCODE_SUCCESSFUL_COMPLETION,
        format!("pg_gatehouse: {message}")
    );
}

/// A line of the log as it is, for the server only.
pub(crate) fn log_line(line: &str) {
    pgrx::ereport!(
        PgLogLevel::LOG_SERVER_ONLY,
        PgSqlErrorCode::ERRCODE_SUCCESSFUL_COMPLETION,
        line.to_owned()
    );
}

/// Raises the refusal as an ERROR.
pub(crate) fn raise(refusal: &Refusal) -> ! {
    let report = Report::from(refusal);
    let mut error = pg_sys::panic::ErrorReport::new(report.sqlstate, report.message, "pg_gatehouse")
        .set_detail(report.code);
    if let Some(hint) = report.hint {
        error = error.set_hint(hint);
    }
    error.report(PgLogLevel::ERROR);
    unreachable!("an ERROR does not return")
}

/// Runs the body of an SQL function: a refusal is raised, a panic is raised as a fixed text.
pub(crate) fn answer<T>(body: impl FnOnce() -> Result<T, Refusal>) -> T {
    guard(body).unwrap_or_else(|refusal| raise(&refusal))
}

/// Runs what may panic: a panic is raised as a fixed text.
pub(crate) fn guard<T>(body: impl FnOnce() -> T) -> T {
    PgTryBuilder::new(std::panic::AssertUnwindSafe(body))
        .catch_rust_panic(|cause| raise_panic(&place(&cause)))
        .execute()
}

/// File and line.
fn place(cause: &CaughtError) -> String {
    let (CaughtError::PostgresError(report)
    | CaughtError::ErrorReport(report)
    | CaughtError::RustPanic { ereport: report, .. }) = cause;
    format!("{}:{}", report.file(), report.line_number())
}

/// Raises a panic that was caught, as a fixed text.
pub(crate) fn raise_panic(place: &str) -> ! {
    // Where, for whoever mends it; not what, which may quote data.
    log(&format!("panicked at {place}"));
    pg_sys::panic::ErrorReport::new(
        PgSqlErrorCode::ERRCODE_INTERNAL_ERROR,
        "internal error in pg_gatehouse",
        "pg_gatehouse",
    )
    .set_detail("internal_error")
    .report(PgLogLevel::ERROR);
    unreachable!("an ERROR does not return")
}

/// Makes sure that no Rust backtrace is ever captured: pgrx would send it to the client as DETAIL.
///
/// The standard library asks the environment once and remembers the answer; the variable is put
/// back, so that nothing else in the server sees a difference.
pub(crate) fn silence_backtraces() {
    const VARIABLE: &str = "RUST_LIB_BACKTRACE";
    let before = std::env::var_os(VARIABLE);
    // SAFETY: called from _PG_init; neither the postmaster nor a backend has a second thread.
    unsafe { std::env::set_var(VARIABLE, "0") };
    let _ = std::backtrace::Backtrace::capture();
    // SAFETY: as above.
    unsafe {
        match before {
            Some(value) => std::env::set_var(VARIABLE, value),
            None => std::env::remove_var(VARIABLE),
        }
    }
}

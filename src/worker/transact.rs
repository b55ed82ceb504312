//! A worker's connection and its transactions: an error ends the transaction, not the worker.

use std::ffi::CStr;

use pgrx::pg_sys::panic::CaughtError;
use pgrx::prelude::*;
use pgrx::{PgTryBuilder, pg_sys};

use crate::report;

/// Settings that the database or the bootstrap superuser may have been given otherwise, and that
/// decide what the worker's statements mean or how long they wait.
const PINNED: [(&CStr, &CStr); 11] = [
    (c"role", c"none"),
    (c"search_path", c"pg_catalog, pg_temp"),
    (c"lock_timeout", c"100ms"),
    (c"statement_timeout", c"0"),
    (c"idle_in_transaction_session_timeout", c"0"),
    (c"default_transaction_isolation", c"read committed"),
    (c"default_transaction_read_only", c"off"),
    (c"default_transaction_deferrable", c"off"),
    (c"session_replication_role", c"origin"),
    (c"jit", c"off"),
    (c"application_name", c"pg_gatehouse audit"),
];

// PostgreSQL's own signal handlers, as they are: pgrx's wrappers are not for signals.
unsafe extern "C-unwind" {
    fn die(signal: std::ffi::c_int);
    fn SignalHandlerForConfigReload(signal: std::ffi::c_int);
}

/// Why a transaction came to nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Failure {
    /// The extension is not installed in this database.
    NoExtension,
    /// A lock, a cancellation, a conflict: it may work the next time.
    ForNow,
    /// It will not.
    ForGood,
}

/// Connects to the database as the bootstrap superuser.
pub(super) fn connect(database: pg_sys::Oid) {
    // SAFETY: called once, by the worker's main function, before anything else.
    unsafe {
        on_signal(pg_sys::SIGTERM, die);
        on_signal(pg_sys::SIGHUP, SignalHandlerForConfigReload);
        pg_sys::BackgroundWorkerUnblockSignals();
        pg_sys::BackgroundWorkerInitializeConnectionByOid(database, pg_sys::InvalidOid, 0);
        for (name, value) in PINNED {
            pg_sys::SetConfigOption(
                name.as_ptr(),
                value.as_ptr(),
                pg_sys::GucContext::PGC_SUSET,
                pg_sys::GucSource::PGC_S_OVERRIDE,
            );
        }
    }
}

unsafe fn on_signal(signal: u32, handler: unsafe extern "C-unwind" fn(std::ffi::c_int)) {
    // SAFETY: PostgreSQL's own handlers.
    unsafe {
        #[cfg(not(feature = "pg18"))]
        pg_sys::pqsignal(signal.cast_signed(), Some(handler));
        #[cfg(feature = "pg18")]
        pg_sys::pqsignal_be(signal.cast_signed(), Some(handler));
    }
}

/// Reads the configuration file again if the server was told to.
pub(super) fn reload_settings() {
    // SAFETY: a flag that only this process's signal handler sets.
    unsafe {
        if pg_sys::ConfigReloadPending != 0 {
            pg_sys::ConfigReloadPending = 0;
            pg_sys::ProcessConfigFile(pg_sys::GucContext::PGC_SIGHUP);
        }
    }
}

/// Runs `body` in a transaction of its own.
pub(super) fn transact<T>(body: impl FnOnce() -> Result<T, spi::Error>) -> Result<T, Failure> {
    let done = PgTryBuilder::new(std::panic::AssertUnwindSafe(|| {
        // SAFETY: the worker is connected and in no transaction.
        unsafe {
            pg_sys::SetCurrentStatementStartTimestamp();
            pg_sys::StartTransactionCommand();
            pg_sys::PushActiveSnapshot(pg_sys::GetTransactionSnapshot());
        }
        if crate::catalog::relation(c"audit_chain").is_err() {
            return Err(Failure::NoExtension);
        }
        let result = body().map_err(|_| Failure::ForGood)?;
        // SAFETY: the transaction was begun above.
        unsafe {
            pg_sys::PopActiveSnapshot();
            pg_sys::CommitTransactionCommand();
        }
        Ok(result)
    }))
    .catch_others(|cause| Err(judge(&cause)))
    .execute();
    if done.is_err() {
        // SAFETY: ends the transaction, whatever state it is in.
        unsafe { pg_sys::AbortCurrentTransaction() };
    }
    // SAFETY: in no transaction.
    unsafe { pg_sys::pgstat_report_stat(true) };
    done
}

fn judge(cause: &CaughtError) -> Failure {
    use PgSqlErrorCode::{
        ERRCODE_LOCK_NOT_AVAILABLE, ERRCODE_QUERY_CANCELED, ERRCODE_T_R_DEADLOCK_DETECTED,
        ERRCODE_T_R_SERIALIZATION_FAILURE,
    };
    let (CaughtError::PostgresError(report)
    | CaughtError::ErrorReport(report)
    | CaughtError::RustPanic { ereport: report, .. }) = cause;
    match report.sql_error_code() {
        ERRCODE_LOCK_NOT_AVAILABLE
        | ERRCODE_QUERY_CANCELED
        | ERRCODE_T_R_DEADLOCK_DETECTED
        | ERRCODE_T_R_SERIALIZATION_FAILURE => Failure::ForNow,
        code => {
            // The code and not the text, which may quote a row.
            report::log(&format!("the audit worker's transaction failed: {code:?}"));
            Failure::ForGood
        }
    }
}

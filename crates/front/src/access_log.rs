//! One line for an answered request, by PostgREST's levels.

use axum::http::{Method, StatusCode, Uri};

use crate::config::LogLevel;

/// Logs the request if its answer is of the kind that `level` asks for. The path only: a query
/// string may hold what must not be in a log.
pub(crate) fn log(level: LogLevel, method: &Method, uri: &Uri, status: StatusCode) {
    let least = if status.is_server_error() {
        LogLevel::Error
    } else if status.is_client_error() {
        LogLevel::Warn
    } else {
        LogLevel::Info
    };
    if level >= least {
        tracing::info!(target: "gatehouse::access", %method, path = uri.path(), status = status.as_u16());
    }
}

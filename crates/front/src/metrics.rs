//! Counters for Prometheus, under PostgREST's names where it has them.

mod auth;

use std::fmt::Write;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::http::StatusCode;

pub(crate) use auth::{Act, AuthCounters};

use crate::app::App;

#[derive(Debug, Default)]
pub(crate) struct Metrics {
    /// By the first digit of the status.
    requests: [AtomicU64; 6],
    /// Requests for which no connection became free.
    timeouts: AtomicU64,
    loads: AtomicU64,
    failed_loads: AtomicU64,
    /// How long the last load took, in milliseconds.
    load_time: AtomicU64,
    pub(crate) auth: AuthCounters,
}

impl Metrics {
    pub(crate) fn answered(&self, status: StatusCode) {
        let class = usize::from(status.as_u16() / 100).min(self.requests.len() - 1);
        self.requests[class].fetch_add(1, Ordering::Relaxed);
        if status == StatusCode::GATEWAY_TIMEOUT {
            self.timeouts.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(crate) fn loaded(&self, took: std::time::Duration) {
        self.loads.fetch_add(1, Ordering::Relaxed);
        let milliseconds = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        self.load_time.store(milliseconds, Ordering::Relaxed);
    }

    pub(crate) fn load_failed(&self) {
        self.failed_loads.fetch_add(1, Ordering::Relaxed);
    }
}

/// The text format of Prometheus.
pub(crate) fn text(app: &App) -> String {
    let (metrics, pool) = (&app.metrics, app.database.pool().state());
    let load = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
    let mut text = String::new();
    let mut gauge = |name: &str, help: &str, kind: &str, samples: &[(&str, String)]| {
        let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}");
        for (labels, value) in samples {
            let _ = writeln!(text, "{name}{labels} {value}");
        }
    };
    let classes = ["1xx", "2xx", "3xx", "4xx", "5xx"].map(|class| format!("{{status=\"{class}\"}}"));
    let requests: Vec<_> = classes
        .iter()
        .zip(&metrics.requests[1..])
        .map(|(class, n)| (class.as_str(), load(n).to_string()))
        .collect();
    gauge("gatehouse_http_requests_total", "Answered requests by class of status", "counter", &requests);
    let free = pool.size.saturating_sub(pool.busy).to_string();
    gauge("pgrst_db_pool_max", "Most connections of the pool", "gauge", &[("", pool.size.to_string())]);
    gauge("pgrst_db_pool_available", "Connections that are not in use", "gauge", &[("", free)]);
    gauge("gatehouse_db_pool_idle", "Open connections without work", "gauge", &[("", pool.idle.to_string())]);
    let login = app.database.login_pool().state();
    gauge(
        "gatehouse_login_pool_max",
        "Most passwords hashed at a time",
        "gauge",
        &[("", login.size.to_string())],
    );
    gauge("gatehouse_login_pool_busy", "Passwords being hashed", "gauge", &[("", login.busy.to_string())]);
    let acts = metrics.auth.samples();
    let acts: Vec<_> = acts.iter().map(|(labels, n)| (labels.as_str(), n.to_string())).collect();
    gauge("gatehouse_auth_total", "Calls of the auth API by what came of them", "counter", &acts);
    let timeouts = load(&metrics.timeouts).to_string();
    gauge("pgrst_db_pool_timeouts_total", "Requests that got no connection", "counter", &[("", timeouts)]);
    let loads = [
        ("{status=\"SUCCESS\"}", load(&metrics.loads).to_string()),
        ("{status=\"FAIL\"}", load(&metrics.failed_loads).to_string()),
    ];
    gauge("pgrst_schema_cache_loads_total", "Loads of the schema cache", "counter", &loads);
    let milliseconds = load(&metrics.load_time);
    let seconds = format!("{}.{:03}", milliseconds / 1000, milliseconds % 1000);
    gauge(
        "pgrst_schema_cache_query_time_seconds",
        "The last load of the schema cache",
        "gauge",
        &[("", seconds)],
    );
    text
}

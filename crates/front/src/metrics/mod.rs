//! Counters for Prometheus, under PostgREST's names where it has them.

mod auth;
mod latency;
mod mails;

use std::fmt::Write;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::http::StatusCode;

pub(crate) use auth::{Act, AuthCounters};
pub(crate) use latency::Class;
use latency::Latency;
use mails::MailMetrics;

use crate::app::App;

#[derive(Debug, Default)]
pub(crate) struct Metrics {
    /// By the first digit of the status.
    requests: [AtomicU64; 6],
    latency: Latency,
    /// Requests that are being answered.
    under_way: AtomicU64,
    /// Requests that were refused before anybody looked at them.
    held_back: AtomicU64,
    /// Connections that came to no TLS.
    failed_handshakes: AtomicU64,
    connections: AtomicU64,
    /// Connections that were closed at once, as there were too many.
    refused_connections: AtomicU64,
    /// Connections that did nothing for too long, or had to make room.
    ended_connections: AtomicU64,
    /// Requests for which no connection became free.
    timeouts: AtomicU64,
    loads: AtomicU64,
    failed_loads: AtomicU64,
    /// How long the last load took, in milliseconds.
    load_time: AtomicU64,
    pub(crate) mails: MailMetrics,
    pub(crate) auth: AuthCounters,
}

impl Metrics {
    pub(crate) fn answered(&self, class: Class, status: StatusCode, took: Duration) {
        self.latency.observe(class, status, took);
        let class = usize::from(status.as_u16() / 100).min(self.requests.len() - 1);
        self.requests[class].fetch_add(1, Ordering::Relaxed);
        if status == StatusCode::GATEWAY_TIMEOUT {
            self.timeouts.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Counts a request until the guard goes.
    pub(crate) fn under_way(&self) -> Guard<'_> {
        Guard::new(&self.under_way)
    }

    /// Counts a connection until the guard goes.
    pub(crate) fn connection(&self) -> Guard<'_> {
        Guard::new(&self.connections)
    }

    pub(crate) fn connection_refused(&self) {
        self.refused_connections.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn connection_ended(&self) {
        self.ended_connections.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn held_back(&self) {
        self.held_back.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn handshake_failed(&self) {
        self.failed_handshakes.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn loaded(&self, took: Duration) {
        self.loads.fetch_add(1, Ordering::Relaxed);
        let milliseconds = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        self.load_time.store(milliseconds, Ordering::Relaxed);
    }

    pub(crate) fn load_failed(&self) {
        self.failed_loads.fetch_add(1, Ordering::Relaxed);
    }
}

/// One more, for as long as it lives.
#[derive(Debug)]
pub(crate) struct Guard<'a>(&'a AtomicU64);

impl<'a> Guard<'a> {
    fn new(counter: &'a AtomicU64) -> Self {
        counter.fetch_add(1, Ordering::Relaxed);
        Self(counter)
    }
}

impl Drop for Guard<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
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
    let doors = [
        (
            "gatehouse_http_requests_under_way",
            "Requests that are being answered",
            "gauge",
            &metrics.under_way,
        ),
        ("gatehouse_http_connections", "Open connections", "gauge", &metrics.connections),
        (
            "gatehouse_http_held_back_total",
            "Requests over a limit per address",
            "counter",
            &metrics.held_back,
        ),
        (
            "gatehouse_http_connections_refused_total",
            "Connections over the limit",
            "counter",
            &metrics.refused_connections,
        ),
        (
            "gatehouse_http_connections_ended_total",
            "Connections that were silent for too long, or made room",
            "counter",
            &metrics.ended_connections,
        ),
        (
            "gatehouse_tls_handshakes_failed_total",
            "Connections without TLS",
            "counter",
            &metrics.failed_handshakes,
        ),
    ];
    for (name, help, kind, counter) in doors {
        gauge(name, help, kind, &[("", load(counter).to_string())]);
    }
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
    metrics.latency.write(&mut text);
    metrics.mails.write(&mut text);
    text
}

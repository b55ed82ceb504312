//! What the process says: lines on standard error, and with the feature `otel` spans for a collector.

use axum::http::Request;
use tracing::Span;
use tracing_subscriber::EnvFilter;

use crate::config::LogFormat;
#[cfg(feature = "otel")]
use crate::otel;

/// Sends what is left when it is dropped.
#[derive(Debug)]
pub(crate) struct Log {
    #[cfg(feature = "otel")]
    _exporter: Option<otel::Exporter>,
}

/// # Errors
/// One line that says which setting of the export can not be followed.
#[cfg(not(feature = "otel"))]
pub(crate) fn begin(format: LogFormat) -> Result<Log, String> {
    let log = tracing_subscriber::fmt().with_env_filter(filter()).with_writer(std::io::stderr);
    match format {
        LogFormat::Json => log.json().init(),
        LogFormat::Text => log.init(),
    }
    Ok(Log {})
}

#[cfg(feature = "otel")]
pub(crate) fn begin(format: LogFormat) -> Result<Log, String> {
    use tracing_subscriber::Layer;
    use tracing_subscriber::layer::SubscriberExt;
    use tracing_subscriber::util::SubscriberInitExt;

    let exporter = otel::Exporter::of_environment()?;
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    let lines = match format {
        LogFormat::Json => lines.json().boxed(),
        LogFormat::Text => lines.boxed(),
    };
    let spans = exporter.as_ref().map(otel::Exporter::layer);
    tracing_subscriber::registry().with(spans).with(lines.with_filter(filter())).init();
    Ok(Log { _exporter: exporter })
}

/// Of one request: its id is in each line about it.
pub(crate) fn request<B>(id: &str, request: &Request<B>) -> Span {
    #[cfg(feature = "otel")]
    return otel::request(id, request);
    #[cfg(not(feature = "otel"))]
    {
        let _ = request;
        tracing::error_span!("request", id)
    }
}

/// How a request ended.
pub(crate) fn answered(span: &Span, status: axum::http::StatusCode) {
    #[cfg(feature = "otel")]
    otel::answered(span, status);
    #[cfg(not(feature = "otel"))]
    let _ = (span, status);
}

fn filter() -> EnvFilter {
    EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"))
}

//! Spans of requests for an OpenTelemetry collector, by OTLP over HTTP. Where to and how is said by the
//! variables that OpenTelemetry has for it (`OTEL_EXPORTER_OTLP_ENDPOINT`, `OTEL_SERVICE_NAME`,
//! `OTEL_TRACES_SAMPLER`, …); without an endpoint nothing is sent.

use axum::http::{Request, StatusCode};
use opentelemetry::propagation::TextMapPropagator;
use opentelemetry::trace::TracerProvider;
use opentelemetry_http::HeaderExtractor;
use opentelemetry_otlp::SpanExporter;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing::{Span, Subscriber};
use tracing_opentelemetry::OpenTelemetrySpanExt;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::registry::LookupSpan;

const ENDPOINTS: [&str; 2] = ["OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"];
const NAME: &str = "gatehouse";

/// The spans of requests and nothing else: what libraries say is for the log.
const TARGET: &str = "gatehouse::request";

/// Sends in the background, and what is left when it is dropped.
#[derive(Debug)]
pub(crate) struct Exporter(SdkTracerProvider);

impl Exporter {
    /// `None` where no collector is named. To be called outside of the runtime.
    ///
    /// # Errors
    /// One line that says what can not be followed.
    pub(crate) fn of_environment() -> Result<Option<Self>, String> {
        let is_set = |name: &&str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        if !ENDPOINTS.iter().any(|name| is_set(&name)) {
            return Ok(None);
        }
        let exporter = SpanExporter::builder().with_http().build();
        let exporter = exporter.map_err(|error| format!("{}: {error}", ENDPOINTS[0]))?;
        let resource = Resource::builder();
        let resource = if is_set(&"OTEL_SERVICE_NAME") { resource } else { resource.with_service_name(NAME) };
        let provider =
            SdkTracerProvider::builder().with_resource(resource.build()).with_batch_exporter(exporter);
        Ok(Some(Self(provider.build())))
    }

    pub(crate) fn layer<S>(&self) -> impl Layer<S> + use<S>
    where
        S: Subscriber + for<'span> LookupSpan<'span>,
    {
        let layer = tracing_opentelemetry::layer().with_tracer(self.0.tracer(NAME));
        layer.with_filter(filter_fn(|metadata| metadata.target() == TARGET))
    }
}

impl Drop for Exporter {
    fn drop(&mut self) {
        if let Err(error) = self.0.shutdown() {
            tracing::warn!(%error, "the last spans could not be sent");
        }
    }
}

/// The span of a request: of its address the path only, as in the log.
pub(crate) fn request<B>(id: &str, request: &Request<B>) -> Span {
    let span = tracing::error_span!(
        target: TARGET,
        "request",
        id,
        otel.kind = "server",
        otel.name = request.method().as_str(),
        http.request.method = request.method().as_str(),
        http.response.status_code = tracing::field::Empty,
        url.path = request.uri().path(),
    );
    let parent = TraceContextPropagator::new().extract(&HeaderExtractor(request.headers()));
    // A span that is not sent needs no parent.
    let _ = span.set_parent(parent);
    span
}

/// How it ended; a server error is one (semantic conventions for HTTP spans).
pub(crate) fn answered(span: &Span, status: StatusCode) {
    span.record("http.response.status_code", status.as_u16());
    if status.is_server_error() {
        span.set_status(opentelemetry::trace::Status::error(""));
    }
}

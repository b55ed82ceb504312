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
        if !ENDPOINTS.into_iter().any(is_set) {
            return Ok(None);
        }
        let exporter = SpanExporter::builder().with_http().build();
        exporter
            .map(|exporter| Some(Self::by(exporter)))
            .map_err(|error| format!("{}: {error}", ENDPOINTS[0]))
    }

    fn by(exporter: SpanExporter) -> Self {
        let resource = Resource::builder();
        let resource = if is_set("OTEL_SERVICE_NAME") { resource } else { resource.with_service_name(NAME) };
        let provider =
            SdkTracerProvider::builder().with_resource(resource.build()).with_batch_exporter(exporter);
        Self(provider.build())
    }

    pub(crate) fn layer<S>(&self) -> impl Layer<S> + use<S>
    where
        S: Subscriber + for<'span> LookupSpan<'span>,
    {
        let layer = tracing_opentelemetry::layer().with_tracer(self.0.tracer(NAME));
        layer.with_filter(filter_fn(|metadata| metadata.target() == TARGET))
    }
}

/// An empty variable is none, as OpenTelemetry has it.
fn is_set(variable: &str) -> bool {
    std::env::var_os(variable).is_some_and(|value| !value.is_empty())
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

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpListener;

    use axum::http::{Request, StatusCode};
    use opentelemetry_otlp::{SpanExporter, WithExportConfig};
    use tracing_subscriber::layer::SubscriberExt;

    use super::{Exporter, answered, request};

    /// The first request that a collector gets.
    fn collect(collector: &TcpListener) -> Vec<u8> {
        let (mut stream, _) = collector.accept().unwrap();
        let (mut got, mut buffer) = (Vec::new(), [0; 4096]);
        loop {
            let read = stream.read(&mut buffer).unwrap();
            got.extend_from_slice(&buffer[..read]);
            let text = String::from_utf8_lossy(&got).to_ascii_lowercase();
            let length =
                text.split("content-length: ").nth(1).and_then(|rest| rest.split('\r').next()?.parse().ok());
            let head = text.find("\r\n\r\n").map_or(usize::MAX, |end| end + 4);
            if read == 0 || length.is_some_and(|length: usize| got.len() >= head.saturating_add(length)) {
                break;
            }
        }
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").unwrap();
        got
    }

    #[test]
    fn a_collector_gets_the_span_of_a_request_and_nothing_of_its_query() {
        let collector = TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = format!("http://{}/v1/traces", collector.local_addr().unwrap());
        let got = std::thread::spawn(move || collect(&collector));
        let exporter = SpanExporter::builder().with_http().with_endpoint(endpoint).build().unwrap();
        let exporter = Exporter::by(exporter);
        let subscriber = tracing_subscriber::registry().with(exporter.layer());
        tracing::subscriber::with_default(subscriber, || {
            let of = Request::builder().uri("/rest/v1/note?title=eq.private-matter");
            let parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
            let of = of.header("traceparent", parent).body(()).unwrap();
            answered(&request("r-77", &of), StatusCode::OK);
        });
        drop(exporter);
        let got = got.join().unwrap();
        let has = |bytes: &[u8]| got.windows(bytes.len()).any(|window| window == bytes);
        assert!(has(b"POST /v1/traces") && has(b"r-77") && has(b"/rest/v1/note") && has(b"gatehouse"));
        assert!(has(&0x0af7_6519_16cd_43dd_8448_eb21_1c80_319c_u128.to_be_bytes()), "the trace goes on");
        assert!(!has(b"private-matter"));
    }
}

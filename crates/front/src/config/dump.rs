//! The configuration in the form of the file: for `--dump-config` and the admin port.

use std::path::PathBuf;
use std::time::Duration;

use super::parts::{end_name, level_name, mode_name};
use super::{BindHost, Config, Delivery, Family, ForwardingHeader, Http, Listen, LogFormat, Qualified, Rate};

/// A file to begin with.
pub(crate) const EXAMPLE: &str = include_str!("example.conf");

/// Of the file of a socket, in octal.
const DEFAULT_MODE: &str = "660";

/// What stands for a secret.
const HIDDEN: &str = "(hidden)";

impl Config {
    /// `name = value` lines, sorted. Secrets are hidden.
    pub(crate) fn to_text(&self) -> String {
        let mut lines: Vec<(String, String)> =
            self.entries().into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        lines.extend(self.app_settings.iter().map(|(name, value)| (name.clone(), quoted(value))));
        lines.sort();
        lines.into_iter().map(|(name, value)| format!("{name} = {value}\n")).collect()
    }

    fn entries(&self) -> Vec<(&'static str, String)> {
        let mut entries = self.database_entries();
        entries.extend(self.server_entries());
        entries.extend(self.token_entries());
        entries.extend(self.http_entries());
        entries.extend(self.auth_entries());
        entries.extend(self.mail_entries());
        entries
    }

    fn database_entries(&self) -> Vec<(&'static str, String)> {
        let seconds = |duration: Duration| duration.as_secs().to_string();
        vec![
            ("db-aggregates-enabled", self.aggregates.to_string()),
            ("db-anon-role", quoted(self.anon_role.as_deref().unwrap_or_default())),
            ("db-channel", quoted(self.channel.as_deref().unwrap_or_default())),
            ("db-channel-enabled", self.channel.is_some().to_string()),
            ("db-config", self.database_settings.to_string()),
            ("db-extra-search-path", quoted(&self.extra_search_path.join(","))),
            ("db-hoisted-tx-settings", quoted(&self.hoisted_settings.join(","))),
            ("db-max-rows", self.max_rows.map_or_else(|| quoted(""), |most| most.to_string())),
            ("db-plan-enabled", self.plans.to_string()),
            ("db-pool", self.pool.size.to_string()),
            ("db-pool-acquisition-timeout", seconds(self.pool.acquisition_timeout)),
            ("db-pool-automatic-recovery", self.automatic_recovery.to_string()),
            ("db-pool-max-idletime", seconds(self.pool.max_idle)),
            ("db-pool-max-lifetime", seconds(self.pool.max_lifetime)),
            ("db-pre-config", qualified(self.pre_config.as_ref())),
            ("db-pre-request", qualified(self.pre_request.as_ref())),
            ("db-prepared-statements", self.pool.prepared_statements.to_string()),
            ("db-root-spec", qualified(self.root.as_ref())),
            ("db-schemas", quoted(&self.schemas.join(","))),
            ("db-tx-end", quoted(end_name(self.transaction_end))),
            ("db-uri", quoted(HIDDEN)),
            ("gatehouse-db-read-uri", secret(self.read_database.is_some())),
            ("gatehouse-service-db-uri", secret(self.service_database.is_some())),
        ]
    }

    fn server_entries(&self) -> Vec<(&'static str, String)> {
        let (host, port, socket, mode) = place(&self.listen);
        let admin = self.admin.as_ref().map(place);
        let (admin_host, admin_port, admin_socket, admin_mode) =
            admin.unwrap_or_else(|| (String::new(), None, String::new(), DEFAULT_MODE.to_owned()));
        let trace = self.trace_header.as_ref().map(axum::http::HeaderName::as_str);
        vec![
            ("admin-server-host", quoted(&admin_host)),
            ("admin-server-port", admin_port.unwrap_or_else(|| quoted(""))),
            ("admin-server-unix-socket", quoted(&admin_socket)),
            ("admin-server-unix-socket-mode", quoted(&admin_mode)),
            ("client-error-verbosity", quoted(if self.verbose_errors { "verbose" } else { "minimal" })),
            ("gatehouse-brand-color", quoted(&self.pages.brand.palette.given.to_string())),
            ("gatehouse-brand-logo", quoted(self.pages.brand.logo.as_deref().unwrap_or_default())),
            ("gatehouse-brand-name", quoted(&self.pages.brand.name)),
            ("gatehouse-cookie-sessions", self.pages.cookie_sessions.to_string()),
            ("gatehouse-pages", self.pages.enabled.to_string()),
            ("log-level", quoted(level_name(self.log_level))),
            ("log-query", self.log_query.to_string()),
            ("openapi-mode", quoted(mode_name(self.openapi.mode))),
            ("openapi-security-active", self.openapi.security.to_string()),
            ("openapi-server-proxy-uri", quoted(self.openapi.proxy.as_deref().unwrap_or_default())),
            ("server-cors-allowed-origins", quoted(&self.cors_origins.join(","))),
            ("server-host", quoted(&host)),
            ("server-port", port.unwrap_or_else(|| quoted(""))),
            ("server-reuseport", matches!(self.listen, Listen::Tcp { shared: true, .. }).to_string()),
            ("server-timing-enabled", self.server_timing.to_string()),
            ("server-trace-header", quoted(trace.unwrap_or_default())),
            ("server-unix-socket", quoted(&socket)),
            ("server-unix-socket-mode", quoted(&mode)),
            ("url-use-legacy-target-names", self.legacy_names.to_string()),
        ]
    }

    fn http_entries(&self) -> Vec<(&'static str, String)> {
        let Http { limits, .. } = &self.http;
        let seconds = |duration: Duration| duration.as_secs().to_string();
        let rate =
            |rate: Option<Rate>| quoted(&rate.map_or_else(|| "off".to_owned(), |rate| rate.to_string()));
        let tls = self.http.tls.as_ref();
        let file =
            |path: Option<&PathBuf>| quoted(&path.map(|path| path.display().to_string()).unwrap_or_default());
        let forwarding = match self.http.proxies.header() {
            ForwardingHeader::Forwarded => "forwarded",
            ForwardingHeader::XForwardedFor => "x-forwarded-for",
        };
        vec![
            ("gatehouse-body-timeout", seconds(limits.body_timeout)),
            ("gatehouse-compression", self.http.compression.to_string()),
            ("gatehouse-forwarding-header", quoted(forwarding)),
            ("gatehouse-head-timeout", seconds(limits.head_timeout)),
            ("gatehouse-hsts", seconds(self.http.hsts)),
            ("gatehouse-http2-cleartext", self.http.http2_cleartext.to_string()),
            ("gatehouse-idle-timeout", seconds(limits.idle_timeout)),
            (
                "gatehouse-log-format",
                quoted(if self.log_format == LogFormat::Json { "json" } else { "text" }),
            ),
            ("gatehouse-max-body", limits.body.to_string()),
            ("gatehouse-max-connections", limits.connections.to_string()),
            ("gatehouse-max-connections-per-address", limits.connections_per_address.to_string()),
            ("gatehouse-max-head", limits.head.to_string()),
            ("gatehouse-max-headers", limits.headers.to_string()),
            ("gatehouse-max-uri", limits.uri.to_string()),
            ("gatehouse-rate-limit", rate(self.http.rate)),
            ("gatehouse-rate-limit-auth", rate(self.http.auth_rate)),
            ("gatehouse-request-timeout", seconds(limits.request_timeout.unwrap_or_default())),
            ("gatehouse-tls-cert", file(tls.map(|files| &files.certificate))),
            ("gatehouse-tls-key", file(tls.map(|files| &files.key))),
            ("gatehouse-trusted-proxies", quoted(&self.http.proxies.to_string())),
            ("gatehouse-write-timeout", seconds(limits.write_timeout)),
        ]
    }

    fn token_entries(&self) -> Vec<(&'static str, String)> {
        let tokens = self.tokens.as_ref();
        let audience = tokens.and_then(|tokens| tokens.audience.as_deref());
        let role_claim = tokens.map_or("$.role", |tokens| tokens.role_claim.text());
        vec![
            ("jwt-aud", quoted(audience.unwrap_or_default())),
            ("jwt-cache-max-entries", tokens.map_or(0, |tokens| tokens.cache_size).to_string()),
            ("jwt-role-claim-key", quoted(role_claim)),
            ("jwt-secret", secret(tokens.is_some())),
            ("jwt-secret-is-base64", tokens.is_some_and(|tokens| tokens.is_base64).to_string()),
        ]
    }

    fn auth_entries(&self) -> Vec<(&'static str, String)> {
        let redirect_urls: Vec<_> = self.site.redirect_urls.iter().map(ToString::to_string).collect();
        vec![
            ("gatehouse-external-url", quoted(&self.site.external_url)),
            ("gatehouse-login-pool", self.login_pool.size.to_string()),
            ("gatehouse-login-queue", self.login_pool.queue.to_string()),
            ("gatehouse-redirect-urls", quoted(&redirect_urls.join(","))),
            ("gatehouse-site-url", quoted(&self.site.site_url)),
        ]
    }

    fn mail_entries(&self) -> Vec<(&'static str, String)> {
        let mail = self.mail.as_ref();
        let delivery = mail.map(|mail| &mail.delivery);
        let smtp_url = if matches!(delivery, Some(Delivery::Smtp(_))) { HIDDEN } else { "" };
        let folder = mail.and_then(|mail| mail.templates_folder.as_ref());
        vec![
            ("gatehouse-dev-mailbox", (delivery == Some(&Delivery::Mailbox)).to_string()),
            ("gatehouse-mail-from", quoted(&mail.map(|mail| mail.sender.to_string()).unwrap_or_default())),
            (
                "gatehouse-mail-templates",
                quoted(&folder.map(|f| f.display().to_string()).unwrap_or_default()),
            ),
            ("gatehouse-smtp-url", quoted(smtp_url)),
        ]
    }
}

/// Host, port, path of the socket, mode of the socket.
fn place(listen: &Listen) -> (String, Option<String>, String, String) {
    match listen {
        Listen::Tcp { host, port, .. } => {
            let host = match host {
                BindHost::Any(Family::Both) => "*",
                BindHost::Any(Family::V4) => "!4",
                BindHost::Any(Family::V6) => "!6",
                BindHost::Named(name) => name,
            };
            (host.to_owned(), Some(port.to_string()), String::new(), DEFAULT_MODE.to_owned())
        }
        Listen::Unix { path, mode } => (String::new(), None, path.display().to_string(), format!("{mode:o}")),
    }
}

fn secret(is_set: bool) -> String {
    quoted(if is_set { HIDDEN } else { "" })
}

fn qualified(name: Option<&Qualified>) -> String {
    quoted(&name.map(ToString::to_string).unwrap_or_default())
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"").replace('$', "$$"))
}

//! From a template to an answer. HTML is escaped by the engine, whatever a name holds.

use std::sync::LazyLock;

use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::Response;
use minijinja::{AutoEscape, Environment, UndefinedBehavior, Value, context};

use super::stylesheet;
use crate::config::Config;

static TEMPLATES: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut environment = Environment::new();
    environment.set_loader(|name| Ok(source(name)));
    environment.set_auto_escape_callback(|_| AutoEscape::Html);
    environment.set_undefined_behavior(UndefinedBehavior::SemiStrict);
    environment
});

/// The templates, compiled in.
macro_rules! templates {
    ($($known:literal),* $(,)?) => {
        #[cfg(test)]
        const NAMES: &[&str] = &[$($known),*];

        fn source(name: &str) -> Option<&'static str> {
            match name {
                $($known => Some(include_str!(concat!("../../templates/pages/", $known, ".html"))),)*
                _ => None,
            }
        }
    };
}

templates!(
    "accept_invitation",
    "account",
    "authenticator",
    "base",
    "check_mail",
    "choose_tenant",
    "confirm",
    "continue",
    "forgot_password",
    "form",
    "mail_code",
    "message",
    "new_password",
    "recovery_codes",
    "scan",
    "second_factor",
    "sessions",
    "sign_in",
    "sign_out",
    "sign_up",
);

/// The page as HTML. `values` has what this template needs.
pub(super) fn page(config: &Config, status: StatusCode, name: &str, values: Value) -> Response {
    let brand = &config.pages.brand;
    let letter = brand.name.chars().next().map(|first| first.to_uppercase().to_string());
    let shared = context! {
        brand => context! { name => &brand.name, logo => &brand.logo, letter, home => &config.pages.home },
        base => config.site.base_path(),
        style => stylesheet::path(&brand.palette),
    };
    let rendered =
        TEMPLATES.get_template(name).and_then(|template| template.render(context! { ..values, ..shared }));
    let (status, html) = match rendered {
        Ok(html) => (status, html),
        Err(error) => {
            tracing::error!(page = name, %error, "a page could not be made");
            (StatusCode::INTERNAL_SERVER_ERROR, String::from("This page could not be made."))
        }
    };
    let mut response = Response::new(html.into());
    *response.status_mut() = status;
    harden(response.headers_mut(), brand.logo_origin());
    response
}

/// Nothing but a stylesheet and pictures, no script at all, in nobody's frame, kept by nobody.
pub(super) fn harden(headers: &mut HeaderMap, logo_origin: Option<&str>) {
    let pictures = logo_origin.map(|origin| format!(" {origin}")).unwrap_or_default();
    let policy = format!(
        "default-src 'none'; style-src 'self'; img-src 'self' data:{pictures}; form-action 'self'; \
         frame-ancestors 'none'; base-uri 'none'"
    );
    let fixed: [(HeaderName, &'static str); 6] = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CACHE_CONTROL, "no-store"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        // Not `no-referrer`: browsers would hide the origin of our own forms, too.
        (header::REFERRER_POLICY, "same-origin"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    ];
    for (name, value) in fixed {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if let Ok(policy) = HeaderValue::from_str(&policy) {
        headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    }
}

#[cfg(test)]
mod tests;

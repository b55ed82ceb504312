//! The one stylesheet, with the operator's colour, at a path that changes with it: browsers keep it for
//! a year.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use crate::app::App;
use crate::config::Palette;

const TEXT: &str = include_str!("../../templates/pages/style.css");

/// Of another version of this front, behind the same address, it may be the older or the newer one.
pub(super) async fn handle(State(app): State<Arc<App>>, Path(name): Path<String>) -> Response {
    let config = app.config();
    if !config.pages.enabled {
        return StatusCode::NOT_FOUND.into_response();
    }
    let palette = &config.pages.brand.palette;
    let cache =
        if path(palette).ends_with(&name) { "public, max-age=31536000, immutable" } else { "no-store" };
    let mut response = Response::new(text(palette).into());
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/css; charset=utf-8"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(cache));
    response
}

/// Where it is.
pub(super) fn path(palette: &Palette) -> String {
    let mut hasher = DefaultHasher::new();
    text(palette).hash(&mut hasher);
    format!("/auth/style/{:016x}.css", hasher.finish())
}

fn text(palette: &Palette) -> String {
    let Palette { light, on_light, dark, on_dark, .. } = palette;
    format!(
        ":root{{--accent:{light};--on-accent:{on_light}}}\n\
         @media (prefers-color-scheme:dark){{:root{{--accent:{dark};--on-accent:{on_dark}}}}}\n{TEXT}"
    )
}

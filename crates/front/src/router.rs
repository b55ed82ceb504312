//! Every route.

use std::sync::Arc;

use axum::Router;
use axum::routing::{get, post};

use crate::app::App;
use crate::{auth, data, health, mail};

/// The main port. What no route takes is the data API's: `/rest/v1/<relation>`, `/<relation>`.
pub(crate) fn public(app: Arc<App>) -> Router {
    let mailbox = if app.mailbox.is_some() { mail::mailbox_routes() } else { Router::new() };
    Router::new()
        .route("/live", get(health::live))
        .route("/ready", get(health::ready))
        .route("/.well-known/jwks.json", get(auth::jwks::handle))
        .nest("/auth/v1", auth_routes())
        .merge(mailbox)
        .fallback(data::handle)
        .with_state(app)
}

/// Below `/auth/v1`.
fn auth_routes() -> Router<Arc<App>> {
    Router::new()
        .route("/.well-known/jwks.json", get(auth::jwks::handle))
        .route("/signup", post(auth::signup::handle))
        .route("/token", post(auth::token::handle))
        .method_not_allowed_fallback(auth::method_not_allowed)
        .fallback(auth::not_found)
}

/// The admin port, for the operator only.
pub(crate) fn admin(app: Arc<App>) -> Router {
    Router::new()
        .route("/live", get(health::live))
        .route("/ready", get(health::ready))
        .route("/config", get(health::config))
        .route("/metrics", get(health::metrics))
        .route("/schema_cache", get(health::schema_cache))
        .with_state(app)
}

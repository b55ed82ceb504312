//! Every route.

use std::sync::Arc;

use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::routing::get;

use crate::app::App;
use crate::{auth, browser, data, health, mail, pages};

/// The main port. What no route takes is the data API's: `/rest/v1/<relation>`, `/<relation>`.
pub(crate) fn public(app: Arc<App>) -> Router {
    let mailbox = if app.mailbox.is_some() { mail::mailbox_routes() } else { Router::new() };
    Router::new()
        .merge(auth::well_known())
        .fallback(data::handle)
        .layer(from_fn_with_state(Arc::clone(&app), browser::data_api))
        .route("/live", get(health::live))
        .route("/ready", get(health::ready))
        .merge(mailbox)
        .merge(pages::routes())
        .nest("/auth/v1", auth::api().layer(from_fn_with_state(Arc::clone(&app), browser::auth_api)))
        .with_state(app)
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

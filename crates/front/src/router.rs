//! Every route.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::{Method, Request};
use axum::middleware::from_fn_with_state;
use axum::response::Response;
use axum::routing::get;
use tower_service::Service;

use crate::app::App;
use crate::metrics::Class;
use crate::{auth, browser, health, mail, pages};

/// The main port. What no route takes is the data API's: `/rest/v1/<relation>`, `/<relation>`.
pub(crate) fn public(app: Arc<App>) -> Router {
    let mailbox = if app.mailbox.is_some() { mail::mailbox_routes() } else { Router::new() };
    Router::new()
        .merge(auth::well_known().layer(from_fn_with_state(Arc::clone(&app), browser::auth_api)))
        .fallback(browser::data_api)
        .route("/live", get(health::live))
        .route("/ready", get(health::ready))
        .merge(mailbox)
        .merge(pages::routes())
        .nest("/auth/v1", auth::api().layer(from_fn_with_state(Arc::clone(&app), browser::auth_api)))
        .with_state(app)
}

/// Answers a request of the main port. Most are for data: they spare themselves the look at every
/// route that they are not for, and the layers in between.
pub(crate) async fn answer(app: &Arc<App>, mut router: Router, request: Request<Body>) -> Response {
    if !Class::of(request.uri().path()).is_data() {
        let Ok(response) = router.call(request).await;
        return response;
    }
    let is_head = request.method() == Method::HEAD;
    let response = browser::data_api(State(Arc::clone(app)), request).await;
    if is_head { response.map(|_| Body::empty()) } else { response }
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

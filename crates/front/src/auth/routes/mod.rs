//! The routes, each declared once: for the router and for the description.

mod admin;
mod api_keys;
mod factors;
mod invitations;
mod mail;
mod members;
mod public;
mod recovery_codes;
mod roles;
mod sessions;
mod sign_up;
mod tenants;
mod token;
mod user;
mod verify;

use std::sync::Arc;

use axum::Router;
use axum::routing::{MethodFilter, get};
use utoipa::openapi::HttpMethod;

use super::openapi::{Description, Doc};
use super::request::{Answer, AuthRequest, add};
use super::respond;
use crate::app::App;

/// The routes so far, and what is said of them.
#[derive(Default)]
struct Routes {
    router: Router<Arc<App>>,
    description: Description,
}

impl Routes {
    fn on<F, Fut>(mut self, method: MethodFilter, path: &str, route: F, doc: Doc) -> Self
    where
        F: Fn(AuthRequest) -> Fut + Clone + Send + Sync + 'static,
        Fut: Future<Output = Answer> + Send + 'static,
    {
        let described = match method {
            MethodFilter::POST => HttpMethod::Post,
            MethodFilter::PUT => HttpMethod::Put,
            MethodFilter::PATCH => HttpMethod::Patch,
            MethodFilter::DELETE => HttpMethod::Delete,
            _ => HttpMethod::Get,
        };
        self.description.add(described, path, doc);
        Self { router: add(self.router, method, path, route), ..self }
    }

    fn get<F, Fut>(self, path: &str, route: F, doc: Doc) -> Self
    where
        F: Fn(AuthRequest) -> Fut + Clone + Send + Sync + 'static,
        Fut: Future<Output = Answer> + Send + 'static,
    {
        self.on(MethodFilter::GET, path, route, doc)
    }

    fn post<F, Fut>(self, path: &str, route: F, doc: Doc) -> Self
    where
        F: Fn(AuthRequest) -> Fut + Clone + Send + Sync + 'static,
        Fut: Future<Output = Answer> + Send + 'static,
    {
        self.on(MethodFilter::POST, path, route, doc)
    }

    fn put<F, Fut>(self, path: &str, route: F, doc: Doc) -> Self
    where
        F: Fn(AuthRequest) -> Fut + Clone + Send + Sync + 'static,
        Fut: Future<Output = Answer> + Send + 'static,
    {
        self.on(MethodFilter::PUT, path, route, doc)
    }

    fn patch<F, Fut>(self, path: &str, route: F, doc: Doc) -> Self
    where
        F: Fn(AuthRequest) -> Fut + Clone + Send + Sync + 'static,
        Fut: Future<Output = Answer> + Send + 'static,
    {
        self.on(MethodFilter::PATCH, path, route, doc)
    }

    fn delete<F, Fut>(self, path: &str, route: F, doc: Doc) -> Self
    where
        F: Fn(AuthRequest) -> Fut + Clone + Send + Sync + 'static,
        Fut: Future<Output = Answer> + Send + 'static,
    {
        self.on(MethodFilter::DELETE, path, route, doc)
    }
}

/// Below `/auth/v1`.
pub(crate) fn api() -> Router<Arc<App>> {
    let Routes { router, description } = all();
    let document = description.finish();
    router
        .route("/openapi.json", get(move || async move { respond::document(document) }))
        .method_not_allowed_fallback(super::method_not_allowed)
        .fallback(super::not_found)
}

/// Below `/.well-known`.
pub(crate) fn well_known() -> Router<Arc<App>> {
    public::well_known(Routes::default()).router
}

fn all() -> Routes {
    let add_to: [fn(Routes) -> Routes; 15] = [
        sign_up::add,
        token::add,
        mail::add,
        verify::add,
        user::add,
        sessions::add,
        factors::add,
        recovery_codes::add,
        api_keys::add,
        tenants::add,
        members::add,
        roles::add,
        invitations::add,
        admin::add,
        public::add,
    ];
    add_to.into_iter().fold(Routes::default(), |routes, add| add(routes))
}

/// The description as it is served.
#[cfg(test)]
pub(super) fn description() -> bytes::Bytes {
    all().description.finish()
}

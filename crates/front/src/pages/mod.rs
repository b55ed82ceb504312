//! Pages for people: to sign in and up, recover, confirm, bring a second factor, and look after their
//! account. Server-rendered, usable without JavaScript, for they have none.
//!
//! Each file is a page. A page reads a [`visit::Visit`], makes the same calls as the routes of the
//! auth API, and answers with a page or, when something was done, with a redirect. Sessions are in
//! cookies ([`crate::browser`]); opening a page changes nothing.

mod accept_invitation;
mod account;
mod authenticator;
mod check_mail;
mod choose_tenant;
mod confirm;
mod device;
mod fields;
mod flow;
mod forgot_password;
mod link;
mod mail_code;
mod moment;
mod new_password;
mod next;
mod notice;
mod onward;
mod problem;
mod recovery_codes;
mod render;
mod second_factor;
mod sessions;
mod sign_in;
mod sign_out;
mod sign_up;
mod stylesheet;
mod user;
mod visit;

use std::sync::Arc;

use axum::Router;
use axum::response::Response;
use axum::routing::{get, post};
use visit::Visit;

use crate::app::App;
use crate::config::Config;
use crate::error::Error;

/// A page's function as the handler of a route.
macro_rules! page {
    ($page:path) => {
        |mut visit: Visit| async move {
            let outcome = $page(&mut visit).await;
            visit.finish(outcome)
        }
    };
}

/// What a page says of a request that never reaches it.
pub(crate) fn refuse(config: &Config, error: Error) -> Response {
    visit::failed(config, &error.into())
}

/// Where the pages are.
pub(crate) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/auth/style/{name}", get(stylesheet::handle))
        .route("/auth/sign-in", get(page!(sign_in::show)).post(page!(sign_in::submit)))
        .route("/auth/sign-up", get(page!(sign_up::show)).post(page!(sign_up::submit)))
        .route("/auth/sign-out", get(page!(sign_out::show)).post(page!(sign_out::submit)))
        .route(
            "/auth/forgot-password",
            get(page!(forgot_password::show)).post(page!(forgot_password::submit)),
        )
        .route("/auth/mail-code", get(page!(mail_code::show)).post(page!(mail_code::submit)))
        .route("/auth/check-mail", get(page!(check_mail::show)).post(page!(check_mail::submit)))
        .route("/auth/check-mail/again", post(page!(check_mail::again)))
        .route("/auth/confirm", get(page!(confirm::show)).post(page!(confirm::submit)))
        .route("/auth/new-password", get(page!(new_password::show)).post(page!(new_password::submit)))
        .route("/auth/second-factor", get(page!(second_factor::show)).post(page!(second_factor::submit)))
        .route("/auth/authenticator", get(page!(authenticator::show)).post(page!(authenticator::begin)))
        .route("/auth/authenticator/verify", post(page!(authenticator::verify)))
        .route("/auth/authenticator/remove", post(page!(authenticator::remove)))
        .route("/auth/recovery-codes", post(page!(recovery_codes::submit)))
        .route(
            "/auth/accept-invitation",
            get(page!(accept_invitation::show)).post(page!(accept_invitation::submit)),
        )
        .route("/auth/choose-tenant", get(page!(choose_tenant::show)).post(page!(choose_tenant::submit)))
        .route("/auth/sessions", get(page!(sessions::show)))
        .route("/auth/sessions/end", post(page!(sessions::end)))
        .route("/auth/sessions/end-others", post(page!(sessions::end_others)))
        .route("/auth/account", get(page!(account::show)))
        .route("/auth/account/name", post(page!(account::change_name)))
        .route("/auth/account/email", post(page!(account::change_email)))
        .route("/auth/account/password", post(page!(account::change_password)))
        .route("/auth/continue", get(page!(onward::show)))
}

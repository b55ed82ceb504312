//! `/auth/authenticator`: sets an authenticator app up as the second factor.
//!
//! The secret is shown once and kept nowhere but in the page's own form. So the pages with the secret
//! and with the recovery codes are answers to a POST, and no redirect stands between.

use minijinja::{Value, context};

use super::next::{Next, REDIRECT_TO, with};
use super::notice::Notice;
use super::problem::{Problem, Refused};
use super::recovery_codes;
use super::user::User;
use super::visit::{Outcome, Reply, Visit};
use crate::auth::{calls, qr_code};

const PAGE: &str = "authenticator";
/// With the QR code.
const SCAN: &str = "scan";

pub(super) async fn show(visit: &mut Visit) -> Outcome {
    let user = match visit.member().await? {
        Ok(user) => user,
        Err(reply) => return Ok(reply),
    };
    Ok(Reply::page(PAGE, values(visit, &user)))
}

/// Makes the secret.
pub(super) async fn begin(visit: &mut Visit) -> Outcome {
    let user = match visit.member().await? {
        Ok(user) => user,
        Err(reply) => return Ok(reply),
    };
    let name = visit.form.get("name").map(str::trim).filter(|name| !name.is_empty());
    match calls::enroll_totp(&visit.call(), name, Some(&visit.config.pages.brand.name)).await {
        Ok(enrolled) => {
            let (secret, uri) = (enrolled.secret.expose(), enrolled.uri.expose());
            Ok(Reply::page(SCAN, scan(visit, &enrolled.id, secret, uri)))
        }
        Err(error) if error.code() == "mfa_factor_name_conflict" => {
            let problem = Problem::of("name", "You have an authenticator of this name. Choose another name.");
            Ok(Reply::refused(PAGE, Refused::new(problem), values(visit, &user)))
        }
        Err(error) => Ok(Reply::refused(PAGE, Refused::by(&error, Some("name")), values(visit, &user))),
    }
}

/// The first code: from now on the factor counts.
pub(super) async fn verify(visit: &mut Visit) -> Outcome {
    let user = match visit.member().await? {
        Ok(user) => user,
        Err(reply) => return Ok(reply),
    };
    let (factor, code) = (visit.form.text("factor").to_owned(), visit.form.secret("code"));
    let session = match calls::verify_factor(&visit.call(), &factor, &code, None).await {
        Ok(session) => session,
        Err(error) => {
            let (secret, uri) = (visit.form.text("secret"), visit.form.text("uri"));
            return Ok(Reply::refused(
                SCAN,
                Refused::by(&error, Some("code")),
                scan(visit, &factor, secret, uri),
            ));
        }
    };
    // Who comes from a sign-in that asked for it goes on there.
    let next = visit.next();
    let reply = visit.enter(session, &next).await?;
    if user.has_factor() {
        Notice::FactorAdded.keep(visit);
        return Ok(reply);
    }
    recovery_codes::make(visit, &next, true).await
}

pub(super) async fn remove(visit: &mut Visit) -> Outcome {
    if let Err(reply) = visit.member().await? {
        return Ok(reply);
    }
    calls::unenroll_factor(&visit.call(), visit.form.text("factor")).await?;
    Notice::FactorRemoved.keep(visit);
    Ok(Reply::Goto("/auth/account".to_owned()))
}

fn values(visit: &Visit, user: &User) -> Value {
    let next = visit.next();
    context! {
        name => visit.form.text("name"),
        first => !user.has_factor(),
        back => cancel(&next),
        redirect_to => next.given(),
    }
}

fn scan(visit: &Visit, factor: &str, secret: &str, uri: &str) -> Value {
    let next = visit.next();
    context! {
        factor, secret, uri,
        picture => qr_code(uri).ok().map(Value::from_safe_string),
        again => with("/auth/authenticator", &[(REDIRECT_TO, next.given())]),
        redirect_to => next.given(),
    }
}

fn cancel(next: &Next) -> &'static str {
    // Where it was asked for, there is no way around it but out.
    if next.given().is_some() { "/auth/sign-out" } else { "/auth/account" }
}

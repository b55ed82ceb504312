//! `/auth/confirm?token=…&type=…`: where the links of mails lead. Mail scanners open links, too: opening
//! this one spends nothing, its button does.

use minijinja::{Value, context};

use super::check_mail::proved;
use super::link::{Kind, Link};
use super::next::{Next, REDIRECT_TO, with};
use super::problem::Refused;
use super::visit::{Outcome, Reply, Visit};
use crate::auth::calls;
use crate::browser::Small;

const PAGE: &str = "confirm";

pub(super) async fn show(visit: &mut Visit) -> Outcome {
    if visit.query.get("token").is_some() {
        // Out of the address, before anything else is loaded.
        if let Some(link) = Link::new(visit.query.text("type"), visit.query.text("token")) {
            link.keep(visit);
        }
        return Ok(Reply::Goto(with("/auth/confirm", &[(REDIRECT_TO, visit.next().given())])));
    }
    let link = Link::of(visit);
    Ok(Reply::page(PAGE, values(link.as_ref(), &visit.next())))
}

pub(super) async fn submit(visit: &mut Visit) -> Outcome {
    visit.set.clear_small(Small::Link);
    // Of the form, not of the cookie: another link may have been opened meanwhile.
    let link = Link::new(visit.form.text("kind"), visit.form.text("token"));
    let next = visit.next();
    let Some(link) = link else { return Ok(Reply::page(PAGE, values(None, &next))) };
    match calls::verify_link(&visit.public(), &link.token, Some(link.kind.name())).await {
        Ok(verified) => proved(visit, link.kind, verified).await,
        Err(error) => {
            let values = context! { instead => instead(link.kind), ..values(None, &next) };
            Ok(Reply::refused(PAGE, Refused::by(&error, None), values))
        }
    }
}

/// Where another mail can be had.
fn instead(kind: Kind) -> &'static str {
    match kind {
        Kind::Recovery => "/auth/forgot-password",
        Kind::Signup | Kind::Magiclink | Kind::Invite => "/auth/mail-code",
        Kind::EmailChange => "/auth/account",
    }
}

fn values(link: Option<&Link>, next: &Next) -> Value {
    context! {
        kind => link.map(|link| link.kind.name()),
        token => link.map(|link| link.token.expose()),
        redirect_to => next.given(),
    }
}

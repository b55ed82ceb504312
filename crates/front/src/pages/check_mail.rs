//! `/auth/check-mail`: a mail is on its way; its code can be typed here.

use minijinja::{Value, context};

use super::flow::Flow;
use super::link::Kind;
use super::next::Next;
use super::notice::Notice;
use super::problem::{Problem, Refused};
use super::visit::{Outcome, Reply, Visit};
use crate::auth::calls::{self, Options, OtpRequest, Verified};
use crate::auth::error::AuthError;

const PAGE: &str = "check_mail";

pub(super) async fn show(visit: &mut Visit) -> Outcome {
    let flow = Flow::of(visit);
    Ok(Reply::page(PAGE, values(visit, flow.as_ref())))
}

pub(super) async fn submit(visit: &mut Visit) -> Outcome {
    let flow = Flow::of(visit);
    let kind = flow.as_ref().map_or(Kind::Magiclink, |flow| flow.kind);
    // Without a cookie of the page before, the address is asked for.
    let email = visit.form.get("email").or(flow.as_ref().map(|flow| flow.email.as_str()));
    let Some(email) = email.map(str::to_owned) else {
        let refused = Refused::new(Problem::of("email", "Enter the address that the mail was sent to."));
        return Ok(Reply::refused(PAGE, refused, values(visit, None)));
    };
    let tenant = flow.as_ref().and_then(|flow| flow.tenant.clone());
    let code = visit.form.secret("code");
    match calls::verify_otp(&visit.public(), &email, &code, kind.name(), tenant.as_deref()).await {
        Ok(verified) => proved(visit, kind, verified).await,
        Err(error) => {
            let refused = Refused::by(&error, Some("code"));
            Ok(Reply::refused(PAGE, refused, values(visit, flow.as_ref())))
        }
    }
}

/// What comes after a code or a link that was right.
pub(super) async fn proved(visit: &mut Visit, kind: Kind, verified: Verified) -> Outcome {
    match verified {
        Verified::Session(session) => {
            let next = match visit.next() {
                Next::Home => {
                    let flow = Flow::of(visit);
                    Next::parse(flow.and_then(|flow| flow.redirect_to).as_deref(), &visit.config.site)
                }
                next => next,
            };
            if matches!(kind, Kind::Signup | Kind::EmailChange) {
                Notice::AddressConfirmed.keep(visit);
            }
            let next = visit.after(kind, next);
            visit.enter(*session, &next).await
        }
        Verified::Half(_) => {
            Notice::AddressHalfChanged.keep(visit);
            Ok(Reply::Goto("/auth/check-mail".to_owned()))
        }
    }
}

/// The mail again.
pub(super) async fn again(visit: &mut Visit) -> Outcome {
    let Some(flow) = Flow::of(visit) else { return Ok(Reply::Goto("/auth/sign-in".to_owned())) };
    match mail(visit, &flow).await {
        Ok(()) => {
            Notice::MailSent.keep(visit);
            Ok(Reply::Goto("/auth/check-mail".to_owned()))
        }
        Err(error) => Ok(Reply::refused(PAGE, Refused::by(&error, None), values(visit, Some(&flow)))),
    }
}

async fn mail(visit: &mut Visit, flow: &Flow) -> Result<(), AuthError> {
    // A change of address is known by the present one, which only its user is shown to have.
    let present = match flow.kind {
        Kind::EmailChange => visit.user().await?.map(|user| user.email).unwrap_or_default(),
        _ => String::new(),
    };
    let redirect_to = Next::parse(flow.redirect_to.as_deref(), &visit.config.site);
    let redirect_to = redirect_to.given().map(str::to_owned);
    let options = Options { page: true, redirect_to, ..Options::default() };
    let (call, email, tenant) = (visit.public(), flow.email.as_str(), flow.tenant.as_deref());
    match flow.kind {
        Kind::Recovery => calls::request_recovery(&call, email, tenant, &options).await,
        Kind::Signup => calls::resend(&call, "signup", email, tenant, &options).await,
        Kind::EmailChange => calls::resend(&call, "email_change", &present, tenant, &options).await,
        Kind::Magiclink | Kind::Invite => {
            let input =
                OtpRequest { email, create_user: false, user_metadata: None, tenant, options: &options };
            calls::request_otp(&call, input).await
        }
    }
}

fn values(visit: &Visit, flow: Option<&Flow>) -> Value {
    context! {
        email => flow.map(|flow| &flow.email),
        kind => flow.map(|flow| flow.kind.name()),
        typed => visit.form.text("email"),
    }
}

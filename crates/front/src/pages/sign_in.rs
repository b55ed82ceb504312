//! `/auth/sign-in`

use minijinja::{Value, context};

use super::flow::Flow;
use super::link::Kind;
use super::notice::Notice;
use super::problem::Refused;
use super::visit::{Outcome, Reply, Visit};
use crate::auth::calls::{self, SignIn};

const PAGE: &str = "sign_in";

/// With somebody signed in already it asks, and sends nobody on by itself: an application that does not
/// see the session would send them here again.
pub(super) async fn show(visit: &mut Visit) -> Outcome {
    let user = visit.user().await?;
    let email = user.map(|user| user.email);
    let onward = visit.next().href(&visit.config);
    let values =
        context! { signed_in => email, onward, other => visit.sign_in_again(), ..values(visit).await };
    Ok(Reply::page(PAGE, values))
}

pub(super) async fn submit(visit: &mut Visit) -> Outcome {
    let (email, password) = (visit.form.text("email").to_owned(), visit.form.secret("password"));
    let next = visit.next();
    let input = SignIn { email: &email, password: &password, tenant: visit.form.get("tenant") };
    match calls::sign_in(&visit.public(), input).await {
        Ok(session) => visit.enter(session, &next).await,
        // Only who knows the password learns this.
        Err(error) if error.code() == "email_not_confirmed" => {
            let flow = Flow {
                email,
                kind: Kind::Signup,
                tenant: visit.form.get("tenant").map(str::to_owned),
                redirect_to: next.given().map(str::to_owned),
            };
            flow.keep(visit);
            Notice::AddressUnconfirmed.keep(visit);
            Ok(Reply::Goto("/auth/check-mail".to_owned()))
        }
        Err(error) => Ok(Reply::refused(PAGE, Refused::by(&error, None), values(visit).await)),
    }
}

async fn values(visit: &Visit) -> Value {
    let settings = visit.settings().await;
    context! {
        email => visit.form.text("email"),
        tenant => visit.tenant(),
        redirect_to => visit.next().given(),
        sign_up => settings.sign_up,
    }
}

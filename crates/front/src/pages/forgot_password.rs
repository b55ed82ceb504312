//! `/auth/forgot-password`

use minijinja::{Value, context};

use super::flow::Flow;
use super::link::Kind;
use super::problem::Refused;
use super::visit::{Outcome, Reply, Visit};
use crate::auth::calls::{self, Options};

const PAGE: &str = "forgot_password";

pub(super) async fn show(visit: &mut Visit) -> Outcome {
    Ok(Reply::page(PAGE, values(visit)))
}

/// The same answer whether there is an account or not.
pub(super) async fn submit(visit: &mut Visit) -> Outcome {
    let email = visit.form.text("email").to_owned();
    let tenant = visit.form.get("tenant").map(str::to_owned);
    let redirect_to = visit.next().given().map(str::to_owned);
    let options = Options { page: true, redirect_to: redirect_to.clone(), ..Options::default() };
    match calls::request_recovery(&visit.public(), &email, tenant.as_deref(), &options).await {
        Ok(()) => {
            Flow { email, kind: Kind::Recovery, tenant, redirect_to }.keep(visit);
            Ok(Reply::Goto("/auth/check-mail".to_owned()))
        }
        Err(error) => Ok(Reply::refused(PAGE, Refused::by(&error, Some("email")), values(visit))),
    }
}

fn values(visit: &Visit) -> Value {
    context! {
        email => visit.form.text("email"),
        tenant => visit.tenant(),
        redirect_to => visit.next().given(),
    }
}

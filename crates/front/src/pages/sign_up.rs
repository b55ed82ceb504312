//! `/auth/sign-up`

use minijinja::{Value, context};
use serde_json::json;
use serde_json::value::to_raw_value;

use super::flow::Flow;
use super::link::Kind;
use super::problem::Refused;
use super::visit::{Outcome, Reply, Visit};
use crate::auth::calls::{self, Options, SignUp, SignedUp};

const PAGE: &str = "sign_up";

pub(super) async fn show(visit: &mut Visit) -> Outcome {
    Ok(Reply::page(PAGE, values(visit).await))
}

pub(super) async fn submit(visit: &mut Visit) -> Outcome {
    let (email, password) = (visit.form.text("email").to_owned(), visit.form.secret("password"));
    let next = visit.next();
    let name = visit.form.text("name").trim();
    let metadata = (!name.is_empty()).then(|| to_raw_value(&json!({ "name": name })).ok()).flatten();
    let redirect_to = next.given().map(str::to_owned);
    let options = Options { page: true, redirect_to: redirect_to.clone(), ..Options::default() };
    let tenant = visit.form.get("tenant").map(str::to_owned);
    let input = SignUp {
        email: &email,
        password: &password,
        user_metadata: metadata.as_deref(),
        tenant: tenant.as_deref(),
        options: &options,
    };
    match calls::sign_up(&visit.public(), input).await {
        Ok(SignedUp::Session(session)) => visit.enter(*session, &next).await,
        Ok(SignedUp::User(_)) => {
            Flow { email, kind: Kind::Signup, tenant, redirect_to }.keep(visit);
            Ok(Reply::Goto("/auth/check-mail".to_owned()))
        }
        Err(error) => {
            let field = (error.code() == "weak_password").then_some("password");
            Ok(Reply::refused(PAGE, Refused::by(&error, field), values(visit).await))
        }
    }
}

async fn values(visit: &Visit) -> Value {
    let settings = visit.settings().await;
    context! {
        email => visit.form.text("email"),
        name => visit.form.text("name"),
        tenant => visit.tenant(),
        redirect_to => visit.next().given(),
        sign_up => settings.sign_up,
        least => settings.password_min_length,
    }
}

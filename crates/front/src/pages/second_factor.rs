//! `/auth/second-factor`: a code of the authenticator, or a recovery code in its place.

use minijinja::value::Serde;
use minijinja::{Value, context};

use super::next::{REDIRECT_TO, with};
use super::problem::{Problem, Refused};
use super::user::User;
use super::visit::{Outcome, Reply, Visit};
use crate::auth::calls;
use crate::auth::error::AuthError;

const PAGE: &str = "second_factor";
const RECOVERY: &str = "recovery";

pub(super) async fn show(visit: &mut Visit) -> Outcome {
    let user = match asked(visit).await? {
        Ok(user) => user,
        Err(reply) => return Ok(reply),
    };
    Ok(Reply::page(PAGE, values(visit, &user)))
}

pub(super) async fn submit(visit: &mut Visit) -> Outcome {
    let user = match asked(visit).await? {
        Ok(user) => user,
        Err(reply) => return Ok(reply),
    };
    let code = visit.form.secret("code");
    let result = if by_recovery_code(visit) {
        calls::verify_recovery_code(&visit.call(), &code).await
    } else {
        calls::verify_factor(&visit.call(), visit.form.text("factor"), &code, None).await
    };
    let next = visit.next();
    match result {
        Ok(session) => visit.enter(session, &next).await,
        Err(error) => {
            Ok(Reply::refused(PAGE, refused(&error, by_recovery_code(visit)), values(visit, &user)))
        }
    }
}

/// Whoever has to bring a second factor now; else where to go.
async fn asked(visit: &mut Visit) -> Result<Result<User, Reply>, AuthError> {
    let next = visit.next();
    let parameters = [(REDIRECT_TO, next.given())];
    let Some(user) = visit.user().await? else {
        return Ok(Err(Reply::Goto(with("/auth/sign-in", &parameters))));
    };
    Ok(if !user.has_factor() {
        Err(Reply::Goto(with("/auth/authenticator", &parameters)))
    } else if visit.claims().aal.as_deref() == Some("aal2") {
        Err(visit.leave(&next))
    } else {
        Ok(user)
    })
}

fn by_recovery_code(visit: &Visit) -> bool {
    visit.form.get("method").or_else(|| visit.query.get("method")) == Some(RECOVERY)
}

fn refused(error: &AuthError, by_recovery_code: bool) -> Refused {
    if by_recovery_code && error.code() == "mfa_verification_failed" {
        let text = "This recovery code is not right, or was used already. Each of them works once.";
        return Refused::new(Problem::of("code", text));
    }
    Refused::by(error, Some("code"))
}

fn values(visit: &Visit, user: &User) -> Value {
    let factors: Vec<_> = user.verified_factors().collect();
    context! {
        factors => Serde(factors),
        chosen => visit.form.text("factor"),
        recovery => by_recovery_code(visit),
        other => visit.sign_in_again(),
        redirect_to => visit.next().given(),
    }
}

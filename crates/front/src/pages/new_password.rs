//! `/auth/new-password`: after a recovery or an invitation.

use minijinja::{Value, context};

use super::notice::Notice;
use super::problem::Refused;
use super::user::User;
use super::visit::{Outcome, Reply, Visit};
use crate::auth::calls::{self, UserChanges};

const PAGE: &str = "new_password";

pub(super) async fn show(visit: &mut Visit) -> Outcome {
    let user = match visit.member().await? {
        Ok(user) => user,
        Err(reply) => return Ok(reply),
    };
    Ok(Reply::page(PAGE, values(visit, &user).await))
}

pub(super) async fn submit(visit: &mut Visit) -> Outcome {
    let user = match visit.member().await? {
        Ok(user) => user,
        Err(reply) => return Ok(reply),
    };
    let password = visit.form.secret("password");
    let changes = UserChanges { password: Some(&password), ..UserChanges::default() };
    match calls::update_user(&visit.call(), changes).await {
        Ok(_) => {
            Notice::PasswordChanged.keep(visit);
            let next = visit.next();
            Ok(visit.leave(&next))
        }
        // The link was followed too long ago: the account's page asks for the password as well.
        Err(error) if error.code() == "reauthentication_needed" => {
            Ok(Reply::Goto("/auth/account#password".to_owned()))
        }
        Err(error) => {
            let refused = Refused::by(&error, Some("password"));
            Ok(Reply::refused(PAGE, refused, values(visit, &user).await))
        }
    }
}

async fn values(visit: &Visit, user: &User) -> Value {
    context! {
        email => &user.email,
        least => visit.settings().await.password_min_length,
        redirect_to => visit.next().given(),
    }
}

//! What users change of their account.

use minijinja::context;
use serde_json::json;
use serde_json::value::to_raw_value;

use super::{PAGE, values};
use crate::auth::calls::{self, Options, UserChanges};
use crate::auth::error::AuthError;
use crate::pages::flow::Flow;
use crate::pages::link::Kind;
use crate::pages::notice::Notice;
use crate::pages::problem::Refused;
use crate::pages::user::User;
use crate::pages::visit::{Outcome, Reply, Visit};

pub(in crate::pages) async fn change_name(visit: &mut Visit) -> Outcome {
    let user = match visit.member().await? {
        Ok(user) => user,
        Err(reply) => return Ok(reply),
    };
    let name = visit.form.text("name").trim();
    // A null takes the member away.
    let name = if name.is_empty() { json!(null) } else { json!(name) };
    let metadata = to_raw_value(&json!({ "name": name })).ok();
    let changes = UserChanges { user_metadata: metadata.as_deref(), ..UserChanges::default() };
    match calls::update_user(&visit.call(), changes).await {
        Ok(_) => done(visit, Notice::NameChanged),
        Err(error) => refused(visit, &user, &error, "name").await,
    }
}

/// Both addresses get a mail; nothing changes until both are confirmed.
pub(in crate::pages) async fn change_email(visit: &mut Visit) -> Outcome {
    let user = match visit.member().await? {
        Ok(user) => user,
        Err(reply) => return Ok(reply),
    };
    let email = visit.form.text("email").to_owned();
    let options = Options { page: true, ..Options::default() };
    match calls::request_email_change(&visit.call(), &email, &options).await {
        Ok(()) => {
            let redirect_to = Some("/auth/account".to_owned());
            Flow { email, kind: Kind::EmailChange, tenant: None, redirect_to }.keep(visit);
            Ok(Reply::Goto("/auth/check-mail".to_owned()))
        }
        Err(error) => refused(visit, &user, &error, "email").await,
    }
}

pub(in crate::pages) async fn change_password(visit: &mut Visit) -> Outcome {
    let user = match visit.member().await? {
        Ok(user) => user,
        Err(reply) => return Ok(reply),
    };
    let (password, current) = (visit.form.secret("password"), visit.form.secret("current_password"));
    let current = visit.form.get("current_password").map(|_| &current);
    let changes =
        UserChanges { password: Some(&password), current_password: current, ..UserChanges::default() };
    match calls::update_user(&visit.call(), changes).await {
        Ok(_) => done(visit, Notice::PasswordChanged),
        Err(error) if error.code() == "invalid_credentials" => {
            let error = AuthError::new(error.status(), "current_password", "The current password is wrong");
            refused(visit, &user, &error, "current_password").await
        }
        Err(error) => refused(visit, &user, &error, "password").await,
    }
}

fn done(visit: &mut Visit, notice: Notice) -> Outcome {
    notice.keep(visit);
    Ok(Reply::Goto("/auth/account".to_owned()))
}

async fn refused(visit: &Visit, user: &User, error: &AuthError, field: &'static str) -> Outcome {
    let typed = context! { typed_email => visit.form.text("email") };
    let values = context! { ..typed, ..values(visit, user).await };
    Ok(Reply::refused(PAGE, Refused::by(error, Some(field)), values))
}

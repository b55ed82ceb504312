//! `/auth/account`: who the user is, and how they sign in.

mod changes;

pub(super) use changes::{change_email, change_name, change_password};

use minijinja::value::Serde;
use minijinja::{Value, context};

use super::next::ACCOUNT;
use super::user::User;
use super::visit::{Outcome, Reply, Visit};
use crate::auth::calls;
use crate::config::Config;

const PAGE: &str = "account";

pub(super) async fn show(visit: &mut Visit) -> Outcome {
    let user = match visit.member().await? {
        Ok(user) => user,
        Err(reply) => return Ok(reply),
    };
    Ok(Reply::page(PAGE, values(visit, &user).await))
}

/// The application, if it is not this very page.
fn home(config: &Config) -> Option<&str> {
    let home = config.pages.home.as_deref();
    home.filter(|home| config.site.own_path(home) != Some(ACCOUNT))
}

async fn values(visit: &Visit, user: &User) -> Value {
    // Only whether there is a choice: without an answer the page has a link less.
    let tenants = calls::my_tenants(&visit.call()).await.ok();
    let tenants: Option<Vec<serde_json::Value>> = tenants.and_then(|json| serde_json::from_slice(&json).ok());
    let codes = match user.has_factor() {
        true => calls::my_recovery_codes(&visit.call()).await.ok().flatten(),
        false => None,
    };
    let factors: Vec<_> = user.verified_factors().collect();
    context! {
        section => "account",
        email => &user.email,
        new_email => &user.new_email,
        name => user.name(),
        factors => Serde(factors),
        codes => codes.map(|codes| codes.remaining),
        tenants => tenants.map_or(0, |tenants| tenants.len()),
        tenant => visit.claims().tenant_slug,
        least => visit.settings().await.password_min_length,
        home => home(&visit.config),
    }
}

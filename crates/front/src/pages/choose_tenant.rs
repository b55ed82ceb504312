//! `/auth/choose-tenant`

use minijinja::value::Serde;
use minijinja::{Value, context};
use serde::{Deserialize, Serialize};

use super::next::{REDIRECT_TO, with};
use super::notice::Notice;
use super::problem::Refused;
use super::visit::{Outcome, Reply, Visit};
use crate::auth::calls;
use crate::auth::error::AuthError;

const PAGE: &str = "choose_tenant";

#[derive(Deserialize, Serialize)]
struct Tenant {
    id: String,
    slug: String,
    name: String,
    roles: Vec<String>,
    active: bool,
    suspended: bool,
}

pub(super) async fn show(visit: &mut Visit) -> Outcome {
    if let Err(reply) = visit.member().await? {
        return Ok(reply);
    }
    Ok(Reply::page(PAGE, values(visit).await?))
}

pub(super) async fn submit(visit: &mut Visit) -> Outcome {
    if let Err(reply) = visit.member().await? {
        return Ok(reply);
    }
    let next = visit.next();
    match calls::switch_tenant(&visit.call(), visit.form.text("tenant")).await {
        Ok(session) => {
            Notice::TenantChosen.keep(visit);
            visit.enter(session, &next).await
        }
        Err(error) if error.code() == "insufficient_aal" => {
            Ok(Reply::Goto(with("/auth/second-factor", &[(REDIRECT_TO, Some("/auth/choose-tenant"))])))
        }
        Err(error) => Ok(Reply::refused(PAGE, Refused::by(&error, None), values(visit).await?)),
    }
}

async fn values(visit: &Visit) -> Result<Value, AuthError> {
    let tenants = calls::my_tenants(&visit.call()).await?;
    let tenants: Vec<Tenant> =
        serde_json::from_slice(&tenants).map_err(|_| AuthError::internal("the tenants can not be read"))?;
    Ok(context! {
        section => "tenants",
        tenants => Serde(tenants),
        redirect_to => visit.next().given(),
        onward => visit.next().href(&visit.config),
    })
}

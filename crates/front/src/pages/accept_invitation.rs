//! `/auth/accept-invitation?token=…`: where the link of an invitation to a tenant leads.

use minijinja::{Value, context};
use serde::Deserialize;

use super::link::plain;
use super::next::{Next, REDIRECT_TO, with};
use super::notice::Notice;
use super::problem::Refused;
use super::user::User;
use super::visit::{Outcome, Reply, Visit};
use crate::auth::calls;
use crate::auth::error::AuthError;
use crate::auth::secret::Secret;
use crate::browser::Small;

const PAGE: &str = "accept_invitation";
const HERE: &str = "/auth/accept-invitation";

/// The token waits in a cookie while its reader signs in or up.
pub(super) async fn show(visit: &mut Visit) -> Outcome {
    if visit.query.get("token").is_some() {
        if let Some(token) = plain(visit.query.text("token")) {
            visit.set.small(Small::Invitation, token.expose());
        }
        return Ok(Reply::Goto(with(HERE, &[("tenant", visit.query.get("tenant"))])));
    }
    let user = visit.user().await?;
    Ok(Reply::page(PAGE, values(visit, user.as_ref(), token(visit).is_some())))
}

pub(super) async fn submit(visit: &mut Visit) -> Outcome {
    let user = match visit.member().await? {
        Ok(user) => user,
        Err(reply) => return Ok(reply),
    };
    let Some(token) = token(visit) else { return Ok(Reply::page(PAGE, values(visit, Some(&user), false))) };
    match calls::accept_invitation(&visit.call(), &token).await {
        Ok(invitation) => {
            visit.set.clear_small(Small::Invitation);
            Notice::InvitationAccepted.keep(visit);
            join(visit, &invitation).await
        }
        Err(error) => Ok(Reply::refused(PAGE, Refused::by(&error, None), values(visit, Some(&user), true))),
    }
}

/// Into the tenant that was joined.
async fn join(visit: &mut Visit, invitation: &[u8]) -> Outcome {
    #[derive(Deserialize)]
    struct Accepted {
        tenant_id: String,
    }
    let accepted: Accepted = serde_json::from_slice(invitation)
        .map_err(|_| AuthError::internal("the invitation names no tenant"))?;
    match calls::switch_tenant(&visit.call(), &accepted.tenant_id).await {
        Ok(session) => visit.enter(session, &Next::Home).await,
        // The tenant asks for a second factor, and there is none yet.
        Err(error) if error.code() == "insufficient_aal" => {
            Ok(Reply::Goto(with("/auth/second-factor", &[(REDIRECT_TO, Some("/auth/choose-tenant"))])))
        }
        Err(error) => Err(error),
    }
}

fn token(visit: &Visit) -> Option<Secret> {
    plain(visit.cookies.get(&Small::Invitation.name())?)
}

fn values(visit: &Visit, user: Option<&User>, has_token: bool) -> Value {
    let parameters = [("tenant", visit.query.get("tenant")), (REDIRECT_TO, Some(HERE))];
    context! {
        email => user.map(|user| &user.email),
        invited => has_token,
        sign_in => with("/auth/sign-in", &parameters),
        sign_up => with("/auth/sign-up", &parameters),
    }
}

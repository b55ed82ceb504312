//! Invitations to a tenant, and taking them up.

use garde::Validate;
use serde::Deserialize;
use utoipa::ToSchema;

use super::Routes;
use super::token::needed;
use crate::auth::calls;
use crate::auth::input::{Credential, Email, Text};
use crate::auth::openapi::{Doc, answers};
use crate::auth::request::{Answer, AuthRequest};
use crate::auth::respond;

#[derive(Deserialize, Validate, ToSchema)]
pub(super) struct InvitationBody {
    #[garde(dive)]
    #[schema(inline)]
    email: Email,
    /// What the new member will hold.
    #[garde(dive)]
    #[schema(inline)]
    role: Text<63>,
}

#[derive(Deserialize, Validate, ToSchema)]
pub(super) struct AcceptanceBody {
    /// Of the mailed link.
    #[garde(dive)]
    #[schema(inline)]
    token: Option<Credential>,
}

pub(super) fn add(routes: Routes) -> Routes {
    let doc = |id, summary| Doc::new("invitations", id, summary).needs_token();
    let list_doc = doc("list_invitations", "Invitations that can still be accepted")
        .answers::<Vec<answers::Invitation>>("Invitations");
    let create_doc = doc("create_invitation", "Invite an address to the tenant")
        .body::<InvitationBody>()
        .answers::<answers::Invitation>("Mailed");
    let revoke_doc = doc("revoke_invitation", "Take an invitation back").answers_with("204", "Taken back");
    let accept_doc = doc("accept_invitation", "Join the tenant that invited the user")
        .body::<AcceptanceBody>()
        .answers::<answers::Invitation>("Joined; switch to the tenant next");
    routes
        .get("/tenants/{tenant_id}/invitations", list, list_doc)
        .post("/tenants/{tenant_id}/invitations", create, create_doc)
        .delete("/tenants/{tenant_id}/invitations/{invitation_id}", revoke, revoke_doc)
        .post("/invitations/accept", accept, accept_doc)
}

async fn list(request: AuthRequest) -> Answer {
    respond::json(calls::pending_invitations(&request.user()?, Some(request.id("tenant_id")?)).await?)
}

async fn create(request: AuthRequest) -> Answer {
    let (call, tenant) = (request.user()?, request.id("tenant_id")?);
    let InvitationBody { email, role } = request.body()?;
    respond::json(calls::invite(&call, email.as_str(), role.as_str(), Some(tenant)).await?)
}

async fn revoke(request: AuthRequest) -> Answer {
    let (call, tenant) = (request.user()?, request.id("tenant_id")?);
    let revoked = calls::revoke_invitation(&call, request.id("invitation_id")?, Some(tenant)).await?;
    respond::done(revoked, "invite_not_found", "There is no such pending invitation")
}

async fn accept(request: AuthRequest) -> Answer {
    let call = request.user()?;
    let body: AcceptanceBody = request.body()?;
    let token = needed(body.token.as_ref(), "token is missing")?;
    respond::json(calls::accept_invitation(&call, token).await?)
}

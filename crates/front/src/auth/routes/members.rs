//! Members of a tenant and their roles.

use garde::Validate;
use serde::Deserialize;
use utoipa::ToSchema;

use super::Routes;
use crate::auth::calls::{self, Json};
use crate::auth::openapi::{Doc, answers};
use crate::auth::request::{Answer, AuthRequest};
use crate::auth::respond;

#[derive(Deserialize, Validate, ToSchema)]
pub(super) struct MemberBody {
    /// Whether the tenant is closed to the member, who keeps their roles.
    #[garde(skip)]
    suspended: bool,
}

pub(super) fn add(routes: Routes) -> Routes {
    let doc = |id, summary| Doc::new("members", id, summary).needs_token();
    let list_doc = doc("list_members", "The tenant's members in the order of their ids")
        .query("after", "The last id of the page before")
        .query("per_page", "1 to 1000")
        .answers::<Vec<answers::Member>>("Members");
    let update_doc = doc("update_member", "Suspend a member, or end that")
        .body::<MemberBody>()
        .answers_with("204", "Changed");
    let remove_doc = doc("remove_member", "End a membership").answers_with("204", "Removed");
    let grant_doc =
        doc("grant_role", "Give a member a role").answers::<answers::MemberRoles>("All roles of the member");
    let revoke_doc =
        doc("revoke_role", "Take a role from a member").answers::<answers::MemberRoles>("What is left");
    routes
        .get("/tenants/{tenant_id}/members", list, list_doc)
        .patch("/tenants/{tenant_id}/members/{user_id}", update, update_doc)
        .delete("/tenants/{tenant_id}/members/{user_id}", remove, remove_doc)
        .put("/tenants/{tenant_id}/members/{user_id}/roles/{role}", grant, grant_doc)
        .delete("/tenants/{tenant_id}/members/{user_id}/roles/{role}", revoke, revoke_doc)
}

async fn list(request: AuthRequest) -> Answer {
    let (call, tenant) = (request.user()?, request.id("tenant_id")?);
    let (after, size) = (request.query_id("after")?, request.number("per_page", 1..=1000)?);
    respond::json(calls::tenant_members(&call, Some(tenant), after.as_deref(), size).await?)
}

async fn update(request: AuthRequest) -> Answer {
    let (call, tenant, user) = (request.user()?, request.id("tenant_id")?, request.id("user_id")?);
    let MemberBody { suspended } = request.body()?;
    calls::suspend_member(&call, user, suspended, Some(tenant)).await?;
    respond::no_content()
}

async fn remove(request: AuthRequest) -> Answer {
    let (call, tenant, user) = (request.user()?, request.id("tenant_id")?, request.id("user_id")?);
    calls::remove_member(&call, user, Some(tenant)).await?;
    respond::no_content()
}

async fn grant(request: AuthRequest) -> Answer {
    let (call, tenant, user) = (request.user()?, request.id("tenant_id")?, request.id("user_id")?);
    roles(user, &calls::grant_role(&call, user, request.segment("role"), Some(tenant)).await?)
}

async fn revoke(request: AuthRequest) -> Answer {
    let (call, tenant, user) = (request.user()?, request.id("tenant_id")?, request.id("user_id")?);
    roles(user, &calls::revoke_role(&call, user, request.segment("role"), Some(tenant)).await?)
}

/// `user` was judged to be an id, and the roles are JSON.
fn roles(user: &str, roles: &Json) -> Answer {
    let roles = String::from_utf8_lossy(roles);
    respond::json(format!(r#"{{"user_id":"{user}","roles":{roles}}}"#))
}

//! Roles of a tenant, and the permissions that they can be made of.

use garde::Validate;
use serde::Deserialize;
use serde_json::json;
use utoipa::ToSchema;

use super::Routes;
use crate::auth::calls::{self, RoleChanges};
use crate::auth::input::{Names, Text};
use crate::auth::openapi::{Doc, answers};
use crate::auth::request::{Answer, AuthRequest};
use crate::auth::respond;

#[derive(Deserialize, Validate, ToSchema)]
pub(super) struct RoleBody {
    #[garde(dive)]
    #[schema(inline)]
    name: Text<63>,
    /// `resource:action`, `*` for any; among those that the user holds.
    #[garde(dive)]
    #[schema(inline)]
    permissions: Names,
    #[garde(dive)]
    #[schema(inline)]
    description: Option<Text<500>>,
}

/// What is not given stays as it is.
#[derive(Deserialize, Validate, ToSchema)]
pub(super) struct RoleChangesBody {
    #[garde(dive)]
    #[schema(inline)]
    name: Option<Text<63>>,
    #[garde(dive)]
    #[schema(inline)]
    permissions: Option<Names>,
    #[garde(dive)]
    #[schema(inline)]
    description: Option<Text<500>>,
}

pub(super) fn add(routes: Routes) -> Routes {
    let doc = |id, summary| Doc::new("roles", id, summary).needs_token();
    let list_doc = doc("list_roles", "The tenant's roles").answers::<Vec<answers::Role>>("Roles");
    let create_doc =
        doc("create_role", "Make a role").body::<RoleBody>().answers::<answers::OnlyId>("The role's id");
    let update_doc =
        doc("update_role", "Change a role").body::<RoleChangesBody>().answers_with("204", "Changed");
    let delete_doc = doc("delete_role", "Delete a role").answers_with("204", "Deleted");
    let permissions_doc = doc("list_permissions", "The permissions that the operator has described")
        .answers::<Vec<answers::Permission>>("Permissions");
    routes
        .get("/tenants/{tenant_id}/roles", list, list_doc)
        .post("/tenants/{tenant_id}/roles", create, create_doc)
        .patch("/tenants/{tenant_id}/roles/{role}", update, update_doc)
        .delete("/tenants/{tenant_id}/roles/{role}", delete, delete_doc)
        .get("/permissions", permissions, permissions_doc)
}

async fn list(request: AuthRequest) -> Answer {
    respond::json(calls::tenant_roles(&request.user()?, Some(request.id("tenant_id")?)).await?)
}

async fn create(request: AuthRequest) -> Answer {
    let (call, tenant) = (request.user()?, request.id("tenant_id")?);
    let body: RoleBody = request.body()?;
    let description = body.description.as_ref().map(Text::as_str);
    let permissions = body.permissions.as_slice();
    let id = calls::create_role(&call, body.name.as_str(), permissions, description, Some(tenant)).await?;
    respond::value(&json!({ "id": id }))
}

async fn update(request: AuthRequest) -> Answer {
    let (call, tenant) = (request.user()?, request.id("tenant_id")?);
    let body: RoleChangesBody = request.body()?;
    let changes = RoleChanges {
        permissions: body.permissions.as_ref().map(Names::as_slice),
        name: body.name.as_ref().map(Text::as_str),
        description: body.description.as_ref().map(Text::as_str),
    };
    calls::update_role(&call, request.segment("role"), changes, Some(tenant)).await?;
    respond::no_content()
}

async fn delete(request: AuthRequest) -> Answer {
    let (call, tenant) = (request.user()?, request.id("tenant_id")?);
    calls::delete_role(&call, request.segment("role"), Some(tenant)).await?;
    respond::no_content()
}

async fn permissions(request: AuthRequest) -> Answer {
    respond::json(calls::described_permissions(&request.user()?).await?)
}

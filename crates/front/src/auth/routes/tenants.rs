//! Tenants. Users act in their active one, which the path names again; the operator in any.

use garde::Validate;
use serde::Deserialize;
use serde_json::json;
use utoipa::ToSchema;

use super::Routes;
use crate::auth::calls;
use crate::auth::error::AuthError;
use crate::auth::input::{Object, Slug, Text};
use crate::auth::openapi::{Doc, answers};
use crate::auth::request::{Answer, AuthRequest};
use crate::auth::respond;

#[derive(Deserialize, Validate, ToSchema)]
pub(super) struct TenantBody {
    /// 1 to 63 lower-case letters, digits and inner hyphens.
    #[garde(dive)]
    #[schema(inline)]
    slug: Slug,
    #[garde(dive)]
    #[schema(inline)]
    name: Text<200>,
    /// With users of its own; for the operator only.
    #[garde(skip)]
    isolated: Option<bool>,
}

#[derive(Deserialize, Validate, ToSchema)]
pub(super) struct TenantChangesBody {
    /// Any of name, sign_up_open, session_lifetime, session_idle_timeout, require_second_factor,
    /// password_min_length, allowed_email_domains; null takes a setting back.
    #[garde(dive)]
    #[schema(inline)]
    settings: Object,
}

#[derive(Deserialize, Validate, ToSchema)]
pub(super) struct TenantDeletionBody {
    /// The tenant's slug again.
    #[garde(dive)]
    #[schema(inline)]
    confirm_slug: Slug,
}

pub(super) fn add(routes: Routes) -> Routes {
    let doc = |id, summary| Doc::new("tenants", id, summary).needs_token();
    let list_doc = doc("list_tenants", "The user's tenants").answers::<Vec<answers::Tenant>>("Tenants");
    let create_doc = doc("create_tenant", "Make a tenant; the user becomes its owner")
        .body::<TenantBody>()
        .answers::<answers::NewTenant>("The tenant");
    let update_doc = doc("update_tenant", "Change settings of the tenant")
        .body::<TenantChangesBody>()
        .answers::<answers::TenantSettings>("The tenant with all settings");
    let delete_doc = doc("delete_tenant", "Delete the tenant")
        .body::<TenantDeletionBody>()
        .answers_with("204", "Nobody acts in it any more");
    let switch_doc = doc("switch_tenant", "Act in another of the user's tenants")
        .answers::<answers::Session>("The session with another access token; the refresh token stays");
    let leave_doc = doc("leave_tenant", "Leave the tenant").answers_with("204", "Left");
    let events_doc = doc("list_tenant_events", "The tenant's security events, the latest first")
        .query("before", "The last id of the page before")
        .query("per_page", "1 to 1000")
        .answers::<Vec<answers::Event>>("Events");
    let keys_doc =
        doc("list_tenant_api_keys", "All API keys of the tenant").answers::<Vec<answers::ApiKey>>("Keys");
    routes
        .get("/tenants", list, list_doc)
        .post("/tenants", create, create_doc)
        .patch("/tenants/{tenant_id}", update, update_doc)
        .delete("/tenants/{tenant_id}", delete, delete_doc)
        .post("/tenants/{tenant_id}/switch", switch, switch_doc)
        .post("/tenants/{tenant_id}/leave", leave, leave_doc)
        .get("/tenants/{tenant_id}/events", events, events_doc)
        .get("/tenants/{tenant_id}/api-keys", keys, keys_doc)
}

async fn list(request: AuthRequest) -> Answer {
    respond::json(calls::my_tenants(&request.user()?).await?)
}

async fn create(request: AuthRequest) -> Answer {
    let call = request.user()?;
    let TenantBody { slug, name, isolated } = request.body()?;
    let id = calls::create_tenant(&call, slug.as_str(), name.as_str(), isolated.unwrap_or(false)).await?;
    respond::value(&json!({ "id": id, "slug": slug.as_str(), "name": name.as_str() }))
}

async fn update(request: AuthRequest) -> Answer {
    let (call, tenant) = (request.user()?, request.id("tenant_id")?);
    let body: TenantChangesBody = request.body()?;
    respond::json(calls::update_tenant(&call, body.settings.raw(), Some(tenant)).await?)
}

async fn delete(request: AuthRequest) -> Answer {
    let (call, tenant) = (request.user()?, request.id("tenant_id")?);
    let body: TenantDeletionBody = request.body()?;
    calls::delete_tenant(&call, body.confirm_slug.as_str(), Some(tenant)).await?;
    respond::no_content()
}

async fn switch(request: AuthRequest) -> Answer {
    let session = calls::switch_tenant(&request.user()?, request.id("tenant_id")?).await?;
    respond::session(&session)
}

async fn leave(request: AuthRequest) -> Answer {
    let left = calls::leave_tenant(&request.user()?, request.id("tenant_id")?).await?;
    if left { respond::no_content() } else { Err(AuthError::named("tenant_not_active")) }
}

async fn events(request: AuthRequest) -> Answer {
    let (call, tenant) = (request.user()?, request.id("tenant_id")?);
    let (before, size) = (request.number("before", 0..=i64::MAX)?, request.number("per_page", 1..=1000)?);
    let events = calls::tenant_events(&call, tenant, before, size).await?;
    respond::json(events.ok_or_else(|| AuthError::named("tenant_not_active"))?)
}

async fn keys(request: AuthRequest) -> Answer {
    let keys = calls::tenant_api_keys(&request.user()?, request.id("tenant_id")?).await?;
    respond::json(keys.ok_or_else(|| AuthError::named("tenant_not_active"))?)
}

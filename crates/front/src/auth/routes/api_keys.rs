//! API keys of the signed-in user.

use garde::Validate;
use serde::Deserialize;
use utoipa::ToSchema;

use super::Routes;
use super::sign_up::given;
use crate::auth::calls::{self, NewApiKey};
use crate::auth::input::{Names, Text};
use crate::auth::openapi::{Doc, answers};
use crate::auth::request::{Answer, AuthRequest};
use crate::auth::respond;

#[derive(Deserialize, Validate, ToSchema)]
pub(super) struct ApiKeyBody {
    #[garde(dive)]
    #[schema(inline)]
    name: Text<100>,
    /// `resource:action`; among those that the user holds.
    #[garde(dive)]
    #[schema(inline)]
    #[serde(default)]
    permissions: Names,
    /// Among those that the user holds.
    #[garde(dive)]
    #[schema(inline)]
    #[serde(default)]
    roles: Names,
    /// RFC 3339; without it the key counts until it is revoked.
    #[garde(dive)]
    #[schema(inline)]
    expires_at: Option<Text<64>>,
    /// A key of the active tenant itself.
    #[garde(skip)]
    for_tenant: Option<bool>,
}

pub(super) fn add(routes: Routes) -> Routes {
    let doc = |id, summary| Doc::new("API keys", id, summary).needs_token();
    let list_doc =
        doc("list_api_keys", "The user's API keys in all tenants").answers::<Vec<answers::ApiKey>>("Keys");
    let create_doc = doc("create_api_key", "Make an API key in the active tenant")
        .body::<ApiKeyBody>()
        .answers::<answers::NewApiKey>("The key, shown once");
    let revoke_doc = doc("revoke_api_key", "End an API key at once").answers_with("204", "Revoked");
    routes.get("/api-keys", list, list_doc).post("/api-keys", create, create_doc).delete(
        "/api-keys/{key_id}",
        revoke,
        revoke_doc,
    )
}

async fn list(request: AuthRequest) -> Answer {
    respond::json(calls::my_api_keys(&request.user()?).await?)
}

async fn create(request: AuthRequest) -> Answer {
    let call = request.user()?;
    let body: ApiKeyBody = request.body()?;
    let input = NewApiKey {
        name: body.name.as_str(),
        permissions: body.permissions.as_slice(),
        roles: body.roles.as_slice(),
        expires_at: given(body.expires_at.as_ref()),
        for_tenant: body.for_tenant.unwrap_or(false),
    };
    respond::json(calls::create_api_key(&call, input).await?)
}

async fn revoke(request: AuthRequest) -> Answer {
    let revoked = calls::revoke_api_key(&request.user()?, request.id("key_id")?).await?;
    respond::done(revoked, "api_key_not_found", "There is no such API key that you may revoke")
}

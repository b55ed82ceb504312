//! `/admin/users/{user_id}`: one user, and their second factors.

use garde::Validate;
use serde::Deserialize;
use serde_json::json;
use utoipa::ToSchema;

use super::super::Routes;
use super::TAG;
use super::users::AdminUserBody;
use crate::auth::calls;
use crate::auth::error::AuthError;
use crate::auth::openapi::{Doc, answers};
use crate::auth::request::{Answer, AuthRequest};
use crate::auth::respond;

#[derive(Deserialize, Validate, ToSchema)]
pub(super) struct DeletionBody {
    /// Keeps the bare id, so that what refers to it stays.
    #[garde(skip)]
    should_soft_delete: Option<bool>,
}

pub(super) fn add(routes: Routes) -> Routes {
    let doc = |id, summary| Doc::new(TAG, id, summary).needs_token();
    let get_doc = doc("get_user_by_id", "A user").answers::<answers::User>("The user");
    let put_doc = doc("update_user_by_id", "Change a user")
        .body::<AdminUserBody>()
        .answers::<answers::User>("The user");
    let delete_doc =
        doc("delete_user", "Delete a user").optional_body::<DeletionBody>().answers_empty("The user is gone");
    let factors_doc =
        doc("list_user_factors", "A user's second factors").answers::<Vec<answers::Factor>>("Factors");
    let factor_doc = doc("delete_user_factor", "Remove a second factor of a user who has lost it")
        .answers::<answers::OnlyId>("It is gone");
    routes
        .get("/admin/users/{user_id}", get, get_doc)
        .put("/admin/users/{user_id}", put, put_doc)
        .delete("/admin/users/{user_id}", delete, delete_doc)
        .get("/admin/users/{user_id}/factors", factors, factors_doc)
        .delete("/admin/users/{user_id}/factors/{factor_id}", delete_factor, factor_doc)
}

async fn get(request: AuthRequest) -> Answer {
    let user = calls::admin_get_user(&request.operator()?, request.id("user_id")?).await?;
    respond::json(user.ok_or_else(|| AuthError::named("user_not_found"))?.0)
}

async fn put(request: AuthRequest) -> Answer {
    let (call, id) = (request.operator()?, request.id("user_id")?);
    let body: AdminUserBody = request.body()?;
    respond::json(calls::admin_update_user(&call, id, body.user()?).await?.0)
}

async fn delete(request: AuthRequest) -> Answer {
    let (call, id) = (request.operator()?, request.id("user_id")?);
    let body: DeletionBody = request.optional_body()?;
    let deleted = calls::admin_delete_user(&call, id, body.should_soft_delete.unwrap_or(false)).await?;
    if deleted { respond::empty() } else { Err(AuthError::named("user_not_found")) }
}

async fn factors(request: AuthRequest) -> Answer {
    let factors = calls::admin_user_factors(&request.operator()?, request.id("user_id")?).await?;
    respond::json(factors.ok_or_else(|| AuthError::named("user_not_found"))?)
}

async fn delete_factor(request: AuthRequest) -> Answer {
    let (call, user, factor) = (request.operator()?, request.id("user_id")?, request.id("factor_id")?);
    if calls::admin_delete_factor(&call, user, factor).await? {
        respond::value(&json!({ "id": factor }))
    } else {
        Err(AuthError::named("mfa_factor_not_found"))
    }
}

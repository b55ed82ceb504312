//! `POST /invite`: makes a user and mails them.

use garde::Validate;
use serde::Deserialize;
use utoipa::ToSchema;

use super::super::Routes;
use super::TAG;
use crate::auth::calls;
use crate::auth::input::{Email, Object};
use crate::auth::openapi::{Doc, answers};
use crate::auth::request::{Answer, AuthRequest};
use crate::auth::respond;

#[derive(Deserialize, Validate, ToSchema)]
pub(super) struct InviteBody {
    #[garde(dive)]
    #[schema(inline)]
    email: Email,
    /// The user's metadata.
    #[garde(dive)]
    #[schema(inline)]
    data: Option<Object>,
}

pub(super) fn add(routes: Routes) -> Routes {
    let doc = Doc::new(TAG, "invite_user", "Make a user and mail them an invitation")
        .needs_token()
        .redirect_to()
        .body::<InviteBody>()
        .answers::<answers::User>("The user");
    routes.post("/invite", invite, doc)
}

async fn invite(request: AuthRequest) -> Answer {
    let call = request.operator()?;
    let body: InviteBody = request.body()?;
    let user_metadata = body.data.as_ref().map(Object::raw);
    let options = request.options(None, None);
    respond::json(calls::admin_invite_user(&call, body.email.as_str(), user_metadata, &options).await?.0)
}

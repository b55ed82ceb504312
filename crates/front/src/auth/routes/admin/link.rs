//! `POST /admin/generate_link`: a link to hand over, that is not mailed.

use garde::Validate;
use serde::Deserialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::super::Routes;
use super::TAG;
use crate::auth::calls::{self, Link, LinkRequest};
use crate::auth::error::AuthError;
use crate::auth::input::{Credential, Email, LinkKind, Object};
use crate::auth::openapi::{Doc, answers};
use crate::auth::request::{Answer, AuthRequest};
use crate::auth::respond;

#[derive(Deserialize, Validate, ToSchema)]
pub(super) struct LinkBody {
    #[garde(skip)]
    #[serde(rename = "type")]
    kind: LinkKind,
    #[garde(dive)]
    #[schema(inline)]
    email: Email,
    /// Of a new user, to sign up.
    #[garde(dive)]
    #[schema(inline)]
    password: Option<Credential>,
    /// To change the address.
    #[garde(dive)]
    #[schema(inline)]
    new_email: Option<Email>,
    /// A new user's metadata.
    #[garde(dive)]
    #[schema(inline)]
    data: Option<Object>,
}

pub(super) fn add(routes: Routes) -> Routes {
    let doc = Doc::new(TAG, "generate_link", "Make a link and a code without mailing them")
        .needs_token()
        .redirect_to()
        .body::<LinkBody>()
        .answers::<answers::UserWithLink>("The user and the link");
    routes.post("/admin/generate_link", generate, doc)
}

async fn generate(request: AuthRequest) -> Answer {
    let call = request.operator()?;
    let body: LinkBody = request.body()?;
    let input = LinkRequest {
        kind: body.kind.name(),
        email: body.email.as_str(),
        password: body.password.as_ref().map(Credential::secret),
        new_email: body.new_email.as_ref().map(Email::as_str),
        user_metadata: body.data.as_ref().map(Object::raw),
        options: &request.options(None, None),
    };
    let link = calls::admin_generate_link(&call, input).await?;
    respond::value(&Value::Object(describe(
        &link,
        &request.config.site.external_url,
        &request.redirect_to(),
    )?))
}

/// The user with what the link is made of, all in one object.
fn describe(link: &Link, external_url: &str, redirect_to: &str) -> Result<Map<String, Value>, AuthError> {
    let mut object: Map<String, Value> = serde_json::from_slice(&link.user.0)
        .map_err(|_| AuthError::internal("the user is no JSON object"))?;
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.append_pair("token", link.token.expose()).append_pair("type", &link.kind);
    let query = query.append_pair("redirect_to", redirect_to).finish();
    let members = [
        ("action_link", format!("{external_url}/auth/v1/verify?{query}")),
        ("email_otp", link.code.expose().to_owned()),
        ("hashed_token", link.token.expose().to_owned()),
        ("verification_type", link.kind.clone()),
        ("redirect_to", redirect_to.to_owned()),
    ];
    object.extend(members.map(|(name, value)| (name.to_owned(), Value::String(value))));
    Ok(object)
}

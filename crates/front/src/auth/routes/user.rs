//! The signed-in user: `GET` and `PUT /user`, `POST /logout`, `GET /user/events`.

use axum::http::StatusCode;
use garde::Validate;
use serde::Deserialize;
use utoipa::ToSchema;

use super::Routes;
use super::sign_up::{given, refuse_phone};
use crate::auth::calls::{self, SignOutScope, UserChanges};
use crate::auth::error::AuthError;
use crate::auth::input::{Credential, Email, Object, Text};
use crate::auth::openapi::{Doc, answers};
use crate::auth::request::{Answer, AuthRequest};
use crate::auth::respond;

/// What is not given stays as it is.
#[derive(Deserialize, Validate, ToSchema)]
pub(super) struct UserBody {
    /// Counts once it is confirmed.
    #[garde(dive)]
    #[schema(inline)]
    email: Option<Email>,
    #[garde(dive)]
    #[schema(inline)]
    password: Option<Credential>,
    /// Where a change of password asks for it.
    #[garde(dive)]
    #[schema(inline)]
    current_password: Option<Credential>,
    /// A code that reauthenticate mailed.
    #[garde(dive)]
    #[schema(inline)]
    nonce: Option<Credential>,
    /// Metadata: merged, null takes a member away.
    #[garde(dive)]
    #[schema(inline)]
    data: Option<Object>,
    /// For the operator only.
    #[garde(dive)]
    #[schema(inline)]
    app_metadata: Option<Object>,
    /// Not supported.
    #[garde(dive)]
    #[schema(inline)]
    phone: Option<Text<50>>,
    /// PKCE, for the links in the mails of a change of address.
    #[garde(dive)]
    #[schema(inline)]
    code_challenge: Option<Text<128>>,
    /// `s256`
    #[garde(dive)]
    #[schema(inline)]
    code_challenge_method: Option<Text<20>>,
}

pub(super) fn add(routes: Routes) -> Routes {
    let get_doc =
        Doc::new("user", "get_user", "The signed-in user").needs_token().answers::<answers::User>("The user");
    let put_doc = Doc::new("user", "update_user", "Change the signed-in user")
        .needs_token()
        .redirect_to()
        .body::<UserBody>()
        .answers::<answers::User>("The user as it is now");
    let events_doc = Doc::new("user", "list_my_events", "The user's own security events, the latest first")
        .needs_token()
        .query("before", "The last id of the page before")
        .query("per_page", "1 to 1000")
        .answers::<Vec<answers::Event>>("Events");
    let logout_doc = Doc::new("user", "sign_out", "End sessions")
        .needs_token()
        .choice("scope", "Which ones; global if not given", &["global", "local", "others"])
        .answers_with("204", "They have ended");
    routes
        .get("/user", get, get_doc)
        .put("/user", put, put_doc)
        .get("/user/events", events, events_doc)
        .post("/logout", logout, logout_doc)
}

async fn get(request: AuthRequest) -> Answer {
    respond::json(calls::my_user(&request.user()?).await?.0)
}

async fn put(request: AuthRequest) -> Answer {
    let call = request.user()?;
    let body: UserBody = request.body()?;
    if body.app_metadata.is_some() {
        let text = "Updating app_metadata requires admin privileges";
        return Err(AuthError::new(StatusCode::FORBIDDEN, "not_admin", text));
    }
    refuse_phone(body.phone.as_ref())?;
    let filled =
        |secret: Option<&'_ Credential>| secret.is_some_and(|secret| !secret.secret().expose().is_empty());
    let (challenge, method) =
        (given(body.code_challenge.as_ref()), given(body.code_challenge_method.as_ref()));
    let changes = UserChanges {
        password: body.password.as_ref().map(Credential::secret),
        email: given(body.email.as_ref()),
        user_metadata: body.data.as_ref().map(Object::raw),
        current_password: body
            .current_password
            .as_ref()
            .filter(|given| filled(Some(given)))
            .map(Credential::secret),
        nonce: body.nonce.as_ref().filter(|given| filled(Some(given))).map(Credential::secret),
        options: request.options(challenge, method),
    };
    let changed = calls::update_user(&call, changes).await;
    let changed = changed.map_err(|error| {
        error
            .with_status("insufficient_aal", StatusCode::UNAUTHORIZED)
            .with_status("user_not_found", StatusCode::FORBIDDEN)
    });
    respond::json(changed?.0)
}

async fn events(request: AuthRequest) -> Answer {
    let call = request.user()?;
    let (before, size) = (request.number("before", 0..=i64::MAX)?, request.number("per_page", 1..=1000)?);
    respond::json(calls::my_events(&call, before, size).await?)
}

async fn logout(request: AuthRequest) -> Answer {
    let call = request.user()?;
    let scope = match request.query("scope") {
        None => Some(SignOutScope::Global),
        Some(scope) => SignOutScope::parse(&scope),
    };
    calls::sign_out(&call, scope.ok_or_else(|| AuthError::named("scope_unknown"))?).await?;
    respond::no_content()
}

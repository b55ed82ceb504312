//! `POST /token`: a session for a password, a refresh token, a code of PKCE or another issuer's token.

use axum::http::StatusCode;
use garde::Validate;
use serde::Deserialize;
use utoipa::ToSchema;

use super::Routes;
use super::sign_up::{given, refuse_phone};
use crate::auth::calls::{self, Session, SignIn};
use crate::auth::error::AuthError;
use crate::auth::input::{Credential, Email, Hidden, Slug, Text};
use crate::auth::openapi::{Doc, answers};
use crate::auth::request::{Answer, AuthRequest};
use crate::auth::respond;
use crate::auth::secret::Secret;

const GRANTS: [&str; 4] = ["password", "refresh_token", "pkce", "id_token"];

/// What the grant needs: `email` and `password`; `refresh_token`; `auth_code` and `code_verifier`;
/// `id_token`.
#[derive(Deserialize, Validate, ToSchema)]
pub(super) struct TokenBody {
    #[garde(dive)]
    #[schema(inline)]
    email: Option<Email>,
    /// Not supported.
    #[garde(dive)]
    #[schema(inline)]
    phone: Option<Text<50>>,
    #[garde(dive)]
    #[schema(inline)]
    password: Option<Credential>,
    /// Slug of the tenant to act in; without one, the one used last.
    #[garde(dive)]
    #[schema(inline)]
    tenant: Option<Slug>,
    #[garde(dive)]
    #[schema(inline)]
    refresh_token: Option<Credential>,
    #[garde(dive)]
    #[schema(inline)]
    auth_code: Option<Credential>,
    #[garde(dive)]
    #[schema(inline)]
    code_verifier: Option<Credential>,
    /// A token of an issuer that the operator trusts.
    #[garde(dive)]
    #[schema(inline)]
    id_token: Option<Hidden<16384>>,
    /// Not supported.
    #[garde(dive)]
    #[schema(inline)]
    nonce: Option<Credential>,
}

pub(super) fn add(routes: Routes) -> Routes {
    let doc = Doc::new("sign in", "grant_token", "Sign in, refresh, or exchange a code")
        .choice("grant_type", "What the body has", &GRANTS)
        .body::<TokenBody>()
        .answers::<answers::Session>("A session");
    routes.post("/token", grant, doc)
}

async fn grant(request: AuthRequest) -> Answer {
    let session = match request.query("grant_type").as_deref() {
        Some("password") => sign_in(&request, &request.body()?).await,
        Some("refresh_token") => refresh(&request, &request.body()?).await,
        Some("pkce") => exchange(&request, &request.body()?).await,
        Some("id_token") => sign_in_external(&request, &request.body()?).await,
        _ => Err(AuthError::new(StatusCode::BAD_REQUEST, "invalid_credentials", "unsupported_grant_type")),
    };
    respond::session(&session?)
}

async fn sign_in(request: &AuthRequest, body: &TokenBody) -> Result<Session, AuthError> {
    let Some(email) = given(body.email.as_ref()) else {
        refuse_phone(body.phone.as_ref())?;
        return Err(AuthError::invalid("email is missing"));
    };
    let none = Secret::default();
    let password = body.password.as_ref().map_or(&none, Credential::secret);
    let input = SignIn { email, password, tenant: given(body.tenant.as_ref()) };
    calls::sign_in(&request.public(), input).await
}

async fn refresh(request: &AuthRequest, body: &TokenBody) -> Result<Session, AuthError> {
    let token = needed(body.refresh_token.as_ref(), "refresh_token is missing")?;
    let refreshed = calls::refresh(&request.public(), token).await;
    // Here it is the refresh token that is no good, not an access token.
    refreshed.map_err(|error| error.with_status("session_not_found", StatusCode::BAD_REQUEST))
}

async fn exchange(request: &AuthRequest, body: &TokenBody) -> Result<Session, AuthError> {
    let code = needed(body.auth_code.as_ref(), "auth_code is missing")?;
    let verifier = needed(body.code_verifier.as_ref(), "code_verifier is missing")?;
    calls::exchange_code(&request.public(), code, verifier).await
}

async fn sign_in_external(request: &AuthRequest, body: &TokenBody) -> Result<Session, AuthError> {
    // Whoever gives a nonce counts on its being compared.
    if body.nonce.as_ref().is_some_and(|nonce| !nonce.secret().expose().is_empty()) {
        return Err(AuthError::invalid("nonce is not supported"));
    }
    let token = needed(body.id_token.as_ref(), "id_token is missing")?;
    calls::sign_in_external(&request.public(), token, given(body.tenant.as_ref())).await
}

pub(super) fn needed<'a, const MAX: usize>(
    secret: Option<&'a Hidden<MAX>>,
    message: &'static str,
) -> Result<&'a Secret, AuthError> {
    let secret = secret.map(Hidden::secret).filter(|secret| !secret.expose().is_empty());
    secret.ok_or_else(|| AuthError::invalid(message))
}

//! What anybody may read: settings, health, public keys.

use axum::http::{HeaderValue, header};
use axum::response::Response;
use serde::Deserialize;
use serde_json::{Value, json};

use super::Routes;
use crate::auth::calls;
use crate::auth::error::AuthError;
use crate::auth::openapi::{Doc, answers};
use crate::auth::request::{Answer, AuthRequest};
use crate::auth::respond;

/// Ten minutes: clients fetch again on a key that they do not know.
const CACHE: HeaderValue = HeaderValue::from_static("public, max-age=600");

/// What `auth.public_settings` gives.
#[derive(Deserialize)]
struct PublicSettings {
    autoconfirm: bool,
    anonymous_sign_ins: bool,
    sign_up: bool,
    password_min_length: i64,
    issuer: String,
}

pub(super) fn add(routes: Routes) -> Routes {
    let settings_doc = Doc::new("public", "get_settings", "How signing up works here")
        .answers::<answers::Settings>("Settings");
    let health_doc =
        Doc::new("public", "get_health", "Whether there is an answer").answers::<answers::Health>("There is");
    well_known(routes.get("/settings", settings, settings_doc).get("/health", health, health_doc))
}

pub(super) fn well_known(routes: Routes) -> Routes {
    let jwks_doc = Doc::new("public", "get_jwks", "The public keys that tokens are signed with (RFC 7517)")
        .answers::<answers::Keys>("Keys");
    let discovery_doc =
        Doc::new("public", "get_openid_configuration", "Where what is (OpenID Connect Discovery)")
            .answers::<answers::Discovery>("Where what is");
    routes.get("/.well-known/jwks.json", jwks, jwks_doc).get(
        "/.well-known/openid-configuration",
        discovery,
        discovery_doc,
    )
}

async fn settings(request: AuthRequest) -> Answer {
    let settings = read(&request).await?;
    respond::value(&json!({
        "external": { "email": true, "phone": false, "anonymous_users": settings.anonymous_sign_ins },
        "disable_signup": !settings.sign_up,
        "mailer_autoconfirm": settings.autoconfirm,
        "phone_autoconfirm": false,
        "sms_provider": "",
        "saml_enabled": false,
        "password_min_length": settings.password_min_length,
    }))
}

async fn read(request: &AuthRequest) -> Result<PublicSettings, AuthError> {
    let json = calls::public_settings(&request.public()).await?;
    serde_json::from_slice(&json).map_err(|_| AuthError::internal("auth.public_settings gave something else"))
}

async fn health(_: AuthRequest) -> Answer {
    let description = "gatehouse is a user registration and authentication API";
    respond::value(&json!({ "name": "gatehouse", "description": description }))
}

async fn jwks(request: AuthRequest) -> Answer {
    respond::json(calls::jwks(&request.public()).await?).map(cached)
}

async fn discovery(request: AuthRequest) -> Answer {
    let issuer = read(&request).await?.issuer;
    let here = format!("{}/auth/v1", request.config.site.external_url);
    let document: Value = json!({
        "issuer": issuer,
        "jwks_uri": format!("{here}/.well-known/jwks.json"),
        "token_endpoint": format!("{here}/token"),
        "userinfo_endpoint": format!("{here}/user"),
        "grant_types_supported": ["password", "refresh_token"],
        "response_types_supported": ["token"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["ES256", "ES384", "RS256", "EdDSA"],
        "code_challenge_methods_supported": ["S256"],
    });
    respond::value(&document).map(cached)
}

fn cached(mut response: Response) -> Response {
    response.headers_mut().insert(header::CACHE_CONTROL, CACHE);
    response
}

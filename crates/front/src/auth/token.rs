//! `POST /token?grant_type=password`

use std::borrow::Cow;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::request::Parts;
use axum::http::{Request, StatusCode};
use axum::response::Response;
use serde::Deserialize;

use super::calls::{self, Call, SignIn};
use super::error::AuthError;
use super::secret::Secret;
use crate::app::App;
use crate::request::Variables;

/// Not `Debug`: it has a password.
#[derive(Deserialize)]
struct Credentials<'a> {
    #[serde(borrow)]
    email: Option<Cow<'a, str>>,
    #[serde(borrow)]
    password: Option<Cow<'a, str>>,
    #[serde(borrow)]
    tenant: Option<Cow<'a, str>>,
}

pub(crate) async fn handle(State(app): State<Arc<App>>, request: Request<Body>) -> Response {
    let (parts, body) = request.into_parts();
    super::finish(&parts, grant(&app, &parts, body).await)
}

async fn grant(app: &App, parts: &Parts, body: Body) -> Result<Vec<u8>, AuthError> {
    match grant_type(parts) {
        Some("password") => sign_in(app, parts, body).await,
        _ => Err(AuthError::new(StatusCode::BAD_REQUEST, "invalid_credentials", "unsupported_grant_type")),
    }
}

fn grant_type(parts: &Parts) -> Option<&str> {
    let pairs = parts.uri.query()?.split('&').filter_map(|pair| pair.split_once('='));
    pairs.filter(|(name, _)| *name == "grant_type").map(|(_, value)| value).next()
}

async fn sign_in(app: &App, parts: &Parts, body: Body) -> Result<Vec<u8>, AuthError> {
    let body = super::body_of(body).await?;
    let body: Credentials<'_> = super::parse(&body)?;
    let Some(email) = body.email.as_deref().filter(|email| !email.is_empty()) else {
        return Err(AuthError::new(StatusCode::BAD_REQUEST, "validation_failed", "missing email"));
    };
    let password = body.password.as_deref().unwrap_or_default();
    let password = Secret::new(password.to_owned());
    let input = SignIn { email, password: &password, tenant: body.tenant.as_deref() };
    let variables = Variables::of(parts);
    calls::sign_in(&Call::public(app, &variables), input).await?.to_json()
}

#[cfg(test)]
mod tests {
    use axum::http::Request;

    use super::grant_type;

    #[test]
    fn the_grant_type_is_a_parameter_of_the_url() {
        let of = |uri: &str| {
            let parts = Request::builder().uri(uri).body(()).unwrap().into_parts().0;
            grant_type(&parts).map(str::to_owned)
        };
        assert_eq!(of("/token?x=1&grant_type=password").as_deref(), Some("password"));
        assert_eq!(of("/token?grant_type"), None);
        assert_eq!(of("/token"), None);
    }
}

//! `POST /signup`

use std::borrow::Cow;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::request::Parts;
use axum::http::{Request, StatusCode};
use axum::response::Response;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::calls::{self, Call, Options, SignUp, SignedUp};
use super::error::AuthError;
use super::secret::Secret;
use crate::app::App;
use crate::request::Variables;

/// Not `Debug`: it has a password.
#[derive(Deserialize)]
struct Body_<'a> {
    #[serde(borrow)]
    email: Option<Cow<'a, str>>,
    #[serde(borrow)]
    password: Option<Cow<'a, str>>,
    #[serde(borrow)]
    phone: Option<Cow<'a, str>>,
    #[serde(borrow)]
    data: Option<&'a RawValue>,
    #[serde(borrow)]
    tenant: Option<Cow<'a, str>>,
}

pub(crate) async fn handle(State(app): State<Arc<App>>, request: Request<Body>) -> Response {
    let (parts, body) = request.into_parts();
    super::finish(&parts, sign_up(&app, &parts, body).await)
}

async fn sign_up(app: &App, parts: &Parts, body: Body) -> Result<Vec<u8>, AuthError> {
    let body = super::body_of(body).await?;
    let body: Body_<'_> = super::parse(&body)?;
    let email = email(&body)?;
    let password = body.password.as_deref().unwrap_or_default();
    let metadata = body.data.map_or("{}", RawValue::get);
    if !metadata.starts_with('{') {
        return Err(AuthError::new(StatusCode::BAD_REQUEST, "validation_failed", "data must be an object"));
    }
    let password = Secret::new(password.to_owned());
    let input = SignUp {
        email,
        password: &password,
        user_metadata: body.data,
        tenant: body.tenant.as_deref(),
        options: &Options::default(),
    };
    let variables = Variables::of(parts);
    match calls::sign_up(&Call::public(app, &variables), input).await? {
        SignedUp::Session(session) => session.to_json(),
        SignedUp::User(user) => Ok(user.0.to_vec()),
    }
}

fn email<'a>(body: &'a Body_<'_>) -> Result<&'a str, AuthError> {
    let given = |text: &'a Option<Cow<'_, str>>| text.as_deref().filter(|text| !text.is_empty());
    let unprocessable = StatusCode::UNPROCESSABLE_ENTITY;
    match (given(&body.email), given(&body.phone)) {
        (Some(email), _) => Ok(email),
        (None, Some(_)) => {
            Err(AuthError::new(unprocessable, "phone_provider_disabled", "Phone signups are disabled"))
        }
        (None, None) => Err(AuthError::new(
            unprocessable,
            "anonymous_provider_disabled",
            "Anonymous sign-ins are disabled",
        )),
    }
}

//! `POST /signup`: with an address and a password, or anonymously.

use axum::http::StatusCode;
use garde::Validate;
use serde::Deserialize;
use utoipa::ToSchema;

use super::Routes;
use crate::auth::calls::{self, SignUp, SignedUp};
use crate::auth::error::AuthError;
use crate::auth::input::{Credential, Email, Object, Slug, Text};
use crate::auth::openapi::{Doc, answers};
use crate::auth::request::{Answer, AuthRequest};
use crate::auth::respond;
use crate::auth::secret::Secret;

/// Without an address the sign-in is anonymous.
#[derive(Deserialize, Validate, ToSchema)]
pub(super) struct SignUpBody {
    #[garde(dive)]
    #[schema(inline)]
    email: Option<Email>,
    #[garde(dive)]
    #[schema(inline)]
    password: Option<Credential>,
    /// Not supported.
    #[garde(dive)]
    #[schema(inline)]
    phone: Option<Text<50>>,
    /// The user's metadata.
    #[garde(dive)]
    #[schema(inline)]
    data: Option<Object>,
    /// Slug of a tenant to join.
    #[garde(dive)]
    #[schema(inline)]
    tenant: Option<Slug>,
    /// PKCE, for the link in the mail.
    #[garde(dive)]
    #[schema(inline)]
    code_challenge: Option<Text<128>>,
    /// `s256`
    #[garde(dive)]
    #[schema(inline)]
    code_challenge_method: Option<Text<20>>,
}

pub(super) fn add(routes: Routes) -> Routes {
    let doc = Doc::new("sign in", "sign_up", "Sign up, or sign in anonymously")
        .redirect_to()
        .body::<SignUpBody>()
        .answers::<answers::SessionOrUser>("A session, or the user whose address is to be confirmed");
    routes.post("/signup", sign_up, doc)
}

async fn sign_up(request: AuthRequest) -> Answer {
    let body: SignUpBody = request.body()?;
    let user_metadata = body.data.as_ref().map(Object::raw);
    let tenant = body.tenant.as_ref().map(Text::as_str);
    let Some(email) = given(body.email.as_ref()) else {
        refuse_phone(body.phone.as_ref())?;
        let session = calls::sign_in_anonymously(&request.public(), user_metadata, tenant).await?;
        return respond::session(&session);
    };
    let (challenge, method) =
        (given(body.code_challenge.as_ref()), given(body.code_challenge_method.as_ref()));
    let none = Secret::default();
    let input = SignUp {
        email,
        password: body.password.as_ref().map_or(&none, Credential::secret),
        user_metadata,
        tenant,
        options: &request.options(challenge, method),
    };
    match calls::sign_up(&request.public(), input).await? {
        SignedUp::Session(session) => respond::session(&session),
        SignedUp::User(user) => respond::json(user.0),
    }
}

/// A text that is not empty: clients send empty ones for what is not there.
pub(super) fn given<const MAX: usize>(text: Option<&Text<MAX>>) -> Option<&str> {
    text.map(Text::as_str).filter(|text| !text.is_empty())
}

pub(super) fn refuse_phone<const MAX: usize>(phone: Option<&Text<MAX>>) -> Result<(), AuthError> {
    match given(phone) {
        None => Ok(()),
        Some(_) => Err(AuthError::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "phone_provider_disabled",
            "Phone numbers are not supported",
        )),
    }
}

//! Bringing a mailed code or link back: `POST /verify` for clients, `GET /verify` for whoever clicks
//! the link in a browser.

use axum::http::Method;
use garde::Validate;
use serde::Deserialize;
use serde_json::json;
use utoipa::ToSchema;

use super::Routes;
use super::sign_up::{given, refuse_phone};
use super::token::needed;
use crate::auth::calls::{self, Followed, Verified};
use crate::auth::error::AuthError;
use crate::auth::input::{Credential, Email, OtpKind, Slug, Text};
use crate::auth::openapi::{Doc, answers};
use crate::auth::request::{Answer, AuthRequest};
use crate::auth::secret::Secret;
use crate::auth::{redirect, respond};

/// `email` and `token` (six digits), or `token_hash` (the token of the link).
#[derive(Deserialize, Validate, ToSchema)]
pub(super) struct VerifyBody {
    #[garde(skip)]
    #[serde(rename = "type")]
    kind: OtpKind,
    #[garde(dive)]
    #[schema(inline)]
    email: Option<Email>,
    /// Not supported.
    #[garde(dive)]
    #[schema(inline)]
    phone: Option<Text<50>>,
    #[garde(dive)]
    #[schema(inline)]
    token: Option<Credential>,
    #[garde(dive)]
    #[schema(inline)]
    token_hash: Option<Credential>,
    /// Slug of the tenant whose user it is.
    #[garde(dive)]
    #[schema(inline)]
    tenant: Option<Slug>,
}

const KINDS: [&str; 6] = ["signup", "invite", "magiclink", "recovery", "email_change", "email"];

pub(super) fn add(routes: Routes) -> Routes {
    let verify_doc = Doc::new("mail", "verify", "Sign in with a mailed code or link")
        .body::<VerifyBody>()
        .answers::<answers::SessionOrMessage>("A session, or what is still to be done");
    let follow_doc = Doc::new("mail", "follow_link", "Where a mailed link leads")
        .query("token", "Of the link")
        .query("type", "What was mailed, as in POST; any if not given")
        .redirect_to()
        .answers_with("204", "To HEAD: the link is left as it is")
        .answers_with(
            "303",
            "To redirect_to: tokens in the fragment, or a code in the query; or an error in both",
        );
    routes.post("/verify", verify, verify_doc).get("/verify", follow, follow_doc)
}

async fn verify(request: AuthRequest) -> Answer {
    let body: VerifyBody = request.body()?;
    let call = request.public();
    let verified = match body.token_hash.as_ref().filter(|token| !token.secret().expose().is_empty()) {
        Some(token) => calls::verify_link(&call, token.secret(), Some(body.kind.name())).await,
        None => {
            refuse_phone(body.phone.as_ref())?;
            let code = needed(body.token.as_ref(), "Verify requires a token or a token hash")?;
            let email = given(body.email.as_ref()).ok_or_else(|| AuthError::invalid("email is missing"))?;
            calls::verify_otp(&call, email, code, body.kind.name(), given(body.tenant.as_ref())).await
        }
    };
    match verified? {
        Verified::Session(session) => respond::session(&session),
        Verified::Half(message) => respond::value(&json!({ "msg": message, "code": "200" })),
    }
}

async fn follow(request: AuthRequest) -> Answer {
    // Whoever only looks at a link does not use it up.
    if *request.method() == Method::HEAD {
        return respond::no_content();
    }
    let target = request.redirect_to();
    let url = match follow_link(&request).await {
        Ok((Followed::Session(session), kind)) => redirect::with_session(&target, &session, &kind),
        Ok((Followed::Code(code), _)) => redirect::with_code(&target, &code),
        Ok((Followed::Half(message), _)) => redirect::with_message(&target, &message),
        Err(error) => redirect::with_error(&target, &error),
    };
    respond::see_other(&url)
}

/// What the link gives, and the kind that it names.
async fn follow_link(request: &AuthRequest) -> Result<(Followed, String), AuthError> {
    let token = request.query("token").or_else(|| request.query("token_hash"));
    let token = token.ok_or_else(|| AuthError::invalid("Verify requires a token or a token hash"))?;
    let kind = request.query("type");
    let known = kind.as_deref().map(|kind| {
        OtpKind::parse(kind)
            .ok_or_else(|| AuthError::invalid(format!("type must be one of {}", KINDS.join(", "))))
    });
    let known = known.transpose()?;
    let followed =
        calls::follow_link(&request.public(), &Secret::new(token.into_owned()), known.map(OtpKind::name))
            .await?;
    Ok((followed, known.map_or("", OtpKind::name).to_owned()))
}

//! Asking for mail: `/recover`, `/otp`, `/magiclink`, `/resend`, `/reauthenticate`. All answer `{}`,
//! whether there is somebody to mail or not.

use garde::Validate;
use serde::Deserialize;
use utoipa::ToSchema;

use super::Routes;
use super::sign_up::{given, refuse_phone};
use crate::auth::calls::{self, OtpRequest};
use crate::auth::error::AuthError;
use crate::auth::input::{Email, Object, ResendKind, Slug, Text};
use crate::auth::openapi::Doc;
use crate::auth::request::{Answer, AuthRequest};
use crate::auth::respond;

/// Whom to mail.
#[derive(Deserialize, Validate, ToSchema)]
pub(super) struct MailBody {
    #[garde(dive)]
    #[schema(inline)]
    email: Option<Email>,
    /// Not supported.
    #[garde(dive)]
    #[schema(inline)]
    phone: Option<Text<50>>,
    /// Slug of the tenant to act in afterwards.
    #[garde(dive)]
    #[schema(inline)]
    tenant: Option<Slug>,
    /// Whether an unknown address becomes a user when it is proved; yes if not given.
    #[garde(skip)]
    create_user: Option<bool>,
    /// A new user's metadata.
    #[garde(dive)]
    #[schema(inline)]
    data: Option<Object>,
    /// PKCE, for the link in the mail.
    #[garde(dive)]
    #[schema(inline)]
    code_challenge: Option<Text<128>>,
    /// `s256`
    #[garde(dive)]
    #[schema(inline)]
    code_challenge_method: Option<Text<20>>,
}

/// Whom to mail what again.
#[derive(Deserialize, Validate, ToSchema)]
pub(super) struct ResendBody {
    #[garde(skip)]
    #[serde(rename = "type")]
    kind: ResendKind,
    /// The user's present one.
    #[garde(dive)]
    #[schema(inline)]
    email: Option<Email>,
    /// Not supported.
    #[garde(dive)]
    #[schema(inline)]
    phone: Option<Text<50>>,
    /// Slug of the tenant whose user it is.
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
    let doc = |id, summary| {
        Doc::new("mail", id, summary).redirect_to().answers_empty("Mailed, if there is somebody to mail")
    };
    let token = |id, summary| Doc::new("mail", id, summary).needs_token().answers_empty("Mailed");
    let reauthenticate_doc = "Mail the code that a change of password may ask for";
    routes
        .post(
            "/recover",
            recover,
            doc("recover", "Mail a link and a code that let a new password be set").body::<MailBody>(),
        )
        .post("/otp", otp, doc("request_otp", "Mail a link and a code that sign in").body::<MailBody>())
        .post("/magiclink", otp, doc("request_magiclink", "The same as otp").body::<MailBody>())
        .post("/resend", resend, doc("resend", "Mail a confirmation again").body::<ResendBody>())
        .get("/reauthenticate", reauthenticate, token("reauthenticate", reauthenticate_doc))
        .post("/reauthenticate", reauthenticate, token("post_reauthenticate", reauthenticate_doc))
}

async fn recover(request: AuthRequest) -> Answer {
    let body: MailBody = request.body()?;
    let email = email(body.email.as_ref(), body.phone.as_ref())?;
    let options =
        request.options(given(body.code_challenge.as_ref()), given(body.code_challenge_method.as_ref()));
    let tenant = given(body.tenant.as_ref());
    mailed(calls::request_recovery(&request.public(), email, tenant, &options).await)
}

async fn otp(request: AuthRequest) -> Answer {
    let body: MailBody = request.body()?;
    let (challenge, method) =
        (given(body.code_challenge.as_ref()), given(body.code_challenge_method.as_ref()));
    let input = OtpRequest {
        email: email(body.email.as_ref(), body.phone.as_ref())?,
        create_user: body.create_user.unwrap_or(true),
        user_metadata: body.data.as_ref().map(Object::raw),
        tenant: given(body.tenant.as_ref()),
        options: &request.options(challenge, method),
    };
    mailed(calls::request_otp(&request.public(), input).await)
}

async fn resend(request: AuthRequest) -> Answer {
    let body: ResendBody = request.body()?;
    let email = email(body.email.as_ref(), body.phone.as_ref())?;
    let options =
        request.options(given(body.code_challenge.as_ref()), given(body.code_challenge_method.as_ref()));
    let (kind, tenant) = (body.kind.name(), given(body.tenant.as_ref()));
    mailed(calls::resend(&request.public(), kind, email, tenant, &options).await)
}

async fn reauthenticate(request: AuthRequest) -> Answer {
    mailed(calls::reauthenticate(&request.user()?, &request.options(None, None)).await)
}

fn mailed(result: Result<(), AuthError>) -> Answer {
    result.map_err(|error| error.with_code("over_request_rate_limit", "over_email_send_rate_limit"))?;
    respond::empty()
}

fn email<'a>(email: Option<&'a Email>, phone: Option<&Text<50>>) -> Result<&'a str, AuthError> {
    match given(email) {
        Some(email) => Ok(email),
        None => {
            refuse_phone(phone)?;
            Err(AuthError::invalid("email is missing"))
        }
    }
}

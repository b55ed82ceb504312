//! Second factors: enroll, challenge, verify, delete.

use axum::http::StatusCode;
use garde::Validate;
use qrcode::QrCode;
use qrcode::render::svg;
use serde::Deserialize;
use serde_json::json;
use utoipa::ToSchema;

use super::Routes;
use super::sign_up::given;
use super::token::needed;
use crate::auth::calls;
use crate::auth::error::AuthError;
use crate::auth::input::{Credential, FactorType, Id, Text};
use crate::auth::openapi::{Doc, answers};
use crate::auth::request::{Answer, AuthRequest};
use crate::auth::respond;

/// Pixels, at least.
const QR_SIZE: u32 = 200;

#[derive(Deserialize, Validate, ToSchema)]
pub(super) struct EnrollBody {
    #[garde(skip)]
    factor_type: FactorType,
    #[garde(dive)]
    #[schema(inline)]
    friendly_name: Option<Text<100>>,
    /// What the authenticator shows; the product's name if not given.
    #[garde(dive)]
    #[schema(inline)]
    issuer: Option<Text<100>>,
}

#[derive(Deserialize, Validate, ToSchema)]
pub(super) struct VerifyFactorBody {
    /// Six digits of the authenticator.
    #[garde(dive)]
    #[schema(inline)]
    code: Option<Credential>,
    #[garde(dive)]
    #[schema(inline)]
    challenge_id: Option<Id>,
}

pub(super) fn add(routes: Routes) -> Routes {
    let doc = |id, summary| Doc::new("second factor", id, summary).needs_token();
    let list_doc =
        doc("list_factors", "The user's second factors").answers::<Vec<answers::Factor>>("Factors");
    let enroll_doc = doc("enroll_factor", "Begin a second factor")
        .body::<EnrollBody>()
        .answers::<answers::Enrolled>("What the authenticator needs, shown once");
    let challenge_doc =
        doc("challenge_factor", "Ask to be challenged").answers::<answers::Challenge>("A challenge");
    let verify_doc = doc("verify_factor", "Prove a second factor")
        .body::<VerifyFactorBody>()
        .answers::<answers::Session>("The session, at aal2");
    let delete_doc =
        doc("unenroll_factor", "Remove a second factor").answers::<answers::OnlyId>("It is gone");
    routes
        .get("/factors", list, list_doc)
        .post("/factors", enroll, enroll_doc)
        .post("/factors/{factor_id}/challenge", challenge, challenge_doc)
        .post("/factors/{factor_id}/verify", verify, verify_doc)
        .delete("/factors/{factor_id}", unenroll, delete_doc)
}

async fn list(request: AuthRequest) -> Answer {
    respond::json(calls::my_factors(&request.user()?).await?)
}

async fn enroll(request: AuthRequest) -> Answer {
    let call = request.user()?;
    let body: EnrollBody = request.body()?;
    refuse_other_types(body.factor_type)?;
    let name = given(body.friendly_name.as_ref());
    let enrolled = calls::enroll_totp(&call, name, given(body.issuer.as_ref())).await?;
    respond::value(&json!({
        "id": enrolled.id,
        "type": "totp",
        "friendly_name": name.unwrap_or_default(),
        "totp": {
            "qr_code": qr_code(enrolled.uri.expose())?,
            "secret": enrolled.secret.expose(),
            "uri": enrolled.uri.expose(),
        },
    }))
}

async fn challenge(request: AuthRequest) -> Answer {
    let challenge = calls::challenge_factor(&request.user()?, request.id("factor_id")?).await?;
    respond::value(&json!({
        "id": challenge.id,
        "type": challenge.factor_type,
        "expires_at": challenge.expires_at,
    }))
}

async fn verify(request: AuthRequest) -> Answer {
    let (call, factor_id) = (request.user()?, request.id("factor_id")?);
    let body: VerifyFactorBody = request.body()?;
    let code = needed(body.code.as_ref(), "code is missing")?;
    let challenge_id = body.challenge_id.as_ref().map(Id::as_str);
    respond::session(&calls::verify_factor(&call, factor_id, code, challenge_id).await?)
}

async fn unenroll(request: AuthRequest) -> Answer {
    let (call, id) = (request.user()?, request.id("factor_id")?);
    let gone = calls::unenroll_factor(&call, id).await;
    gone.map_err(|error| error.with_status("insufficient_aal", StatusCode::UNPROCESSABLE_ENTITY))?;
    respond::value(&json!({ "id": id }))
}

fn refuse_other_types(factor_type: FactorType) -> Result<(), AuthError> {
    let (code, text) = match factor_type {
        FactorType::Totp => return Ok(()),
        FactorType::Phone => ("mfa_phone_enroll_not_enabled", "MFA enroll is disabled for Phone"),
        FactorType::Webauthn => ("mfa_webauthn_enroll_not_enabled", "MFA enroll is disabled for WebAuthn"),
    };
    Err(AuthError::new(StatusCode::UNPROCESSABLE_ENTITY, code, text))
}

/// As SVG alone: clients make a `data:` URL of it, in which a line break or a `#` has no place.
pub(crate) fn qr_code(text: &str) -> Result<String, AuthError> {
    let code = QrCode::new(text).map_err(|_| AuthError::internal("the URI is too long for a QR code"))?;
    let image = code
        .render::<svg::Color<'_>>()
        .min_dimensions(QR_SIZE, QR_SIZE)
        .dark_color(svg::Color("black"))
        .light_color(svg::Color("white"))
        .build();
    let start = image.find("<svg").unwrap_or_default();
    Ok(image.get(start..).unwrap_or_default().replace(['\r', '\n'], ""))
}

#[cfg(test)]
mod tests {
    use super::qr_code;

    #[test]
    fn the_qr_code_is_one_line_of_svg() {
        let image = qr_code("otpauth://totp/a:b?secret=ABCDEFGHIJKLMNOPQRSTUVWXYZ234567&issuer=a").unwrap();
        assert!(image.starts_with("<svg ") && image.ends_with("</svg>"), "{image:.60}");
        assert!(!image.contains(['#', '\n']));
    }

    #[test]
    fn what_does_not_fit_is_no_qr_code() {
        assert!(qr_code(&"x".repeat(10_000)).is_err());
    }
}

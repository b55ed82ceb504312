//! Recovery codes, which stand in for an authenticator that is lost.

use axum::http::StatusCode;
use garde::Validate;
use serde::Deserialize;
use serde_json::json;
use utoipa::ToSchema;

use super::Routes;
use super::token::needed;
use crate::auth::calls;
use crate::auth::error::AuthError;
use crate::auth::input::Credential;
use crate::auth::openapi::{Doc, answers};
use crate::auth::request::{Answer, AuthRequest};
use crate::auth::respond;
use crate::auth::secret::Secret;

#[derive(Deserialize, Validate, ToSchema)]
pub(super) struct RecoveryCodeBody {
    #[garde(dive)]
    #[schema(inline)]
    code: Option<Credential>,
}

pub(super) fn add(routes: Routes) -> Routes {
    let doc = |id, summary| Doc::new("second factor", id, summary).needs_token();
    let status_doc = doc("get_recovery_codes", "How many recovery codes are left")
        .answers::<answers::RecoveryCodeStatus>("How many there are and were");
    let generate = |id| {
        doc(id, "New recovery codes in the place of all former ones")
            .answers::<answers::RecoveryCodes>("The codes, shown once")
    };
    let verify_doc = doc("verify_recovery_code", "Prove a second factor with a recovery code")
        .body::<RecoveryCodeBody>()
        .answers::<answers::Session>("The session, at aal2");
    let delete_doc =
        doc("delete_recovery_codes", "Void all recovery codes").answers::<answers::OnlyId>("They are void");
    routes
        .get("/factors/recovery-codes", status, status_doc)
        .post("/factors/recovery-codes", regenerate, generate("generate_recovery_codes"))
        .post("/factors/recovery-codes/regenerate", regenerate, generate("regenerate_recovery_codes"))
        .post("/factors/recovery-codes/verify", verify, verify_doc)
        .delete("/factors/recovery-codes", delete, delete_doc)
}

async fn status(request: AuthRequest) -> Answer {
    let status = calls::my_recovery_codes(&request.user()?).await?.ok_or_else(none)?;
    respond::value(&json!({
        "id": status.id, "type": "recovery_code", "total": status.total, "remaining": status.remaining,
    }))
}

async fn regenerate(request: AuthRequest) -> Answer {
    let generated = calls::generate_recovery_codes(&request.user()?).await.map_err(|error| {
        // They stand in for a factor, and there is none.
        error
            .with_status("mfa_factor_not_found", StatusCode::UNPROCESSABLE_ENTITY)
            .with_code("mfa_factor_not_found", "mfa_recovery_codes_sole_factor")
    })?;
    respond::value(&json!({
        "id": generated.id,
        "type": "recovery_code",
        "friendly_name": "Recovery codes",
        "total": generated.codes.len(),
        "codes": generated.codes.iter().map(Secret::expose).collect::<Vec<_>>(),
    }))
}

async fn verify(request: AuthRequest) -> Answer {
    let call = request.user()?;
    let body: RecoveryCodeBody = request.body()?;
    let code = needed(body.code.as_ref(), "code is missing")?;
    respond::session(&calls::verify_recovery_code(&call, code).await?)
}

async fn delete(request: AuthRequest) -> Answer {
    let id = calls::delete_recovery_codes(&request.user()?).await?.ok_or_else(none)?;
    respond::value(&json!({ "id": id }))
}

fn none() -> AuthError {
    AuthError::new(StatusCode::NOT_FOUND, "mfa_factor_not_found", "There are no recovery codes")
}

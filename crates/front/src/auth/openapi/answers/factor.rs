//! Second factors.

use serde::Serialize;
use utoipa::ToSchema;

/// A new authenticator; shown once.
#[derive(Serialize, ToSchema)]
pub(in crate::auth) struct Enrolled {
    id: String,
    #[serde(rename = "type")]
    factor_type: String,
    friendly_name: String,
    totp: EnrolledTotp,
}

#[derive(Serialize, ToSchema)]
pub(in crate::auth) struct EnrolledTotp {
    /// SVG
    qr_code: String,
    /// Base32
    secret: String,
    /// `otpauth:`
    uri: String,
}

#[derive(Serialize, ToSchema)]
pub(in crate::auth) struct Challenge {
    id: String,
    #[serde(rename = "type")]
    factor_type: String,
    /// Seconds since 1970.
    expires_at: i64,
}

#[derive(Serialize, ToSchema)]
pub(in crate::auth) struct OnlyId {
    id: String,
}

/// Recovery codes; shown once.
#[derive(Serialize, ToSchema)]
pub(in crate::auth) struct RecoveryCodes {
    id: String,
    /// `recovery_code`
    #[serde(rename = "type")]
    factor_type: String,
    friendly_name: String,
    total: u32,
    codes: Vec<String>,
}

#[derive(Serialize, ToSchema)]
pub(in crate::auth) struct RecoveryCodeStatus {
    id: String,
    /// `recovery_code`
    #[serde(rename = "type")]
    factor_type: String,
    total: u32,
    remaining: u32,
}

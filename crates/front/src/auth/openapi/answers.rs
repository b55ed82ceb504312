//! The shapes of answers, for the description. The database writes them; nothing here does.
#![expect(dead_code, reason = "they describe what is passed on as it is")]

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

/// A refusal. With `X-Supabase-Api-Version: 2024-01-01` in the request: `code` and `message`; without
/// it `code` is the HTTP status, and there are `error_code` and `msg`.
#[derive(Serialize, ToSchema)]
pub(in crate::auth) struct ErrorAnswer {
    /// The stable code, or the HTTP status.
    #[schema(value_type = Value)]
    code: Value,
    message: Option<String>,
    error_code: Option<String>,
    msg: Option<String>,
    weak_password: Option<WeakPassword>,
}

#[derive(Serialize, ToSchema)]
pub(in crate::auth) struct WeakPassword {
    message: String,
    /// Sentences for the user.
    reasons: Vec<String>,
}

/// A session.
#[derive(Serialize, ToSchema)]
pub(in crate::auth) struct Session {
    access_token: String,
    /// `bearer`
    token_type: String,
    /// Seconds.
    expires_in: i64,
    /// Seconds since 1970.
    expires_at: i64,
    /// null where the client's own goes on to count.
    #[schema(required)]
    refresh_token: Option<String>,
    user: User,
}

/// A user.
#[derive(Serialize, ToSchema)]
pub(in crate::auth) struct User {
    id: String,
    aud: String,
    role: String,
    email: String,
    phone: String,
    email_confirmed_at: Option<String>,
    confirmed_at: Option<String>,
    invited_at: Option<String>,
    confirmation_sent_at: Option<String>,
    recovery_sent_at: Option<String>,
    new_email: Option<String>,
    last_sign_in_at: Option<String>,
    app_metadata: BTreeMap<String, Value>,
    user_metadata: BTreeMap<String, Value>,
    identities: Vec<Identity>,
    factors: Option<Vec<Factor>>,
    created_at: String,
    updated_at: String,
    banned_until: Option<String>,
    deleted_at: Option<String>,
    is_anonymous: bool,
}

#[derive(Serialize, ToSchema)]
pub(in crate::auth) struct Identity {
    identity_id: String,
    id: String,
    user_id: String,
    identity_data: BTreeMap<String, Value>,
    provider: String,
    created_at: Option<String>,
    updated_at: Option<String>,
}

#[derive(Serialize, ToSchema)]
pub(in crate::auth) struct Factor {
    id: String,
    friendly_name: Option<String>,
    factor_type: String,
    /// `unverified` or `verified`
    status: String,
    created_at: String,
    updated_at: Option<String>,
    last_challenged_at: Option<String>,
}

/// A session, or the bare user where the address is to be confirmed first.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
pub(in crate::auth) enum SessionOrUser {
    Session(Box<Session>),
    User(Box<User>),
}

/// A session, or a sentence where the other address of a change is to be confirmed too.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
pub(in crate::auth) enum SessionOrMessage {
    Session(Box<Session>),
    Message(HalfConfirmed),
}

#[derive(Serialize, ToSchema)]
pub(in crate::auth) struct HalfConfirmed {
    msg: String,
    /// `200`
    code: String,
}

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

#[derive(Serialize, ToSchema)]
pub(in crate::auth) struct DeviceSession {
    id: String,
    created_at: String,
    refreshed_at: String,
    expires_at: String,
    device_name: Option<String>,
    ip: Option<String>,
    user_agent: Option<String>,
    tenant_id: Option<String>,
    aal: String,
    current: bool,
}

/// A security event.
#[derive(Serialize, ToSchema)]
pub(in crate::auth) struct Event {
    id: i64,
    at: String,
    event: String,
    outcome: String,
    user_id: Option<String>,
    tenant_id: Option<String>,
    session_id: Option<String>,
    ip: Option<String>,
    user_agent: Option<String>,
    #[schema(value_type = Value)]
    detail: Value,
}

#[derive(Serialize, ToSchema)]
pub(in crate::auth) struct Tenant {
    id: String,
    slug: String,
    name: String,
    roles: Vec<String>,
    permissions: Vec<String>,
    active: bool,
    suspended: bool,
    require_second_factor: bool,
    joined_at: String,
    last_active_at: Option<String>,
}

/// A tenant with its settings.
#[derive(Serialize, ToSchema)]
pub(in crate::auth) struct TenantSettings {
    id: String,
    slug: String,
    name: String,
    sign_up_open: bool,
    require_second_factor: bool,
}

#[derive(Serialize, ToSchema)]
pub(in crate::auth) struct NewTenant {
    id: String,
    slug: String,
    name: String,
}

#[derive(Serialize, ToSchema)]
pub(in crate::auth) struct Member {
    user_id: String,
    email: Option<String>,
    user_metadata: BTreeMap<String, Value>,
    roles: Vec<String>,
    suspended_at: Option<String>,
    joined_at: String,
    last_active_at: Option<String>,
}

#[derive(Serialize, ToSchema)]
pub(in crate::auth) struct MemberRoles {
    user_id: String,
    roles: Vec<String>,
}

#[derive(Serialize, ToSchema)]
pub(in crate::auth) struct Role {
    id: String,
    name: String,
    description: Option<String>,
    permissions: Vec<String>,
    members: i64,
}

#[derive(Serialize, ToSchema)]
pub(in crate::auth) struct Permission {
    name: String,
    description: String,
}

#[derive(Serialize, ToSchema)]
pub(in crate::auth) struct Invitation {
    id: String,
    tenant_id: Option<String>,
    email: String,
    role: String,
    invited_by: Option<String>,
    created_at: Option<String>,
    expires_at: Option<String>,
    /// For the operator only; all others' goes by mail.
    token: Option<String>,
}

#[derive(Serialize, ToSchema)]
pub(in crate::auth) struct ApiKey {
    id: String,
    name: String,
    prefix: String,
    tenant_id: Option<String>,
    user_id: Option<String>,
    permissions: Vec<String>,
    roles: Vec<String>,
    created_at: String,
    created_by: Option<String>,
    expires_at: Option<String>,
    last_used_at: Option<String>,
    revoked_at: Option<String>,
}

#[derive(Serialize, ToSchema)]
pub(in crate::auth) struct NewApiKey {
    id: String,
    /// Shown once.
    key: String,
    prefix: String,
}

#[derive(Serialize, ToSchema)]
pub(in crate::auth) struct UserPage {
    users: Vec<User>,
    aud: String,
}

/// A user, and a link that was made and not mailed.
#[derive(Serialize, ToSchema)]
pub(in crate::auth) struct UserWithLink {
    action_link: String,
    email_otp: String,
    hashed_token: String,
    verification_type: String,
    redirect_to: String,
    #[serde(flatten)]
    user: User,
}

#[derive(Serialize, ToSchema)]
pub(in crate::auth) struct Settings {
    external: BTreeMap<String, bool>,
    disable_signup: bool,
    mailer_autoconfirm: bool,
    phone_autoconfirm: bool,
    password_min_length: i64,
}

#[derive(Serialize, ToSchema)]
pub(in crate::auth) struct Health {
    name: String,
    description: String,
}

#[derive(Serialize, ToSchema)]
pub(in crate::auth) struct Keys {
    #[schema(value_type = Vec<BTreeMap<String, Value>>)]
    keys: Value,
}

#[derive(Serialize, ToSchema)]
pub(in crate::auth) struct Discovery {
    issuer: String,
    jwks_uri: String,
    token_endpoint: String,
    userinfo_endpoint: String,
}

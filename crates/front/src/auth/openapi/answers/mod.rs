//! The shapes of answers, for the description. The database writes them; nothing here does.
#![expect(dead_code, reason = "they describe what is passed on as it is")]

mod factor;
mod public;
mod tenant;

use std::collections::BTreeMap;

pub(in crate::auth) use factor::*;
pub(in crate::auth) use public::*;
use serde::Serialize;
use serde_json::Value;
pub(in crate::auth) use tenant::*;
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

//! Tenants, and what belongs to them.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

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

//! What a user may do in a tenant now, whatever the token says: two index look-ups at every
//! authenticate, so that a changed role, a suspension or a deletion holds at the next transaction.

use gatehouse_core::Error;
use gatehouse_core::api_key::Access;
use gatehouse_core::claims::Claims;
use pgrx::datum::TimestampWithTimeZone;
use uuid::Uuid;

use crate::catalog::{Key, Table};
use crate::report::Refusal;

/// What the member may do now, which counts in the place of what the token says; none when the token
/// says it all.
///
/// Tokens that name no tenant are left alone; so are, but for the tenant's own state, those of no
/// user of ours: service and anon keys.
pub(crate) fn held(claims: &Claims) -> Result<Option<Access>, Refusal> {
    let Some(tenant) = claims.tenant_id else { return Ok(None) };
    let user = claims.user_id();
    refuse_closed_tenant(tenant, claims.aal.as_deref(), user.is_some())?;
    let Some(user) = user else { return Ok(None) };
    Ok(Some(access(tenant, user)?.ok_or(Error::TokenRevoked)?))
}

/// The roles and permissions of a user in a tenant; none when they are no member or suspended.
pub(crate) fn access(tenant: Uuid, user: Uuid) -> Result<Option<Access>, Refusal> {
    let keys = [(c"tenant_id", Key::Uuid(tenant.as_bytes())), (c"user_id", Key::Uuid(user.as_bytes()))];
    let access = Table::open(c"membership")?.find(c"membership_tenant_id_user_id_key", &keys, |row| {
        let suspended = row.get::<TimestampWithTimeZone>(c"suspended_at").is_some();
        (!suspended).then(|| Access {
            roles: row.get(c"roles").unwrap_or_default(),
            permissions: row.get(c"permissions").unwrap_or_default(),
        })
    })?;
    Ok(access.flatten())
}

/// A suspended or deleted tenant is closed to all; one that requires a second factor, to users who
/// have shown one factor only.
pub(crate) fn refuse_closed_tenant(tenant: Uuid, aal: Option<&str>, is_user: bool) -> Result<(), Refusal> {
    let key = [(c"id", Key::Uuid(tenant.as_bytes()))];
    let closed = Table::open(c"tenant")?.find(c"tenant_pkey", &key, |row| {
        let is_set = |column| row.get::<TimestampWithTimeZone>(column).is_some();
        let wants_second_factor = row.get::<bool>(c"require_second_factor").unwrap_or(true);
        is_set(c"suspended_at")
            || is_set(c"deleted_at")
            || (is_user && wants_second_factor && aal != Some("aal2"))
    })?;
    if closed == Some(true) { Err(Error::TokenRevoked.into()) } else { Ok(()) }
}

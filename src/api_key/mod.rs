//! API keys in the place of tokens; `sql/70_api_key.sql` declares the functions.
//!
//! One look-up for the key by its keyed hash, then those for its user, tenant and membership as
//! they are now; no SQL. That it was used is noted by [`uses`].

use gatehouse_core::api_key::{self, Access, ApiKey};
use gatehouse_core::claims::Claims;
use gatehouse_core::{Error, keyed_hash};
use pgrx::datum::TimestampWithTimeZone;
use pgrx::prelude::*;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::authenticate::now;
use crate::catalog::{Key, Row, Table};
use crate::keyring::random;
use crate::membership;
use crate::report::{Refusal, answer};
use crate::secret;

pub(crate) mod uses;

/// Purpose of the keyed hashes.
const PURPOSE: &str = "api_key";
/// Seconds from 1970 to 2000, where PostgreSQL's clock begins.
const EPOCH_SECONDS: i64 = 946_684_800;

/// A key's row, found good.
struct Found {
    id: Uuid,
    tenant: Option<Uuid>,
    user: Option<Uuid>,
    access: Access,
    expires_at: Option<i64>,
    is_use_old: bool,
}

/// What the holder of this API key may be, now.
pub(crate) fn claims(text: &str) -> Result<Claims, Refusal> {
    let key = ApiKey::parse(text)?;
    let found = find(&key)?.ok_or(Error::ApiKeyInvalid)?;
    if let Some(tenant) = found.tenant {
        // The maker of a user's key had shown what the tenant asks for; the key itself shows nothing.
        membership::refuse_closed_tenant(tenant, Some("aal2"), found.user.is_some())?;
    }
    let mut members = Map::new();
    let access = match found.user {
        Some(user) => {
            members.insert("sub".into(), user.to_string().into());
            members.insert("email".into(), email(user)?.into());
            held_by(user, &found)?
        }
        None => found.access.clone(),
    };
    describe(&mut members, &found, &access);
    let claims = Claims::assemble(&members)?;
    if found.is_use_old {
        uses::is_due(found.id);
    }
    Ok(claims)
}

fn describe(members: &mut Map<String, Value>, found: &Found, access: &Access) {
    let mut put = |name: &str, value: Value| members.insert(name.into(), value);
    put("role", "authenticated".into());
    put("aal", "aal1".into());
    put("amr", json!([{ "method": "api_key", "timestamp": now() }]));
    put("api_key_id", found.id.to_string().into());
    put("roles", access.roles.as_slice().into());
    put("permissions", access.permissions.as_slice().into());
    if let Some(tenant) = found.tenant {
        put("tenant_id", tenant.to_string().into());
    }
    if let Some(expires_at) = found.expires_at {
        put("exp", expires_at.into());
    }
}

/// What the key has and its user still holds.
fn held_by(user: Uuid, found: &Found) -> Result<Access, Refusal> {
    let Some(tenant) = found.tenant else { return Ok(Access::default()) };
    let held = membership::access(tenant, user)?.ok_or(Error::ApiKeyInvalid)?;
    Ok(api_key::cut(&found.access, &held))
}

fn find(key: &ApiKey) -> Result<Option<Found>, Refusal> {
    // Without the key for hashing no API key was ever made here.
    let Some(hashing) = secret::existing_key(PURPOSE)? else { return Ok(None) };
    let hash = keyed_hash::keyed_hash(&hashing, key.expose().as_bytes());
    let now = now();
    let found = Table::open(c"api_key")?.find(
        c"api_key_key_hash_key",
        &[(c"key_hash", Key::Bytes(&hash))],
        |row| read(row, now),
    )?;
    Ok(found.flatten())
}

/// The row, unless it is revoked or expired.
fn read(row: &Row, now: i64) -> Option<Found> {
    let at = |column| row.get::<TimestampWithTimeZone>(column).map(unix_seconds);
    let id = |column| row.get::<pgrx::Uuid>(column).map(|id| Uuid::from_bytes(*id.as_bytes()));
    let expires_at = at(c"expires_at");
    if at(c"revoked_at").is_some() || expires_at.is_some_and(|end| end <= now) {
        return None;
    }
    Some(Found {
        id: id(c"id")?,
        tenant: id(c"tenant_id"),
        user: id(c"user_id"),
        access: Access {
            roles: row.get(c"roles").unwrap_or_default(),
            permissions: row.get(c"permissions").unwrap_or_default(),
        },
        expires_at,
        is_use_old: at(c"last_used_at").is_none_or(|used| used <= now - uses::NOTED_EVERY),
    })
}

/// The user's address; refused when the user is gone or banned.
fn email(user: Uuid) -> Result<String, Refusal> {
    let found = Table::open(c"user")?.find(c"user_pkey", &[(c"id", Key::Uuid(user.as_bytes()))], |row| {
        let banned = row.get::<TimestampWithTimeZone>(c"banned_until").map(unix_seconds);
        if banned.is_some_and(|until| until > now()) {
            return None;
        }
        Some(row.get::<String>(c"email").unwrap_or_default())
    })?;
    Ok(found.flatten().ok_or(Error::ApiKeyInvalid)?)
}

/// PostgreSQL counts microseconds since 2000; infinity is far enough.
fn unix_seconds(time: TimestampWithTimeZone) -> i64 {
    i64::from(time).div_euclid(1_000_000).saturating_add(EPOCH_SECONDS)
}

/// `auth.make_api_key()`: a fresh key, shown to nobody else again.
#[pg_extern(sql = false)]
fn make_api_key()
-> TableIterator<'static, (name!(key, String), name!(key_hash, Vec<u8>), name!(prefix, String))> {
    answer(|| {
        let key = ApiKey::make(&random())?;
        let hash = keyed_hash::keyed_hash(&secret::key(PURPOSE)?, key.expose().as_bytes()).to_vec();
        Ok(TableIterator::once((key.expose().to_owned(), hash, key.shown().to_owned())))
    })
}

/// `auth.api_key_objection(...)`: why whoever holds that can not make such a key; null when they can.
#[pg_extern(sql = false)]
fn api_key_objection(
    permissions: Vec<Option<String>>,
    roles: Vec<Option<String>>,
    held_permissions: Vec<String>,
    held_roles: Vec<String>,
) -> Option<String> {
    answer(|| {
        // A null is no name, and so nothing that anybody holds.
        let names = |list: Vec<Option<String>>| list.into_iter().map(Option::unwrap_or_default).collect();
        let wanted = Access { roles: names(roles), permissions: names(permissions) };
        let held = Access { roles: held_roles, permissions: held_permissions };
        Ok(api_key::objection(&wanted, &held).map(|objection| objection.code().to_owned()))
    })
}

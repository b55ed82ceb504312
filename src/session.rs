//! Whether the session of an access token still lives, and the ids of access tokens.
//! `sql/43_session.sql` and `sql/49_session_token.sql` declare the functions.

use gatehouse_core::Error;
use gatehouse_core::claims::Claims;
use gatehouse_core::token_id;
use pgrx::datum::TimestampWithTimeZone;
use pgrx::prelude::*;

use crate::catalog::{Key, Row, Table};
use crate::keyring::random;
use crate::report::{Refusal, answer};
use crate::settings;

/// Microseconds from 1970 to 2000, where PostgreSQL's clock begins.
const EPOCH_MICROS: i64 = 946_684_800_000_000;

/// One index look-up: whatever ends access (sign-out, ban, suspension) ends the session's row, and
/// only tokens whose minting was not rolled back are on its list.
///
/// `now`: seconds since 1970.
pub(crate) fn refuse_ended(claims: &Claims, now: i64) -> Result<(), Refusal> {
    let Some(session) = claims.session_id else { return Ok(()) };
    let key = [(c"id", Key::Uuid(session.as_bytes()))];
    let good = Table::open(c"session")?.find(c"session_pkey", &key, |row| admits(row, claims, now))?;
    if good == Some(true) { Ok(()) } else { Err(Error::TokenRevoked.into()) }
}

fn admits(row: &Row, claims: &Claims, now: i64) -> bool {
    let id = |id: pgrx::Uuid| uuid::Uuid::from_bytes(*id.as_bytes());
    let ended = row.get::<TimestampWithTimeZone>(c"ended_at").is_some();
    let expired = row.get::<TimestampWithTimeZone>(c"expires_at").is_none_or(|at| seconds(at) <= now);
    let owner = row.get::<pgrx::Uuid>(c"user_id").map(id);
    let minted = row.get::<Vec<pgrx::Uuid>>(c"token_ids").unwrap_or_default();
    !ended
        && !expired
        && owner.is_some()
        && owner == claims.user_id()
        && claims.token_id.is_some_and(|token| minted.into_iter().any(|listed| id(listed) == token))
}

/// Seconds since 1970.
fn seconds(at: TimestampWithTimeZone) -> i64 {
    let micros: pg_sys::TimestampTz = at.into();
    micros.saturating_add(EPOCH_MICROS).div_euclid(1_000_000)
}

/// `auth.new_token_id()`
#[pg_extern(sql = false)]
fn new_token_id() -> pgrx::Uuid {
    answer(|| Ok(pgrx::Uuid::from_bytes(token_id::token_id(now_millis(), random()).into_bytes())))
}

/// `auth.remember_token_id(token_ids, token_id)`
#[pg_extern(sql = false)]
fn remember_token_id(token_ids: Vec<pgrx::Uuid>, token_id: pgrx::Uuid) -> Vec<pgrx::Uuid> {
    answer(|| {
        let id = |id: &pgrx::Uuid| uuid::Uuid::from_bytes(*id.as_bytes());
        let listed: Vec<_> = token_ids.iter().map(id).collect();
        let lifetime = u64::try_from(settings::access_token_ttl()).unwrap_or(0).saturating_mul(1_000);
        let list = token_id::remember(&listed, id(&token_id), now_millis().saturating_sub(lifetime));
        Ok(list.into_iter().map(|id| pgrx::Uuid::from_bytes(id.into_bytes())).collect())
    })
}

/// Milliseconds since 1970, by the server's clock.
fn now_millis() -> u64 {
    // SAFETY: reads the clock.
    let micros = unsafe { pg_sys::GetCurrentTimestamp() }.saturating_add(EPOCH_MICROS);
    u64::try_from(micros.div_euclid(1_000)).unwrap_or(0)
}

//! One row of `auth.signing_key`, as far as verifying needs it, and the private half of the
//! active one.

use gatehouse_core::Error;
use gatehouse_core::jwt::{Algorithm, SigningKey, VerificationKey};
use pgrx::datum::{JsonB, TimestampWithTimeZone};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::master;
use crate::authenticate::now;
use crate::catalog::{Row, Table};
use crate::report::{self, Refusal, Report};

/// A key that verifies.
#[derive(Serialize, Deserialize)]
pub(super) struct Record {
    pub(super) kid: String,
    pub(super) algorithm: String,
    /// The public key; for HMAC the secret.
    pub(super) jwk: Map<String, Value>,
    pub(super) verify_until: Option<i64>,
    /// Accepted `typ` headers.
    pub(super) types: Vec<String>,
    /// What `iss` must be; none for this database's own, `*` for any and none.
    pub(super) issuer: Option<String>,
    /// The same of `aud`.
    pub(super) audience: Option<String>,
    /// Whether tokens that name no key may be its own.
    pub(super) without_kid: bool,
    /// Whether `session_id` of its tokens names sessions of somebody else.
    pub(super) foreign_sessions: bool,
}

/// Every key that verifies now: a pending one does not yet, one that is revoked or whose time is up
/// does no more.
pub(super) fn read() -> Result<Vec<Record>, Refusal> {
    let mut records = Vec::new();
    let now = now();
    Table::open(c"signing_key")?.for_each(|row| {
        if verifies(row, now)? {
            match record(row) {
                Ok(record) => records.push(record),
                // One bad key must not stand in the way of the others.
                Err(refusal) => {
                    report::log(&format!("a signing key can not be used: {}", Report::from(&refusal).code))
                }
            }
        }
        Ok::<_, Refusal>(())
    })?;
    Ok(records)
}

/// The key of this name, if it verifies now.
pub(super) fn find(kid: &str) -> Result<Option<Record>, Refusal> {
    let mut found = None;
    let now = now();
    Table::open(c"signing_key")?.for_each(|row| {
        if text(row, c"kid")? == kid && verifies(row, now)? {
            found = Some(record(row)?);
        }
        Ok::<_, Refusal>(())
    })?;
    Ok(found)
}

fn verifies(row: &Row, now: i64) -> Result<bool, Refusal> {
    let is_over = verify_until(row).is_some_and(|until| until <= now);
    Ok(!is_over && matches!(text(row, c"status")?.as_str(), "active" | "retiring"))
}

/// The active key, opened with the master key.
pub(super) fn signer() -> Result<SigningKey, Refusal> {
    let mut found = None;
    Table::open(c"signing_key")?.for_each(|row| {
        if text(row, c"status")? == "active" {
            found = Some(signing_key(row)?);
        }
        Ok::<_, Refusal>(())
    })?;
    found.ok_or(Refusal::KeyMissing)
}

/// The row as a record whose key has been read once, so that it is known to be good.
fn record(row: &Row) -> Result<Record, Refusal> {
    let jwk = match row.get::<JsonB>(c"public_jwk") {
        Some(JsonB(Value::Object(jwk))) => jwk,
        // HMAC: what verifies is what signs.
        None => signing_key(row)?.secret_jwk()?,
        Some(_) => return Err(Error::KeyMalformed.into()),
    };
    VerificationKey::from_jwk(&jwk)?;
    Ok(Record {
        kid: text(row, c"kid")?,
        algorithm: text(row, c"algorithm")?,
        jwk,
        verify_until: verify_until(row),
        types: row.get(c"token_types").ok_or(Error::KeyMalformed)?,
        issuer: row.get(c"token_issuer"),
        audience: row.get(c"token_audience"),
        without_kid: row.get(c"without_kid").unwrap_or(false),
        foreign_sessions: row.get(c"foreign_sessions").unwrap_or(false),
    })
}

fn verify_until(row: &Row) -> Option<i64> {
    row.get::<TimestampWithTimeZone>(c"verify_until").map(unix_seconds)
}

fn signing_key(row: &Row) -> Result<SigningKey, Refusal> {
    let kid = text(row, c"kid")?;
    let algorithm: Algorithm = text(row, c"algorithm")?.parse()?;
    let sealed: Vec<u8> = row.get(c"private_key").ok_or(Refusal::KeyMissing)?;
    let private = master::open(&sealed, &master::purpose(&kid))?;
    Ok(SigningKey::from_der(algorithm, &private)?.with_kid(kid))
}

fn text(row: &Row, column: &std::ffi::CStr) -> Result<String, Refusal> {
    row.get(column).ok_or_else(|| Error::KeyMalformed.into())
}

/// PostgreSQL counts microseconds since 2000.
fn unix_seconds(time: TimestampWithTimeZone) -> i64 {
    i64::from(time).div_euclid(1_000_000).saturating_add(946_684_800)
}

//! `auth.authenticate` and `auth.pre_request`: from a token or an API key to a sealed transaction.

use std::ffi::{CStr, CString};
use std::rc::Rc;

use gatehouse_core::Error;
use gatehouse_core::api_key::ApiKey;
use pgrx::prelude::*;

use crate::report::{Refusal, answer};
use crate::sealed::Prepared;
use crate::{api_key, sealed, verified};

/// The role of tokens that name none, as PostgREST has it.
const ANONYMOUS: &str = "anon";

/// `auth.authenticate(token)`: verifies, switches the role, seals.
#[pg_extern(sql = false)]
fn authenticate(token: Option<&str>) {
    answer(|| enter(token));
}

/// `auth.pre_request()`: the same with the bearer token of `request.headers`, for PostgREST.
#[pg_extern(sql = false)]
fn pre_request() {
    answer(|| match bearer()? {
        Some(token) => enter(Some(&token)),
        None => Ok(()),
    });
}

fn enter(token: Option<&str>) -> Result<(), Refusal> {
    if !sealed::preloaded() {
        return Err(Refusal::NotPreloaded);
    }
    if sealed::is_sealed() {
        return Err(Refusal::SessionSealed);
    }
    let claims = api_key::uses::noting(|| verify(token))?;
    switch_role(claims.role().unwrap_or(ANONYMOUS))?;
    sealed::seal(claims);
    Ok(())
}

/// Whose token this is and what they may be and do now: an API key, a token of another issuer, or one
/// of this database, whose session must still live.
pub(crate) fn verify(token: Option<&str>) -> Result<Rc<Prepared>, Refusal> {
    let token = token.ok_or(Error::TokenMalformed)?;
    if ApiKey::is_meant(token) {
        return Ok(Rc::new(api_key::claims(token)?.into()));
    }
    let now = now();
    verified::verify(token, now)?.claims(now)
}

/// `set local role`, to a role that the login role is a member of and that is no superuser.
fn switch_role(role: &str) -> Result<(), Refusal> {
    let refused = || Refusal::RoleRefused { role: role.to_owned() };
    let name = CString::new(role).map_err(|_| refused())?;
    if !may_take_on(&name) {
        return Err(refused());
    }
    // SAFETY: both strings are NUL-terminated; PostgreSQL copies the value.
    unsafe { sealed::set_local(c"role", &name) };
    Ok(())
}

fn may_take_on(role: &CStr) -> bool {
    // SAFETY: look-ups in the system caches; a missing role gives 0.
    unsafe {
        let oid = pg_sys::get_role_oid(role.as_ptr(), true);
        oid != pg_sys::InvalidOid
            && !pg_sys::superuser_arg(oid)
            && pg_sys::is_member_of_role(pg_sys::GetSessionUserId(), oid)
    }
}

/// The bearer token of PostgREST's `request.headers`, if it has one (RFC 6750 §2.1).
fn bearer() -> Result<Option<String>, Refusal> {
    let Some(authorization) = request_header("authorization")? else { return Ok(None) };
    match authorization.split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => Ok(Some(token.trim().to_owned())),
        _ => Err(Error::TokenMalformed.into()),
    }
}

/// A header, by its name in lower case, as the HTTP front tells in `request.headers`.
pub(crate) fn request_header(name: &str) -> Result<Option<String>, Refusal> {
    // SAFETY: PostgreSQL gives a NUL-terminated string, or null when nobody ever set it.
    let headers = unsafe {
        let value = pg_sys::GetConfigOption(c"request.headers".as_ptr(), true, false);
        if value.is_null() { c"" } else { CStr::from_ptr(value) }
    };
    if headers.is_empty() {
        return Ok(None);
    }
    let headers: serde_json::Map<String, serde_json::Value> =
        serde_json::from_slice(headers.to_bytes()).map_err(|_| Error::TokenMalformed)?;
    Ok(headers.get(name).and_then(|value| value.as_str()).map(str::to_owned))
}

/// Seconds since 1970, by the server's clock.
pub(crate) fn now() -> i64 {
    // SAFETY: reads the clock.
    unsafe { pg_sys::GetCurrentTimestamp() }.div_euclid(1_000_000) + 946_684_800
}

//! Tokens of other identity providers; `sql/71_trusted_issuer.sql` declares the functions.
//!
//! The issuer that a token names, unverified, chooses the keys to verify it with, and only keys of
//! that very issuer are tried. Each backend keeps the table of issuers parsed; a trigger on it sends
//! a relcache invalidation, upon which it is read anew. Everything here reads only, also on a standby:
//! a user is linked to a subject by `auth.sign_in_external` or `auth.link_identity`, not in passing.

use std::collections::HashMap;
use std::ffi::CStr;
use std::rc::Rc;

use gatehouse_core::api_key::Access;
use gatehouse_core::issuer::{self, Identity, Paths, Rules};
use gatehouse_core::jwt::{KeySet, Unverified};
use gatehouse_core::{Error, wire::Wire};
use pgrx::JsonB;
use pgrx::datum::TimestampWithTimeZone;
use pgrx::prelude::*;
use uuid::Uuid;

use crate::authenticate::now;
use crate::catalog::{self, Key, Row, Table};
use crate::report::{self, Refusal, answer};
use crate::{membership, sealed};

struct Issuer {
    rules: Rules,
    keys: KeySet,
}

type Issuers = HashMap<String, Issuer>;

/// Counted, because an invalidation may drop it while somebody uses it.
static mut LOCAL: Option<Rc<Issuers>> = None;
/// Counts how often LOCAL was dropped.
static mut DROPPED: u64 = 0;
/// The oid of the table that LOCAL was read from.
static mut TABLE: pg_sys::Oid = pg_sys::InvalidOid;

/// Asks PostgreSQL to tell of changes of the table; called once, by the postmaster.
pub(crate) fn watch() {
    // SAFETY: the callback is guarded and lives as long as the library.
    unsafe { pg_sys::CacheRegisterRelcacheCallback(Some(on_invalidation), pg_sys::Datum::from(0)) };
}

#[pgrx::pg_guard]
unsafe extern "C-unwind" fn on_invalidation(_argument: pg_sys::Datum, relation: pg_sys::Oid) {
    // SAFETY: backends are single-threaded. An invalid oid stands for every relation.
    unsafe {
        if relation == TABLE || relation == pg_sys::InvalidOid {
            LOCAL = None;
            DROPPED = DROPPED.wrapping_add(1);
        }
    }
}

/// Somebody whom a trusted issuer vouches for.
pub(crate) struct Vouched {
    /// The issuer.
    pub(crate) by: String,
    /// Whom for.
    pub(crate) identity: Identity,
}

impl Vouched {
    /// What holds here for whom the issuer vouches: the user linked to the subject, and what that user
    /// holds in the tenant.
    pub(crate) fn standing(&self) -> Result<(Option<Uuid>, Option<Access>), Refusal> {
        let identity = &self.identity;
        let linked = linked_user(&self.by, &identity.subject)?;
        let user = linked.or_else(|| identity.own_user());
        let is_known = match user {
            Some(user) => refuse_banned(user)?,
            None => false,
        };
        if linked.is_some() && !is_known {
            return Err(Error::TokenRevoked.into());
        }
        let Some(tenant) = identity.tenant else { return Ok((linked, None)) };
        membership::refuse_closed_tenant(tenant, Some(identity.aal()), is_known)?;
        let Some(user) = user.filter(|_| is_known) else { return Ok((linked, None)) };
        let access = membership::access(tenant, user)?.ok_or(Error::TokenRevoked)?;
        Ok((linked, Some(access)))
    }
}

/// Whom a token is for that names a trusted issuer; none when it names no such issuer.
pub(crate) fn verify(token: &str, now: i64) -> Result<Option<Vouched>, Refusal> {
    let issuers = load()?;
    if issuers.is_empty() {
        return Ok(None);
    }
    let Some(name) = Unverified::parse(token)?.unverified_issuer() else { return Ok(None) };
    let Some(issuer) = issuers.get(&name) else { return Ok(None) };
    let identity = issuer.rules.verify(token, &issuer.keys, now)?;
    Ok(Some(Vouched { by: name, identity }))
}

fn linked_user(issuer: &str, subject: &str) -> Result<Option<Uuid>, Refusal> {
    let keys = [(c"issuer", Key::Text(issuer)), (c"subject", Key::Text(subject))];
    let found = Table::open(c"external_identity")?.find(c"external_identity_pkey", &keys, |row| {
        row.get::<pgrx::Uuid>(c"user_id").map(|id| Uuid::from_bytes(*id.as_bytes()))
    })?;
    Ok(found.flatten())
}

/// Whether there is such a user, who must not be banned.
fn refuse_banned(user: Uuid) -> Result<bool, Refusal> {
    let found = Table::open(c"user")?.find(c"user_pkey", &[(c"id", Key::Uuid(user.as_bytes()))], |row| {
        let until = row.get::<TimestampWithTimeZone>(c"banned_until");
        until.is_some_and(|until| i64::from(until).div_euclid(1_000_000).saturating_add(946_684_800) > now())
    })?;
    match found {
        Some(true) => Err(Error::TokenRevoked.into()),
        found => Ok(found.is_some()),
    }
}

/// Counts how often the issuers may have changed, as [`crate::keyring::generation`].
pub(crate) fn generation() -> u64 {
    // SAFETY: backends are single-threaded.
    unsafe { DROPPED }
}

/// The trusted issuers, read anew if something changed.
fn load() -> Result<Rc<Issuers>, Refusal> {
    // Without the preload nobody would tell of changes.
    if !sealed::preloaded() {
        return Err(Refusal::NotPreloaded);
    }
    // SAFETY: backends are single-threaded, and no borrow of the statics outlives its statement.
    unsafe {
        catalog::hear_of_changes();
        if let Some(issuers) = &*(&raw const LOCAL) {
            return Ok(Rc::clone(issuers));
        }
        TABLE = catalog::relation(c"trusted_issuer")?;
    }
    // SAFETY: as above.
    let before = unsafe { DROPPED };
    let issuers = Rc::new(read()?);
    // What was read while a change came in is good for now and not for later.
    // SAFETY: as above.
    unsafe {
        if DROPPED == before {
            LOCAL = Some(Rc::clone(&issuers));
        }
    }
    Ok(issuers)
}

fn read() -> Result<Issuers, Refusal> {
    let mut issuers = Issuers::new();
    Table::open(c"trusted_issuer")?.for_each(|row| {
        match issuer(row) {
            Ok(issuer) => {
                issuers.insert(issuer.rules.issuer.clone(), issuer);
            }
            // One bad row must not stand in the way of the others.
            Err(error) => {
                report::log(&format!("a trusted issuer can not be used: {}", Wire::from(&error).code))
            }
        }
        Ok::<_, Refusal>(())
    })?;
    Ok(issuers)
}

fn issuer(row: &Row) -> Result<Issuer, Error> {
    let text = |column: &CStr| row.get::<String>(column);
    let list = |column: &CStr| row.get::<Vec<String>>(column).ok_or(Error::KeyMalformed);
    let JsonB(jwks) = row.get(c"jwks").ok_or(Error::KeyMalformed)?;
    let algorithms = list(c"algorithms")?.iter().map(|name| name.parse()).collect::<Result<_, _>>()?;
    let rules = Rules {
        issuer: text(c"issuer").ok_or(Error::KeyMalformed)?,
        audience: text(c"audience").filter(|audience| audience != "*"),
        algorithms,
        types: list(c"types")?,
        leeway: row.get::<i32>(c"leeway_seconds").unwrap_or(0).into(),
        paths: Paths {
            role: text(c"role_claim"),
            roles: text(c"roles_claim"),
            tenant: text(c"tenant_claim"),
            permissions: text(c"permissions_claim"),
            aal: text(c"aal_claim"),
        },
        allowed_roles: list(c"allowed_roles")?,
        default_role: text(c"default_role"),
        tenants: row.get::<JsonB>(c"tenants").map(|JsonB(map)| tenants(&map)).transpose()?,
        trust_email: row.get(c"trust_email").unwrap_or(false),
        subjects_are_users: row.get(c"subjects_are_users").unwrap_or(false),
    };
    Ok(Issuer { rules, keys: issuer::public_keys(&jwks)? })
}

fn tenants(map: &serde_json::Value) -> Result<HashMap<String, Uuid>, Error> {
    let map = map.as_object().ok_or(Error::KeyMalformed)?;
    map.iter()
        .map(|(name, id)| {
            let id = id.as_str().and_then(|id| Uuid::parse_str(id).ok()).ok_or(Error::KeyMalformed)?;
            Ok((name.clone(), id))
        })
        .collect()
}

/// `auth.issuer_fault(row)`: the code of what is wrong with a row of `auth.trusted_issuer`; null when
/// it is fit to be used.
#[pg_extern(sql = false)]
#[expect(clippy::too_many_arguments, reason = "a row, column by column")]
fn issuer_fault(
    name: &str,
    jwks: JsonB,
    algorithms: Vec<Option<String>>,
    paths: Vec<Option<String>>,
    allowed_roles: Vec<Option<String>>,
    default_role: Option<&str>,
    tenants_map: Option<JsonB>,
    leeway: i32,
) -> Option<String> {
    answer(|| {
        let fault = |code: &str| Ok(Some(code.to_owned()));
        let Ok(algorithms) = algorithms
            .iter()
            .map(|name| name.as_deref().unwrap_or_default().parse())
            .collect::<Result<_, Error>>()
        else {
            return fault("issuer_algorithms_invalid");
        };
        if tenants_map.is_some_and(|JsonB(map)| tenants(&map).is_err()) {
            return fault("issuer_tenants_invalid");
        }
        let mut paths = paths.into_iter();
        let mut next = || paths.next().flatten();
        let rules = Rules {
            issuer: name.to_owned(),
            audience: None,
            algorithms,
            types: Vec::new(),
            leeway: leeway.into(),
            paths: Paths { role: next(), roles: next(), tenant: next(), permissions: next(), aal: next() },
            allowed_roles: allowed_roles.into_iter().map(Option::unwrap_or_default).collect(),
            default_role: default_role.map(str::to_owned),
            tenants: None,
            trust_email: false,
            subjects_are_users: false,
        };
        if let Some(found) = rules.fault() {
            return fault(found.code());
        }
        Ok(issuer::public_keys(&jwks.0).err().map(|error| Wire::from(&error).code.to_owned()))
    })
}

/// `auth.verify_external(token)`: whom a trusted issuer vouches for; an error for anything else.
#[pg_extern(sql = false)]
fn verify_external(
    token: &str,
) -> TableIterator<'static, (name!(issuer, String), name!(subject, String), name!(email, Option<String>))> {
    answer(|| {
        let vouched = verify(token, now())?.ok_or(Error::TokenIssuerMismatch)?;
        let Identity { subject, email, .. } = vouched.identity;
        Ok(TableIterator::once((vouched.by, subject, email)))
    })
}

/// `auth.issuers_changed()`: the trigger on `auth.trusted_issuer`.
///
/// # Safety
/// Called by PostgreSQL only.
#[unsafe(no_mangle)]
unsafe extern "C-unwind" fn gatehouse_issuers_changed(_: pg_sys::FunctionCallInfo) -> pg_sys::Datum {
    answer(|| {
        let table = catalog::relation(c"trusted_issuer")?;
        // SAFETY: queues a message that goes out at commit; here it counts from the next command on.
        unsafe { pg_sys::CacheInvalidateRelcacheByRelid(table) };
        Ok::<_, Refusal>(pg_sys::Datum::from(0_usize))
    })
}

/// Version 1 calling convention.
#[unsafe(no_mangle)]
extern "C-unwind" fn pg_finfo_gatehouse_issuers_changed() -> &'static pg_sys::Pg_finfo_record {
    const VERSION_1: pg_sys::Pg_finfo_record = pg_sys::Pg_finfo_record { api_version: 1 };
    &VERSION_1
}

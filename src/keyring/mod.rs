//! The keys of this database: verified against and signed with.
//!
//! Two caches stand before the table `auth.signing_key`. Each backend keeps the keys parsed
//! (`LOCAL`); the cluster keeps their text in shared memory (`shared`), so that a new backend
//! reads no table either. How a change reaches both:
//!
//! - A trigger on the table calls [`changed`], which sends a relcache invalidation for it. Every
//!   backend of the database, also on a standby, gets it no later than the start of its next
//!   transaction or its next look at a key, and drops its parsed keys.
//! - The backend that changed the keys empties the shared entry right after its commit became
//!   visible and before its client hears of it. An entry is filled only if nobody emptied it
//!   since before the table was read.
//! - Between the commit and that moment others may see the new key and sign with it: a key that
//!   neither cache knows is looked for in the table before its token is refused.
//! - On a standby nothing would empty the shared entry, so it is not used there.

use std::cell::OnceCell;
use std::collections::HashMap;
use std::rc::Rc;

use gatehouse_core::jwt::{
    Algorithm, Expectations, SigningKey, Unverified, Validity, VerificationKey, Verified,
};
use gatehouse_core::{Error, claims::Claims};
use pgrx::pg_sys;
use serde_json::{Map, Value};

use crate::report::{self, Refusal};
use crate::{catalog, sealed, settings};

pub(crate) mod master;
mod record;
pub(crate) mod shared;
mod sql;

use record::Record;
pub(crate) use sql::random;

/// `typ` of access tokens (RFC 9068 §2.1).
pub(crate) const ACCESS_TOKEN_TYPE: &str = "at+jwt";

struct Key {
    key: VerificationKey,
    algorithm: Algorithm,
    /// What its tokens must be.
    record: Record,
}

/// A verified token and what is known of its key.
pub(crate) struct Accepted {
    /// As policies read them.
    pub(crate) claims: Claims,
    /// When the token is valid.
    pub(crate) validity: Validity,
    /// Until when its key verifies, seconds since 1970.
    pub(crate) verify_until: Option<i64>,
    /// Whether somebody else signs with the same key: sessions and memberships are theirs.
    pub(crate) is_foreign: bool,
}

#[derive(Default)]
struct Keyring {
    keys: HashMap<String, Key>,
    /// Read when first needed.
    signer: OnceCell<SigningKey>,
}

/// Counted, because an invalidation may drop it while somebody uses it: it can arrive whenever a
/// table is opened, also the table of keys.
static mut LOCAL: Option<Rc<Keyring>> = None;
/// Counts how often LOCAL was dropped.
static mut DROPPED: u64 = 0;
/// The oid of the table that LOCAL was read from.
static mut TABLE: pg_sys::Oid = pg_sys::InvalidOid;
static mut CHANGED: bool = false;

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
            forget();
        }
    }
}

/// Drops the parsed keys.
unsafe fn forget() {
    // SAFETY: backends are single-threaded.
    unsafe {
        LOCAL = None;
        DROPPED = DROPPED.wrapping_add(1);
    }
}

/// Counts how often the keys may have changed: what was verified under another number is to be
/// verified again. Hears of changes only when [`catalog::hear_of_changes`] was called before.
pub(crate) fn generation() -> u64 {
    // SAFETY: backends are single-threaded.
    unsafe { DROPPED }
}

/// The table was changed in this transaction.
fn changed(table: pg_sys::Oid) {
    // SAFETY: backends are single-threaded.
    unsafe {
        CHANGED = true;
        forget();
        pg_sys::CacheInvalidateRelcacheByRelid(table);
    }
}

/// The transaction has ended and, if committed, is visible to all.
pub(crate) fn at_end(committed: bool) {
    // SAFETY: backends are single-threaded.
    unsafe {
        if CHANGED && committed {
            shared::empty(pg_sys::MyDatabaseId);
        }
        if CHANGED {
            forget();
        }
        CHANGED = false;
    }
}

/// Another backend would commit it, without telling us.
pub(crate) fn before_prepare() {
    // SAFETY: backends are single-threaded.
    if unsafe { CHANGED } {
        report::raise(&Refusal::KeysInPreparedTransaction);
    }
}

/// Verifies an access token of this database at `now` (seconds since 1970).
pub(crate) fn verify(text: &str, now: i64) -> Result<Accepted, Refusal> {
    let token = Unverified::parse(text)?;
    let keyring = load()?;
    if let Some(kid) = token.kid() {
        if let Some(key) = keyring.keys.get(kid) {
            return key.verify(token, now);
        }
        // Others may sign with a new key before its commit has told us of it.
        let record = record::find(kid)?.ok_or(Error::TokenKeyUnknown)?;
        return Key::read(record)?.verify(token, now);
    }
    // Without a name only those keys come into question that were said to make such tokens.
    let algorithm = token.algorithm();
    let mut outcome = Err(Error::TokenKeyUnknown.into());
    for key in keyring.keys.values().filter(|key| key.record.without_kid && key.algorithm == algorithm) {
        outcome = key.verify(Unverified::parse(text)?, now);
        if outcome.is_ok() {
            break;
        }
    }
    outcome
}

impl Key {
    fn read(record: Record) -> Result<Self, Refusal> {
        let key = VerificationKey::from_jwk(&record.jwk)?;
        let algorithm = record.algorithm.parse()?;
        Ok(Self { key, algorithm, record })
    }

    fn verify(&self, token: Unverified<'_>, now: i64) -> Result<Accepted, Refusal> {
        if self.record.verify_until.is_some_and(|until| until <= now) {
            return Err(Error::TokenKeyUnknown.into());
        }
        let issuer = expected(self.record.issuer.as_deref(), settings::issuer);
        let audience = expected(self.record.audience.as_deref(), settings::audience);
        let mut required = vec!["exp"];
        required.extend(issuer.as_ref().map(|_| "iss"));
        required.extend(audience.as_ref().map(|_| "aud"));
        let types: Vec<&str> = self.record.types.iter().map(String::as_str).collect();
        let expectations = Expectations {
            algorithms: &[self.algorithm],
            audience: audience.as_deref(),
            issuer: issuer.as_deref(),
            leeway: 0,
            required: &required,
            types: &types,
            now,
        };
        self.accept(&token.verify_with(&self.key, &expectations)?)
    }
}

impl Key {
    fn accept(&self, verified: &Verified) -> Result<Accepted, Refusal> {
        let mut claims = Claims::read(verified, &settings::claim_paths())?;
        if self.record.foreign_sessions {
            claims.forget_session()?;
        }
        Ok(Accepted {
            claims,
            validity: verified.validity(),
            verify_until: self.record.verify_until,
            is_foreign: self.record.foreign_sessions,
        })
    }
}

/// What a claim must be: the key's own word, else the setting; none when anything goes.
fn expected(own: Option<&str>, setting: fn() -> String) -> Option<String> {
    match own {
        Some("*") => None,
        Some(own) => Some(own.to_owned()),
        None => Some(setting()),
    }
}

/// Signs claims with the active key, as an access token.
pub(crate) fn sign(claims: &Map<String, Value>) -> Result<String, Refusal> {
    let keyring = load()?;
    let signer = match keyring.signer.get() {
        Some(signer) => signer,
        None => {
            let signer = record::signer()?;
            keyring.signer.get_or_init(|| signer)
        }
    };
    let header = Map::from_iter([("typ".to_owned(), Value::from(ACCESS_TOKEN_TYPE))]);
    Ok(gatehouse_core::jwt::sign(claims, signer, signer.algorithm(), &header)?)
}

/// The parsed keys, read anew if something changed.
fn load() -> Result<Rc<Keyring>, Refusal> {
    if !sealed::preloaded() {
        return Err(Refusal::NotPreloaded);
    }
    // SAFETY: backends are single-threaded, and no borrow of the statics outlives its statement.
    unsafe {
        catalog::hear_of_changes();
        if let Some(keyring) = &*(&raw const LOCAL) {
            return Ok(Rc::clone(keyring));
        }
        TABLE = catalog::relation(c"signing_key")?;
    }
    // SAFETY: as above.
    let before = unsafe { DROPPED };
    let keyring = Rc::new(parse(read()?)?);
    // What was read while a change came in is good for now and not for later.
    // SAFETY: as above.
    unsafe {
        if DROPPED == before {
            LOCAL = Some(Rc::clone(&keyring));
        }
    }
    Ok(keyring)
}

fn read() -> Result<Vec<Record>, Refusal> {
    // SAFETY: backends are single-threaded.
    unsafe {
        if CHANGED || pg_sys::RecoveryInProgress() {
            record::read()
        } else {
            shared::get_or_fill(pg_sys::MyDatabaseId, TABLE, record::read)
        }
    }
}

fn parse(records: Vec<Record>) -> Result<Keyring, Refusal> {
    let keys = records
        .into_iter()
        .map(|record| Ok((record.kid.clone(), Key::read(record)?)))
        .collect::<Result<_, Refusal>>()?;
    Ok(Keyring { keys, signer: OnceCell::new() })
}

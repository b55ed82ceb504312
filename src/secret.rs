//! The keys of `auth.secret`: random, one for each purpose, sealed under the master key.
//! `sql/39_secret.sql` declares the functions.

use std::collections::HashMap;

use gatehouse_core::keyed_hash::{self, BYTES};
use gatehouse_core::secret::Secret;
use gatehouse_core::vault::{MasterKey, NONCE_BYTES};
use pgrx::prelude::*;
use pgrx::{Spi, pg_sys};

use crate::catalog::{self, Key, Table};
use crate::keyring::{master, random};
use crate::report::{Refusal, answer};

/// The key that `auth.seal` encrypts under.
const SEALING: &str = "seal";

/// Keys that this backend has opened, of the table with this oid: the extension may be dropped and
/// created again.
struct Opened {
    table: pg_sys::Oid,
    keys: HashMap<String, Secret>,
}

static mut OPENED: Option<Opened> = None;
/// Whether this transaction made a key, which goes when it, or a savepoint, is rolled back.
static mut MADE: bool = false;

/// `auth.keyed_hash(purpose, value)`
#[pg_extern(sql = false)]
fn keyed_hash(purpose: &str, value: &str) -> Vec<u8> {
    answer(|| Ok(keyed_hash::keyed_hash(&key(purpose)?, value.as_bytes()).to_vec()))
}

/// `auth.seal(purpose, value)`
#[pg_extern(sql = false)]
fn seal(purpose: &str, value: &[u8]) -> Vec<u8> {
    answer(|| Ok(sealing_key()?.seal(&Secret::new(value.to_vec()), purpose, random::<NONCE_BYTES>())?))
}

/// `auth.unseal(purpose, sealed)`
#[pg_extern(sql = false)]
fn unseal(purpose: &str, sealed: &[u8]) -> Vec<u8> {
    answer(|| Ok(sealing_key()?.open(sealed, purpose)?.expose().to_vec()))
}

fn sealing_key() -> Result<MasterKey, Refusal> {
    Ok(MasterKey::new(key(SEALING)?)?)
}

/// The key of a purpose; made when it is first asked for.
pub(crate) fn key(name: &str) -> Result<Secret, Refusal> {
    let table = catalog::relation(c"secret")?;
    // SAFETY: backends are single-threaded, and the borrow ends before anything else runs.
    let cached = unsafe { (*(&raw const OPENED)).as_ref() }.filter(|opened| opened.table == table);
    if let Some(key) = cached.and_then(|opened| opened.keys.get(name)) {
        return Ok(key.clone());
    }
    let key = match read(name)? {
        Some(key) => key,
        None => {
            make(name)?;
            read(name)?.ok_or(Refusal::KeyMissing)?
        }
    };
    remember(table, name, key.clone());
    Ok(key)
}

fn remember(table: pg_sys::Oid, name: &str, key: Secret) {
    // SAFETY: backends are single-threaded.
    let opened = unsafe { &mut *(&raw mut OPENED) };
    let opened = match opened {
        Some(opened) if opened.table == table => opened,
        _ => opened.insert(Opened { table, keys: HashMap::new() }),
    };
    opened.keys.insert(name.to_owned(), key);
}

fn read(name: &str) -> Result<Option<Secret>, Refusal> {
    let sealed = Table::open(c"secret")?
        .find(c"secret_pkey", &[(c"name", Key::Text(name))], |row| row.get::<Vec<u8>>(c"sealed"))?;
    let Some(sealed) = sealed.flatten() else { return Ok(None) };
    Ok(Some(master::key()?.open(&sealed, &purpose(name))?))
}

/// Two transactions may make it at once: the second waits for the first and takes its key.
fn make(name: &str) -> Result<(), Refusal> {
    // SAFETY: backends are single-threaded.
    unsafe { MADE = true };
    let fresh = Secret::new(random::<BYTES>().to_vec());
    let sealed = master::key()?.seal(&fresh, &purpose(name), random::<NONCE_BYTES>())?;
    Spi::run_with_args(
        "insert into auth.secret (name, sealed) values ($1, $2) on conflict (name) do nothing",
        &[name.into(), sealed.into()],
    )
    .map_err(|_| Refusal::KeyMissing)
}

/// What a key of this name is sealed for; it opens in no other row.
pub(crate) fn purpose(name: &str) -> String {
    format!("secret:{name}")
}

/// A savepoint or the transaction was rolled back: a key that it made is gone.
pub(crate) fn at_rollback() {
    // SAFETY: backends are single-threaded.
    unsafe {
        if MADE {
            OPENED = None;
        }
    }
}

/// The transaction has ended.
pub(crate) fn at_end(committed: bool) {
    if !committed {
        at_rollback();
    }
    // SAFETY: backends are single-threaded.
    unsafe { MADE = false };
}

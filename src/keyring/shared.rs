//! Keys in shared memory: for each database the text of its verification keys.

use gatehouse_core::Error;
use pgrx::{PGRXSharedMemory, PgLwLock, pg_sys};

use super::record::Record;
use crate::report::Refusal;

/// Databases that are cached; further ones are read from their table by each backend.
const DATABASES: usize = 64;
/// Room for one database's keys: some ten RSA keys or thirty of the others. Beyond that, the
/// same: each backend reads the table.
const BYTES: usize = 8192;

#[derive(Clone, Copy)]
struct Entry {
    database: pg_sys::Oid,
    table: pg_sys::Oid,
    /// Counts how often the entry was emptied.
    generation: u64,
    len: usize,
    text: [u8; BYTES],
}

/// All entries. A database keeps its entry until the server stops.
#[derive(Clone, Copy)]
pub(crate) struct Keys {
    entries: [Entry; DATABASES],
}

// SAFETY: plain data without pointers.
unsafe impl PGRXSharedMemory for Keys {}

impl Default for Keys {
    fn default() -> Self {
        let empty = Entry {
            database: pg_sys::InvalidOid,
            table: pg_sys::InvalidOid,
            generation: 0,
            len: 0,
            text: [0; BYTES],
        };
        Self { entries: [empty; DATABASES] }
    }
}

// SAFETY: the name is unique, and the lock is initialised in _PG_init by pg_shmem_init!.
pub(crate) static KEYRING: PgLwLock<Keys> = unsafe { PgLwLock::new(c"pg_gatehouse_keyring") };

/// The keys of the database, from shared memory or else by `read`, which are then shared, unless
/// they changed meanwhile.
pub(super) fn get_or_fill(
    database: pg_sys::Oid,
    table: pg_sys::Oid,
    read: fn() -> Result<Vec<Record>, Refusal>,
) -> Result<Vec<Record>, Refusal> {
    if let Some(text) = get(database, table) {
        return serde_json::from_slice(&text).map_err(|_| Error::KeyMalformed.into());
    }
    let generation = reserve(database);
    let records = read()?;
    if let (Some(generation), Ok(text)) = (generation, serde_json::to_vec(&records)) {
        fill(database, table, generation, &text);
    }
    Ok(records)
}

/// Forgets the database's keys; they are read from the table next time.
pub(super) fn empty(database: pg_sys::Oid) {
    let mut keys = KEYRING.exclusive();
    if let Some(entry) = keys.entries.iter_mut().find(|entry| entry.database == database) {
        entry.generation = entry.generation.wrapping_add(1);
        entry.text[..entry.len].fill(0);
        entry.len = 0;
    }
}

fn get(database: pg_sys::Oid, table: pg_sys::Oid) -> Option<Vec<u8>> {
    let keys = KEYRING.share();
    let entry = keys.entries.iter().find(|entry| entry.database == database)?;
    // The extension may have been dropped and created again: then the table is another one.
    (entry.len > 0 && entry.table == table).then(|| entry.text[..entry.len].to_vec())
}

/// The generation of the database's entry, which is taken if it has none; none when all are taken.
fn reserve(database: pg_sys::Oid) -> Option<u64> {
    let mut keys = KEYRING.exclusive();
    let own = keys.entries.iter().position(|entry| entry.database == database);
    let at = own.or_else(|| keys.entries.iter().position(|entry| entry.database == pg_sys::InvalidOid))?;
    let entry = &mut keys.entries[at];
    entry.database = database;
    Some(entry.generation)
}

fn fill(database: pg_sys::Oid, table: pg_sys::Oid, generation: u64, text: &[u8]) {
    let mut keys = KEYRING.exclusive();
    let entry = keys.entries.iter_mut().find(|entry| entry.database == database);
    if let Some(entry) = entry.filter(|entry| entry.generation == generation && text.len() <= BYTES) {
        entry.text[..text.len()].copy_from_slice(text);
        entry.len = text.len();
        entry.table = table;
    }
}

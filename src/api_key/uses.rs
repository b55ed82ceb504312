//! When API keys were last used.
//!
//! Written to the key's row at most once in five minutes, and only where that can neither fail nor
//! wait: in a transaction that may write, under read committed, and not while another transaction
//! holds the row. Everywhere else (read-only requests, standbys) a small table in shared memory
//! remembers it, which `auth.my_api_keys()` also looks at; a restart forgets that part.

use pgrx::prelude::*;
use pgrx::{PGRXSharedMemory, PgLwLock, Spi, pg_sys};
use uuid::Uuid;

use crate::authenticate::now;
use crate::catalog::Table;
use crate::report::{Refusal, answer};

/// Seconds between two notes of one key's use.
pub(super) const NOTED_EVERY: i64 = 300;
/// Keys remembered at once; of more, those used least recently are forgotten.
const REMEMBERED: usize = 512;

#[derive(Clone, Copy)]
struct Use {
    id: [u8; 16],
    /// Seconds since 1970; 0 for a free place.
    at: i64,
}

/// Uses that no row tells of.
#[derive(Clone, Copy)]
pub(crate) struct Uses {
    uses: [Use; REMEMBERED],
}

// SAFETY: plain data without pointers.
unsafe impl PGRXSharedMemory for Uses {}

impl Default for Uses {
    fn default() -> Self {
        Self { uses: [Use { id: [0; 16], at: 0 }; REMEMBERED] }
    }
}

// SAFETY: the name is unique, and the lock is initialised in _PG_init by pg_shmem_init!.
pub(crate) static USES: PgLwLock<Uses> = unsafe { PgLwLock::new(c"pg_gatehouse_api_key_uses") };

/// The key that was verified last, when its row tells of no recent use.
static mut DUE: Option<Uuid> = None;

/// The row of this key tells of no recent use.
pub(super) fn is_due(id: Uuid) {
    // SAFETY: backends are single-threaded.
    unsafe { DUE = Some(id) };
}

/// Verifies by `verify` and notes the use of the API key that it was, if it was one.
pub(crate) fn noting<T>(verify: impl FnOnce() -> Result<T, Refusal>) -> Result<T, Refusal> {
    // SAFETY: backends are single-threaded.
    unsafe { DUE = None };
    let verified = verify()?;
    // SAFETY: as above.
    if let Some(id) = unsafe { (*(&raw mut DUE)).take() } {
        note(id)?;
    }
    Ok(verified)
}

fn note(id: Uuid) -> Result<(), Refusal> {
    if remembered(id).is_some_and(|at| at > now() - NOTED_EVERY) {
        return Ok(());
    }
    remember(id);
    if may_write() { write(id) } else { Ok(()) }
}

fn remembered(id: Uuid) -> Option<i64> {
    let uses = USES.share();
    uses.uses.iter().find(|known| known.at != 0 && known.id == id.into_bytes()).map(|known| known.at)
}

fn remember(id: Uuid) {
    let mut uses = USES.exclusive();
    let own = uses.uses.iter().position(|known| known.id == id.into_bytes());
    let oldest = || (0..REMEMBERED).min_by_key(|at| uses.uses[*at].at).unwrap_or(0);
    let at = own.unwrap_or_else(oldest);
    uses.uses[at] = Use { id: id.into_bytes(), at: now() };
}

/// Whether a write here can not fail: under a stricter isolation it could be a serialisation failure.
fn may_write() -> bool {
    // SAFETY: plain variables of this backend.
    unsafe {
        !pg_sys::XactReadOnly
            && !pg_sys::RecoveryInProgress()
            && pg_sys::XactIsoLevel <= pg_sys::XACT_READ_COMMITTED.cast_signed()
    }
}

/// With the rights of the table's owner: the caller has none.
fn write(id: Uuid) -> Result<(), Refusal> {
    const UPDATE: &str = "update auth.api_key set last_used_at = pg_catalog.clock_timestamp() where id operator(pg_catalog.=) (
        select id from auth.api_key where id operator(pg_catalog.=) $1 for update skip locked)";
    let owner = Table::open(c"api_key")?.owner();
    let (mut user, mut context) = (pg_sys::InvalidOid, 0);
    // SAFETY: what was there is put back; when the statement raises, the end of the transaction or
    // savepoint does so.
    unsafe {
        pg_sys::GetUserIdAndSecContext(&raw mut user, &raw mut context);
        let local = pg_sys::SECURITY_LOCAL_USERID_CHANGE.cast_signed();
        pg_sys::SetUserIdAndSecContext(owner, context | local);
    }
    let done = Spi::run_with_args(UPDATE, &[pgrx::Uuid::from_bytes(id.into_bytes()).into()]);
    // SAFETY: as above.
    unsafe { pg_sys::SetUserIdAndSecContext(user, context) };
    done.map_err(|_| Refusal::ExtensionMissing)
}

/// `auth.api_key_remembered_use(id)`: a use that the row may not tell of.
#[pg_extern(sql = false)]
fn api_key_remembered_use(id: pgrx::Uuid) -> Option<TimestampWithTimeZone> {
    answer(|| {
        if !crate::sealed::preloaded() {
            return Ok(None);
        }
        let at = remembered(Uuid::from_bytes(*id.as_bytes()));
        Ok(at.and_then(|at| {
            TimestampWithTimeZone::try_from((at - super::EPOCH_SECONDS).saturating_mul(1_000_000)).ok()
        }))
    })
}

//! Counts of tried codes in shared memory: no rollback takes them back, and all backends share
//! them. `sql/60_one_time_token.sql` declares the functions.

use gatehouse_core::attempts::Attempts;
use pgrx::datum::TimestampWithTimeZone;
use pgrx::prelude::*;
use pgrx::{PGRXSharedMemory, PgLwLock};

use crate::authenticate::now;
use crate::report::{Refusal, answer};
use crate::sealed;

/// Room for some sixteen thousand codes that are being tried; half a MiB.
const BUCKETS: usize = 2048;

#[derive(Clone, Copy, Default)]
pub(crate) struct Counts(Attempts<BUCKETS>);

// SAFETY: plain data without pointers.
unsafe impl PGRXSharedMemory for Counts {}

// SAFETY: the name is unique, and the lock is initialised in _PG_init by pg_shmem_init!.
pub(crate) static ATTEMPTS: PgLwLock<Counts> = unsafe { PgLwLock::new(c"pg_gatehouse_attempts") };

/// `auth.count_attempt(id, until)`
#[pg_extern(sql = false)]
fn count_attempt(id: pgrx::Uuid, until: TimestampWithTimeZone) -> i32 {
    answer(|| {
        let count = counts()?.exclusive().0.count(*id.as_bytes(), now(), seconds(until));
        Ok(i32::try_from(count).unwrap_or(i32::MAX))
    })
}

/// `auth.attempts_until(id)`: seconds until the attempts are forgotten.
#[pg_extern(sql = false)]
fn attempts_wait(id: pgrx::Uuid) -> Option<i32> {
    answer(|| {
        let until = counts()?.exclusive().0.until(*id.as_bytes(), now());
        Ok(until.map(|until| i32::try_from(until.saturating_sub(now())).unwrap_or(i32::MAX)))
    })
}

/// `auth.forget_attempts(id)`
#[pg_extern(sql = false)]
fn forget_attempts(id: pgrx::Uuid) {
    answer(|| {
        counts()?.exclusive().0.forget(*id.as_bytes());
        Ok(())
    });
}

fn counts() -> Result<&'static PgLwLock<Counts>, Refusal> {
    if sealed::preloaded() { Ok(&ATTEMPTS) } else { Err(Refusal::NotPreloaded) }
}

/// Seconds since 1970.
fn seconds(time: TimestampWithTimeZone) -> i64 {
    i64::from(time).div_euclid(1_000_000).saturating_add(946_684_800)
}

//! The limits of this database, from `auth.throttle_limit` and `auth.throttle_delay`, cached in the
//! backend. A trigger on each table calls [`changed`], which sends a relcache invalidation; every
//! backend drops its limits no later than its next attempt.

use std::rc::Rc;

use gatehouse_core::Error;
use gatehouse_core::throttle::delay::Delay;
use gatehouse_core::throttle::rate::Rate;
use gatehouse_core::throttle::{Act, Limits};
use pgrx::datum::Interval;
use pgrx::pg_sys;

use crate::catalog::{self, Row, Table};
use crate::report::{Refusal, answer};

/// Counted, because an invalidation can come while it is in use.
static mut LOCAL: Option<Rc<Limits>> = None;
/// Counts how often LOCAL was dropped.
static mut DROPPED: u64 = 0;
/// The tables that LOCAL was read from.
static mut TABLES: [pg_sys::Oid; 2] = [pg_sys::InvalidOid; 2];

/// Asks PostgreSQL to tell of changes of the tables; called once, by the postmaster.
pub(crate) fn watch() {
    // SAFETY: the callback is guarded and lives as long as the library.
    unsafe { pg_sys::CacheRegisterRelcacheCallback(Some(on_invalidation), pg_sys::Datum::from(0)) };
}

#[pgrx::pg_guard]
unsafe extern "C-unwind" fn on_invalidation(_argument: pg_sys::Datum, relation: pg_sys::Oid) {
    // SAFETY: backends are single-threaded. An invalid oid stands for every relation.
    unsafe {
        if relation == pg_sys::InvalidOid || (*(&raw const TABLES)).contains(&relation) {
            LOCAL = None;
            DROPPED = DROPPED.wrapping_add(1);
        }
    }
}

/// `auth.throttle_changed()`: the trigger on both tables.
///
/// # Safety
/// Called by PostgreSQL only.
#[unsafe(no_mangle)]
unsafe extern "C-unwind" fn gatehouse_throttle_changed(_: pg_sys::FunctionCallInfo) -> pg_sys::Datum {
    answer(|| {
        // One is enough: whoever has read one table has read both.
        let table = catalog::relation(c"throttle_limit")?;
        // SAFETY: a table that exists.
        unsafe { pg_sys::CacheInvalidateRelcacheByRelid(table) };
        Ok::<_, Refusal>(pg_sys::Datum::from(0_usize))
    })
}

/// Version 1 calling convention.
#[unsafe(no_mangle)]
extern "C-unwind" fn pg_finfo_gatehouse_throttle_changed() -> &'static pg_sys::Pg_finfo_record {
    const VERSION_1: pg_sys::Pg_finfo_record = pg_sys::Pg_finfo_record { api_version: 1 };
    &VERSION_1
}

/// The limits, read anew if something changed.
pub(super) fn load() -> Result<Rc<Limits>, Refusal> {
    // SAFETY: backends are single-threaded, and no borrow of the statics outlives its statement.
    unsafe {
        // Hear of changes now, also in the middle of a transaction.
        pg_sys::AcceptInvalidationMessages();
        if let Some(limits) = &*(&raw const LOCAL) {
            return Ok(Rc::clone(limits));
        }
        TABLES = [catalog::relation(c"throttle_limit")?, catalog::relation(c"throttle_delay")?];
    }
    // SAFETY: as above.
    let before = unsafe { DROPPED };
    let limits = Rc::new(read()?);
    // What was read while a change came in is good for now and not for later.
    // SAFETY: as above.
    unsafe {
        if DROPPED == before {
            LOCAL = Some(Rc::clone(&limits));
        }
    }
    Ok(limits)
}

fn read() -> Result<Limits, Refusal> {
    let mut limits = Limits::default();
    Table::open(c"throttle_limit")?.for_each(|row| {
        // No number of attempts: no limit.
        if let Some(attempts) = row.get::<i32>(c"attempts") {
            let rate = Rate::new(attempts, micros(row, c"per")?, number(row, c"burst")?)?;
            limits.set_rate(act(row)?, text(row, c"scope")?.parse()?, rate);
        }
        Ok::<_, Refusal>(())
    })?;
    Table::open(c"throttle_delay")?.for_each(|row| {
        let delay = Delay::new(
            number(row, c"free_failures")?,
            micros(row, c"first_delay")?,
            micros(row, c"longest_delay")?,
            number(row, c"shut_after")?,
            micros(row, c"halve_after")?,
        )?;
        limits.set_delay(act(row)?, delay);
        Ok::<_, Refusal>(())
    })?;
    Ok(limits)
}

fn act(row: &Row<'_>) -> Result<Act, Refusal> {
    Ok(text(row, c"act")?.parse()?)
}

fn text(row: &Row<'_>, column: &std::ffi::CStr) -> Result<String, Refusal> {
    row.get(column).ok_or_else(out_of_range)
}

fn number(row: &Row<'_>, column: &std::ffi::CStr) -> Result<i32, Refusal> {
    row.get(column).ok_or_else(out_of_range)
}

fn micros(row: &Row<'_>, column: &std::ffi::CStr) -> Result<i64, Refusal> {
    let interval: Interval = row.get(column).ok_or_else(out_of_range)?;
    i64::try_from(interval.as_micros()).map_err(|_| out_of_range())
}

/// The constraints of the tables do not let it come to this.
fn out_of_range() -> Refusal {
    Error::ThrottleLimitOutOfRange.into()
}

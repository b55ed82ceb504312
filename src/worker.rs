//! The background worker of a database: started when there is work, gone when there is none for
//! two seconds, so that nothing keeps `drop database` waiting for long.

use pgrx::pg_sys;
use pgrx::prelude::*;

use crate::report;
use crate::ring::{Kind, RING, Receipt, Wake};
use jobs::Done;

mod jobs;
mod transact;

/// Without work for so long, it goes; microseconds.
const IDLE: i64 = 2_000_000;
/// When nothing has succeeded for so long, it goes and leaves the work to the next; microseconds.
const HOPELESS: i64 = 30_000_000;
/// Sealing waits so long for more events to come; milliseconds.
const GATHER: i64 = 100;

/// Puts a message in the ring and sees to it that somebody comes for it; none when there is no
/// room.
pub(crate) fn send(kind: Kind, text: &[u8]) -> Option<Receipt> {
    // SAFETY: reads the oid of this backend's database.
    let database = unsafe { pg_sys::MyDatabaseId };
    let (receipt, wake) = {
        let mut ring = RING.exclusive();
        (ring.put(database, kind, text), ring.wake(database, now()))
    };
    act(database, wake);
    if receipt.is_none() {
        forget_dropped_databases();
    }
    receipt
}

/// What a database left that was dropped in the meantime has no reader any more.
fn forget_dropped_databases() {
    let databases = RING.share().databases();
    for database in databases {
        // SAFETY: a look-up in the system cache; null when there is no such database.
        if unsafe { pg_sys::get_database_name(database) }.is_null() {
            RING.exclusive().discard(database);
        }
    }
}

/// Starts a worker for this database, unless one runs.
pub(crate) fn start_if_none() {
    if !available() {
        return;
    }
    // SAFETY: reads the oid of this backend's database.
    let database = unsafe { pg_sys::MyDatabaseId };
    let wake = RING.exclusive().wake(database, now());
    if wake == Wake::Start {
        act(database, wake);
    }
}

/// Tells that events were committed. Never fails: it is called after the commit.
pub(crate) fn ask_to_seal() {
    if !available() {
        return;
    }
    // SAFETY: reads the oid of this backend's database.
    let news = RING.exclusive().want_seal(unsafe { pg_sys::MyDatabaseId });
    if news {
        wake_if_running();
    }
}

/// Wakes the worker of this database. Never fails.
pub(crate) fn wake_if_running() {
    // SAFETY: reads the oid of this backend's database.
    let database = unsafe { pg_sys::MyDatabaseId };
    let wake = RING.share().running(database);
    if let Some(pid) = wake {
        set_latch_of(pid);
    }
}

fn available() -> bool {
    // SAFETY: reads a flag.
    crate::sealed::preloaded() && unsafe { !pg_sys::RecoveryInProgress() }
}

fn act(database: pg_sys::Oid, wake: Wake) {
    match wake {
        Wake::Nobody => {}
        Wake::Process(pid) => set_latch_of(pid),
        Wake::Start if register(database) => {}
        Wake::Start => RING.exclusive().not_started(database),
    }
}

/// False when all slots for workers are taken.
fn register(database: pg_sys::Oid) -> bool {
    let mut worker = pg_sys::BackgroundWorker {
        bgw_flags: (pg_sys::BGWORKER_SHMEM_ACCESS | pg_sys::BGWORKER_BACKEND_DATABASE_CONNECTION)
            .cast_signed(),
        bgw_start_time: pg_sys::BgWorkerStartTime::BgWorkerStart_RecoveryFinished,
        bgw_restart_time: pg_sys::BGW_NEVER_RESTART,
        bgw_main_arg: pg_sys::Datum::from(database),
        ..Default::default()
    };
    copy(&mut worker.bgw_name, "pg_gatehouse audit");
    copy(&mut worker.bgw_type, "pg_gatehouse audit");
    copy(&mut worker.bgw_library_name, "pg_gatehouse");
    copy(&mut worker.bgw_function_name, "gatehouse_audit_worker");
    // SAFETY: the description is complete; PostgreSQL copies it and needs no handle.
    unsafe { pg_sys::RegisterDynamicBackgroundWorker(&raw mut worker, std::ptr::null_mut()) }
}

fn copy(into: &mut [std::ffi::c_char], text: &str) {
    for (to, from) in into.iter_mut().zip(text.bytes()) {
        *to = from.cast_signed();
    }
}

/// Wakes a process; a stale number wakes nobody.
pub(crate) fn set_latch_of(pid: i32) {
    // SAFETY: a process's entry in shared memory stays mapped; at worst another process wakes.
    unsafe {
        let process = pg_sys::BackendPidGetProc(pid);
        if let Some(process) = process.as_mut() {
            pg_sys::SetLatch(&raw mut process.procLatch);
        }
    }
}

/// Sleeps for some milliseconds or until somebody sets the latch; serves interrupts.
pub(crate) fn nap(milliseconds: i64) {
    let events = pg_sys::WL_LATCH_SET | pg_sys::WL_TIMEOUT | pg_sys::WL_EXIT_ON_PM_DEATH;
    // SAFETY: the latch is this process's own.
    unsafe {
        pg_sys::WaitLatch(pg_sys::MyLatch, events.cast_signed(), milliseconds, pg_sys::PG_WAIT_EXTENSION);
        pg_sys::ResetLatch(pg_sys::MyLatch);
    }
    pg_sys::check_for_interrupts!();
}

fn now() -> i64 {
    // SAFETY: reads the clock.
    unsafe { pg_sys::GetCurrentTimestamp() }
}

/// Whether this process is a worker of ours.
static mut IS_THIS: bool = false;

/// Whether the running code is the worker's.
pub(crate) fn is_this() -> bool {
    // SAFETY: processes are single-threaded.
    unsafe { IS_THIS }
}

/// The worker's main function.
///
/// # Safety
/// Called by PostgreSQL only.
#[pg_guard]
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C-unwind" fn gatehouse_audit_worker(argument: pg_sys::Datum) {
    let Ok(database) = u32::try_from(argument.value()).map(pg_sys::Oid::from) else { return };
    // SAFETY: the callback is guarded; the argument is plain.
    unsafe { pg_sys::before_shmem_exit(Some(at_exit), argument) };
    // SAFETY: reads the number of this process.
    if !RING.exclusive().enlist(database, unsafe { pg_sys::MyProcPid }) {
        return;
    }
    // SAFETY: the process is single-threaded.
    unsafe { IS_THIS = true };
    transact::connect(database);
    run(database);
}

#[pg_guard]
unsafe extern "C-unwind" fn at_exit(_code: std::ffi::c_int, argument: pg_sys::Datum) {
    if let Ok(database) = u32::try_from(argument.value()) {
        // SAFETY: reads the number of this process.
        RING.exclusive().leave(database.into(), unsafe { pg_sys::MyProcPid });
    }
}

fn run(database: pg_sys::Oid) {
    let mut jobs = jobs::Jobs::new(database);
    let mut success = now();
    let mut failures: u32 = 0;
    loop {
        transact::reload_settings();
        match jobs.work() {
            Done::Something => (success, failures) = (now(), 0),
            Done::Nothing if now().saturating_sub(success) >= IDLE => {
                jobs.farewell();
                // SAFETY: reads the number of this process.
                if RING.exclusive().retire(database, unsafe { pg_sys::MyProcPid }) {
                    return;
                }
            }
            Done::Nothing => nap((IDLE - now().saturating_sub(success)) / 1000 + 1),
            Done::SealLater => nap(GATHER),
            Done::NoExtension => {
                let lost = RING.exclusive().discard(database);
                if lost > 0 {
                    report::log(&format!("{lost} messages dropped: the extension is gone"));
                }
                return;
            }
            Done::Failed if now().saturating_sub(success) >= HOPELESS => return,
            Done::Failed => {
                failures = failures.saturating_add(1);
                // At least so long, however often somebody sets the latch.
                // SAFETY: sleeps.
                unsafe { pg_sys::pg_usleep(20_000) };
                nap(10_i64.saturating_mul(1 << failures.min(7)));
            }
        }
    }
}

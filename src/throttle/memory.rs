//! The counters in shared memory: three mebibytes, taken when the server starts, never more.
//!
//! One lock guards them all. It is held for about a microsecond; an attempt that is counted here
//! goes on to work of milliseconds.

use std::ffi::CStr;

use gatehouse_core::secret::Secret;
use gatehouse_core::throttle::counters::{
    ACCOUNTS, ADDRESSES, Change, Counters, FAILURES, GLOBALS, KNOWN, TENANTS,
};
use gatehouse_core::throttle::delay::Failures;
use gatehouse_core::throttle::key::Keys;
use gatehouse_core::throttle::known::Known;
use gatehouse_core::throttle::rate::Bucket;
use pgrx::{PgSharedMemoryInitialization, pg_sys};

use super::file;
use crate::report;

const NAME: &CStr = c"pg_gatehouse_throttle";

/// All zero is a valid value, and an empty one.
#[repr(C)]
struct Memory {
    lock: *mut pg_sys::LWLock,
    secret: [u8; file::SECRET_BYTES],
    addresses: [Bucket; ADDRESSES],
    accounts: [Bucket; ACCOUNTS],
    tenants: [Bucket; TENANTS],
    globals: [Bucket; GLOBALS],
    failures: [Failures; FAILURES],
    known: [Known; KNOWN],
}

static mut MEMORY: *mut Memory = std::ptr::null_mut();
static mut KEYS: Option<Keys> = None;

/// Asks for the memory and fills it when the server starts, or starts anew after a crash. It is
/// filled in place: three mebibytes would not fit on the stack.
pub(crate) struct Throttle;

pub(crate) static THROTTLE: Throttle = Throttle;

impl PgSharedMemoryInitialization for Throttle {
    type Value = ();

    unsafe fn on_shmem_request(&'static self) {
        // SAFETY: called while memory may be asked for.
        unsafe {
            pg_sys::RequestAddinShmemSpace(size_of::<Memory>());
            pg_sys::RequestNamedLWLockTranche(NAME.as_ptr(), 1);
        }
    }

    unsafe fn on_shmem_startup(&'static self, (): ()) {
        let mut found = false;
        // SAFETY: called by the postmaster alone, before it forks; what ShmemInitStruct gives has
        // the size asked for and is aligned to a cache line.
        unsafe {
            let memory =
                pg_sys::ShmemInitStruct(NAME.as_ptr(), size_of::<Memory>(), &raw mut found).cast::<Memory>();
            if !found {
                std::ptr::write_bytes(memory, 0, 1);
                (*memory).lock = &raw mut (*pg_sys::GetNamedLWLockTranche(NAME.as_ptr())).lock;
                restore(&mut *memory);
            }
            MEMORY = memory;
            KEYS = Some(Keys::new(&Secret::new((*memory).secret.to_vec())));
        }
    }
}

fn restore(memory: &mut Memory) {
    match file::open_or_make() {
        Ok(kept) => {
            memory.secret = kept.secret;
            kept.failures(|at, entry| memory.failures[at] = entry);
            kept.known(|at, entry| memory.known[at] = entry);
        }
        Err(error) => {
            memory.secret = crate::keyring::random();
            report::log(&format!(
                "the throttle's file can not be used, its counters end with the server: {error}"
            ));
        }
    }
}

/// The names of counters; made before the server forks.
pub(super) fn keys() -> &'static Keys {
    // SAFETY: set before the first backend was forked, and never again.
    let keys = unsafe { (*(&raw const KEYS)).as_ref() };
    keys.unwrap_or_else(|| report::raise(&report::Refusal::NotPreloaded))
}

/// Runs with the counters locked; what is to be kept is written before others see it.
pub(super) fn change<T>(run: impl FnOnce(&mut Counters<'_>, &mut dyn FnMut(Change)) -> T) -> T {
    // SAFETY: set before the first backend was forked.
    let memory = unsafe { MEMORY };
    if memory.is_null() {
        report::raise(&report::Refusal::NotPreloaded);
    }
    let mut trouble = None;
    let result = {
        // SAFETY: the lock belongs to the memory; nothing here raises while it is held.
        let _held = unsafe { Held::acquire((*memory).lock) };
        // SAFETY: the lock makes this the only reference.
        let memory = unsafe { &mut *memory };
        let mut counters = Counters {
            addresses: &mut memory.addresses,
            accounts: &mut memory.accounts,
            tenants: &mut memory.tenants,
            globals: &mut memory.globals,
            failures: &mut memory.failures,
            known: &mut memory.known,
        };
        run(&mut counters, &mut |change| {
            if let Err(error) = file::write(change) {
                trouble = Some(error);
            }
        })
    };
    if let Some(error) = trouble {
        report::log(&format!("a failure could not be kept on disk: {error}"));
    }
    result
}

/// Released when dropped, also by a panic.
struct Held(*mut pg_sys::LWLock);

impl Held {
    unsafe fn acquire(lock: *mut pg_sys::LWLock) -> Self {
        // SAFETY: the caller gives a lock in shared memory.
        unsafe { pg_sys::LWLockAcquire(lock, pg_sys::LWLockMode::LW_EXCLUSIVE) };
        Self(lock)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        // SAFETY: acquired by this process and held since.
        unsafe { pg_sys::LWLockRelease(self.0) };
    }
}

//! The role lock: in a sealed transaction no SQL changes the role or the identity.
//!
//! `set role`, `reset role`, `set_config('role', …)`, `set session authorization`, a function's
//! `set` clause: all of them end in PostgreSQL's one permission check for settings, which asks who
//! may set this one. While a transaction is sealed the answer is made to be "superusers"; and a
//! sealed role never is a superuser. What PostgreSQL does itself when a transaction or savepoint
//! ends does not ask.

use std::ffi::CStr;

use pgrx::pg_sys;

use super::TOKEN;

const GUARDED: [&CStr; 3] = [c"role", c"session_authorization", TOKEN];

static mut OPTIONS: [*mut pg_sys::config_generic; GUARDED.len()] = [std::ptr::null_mut(); GUARDED.len()];
static mut LOCKED: bool = false;

/// Finds the guarded settings; they stay where they are for the life of the process.
pub(super) fn find() {
    for (at, name) in GUARDED.iter().enumerate() {
        // SAFETY: called once from _PG_init, single-threaded.
        unsafe { OPTIONS[at] = option(name) };
    }
}

/// Locks or unlocks. Never fails: it is called while transactions end.
pub(super) fn set(locked: bool) {
    // SAFETY: backends are single-threaded; the pointers were found at load or are null.
    unsafe {
        if LOCKED == locked {
            return;
        }
        LOCKED = locked;
        let context = if locked { pg_sys::GucContext::PGC_SUSET } else { pg_sys::GucContext::PGC_USERSET };
        for option in OPTIONS {
            if let Some(option) = option.as_mut() {
                option.context = context;
            }
        }
    }
}

/// At the end of every transaction: whatever happens to the setting, the lock goes.
pub(crate) fn release() {
    set(false);
}

#[cfg(any(feature = "pg14", feature = "pg15"))]
unsafe fn option(name: &CStr) -> *mut pg_sys::config_generic {
    // SAFETY: PostgreSQL keeps an array of that many pointers to settings with names.
    unsafe {
        let options = std::slice::from_raw_parts(
            pg_sys::get_guc_variables(),
            usize::try_from(pg_sys::GetNumConfigOptions()).unwrap_or(0),
        );
        let found = options.iter().copied().find(|option| CStr::from_ptr((**option).name) == name);
        found.unwrap_or(std::ptr::null_mut())
    }
}

#[cfg(not(any(feature = "pg14", feature = "pg15")))]
unsafe fn option(name: &CStr) -> *mut pg_sys::config_generic {
    // SAFETY: looks up by name without creating anything or raising.
    unsafe { pg_sys::find_option(name.as_ptr(), false, true, 0) }
}

//! `pg_gatehouse.trust_request_claims`: where the operator trusts PostgREST's own check, and no
//! session is sealed, the claims are those of `request.jwt.claims`.

use std::ffi::{CStr, c_char};

use gatehouse_core::claims::Claims;
use pgrx::pg_sys;

use super::block::{self, Block};
use crate::report;
use crate::settings;

/// The text that was parsed last in this transaction, and its block. Both live in the
/// transaction's memory, so that whoever still points at an older block points at memory.
struct Parsed {
    source: *const c_char,
    block: *const Block,
}

static mut PARSED: Parsed = Parsed { source: std::ptr::null(), block: std::ptr::null() };

/// The block of the claims that `request.jwt.claims` holds now; none when it is empty.
pub(super) fn block() -> Option<&'static Block> {
    // SAFETY: PostgreSQL gives a NUL-terminated string that stays until the setting changes; the
    // cached pointers are forgotten before the transaction's memory goes.
    unsafe {
        let now = pg_sys::GetConfigOption(c"request.jwt.claims".as_ptr(), true, false);
        if now.is_null() || *now == 0 {
            return None;
        }
        let now = CStr::from_ptr(now);
        if PARSED.source.is_null() || CStr::from_ptr(PARSED.source) != now {
            PARSED = parse(now);
            super::others_count();
        }
        PARSED.block.as_ref()
    }
}

/// Called when the transaction ends.
pub(crate) fn forget() {
    // SAFETY: backends are single-threaded.
    unsafe { PARSED = Parsed { source: std::ptr::null(), block: std::ptr::null() } };
    super::others_count();
}

fn parse(json: &CStr) -> Parsed {
    let bytes = report::answer(|| {
        let text = json.to_str().map_err(|_| gatehouse_core::Error::TokenMalformed)?;
        let claims = Claims::trust_unverified(text, &settings::claim_paths())?;
        Ok(block::build(&claims, block::transaction()))
    });
    // SAFETY: copies of known length into memory of the transaction.
    unsafe {
        let source = pg_sys::MemoryContextStrdup(pg_sys::TopTransactionContext, json.as_ptr());
        let target = pg_sys::MemoryContextAlloc(pg_sys::TopTransactionContext, bytes.len());
        std::ptr::copy_nonoverlapping(bytes.as_ptr(), target.cast(), bytes.len());
        Parsed { source, block: target.cast() }
    }
}

//! The sealed session: the setting `pg_gatehouse.token` and the identity it carries.
//!
//! The setting is a trust boundary because its check hook is one: it verifies the token, builds a
//! flat block of the claims as the setting's `extra`, and puts an envelope of those claims in the
//! place of the token, so that the token itself is kept nowhere. The assign hook points
//! [`current`] at the block. PostgreSQL's own machinery for settings then gives `set local`,
//! savepoints and rollback for nothing.
//!
//! The block is stamped with the transaction it was made in and counts in that one only: a value
//! left behind by a plain `set`, a leaking pool or a cancelled request is worth nothing later.
//! A parallel worker takes over the leader's envelope, if the leader's transaction is that of the
//! stamp.

use std::ffi::{CStr, CString, c_char, c_void};
use std::rc::Rc;

use pgrx::pg_sys;

use crate::report::{self, Refusal, Report};
use crate::settings;

pub(crate) mod block;
pub(crate) mod lock;
mod memory;
mod prepared;
mod request_claims;

use block::Block;
pub(crate) use prepared::Prepared;

pub(crate) use request_claims::forget as forget_request_claims;

/// Name of the setting.
pub(crate) const TOKEN: &CStr = c"pg_gatehouse.token";

static mut VALUE: *mut c_char = std::ptr::null_mut();
static mut CURRENT: *const Block = std::ptr::null();
/// Counts how often the claims changed, so that nobody takes an answer about others for theirs.
static mut GENERATION: u64 = 1;
static mut PRELOADED: bool = false;
/// What `auth.authenticate` verified a moment ago, for the check hook to take.
static mut VERIFIED: Option<Rc<Prepared>> = None;

/// Defines the setting.
pub(crate) fn define(preloaded: bool) {
    let flags = pg_sys::GUC_NO_SHOW_ALL
        | pg_sys::GUC_NOT_IN_SAMPLE
        | pg_sys::GUC_DISALLOW_IN_FILE
        // `reset all` must not take the identity away from a sealed transaction.
        | pg_sys::GUC_NO_RESET_ALL
        | pg_sys::GUC_NOT_WHILE_SEC_REST;
    // SAFETY: called once from _PG_init, single-threaded; the strings are literals, the hooks
    // guarded, and the variable lives as long as the process.
    unsafe {
        PRELOADED = preloaded;
        pg_sys::DefineCustomStringVariable(
            TOKEN.as_ptr(),
            c"The token of this transaction; set it with auth.authenticate(token).".as_ptr(),
            c"Accepts a validly signed token only, counts until the transaction ends, and can not be read back."
                .as_ptr(),
            &raw mut VALUE,
            c"".as_ptr(),
            pg_sys::GucContext::PGC_USERSET,
            #[expect(clippy::cast_possible_wrap, reason = "flags are small bits of a C int")]
            {
                flags as i32
            },
            Some(check),
            Some(assign),
            Some(show),
        );
    }
    lock::find();
}

/// Whether the library was preloaded, so that there is shared memory.
pub(crate) fn preloaded() -> bool {
    // SAFETY: written once at load.
    unsafe { PRELOADED }
}

/// The claims that count now, none when anonymous.
#[inline]
pub(crate) fn current() -> Option<&'static Block> {
    // SAFETY: the block is owned by the setting and freed only after the assign hook has pointed
    // elsewhere; a statement that reads it can not outlive that (see block.rs).
    let sealed = unsafe { CURRENT.as_ref() };
    match sealed {
        Some(block) if block.counts() => Some(block),
        _ if settings::trust_request_claims() => request_claims::block(),
        _ => None,
    }
}

/// Which claims [`current`] tells of: another number, other claims. Within one transaction only.
#[inline]
pub(crate) fn generation() -> u64 {
    // SAFETY: backends are single-threaded.
    unsafe { GENERATION }
}

/// Called when what `current` falls back to has changed.
fn others_count() {
    // SAFETY: as above.
    unsafe { GENERATION = GENERATION.wrapping_add(1) };
}

/// Whether this transaction already has its identity.
pub(crate) fn is_sealed() -> bool {
    // SAFETY: as in `current`.
    unsafe { CURRENT.as_ref() }.is_some_and(Block::counts)
}

/// Seals the transaction with claims that were just verified.
///
/// The role must have been switched before: sealing locks it.
pub(crate) fn seal(claims: Rc<Prepared>) {
    let _handed_over = HandedOver::new(claims);
    // SAFETY: the strings are NUL-terminated literals. The value is a placeholder: the check hook
    // takes what lies in VERIFIED.
    unsafe { set_local(TOKEN, c"verified") };
}

/// Claims that lie in VERIFIED for as long as this lives, also when setting them fails.
struct HandedOver;

impl HandedOver {
    fn new(claims: Rc<Prepared>) -> Self {
        // SAFETY: backends are single-threaded.
        unsafe { VERIFIED = Some(claims) };
        Self
    }
}

impl Drop for HandedOver {
    fn drop(&mut self) {
        // SAFETY: backends are single-threaded.
        unsafe { VERIFIED = None };
    }
}

/// `set local`, with the rights that the current user has.
///
/// # Safety
/// May raise, as a panic that unwinds.
pub(crate) unsafe fn set_local(name: &CStr, value: &CStr) {
    // SAFETY: both strings are NUL-terminated; PostgreSQL copies the value.
    unsafe {
        let context =
            if pg_sys::superuser() { pg_sys::GucContext::PGC_SUSET } else { pg_sys::GucContext::PGC_USERSET };
        pg_sys::set_config_option(
            name.as_ptr(),
            value.as_ptr(),
            context,
            pg_sys::GucSource::PGC_S_SESSION,
            pg_sys::GucAction::GUC_ACTION_LOCAL,
            true,
            0,
            false,
        );
    }
}

#[pgrx::pg_guard]
unsafe extern "C-unwind" fn check(
    new: *mut *mut c_char,
    extra: *mut *mut c_void,
    source: pg_sys::GucSource::Type,
) -> bool {
    // SAFETY: PostgreSQL gives a NUL-terminated string or none.
    let value = unsafe { if (*new).is_null() { c"" } else { CStr::from_ptr(*new) } };
    if value.is_empty() && !is_sealed() {
        return true;
    }
    let accepted = report::guard(|| accept(value, source));
    match accepted {
        // SAFETY: `new` and `extra` are PostgreSQL's out parameters.
        Ok((envelope, block)) => unsafe { memory::hand_over(new, extra, &envelope, &block) },
        Err(refusal) => {
            explain(&refusal);
            false
        }
    }
}

/// Takes a value for the setting: a token, what `seal` left, or a leader's envelope.
fn accept(value: &CStr, source: pg_sys::GucSource::Type) -> Result<(CString, Vec<u8>), Refusal> {
    // SAFETY: a plain flag of this process.
    if unsafe { pg_sys::InitializingParallelWorker } {
        return take_over(value);
    }
    if !preloaded() {
        return Err(Refusal::NotPreloaded);
    }
    // Stored settings, start-up options and files are refused whatever they hold. So is asking
    // whether a value would be good (PGC_S_TEST), which `alter role … set` does.
    if source != pg_sys::GucSource::PGC_S_SESSION {
        return Err(Refusal::TokenSourceRefused);
    }
    if is_sealed() {
        return Err(Refusal::SessionSealed);
    }
    // SAFETY: backends are single-threaded.
    let claims = match unsafe { (*(&raw mut VERIFIED)).take() } {
        Some(claims) => claims,
        None => crate::authenticate::verify(value.to_str().ok())?,
    };
    let transaction = block::transaction();
    Ok((claims.envelope(transaction), claims.block(transaction)))
}

/// In a parallel worker: the leader's claims, if the leader's transaction is still the one they
/// were sealed in. They were verified there; that a token may have expired since then, in the
/// middle of the statement, changes nothing.
fn take_over(value: &CStr) -> Result<(CString, Vec<u8>), Refusal> {
    let (transaction, claims) = prepared::open(value)?;
    let stamp = if block::leader_transaction() == Some(transaction) { block::WORKER } else { block::NEVER };
    Ok((value.to_owned(), block::build(&claims, stamp)))
}

/// Gives the refusal to PostgreSQL, which raises it. Without a message of ours PostgreSQL would
/// quote the value, and that may be a token.
fn explain(refusal: &Refusal) {
    let report = Report::from(refusal);
    // SAFETY: the globals take strings of the current memory context and are used at once.
    unsafe {
        pg_sys::GUC_check_errcode(report.sqlstate as i32);
        pg_sys::GUC_check_errmsg_string = memory::text(&report.message);
        pg_sys::GUC_check_errdetail_string = memory::text(report.code);
        pg_sys::GUC_check_errhint_string =
            report.hint.map_or(std::ptr::null_mut(), |hint| memory::text(hint));
    }
}

/// Points at the new block. Also called when a transaction or savepoint ends and PostgreSQL puts
/// back what was before; it must never fail.
#[pgrx::pg_guard]
unsafe extern "C-unwind" fn assign(_new: *const c_char, extra: *mut c_void) {
    // SAFETY: `extra` is null or a block that `memory::hand_over` made.
    unsafe {
        CURRENT = extra.cast::<Block>();
        GENERATION = GENERATION.wrapping_add(1);
        lock::set(CURRENT.as_ref().is_some_and(Block::locks));
    }
}

/// What `show` and `pg_settings` tell: whether, never what.
#[pgrx::pg_guard]
unsafe extern "C-unwind" fn show() -> *const c_char {
    if is_sealed() { c"(sealed)".as_ptr() } else { c"".as_ptr() }
}

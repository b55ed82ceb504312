//! What happens when a transaction ends.

use pgrx::pg_sys;

use crate::{apart, audit, keyring, sealed, secret};

/// Asks PostgreSQL to tell of every end of a transaction or savepoint; called once, by the postmaster.
pub(crate) fn watch() {
    // SAFETY: the callbacks are guarded and live as long as the library.
    unsafe {
        pg_sys::RegisterXactCallback(Some(at_event), std::ptr::null_mut());
        pg_sys::RegisterSubXactCallback(Some(at_savepoint_event), std::ptr::null_mut());
    }
}

#[pgrx::pg_guard]
unsafe extern "C-unwind" fn at_savepoint_event(
    event: pg_sys::SubXactEvent::Type,
    own: pg_sys::SubTransactionId,
    _parent: pg_sys::SubTransactionId,
    _argument: *mut std::ffi::c_void,
) {
    if event == pg_sys::SubXactEvent::SUBXACT_EVENT_ABORT_SUB {
        secret::at_rollback();
        audit::at_rollback_to(own);
    }
}

#[pgrx::pg_guard]
unsafe extern "C-unwind" fn at_event(event: pg_sys::XactEvent::Type, _argument: *mut std::ffi::c_void) {
    use pg_sys::XactEvent::{
        XACT_EVENT_ABORT, XACT_EVENT_COMMIT, XACT_EVENT_PARALLEL_ABORT, XACT_EVENT_PARALLEL_COMMIT,
        XACT_EVENT_PRE_COMMIT, XACT_EVENT_PRE_PREPARE, XACT_EVENT_PREPARE,
    };
    match event {
        XACT_EVENT_PRE_PREPARE => keyring::before_prepare(),
        XACT_EVENT_PRE_COMMIT => audit::before_commit(),
        XACT_EVENT_COMMIT
        | XACT_EVENT_ABORT
        | XACT_EVENT_PREPARE
        | XACT_EVENT_PARALLEL_COMMIT
        | XACT_EVENT_PARALLEL_ABORT => {
            sealed::lock::release();
            sealed::forget_request_claims();
            keyring::at_end(event == XACT_EVENT_COMMIT);
            secret::at_end(event == XACT_EVENT_COMMIT);
            audit::at_end(event == XACT_EVENT_COMMIT);
            apart::at_end();
        }
        _ => {}
    }
}

//! `pg_gatehouse.refuse_session_state`: on a pooled connection nothing that one client leaves
//! behind may wait for the next.
//!
//! Clients of one pool share a session and a database role. What SQL plants there outlives the
//! transaction and its claims: a prepared statement under a name that the pool will use, a temporary
//! table, domain or trigger that comes before the real one in the next client's name look-up, a held
//! cursor, a listener. The sealed session can not undo these; here they are refused.
//!
//! The setting is given when connecting (the front does), stored for a role, or switched on; once on
//! it stays on, for everybody. Prepared statements of the protocol are no SQL and stay possible.

use pgrx::guc::{GucContext, GucFlags, GucRegistry, GucSetting};
use pgrx::pg_sys::{self, NodeTag};

use crate::report::{Refusal, raise};

static REFUSE: GucSetting<bool> = GucSetting::<bool>::new(false);
static mut NEXT: pg_sys::ProcessUtility_hook_type = None;

/// Defines the setting.
pub(crate) fn define() {
    // SAFETY: the hook only reads.
    unsafe {
        GucRegistry::define_bool_guc_with_hooks(
            c"pg_gatehouse.refuse_session_state",
            c"Refuse what outlives a transaction in the session: prepared statements, temporary objects, held cursors.",
            c"For pooled connections: given when connecting, or with alter role. Once on, it can not be switched off.",
            &REFUSE,
            GucContext::Userset,
            GucFlags::NO_RESET_ALL,
            Some(check),
            None,
            None,
        );
    }
}

/// On stays on. What PostgreSQL puts back when a transaction ends does not ask.
#[pgrx::pg_guard]
unsafe extern "C-unwind" fn check(
    new: *mut bool,
    _extra: *mut *mut std::ffi::c_void,
    source: pg_sys::GucSource::Type,
) -> bool {
    // SAFETY: PostgreSQL gives the new value.
    let on = unsafe { *new };
    on || source < pg_sys::GucSource::PGC_S_TEST || !REFUSE.get()
}

/// Puts the hook in; called once, when the library is loaded.
pub(crate) fn watch() {
    // SAFETY: single-threaded at load; the hook keeps to the chain.
    unsafe {
        NEXT = pg_sys::ProcessUtility_hook;
        pg_sys::ProcessUtility_hook = Some(at_utility);
    }
}

#[pgrx::pg_guard]
#[expect(clippy::too_many_arguments, reason = "the hook's signature is PostgreSQL's")]
unsafe extern "C-unwind" fn at_utility(
    statement: *mut pg_sys::PlannedStmt,
    text: *const std::ffi::c_char,
    read_only_tree: bool,
    context: pg_sys::ProcessUtilityContext::Type,
    parameters: pg_sys::ParamListInfo,
    environment: *mut pg_sys::QueryEnvironment,
    receiver: *mut pg_sys::DestReceiver,
    completion: *mut pg_sys::QueryCompletion,
) {
    // SAFETY: PostgreSQL gives a statement; the rest is passed on as it came.
    unsafe {
        let refuse = REFUSE.get();
        if refuse && outlives_transaction((*statement).utilityStmt) {
            raise(&Refusal::SessionStateRefused);
        }
        match NEXT {
            Some(next) => {
                next(statement, text, read_only_tree, context, parameters, environment, receiver, completion);
            }
            None => pg_sys::standard_ProcessUtility(
                statement,
                text,
                read_only_tree,
                context,
                parameters,
                environment,
                receiver,
                completion,
            ),
        }
        // However it was made: the error takes it away again.
        if refuse && has_temporary_schema() {
            raise(&Refusal::SessionStateRefused);
        }
    }
}

/// Whether the statement leaves something in the session when the transaction is over.
unsafe fn outlives_transaction(node: *mut pg_sys::Node) -> bool {
    // SAFETY: the tag tells what the node is.
    unsafe {
        match (*node).type_ {
            NodeTag::T_PrepareStmt
            | NodeTag::T_DeallocateStmt
            | NodeTag::T_DiscardStmt
            | NodeTag::T_ListenStmt
            | NodeTag::T_LoadStmt => true,
            NodeTag::T_DeclareCursorStmt => {
                let options = (*node.cast::<pg_sys::DeclareCursorStmt>()).options;
                options & pg_sys::CURSOR_OPT_HOLD.cast_signed() != 0
            }
            NodeTag::T_VariableSetStmt => !(*node.cast::<pg_sys::VariableSetStmt>()).is_local,
            _ => false,
        }
    }
}

fn has_temporary_schema() -> bool {
    let (mut schema, mut toast_schema) = (pg_sys::InvalidOid, pg_sys::InvalidOid);
    // SAFETY: both are written and nothing else happens.
    unsafe { pg_sys::GetTempNamespaceState(&raw mut schema, &raw mut toast_schema) };
    schema != pg_sys::InvalidOid
}

//! No secret in the server's log and none in `pg_stat_statements`: the hooks. What is a secret is
//! decided in `gatehouse_core::redact`.
//!
//! The log hook changes the message before it is written. What the client gets stays as it is: it has
//! sent these secrets itself, and it branches on codes in DETAIL. PostgreSQL makes one message for
//! both, so where they differ the redacted one is logged apart, and the other is kept from the log.
//! When nothing is logged, the hook is not called.
//!
//! A statement that holds a secret loses its query id, and `pg_stat_statements` keeps nothing of a
//! statement without one. Order does not matter: it asks this hook first, or is asked after it.

use std::ffi::{CStr, c_char};

use gatehouse_core::redact::{self, Entry};
use pgrx::pg_sys;

use crate::{audit, report};

const WITHHELD: &CStr = c"pg_gatehouse: a message was withheld";
/// How the lines of the audit begin; whoever else writes one is told apart.
const AUDIT: &[u8] = b"pg_gatehouse audit:";

/// What is being logged in the place of another message.
static mut APART: Option<pg_sys::ErrorData> = None;
static mut NEXT_LOG: pg_sys::emit_log_hook_type = None;
static mut NEXT_ANALYSIS: pg_sys::post_parse_analyze_hook_type = None;
static mut NEXT_STARTUP: pg_sys::shmem_startup_hook_type = None;

/// Puts the hooks in; called once, by the postmaster.
pub(crate) fn install() {
    // SAFETY: called from _PG_init, single-threaded; the hooks live as long as the process.
    unsafe {
        NEXT_LOG = pg_sys::emit_log_hook;
        pg_sys::emit_log_hook = Some(on_log);
        NEXT_ANALYSIS = pg_sys::post_parse_analyze_hook;
        pg_sys::post_parse_analyze_hook = Some(on_analysis);
        NEXT_STARTUP = pg_sys::shmem_startup_hook;
        pg_sys::shmem_startup_hook = Some(on_startup);
    }
}

/// All libraries are loaded: one that came later has put its hook in front of ours, and sees what
/// ours takes out.
#[pgrx::pg_guard]
unsafe extern "C-unwind" fn on_startup() {
    // SAFETY: the hooks are PostgreSQL's or another library's.
    unsafe {
        if let Some(next) = NEXT_STARTUP {
            next();
        }
        let ours: unsafe extern "C-unwind" fn(*mut pg_sys::ErrorData) = on_log;
        if pg_sys::emit_log_hook.is_none_or(|hook| !std::ptr::fn_addr_eq(hook, ours)) {
            pgrx::ereport!(
                pgrx::PgLogLevel::WARNING,
                pgrx::PgSqlErrorCode::ERRCODE_CONFIG_FILE_ERROR,
                "pg_gatehouse: a library that was loaded later sees log messages before secrets are taken out",
                "Name pg_gatehouse last in shared_preload_libraries."
            );
        }
    }
}

/// Not `pg_guard`ed: it runs while an error is being reported, where no other may arise.
unsafe extern "C-unwind" fn on_log(data: *mut pg_sys::ErrorData) {
    // SAFETY: PostgreSQL gives its own error data; the memory context of the moment is that of the
    // error's fields.
    unsafe {
        if let Some(data) = data.as_mut() {
            if let Some(apart) = (*(&raw mut APART)).take() {
                take_place(data, &apart);
            } else {
                let done = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| clean(data)));
                if done.is_err() {
                    // Whatever is logged next must not be taken for this one.
                    APART = None;
                    withhold(data);
                }
            }
            // Logged apart: whoever else listens has heard that one.
            if !data.output_to_server {
                return;
            }
        }
        if let Some(next) = NEXT_LOG {
            next(data);
        }
    }
}

unsafe fn clean(data: &mut pg_sys::ErrorData) {
    // SAFETY: the fields are NUL-terminated strings or null.
    unsafe {
        if audit::is_writing() {
            data.hide_stmt = true;
            data.hide_ctx = true;
            return;
        }
        let redacted = redact(data);
        if let Some(statement) = redacted.statement.as_deref().filter(|_| !data.hide_stmt) {
            replace_statement(data, statement);
        }
        let told = [
            &redacted.message,
            &redacted.detail,
            &redacted.hint,
            &redacted.context,
            &redacted.internal_query,
        ];
        if data.output_to_client && told.iter().any(|text| text.is_some()) {
            let mut apart = *data;
            apply(&mut apart, redacted);
            log_apart(apart);
            data.output_to_server = false;
        } else {
            apply(data, redacted);
            refuse_forged(data);
        }
    }
}

unsafe fn redact(data: &pg_sys::ErrorData) -> redact::Redacted {
    // SAFETY: the fields are NUL-terminated strings or null.
    unsafe {
        let (message, detail) = (read(data.message), read(shown_detail(data)));
        let (hint, context) = (read(data.hint), read(data.context));
        let (query, text) = (read(data.internalquery), read(pg_sys::debug_query_string));
        redact::redact(&Entry {
            message: message.as_deref(),
            detail: detail.as_deref(),
            hint: hint.as_deref(),
            context: context.as_deref(),
            internal_query: query.as_deref(),
            statement: text.as_deref(),
            is_log: data.elevel <= pg_sys::LOG_SERVER_ONLY.cast_signed(),
            is_ours: read(data.schema_name).as_deref() == Some("auth"),
        })
    }
}

unsafe fn apply(data: &mut pg_sys::ErrorData, redacted: redact::Redacted) {
    // SAFETY: the fields are the error's own.
    unsafe {
        replace(&raw mut data.message, redacted.message);
        if let Some(detail) = redacted.detail {
            replace(&raw mut data.detail_log, (!data.detail_log.is_null()).then(|| detail.clone()));
            replace(&raw mut data.detail, (!data.detail.is_null()).then_some(detail));
        }
        replace(&raw mut data.hint, redacted.hint);
        replace(&raw mut data.context, redacted.context);
        replace(&raw mut data.internalquery, redacted.internal_query);
    }
}

/// Logs a message of its own, whose place the given one takes when this hook is asked about it.
unsafe fn log_apart(apart: pg_sys::ErrorData) {
    // SAFETY: backends are single-threaded; a message of level LOG neither raises nor is refused
    // while an error is being reported.
    unsafe {
        APART = Some(apart);
        report::log("withheld");
        APART = None;
    }
}

/// Puts a message in the place of the one that is being logged. PostgreSQL frees the texts of both.
unsafe fn take_place(data: &mut pg_sys::ErrorData, apart: &pg_sys::ErrorData) {
    // SAFETY: the texts are NUL-terminated strings or null; the old ones go with their context.
    unsafe {
        let own = *data;
        *data = *apart;
        (data.output_to_client, data.output_to_server) = (false, true);
        data.assoc_context = own.assoc_context;
        for text in [
            &raw mut data.message,
            &raw mut data.detail,
            &raw mut data.detail_log,
            &raw mut data.hint,
            &raw mut data.context,
            &raw mut data.backtrace,
            &raw mut data.schema_name,
            &raw mut data.table_name,
            &raw mut data.column_name,
            &raw mut data.datatype_name,
            &raw mut data.constraint_name,
            &raw mut data.internalquery,
        ] {
            *text =
                read(*text).map_or(std::ptr::null_mut(), |owned| copy(pg_sys::CurrentMemoryContext, &owned));
        }
        refuse_forged(data);
    }
}

/// What the log shows: the detail for the log, if there is one.
fn shown_detail(data: &pg_sys::ErrorData) -> *const c_char {
    if data.detail_log.is_null() { data.detail } else { data.detail_log }
}

/// A line that looks like one of the audit and is none.
unsafe fn refuse_forged(data: &mut pg_sys::ErrorData) {
    // SAFETY: the message is a NUL-terminated string or null.
    unsafe {
        if let Some(message) = read(data.message)
            && message.trim_start().as_bytes().starts_with(AUDIT)
        {
            replace(&raw mut data.message, Some(format!("not from {message}")));
        }
    }
}

unsafe fn read(text: *const c_char) -> Option<String> {
    // SAFETY: the caller's string is NUL-terminated or null.
    (!text.is_null()).then(|| unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned())
}

unsafe fn replace(field: *mut *mut c_char, text: Option<String>) {
    if let Some(text) = text {
        // SAFETY: the field is one of the error's; the old text goes with its memory context.
        unsafe { *field = copy(pg_sys::CurrentMemoryContext, &text) };
    }
}

/// The log reads the statement where PostgreSQL keeps it, until the client sends the next one.
unsafe fn replace_statement(data: &mut pg_sys::ErrorData, text: &str) {
    // SAFETY: the message context is emptied only when the next statement is read.
    unsafe {
        if pg_sys::MessageContext.is_null() {
            data.hide_stmt = true;
        } else {
            pg_sys::debug_query_string = copy(pg_sys::MessageContext, text);
        }
    }
}

unsafe fn copy(context: pg_sys::MemoryContext, text: &str) -> *mut c_char {
    // SAFETY: memory of the length of the text and its end.
    unsafe {
        let target = pg_sys::MemoryContextAlloc(context, text.len() + 1).cast::<u8>();
        std::ptr::copy_nonoverlapping(text.as_ptr(), target, text.len());
        *target.add(text.len()) = 0;
        target.cast()
    }
}

/// Something went wrong while looking for secrets: nothing is told.
unsafe fn withhold(data: &mut pg_sys::ErrorData) {
    // SAFETY: a copy, for PostgreSQL frees the message.
    unsafe {
        data.message = copy(pg_sys::CurrentMemoryContext, &WITHHELD.to_string_lossy());
        let null = std::ptr::null_mut();
        (data.detail, data.detail_log, data.hint) = (null, null, null);
        (data.context, data.internalquery) = (null, null);
        data.hide_stmt = true;
    }
}

#[pgrx::pg_guard]
unsafe extern "C-unwind" fn on_analysis(
    state: *mut pg_sys::ParseState,
    query: *mut pg_sys::Query,
    jumble: *mut pg_sys::JumbleState,
) {
    // SAFETY: PostgreSQL gives a valid query and the text it was parsed from.
    unsafe {
        // Without an id nobody keeps the text, and there is nothing to do.
        if (*query).queryId != 0 {
            let text = read((*state).p_sourcetext);
            if text.is_some_and(|text| !report::guard(|| redact::is_clean(&text))) {
                (*query).queryId = 0;
            }
        }
        if let Some(next) = NEXT_ANALYSIS {
            next(state, query, jumble);
        }
    }
}

//! Audit events on their way to the table and to the log; `sql/45_audit_event.sql` declares the
//! functions.
//!
//! A success is a row of the caller's transaction and a line of the log once that has committed. A
//! failure is a line at once and a message to the worker, which writes the row whatever becomes of
//! the caller's transaction.

use gatehouse_core::audit::{Event, Link, fit, hash, mark};
use pgrx::datum::{JsonB, TimestampWithTimeZone};
use pgrx::prelude::*;
use serde_json::Value;

use crate::report::{self, Refusal, answer};
use crate::ring::{Kind, MESSAGE_BYTES, RING, Receipt};
use crate::{sealed, secret, settings, worker};

/// How long a caller waits for its failure to be written, microseconds.
const PATIENCE: i64 = 200_000;
/// After one waited in vain: how long nobody waits, microseconds.
const UNHURRIED: i64 = 5_000_000;
/// The purpose of the key of the chain.
const CHAIN: &str = "audit";

/// A line that waits for its transaction to commit.
struct Line {
    savepoint: pg_sys::SubTransactionId,
    text: String,
}

static mut PENDING: Vec<Line> = Vec::new();
/// A session was asked to be ended: the worker can do it once this transaction lets go of its row.
static mut WAKE_AT_END: bool = false;
/// While a line of ours is written: the log hook treats it as such.
static mut WRITING: bool = false;

/// Whether the message that is being logged is an audit line of this module.
pub(crate) fn is_writing() -> bool {
    // SAFETY: backends are single-threaded.
    unsafe { WRITING }
}

/// `auth.note_event(event)`: false when the caller must write the row.
#[pg_extern(sql = false)]
fn note_event(event: JsonB) -> bool {
    answer(|| {
        let Value::Object(event) = event.0 else { return Err(Refusal::NotAnObject) };
        let text = fit(event, MESSAGE_BYTES);
        if text.is_failure {
            write_line(&text.json);
            return Ok(keep(&text.json));
        }
        if sealed::preloaded() {
            // SAFETY: reads a number of this backend.
            let savepoint = unsafe { pg_sys::GetCurrentSubTransactionId() };
            pending().push(Line { savepoint, text: text.json });
        }
        Ok(false)
    })
}

/// A failure goes to the worker; false when that is impossible.
fn keep(json: &str) -> bool {
    // SAFETY: reads a flag. A standby can write nowhere but in the log.
    if unsafe { pg_sys::RecoveryInProgress() } {
        return true;
    }
    if !sealed::preloaded() {
        return false;
    }
    match worker::send(Kind::Event, json.as_bytes()) {
        Some(receipt) => wait(receipt),
        None => report::log("no room to keep an audit event until it is written; it is counted as lost"),
    }
    true
}

/// Waits for the worker, so that whoever has the answer finds the row; for a moment only, and not
/// at all after somebody waited in vain: the worker may be waiting for a lock that this transaction
/// holds. Interrupts are served.
fn wait(receipt: Receipt) {
    // SAFETY: reads the clock and the number of this process.
    let (start, pid) = unsafe { (pg_sys::GetCurrentTimestamp(), pg_sys::MyProcPid) };
    if !RING.exclusive().expect(receipt, pid, start) {
        return;
    }
    let end = start.saturating_add(PATIENCE);
    while !RING.share().is_done(receipt) {
        // SAFETY: reads the clock.
        let left = end.saturating_sub(unsafe { pg_sys::GetCurrentTimestamp() });
        if left <= 0 {
            RING.exclusive().unhurried(receipt, end.saturating_add(UNHURRIED));
            // The one that ran may have been terminated a moment ago.
            worker::start_if_none();
            return;
        }
        worker::nap(left / 1000 + 1);
    }
}

/// `auth.revoke_session_always(session_id, reason)`: the worker ends the session, whatever becomes
/// of the caller's transaction. Nobody waits for it: the caller may hold a lock on that row.
#[pg_extern(sql = false)]
fn revoke_session_always(session_id: pgrx::Uuid, reason: &str) {
    answer(|| {
        if !sealed::preloaded() {
            return Err(Refusal::NotPreloaded);
        }
        let session = uuid::Uuid::from_bytes(*session_id.as_bytes()).to_string();
        let reason = gatehouse_core::audit::cut(reason, 100);
        let message = serde_json::json!({"session_id": session, "reason": reason}).to_string();
        if worker::send(Kind::EndSession, message.as_bytes()).is_none() {
            report::log("no room to keep that a session is to be ended");
        }
        // SAFETY: backends are single-threaded.
        unsafe { WAKE_AT_END = true };
        Ok(())
    })
}

/// `auth.audit_hash(…)`: the hash of an event at its place in the chain.
#[pg_extern(sql = false)]
#[expect(clippy::too_many_arguments, reason = "one for each column")]
fn audit_hash(
    previous: Option<&[u8]>,
    position: i64,
    id: i64,
    at: TimestampWithTimeZone,
    event: &str,
    outcome: &str,
    user_id: Option<pgrx::Uuid>,
    tenant_id: Option<pgrx::Uuid>,
    session_id: Option<pgrx::Uuid>,
    ip: Option<&str>,
    user_agent: Option<&str>,
    detail: &str,
) -> Vec<u8> {
    answer(|| {
        let event = Event {
            id,
            at: at.into(),
            event,
            outcome,
            user_id: user_id.as_ref().map(|id| id.as_bytes().as_slice()),
            tenant_id: tenant_id.as_ref().map(|id| id.as_bytes().as_slice()),
            session_id: session_id.as_ref().map(|id| id.as_bytes().as_slice()),
            ip,
            user_agent,
            detail,
        };
        Ok(hash(&secret::key(CHAIN)?, previous.unwrap_or_default(), position, &event).to_vec())
    })
}

/// `auth.audit_mark(link, from, to, hash)`
#[pg_extern(sql = false)]
fn audit_mark(link: &str, from: i64, to: i64, hash: &[u8]) -> Vec<u8> {
    answer(|| {
        let link = if link == "anchor" { Link::Anchor } else { Link::Head };
        Ok(mark(&secret::key(CHAIN)?, link, from, to, hash).to_vec())
    })
}

/// One structured line, for the server's log only.
pub(crate) fn write_line(json: &str) {
    if !settings::audit_log() {
        return;
    }
    // SAFETY: backends are single-threaded; logging below ERROR returns.
    unsafe { WRITING = true };
    report::log_line(&format!("pg_gatehouse audit: {json}"));
    // SAFETY: as above.
    unsafe { WRITING = false };
}

fn pending() -> &'static mut Vec<Line> {
    // SAFETY: backends are single-threaded, and no borrow outlives its statement.
    unsafe { &mut *(&raw mut PENDING) }
}

/// A savepoint was rolled back: its events are gone, and with them those of the savepoints in it,
/// which have greater numbers.
pub(crate) fn at_rollback_to(savepoint: pg_sys::SubTransactionId) {
    pending().retain(|line| line.savepoint < savepoint);
}

/// The transaction is about to commit: whoever will seal its events is started now, for after the
/// commit nothing may fail.
pub(crate) fn before_commit() {
    if !pending().is_empty() {
        worker::start_if_none();
    }
}

/// The transaction has ended.
pub(crate) fn at_end(committed: bool) {
    let lines = std::mem::take(pending());
    if committed && !lines.is_empty() {
        for line in &lines {
            write_line(&line.text);
        }
        worker::ask_to_seal();
    }
    // SAFETY: backends are single-threaded.
    if unsafe { std::mem::take(&mut *(&raw mut WAKE_AT_END)) } {
        worker::wake_if_running();
    }
}

//! What the worker does. Its statements are fixed, and every table in them belongs to the owner of
//! the extension: no code of anybody else runs with its rights.

use pgrx::datum::JsonB;
use pgrx::{Spi, pg_sys};
use serde_json::{Value, json};

use super::transact::{Failure, transact};
use super::{GATHER, now, set_latch_of};
use crate::report;
use crate::ring::{Kind, Message, RING};

/// Events in one transaction.
const BATCH: usize = 128;
/// How often partitions are looked after and the head of the chain is told in the log, microseconds.
const UPKEEP: i64 = 3_600_000_000;
const TELL_HEAD: i64 = 60_000_000;

const WRITE: &str = "insert into auth.audit_event (at, event, outcome, user_id, tenant_id, session_id, ip, user_agent, detail)
    select e.at, e.event, e.outcome, e.user_id, e.tenant_id, e.session_id, e.ip, e.user_agent, coalesce(e.detail, '{}')
      from pg_catalog.jsonb_to_recordset($1) as e (at timestamptz, event text, outcome text, user_id uuid,
           tenant_id uuid, session_id uuid, ip inet, user_agent text, detail jsonb)";
const END_SESSION: &str =
    "update auth.session set ended_at = pg_catalog.clock_timestamp(), end_reason = $1 ->> 'reason'
     where id = ($1 ->> 'session_id')::uuid and ended_at is null";
const HEAD: &str = "select position, pg_catalog.encode(hash, 'hex') from auth.audit_chain";

/// How a round went.
pub(super) enum Done {
    Something,
    Nothing,
    /// There is something to seal; a moment later there may be more.
    SealLater,
    /// It may work later.
    Failed,
    NoExtension,
}

pub(super) struct Jobs {
    database: pg_sys::Oid,
    /// Since when there is something to seal; at the start there may be.
    seal_since: Option<i64>,
    next_upkeep: i64,
    next_head: i64,
    told_head: i64,
}

impl Jobs {
    pub(super) fn new(database: pg_sys::Oid) -> Self {
        Self { database, seal_since: Some(0), next_upkeep: 0, next_head: 0, told_head: 0 }
    }

    /// One round: what others wait for first.
    pub(super) fn work(&mut self) -> Done {
        match self.round() {
            Ok(done) => done,
            Err(Failure::NoExtension) => Done::NoExtension,
            Err(_) => Done::Failed,
        }
    }

    fn round(&mut self) -> Result<Done, Failure> {
        let wrote = self.write_events()?;
        let ended = self.end_sessions()?;
        if RING.exclusive().take_seal(self.database) || wrote {
            self.seal_since.get_or_insert_with(now);
        }
        if wrote || ended {
            return Ok(Done::Something);
        }
        if let Some(since) = self.seal_since {
            if now().saturating_sub(since) < GATHER * 1000 {
                return Ok(Done::SealLater);
            }
            return self.seal();
        }
        self.look_after()?;
        Ok(Done::Nothing)
    }

    fn write_events(&self) -> Result<bool, Failure> {
        let messages = RING.share().peek(self.database, Kind::Event, BATCH);
        let lost = RING.exclusive().take_lost(self.database);
        if messages.is_empty() && lost == 0 {
            return Ok(false);
        }
        let mut events: Vec<Value> = messages.iter().filter_map(parse).collect();
        if lost > 0 {
            events.push(json!({"at": "now", "event": "audit_overflow", "outcome": "failure", "detail": {"lost": lost}}));
        }
        let result = match write(events) {
            Ok(()) => Ok(()),
            Err(Failure::ForGood) => write_one_by_one(&messages),
            Err(failure) => Err(failure),
        };
        if result.is_err() {
            RING.exclusive().give_lost_back(self.database, lost);
        }
        result?;
        finish(&messages);
        Ok(true)
    }

    /// Each in a transaction of its own: one that is locked must not keep the others waiting.
    fn end_sessions(&self) -> Result<bool, Failure> {
        let messages = RING.share().peek(self.database, Kind::EndSession, BATCH);
        let mut outcome = Ok(!messages.is_empty());
        for message in messages {
            let Some(session) = parse(&message) else { continue };
            let ended = transact(|| Spi::run_with_args(END_SESSION, &[JsonB(session).into()]));
            match ended {
                Err(failure @ (Failure::ForNow | Failure::NoExtension)) => outcome = Err(failure),
                // What can not be done is not tried for ever; the log tells.
                Ok(()) | Err(Failure::ForGood) => finish(std::slice::from_ref(&message)),
            }
        }
        outcome
    }

    fn seal(&mut self) -> Result<Done, Failure> {
        let sealed = match transact(|| Spi::get_one::<i64>("select auth.seal_audit()")) {
            // Without the master key, say: with the next event it is tried again.
            Err(Failure::ForGood) => None,
            other => other?,
        };
        if sealed.unwrap_or(0) == 0 {
            self.seal_since = None;
        }
        if now() >= self.next_head {
            self.tell_head()?;
        }
        Ok(Done::Something)
    }

    fn look_after(&mut self) -> Result<(), Failure> {
        if now() < self.next_upkeep {
            return Ok(());
        }
        // When it can not be done now, a minute later; what arrives meanwhile has a place.
        self.next_upkeep = now().saturating_add(TELL_HEAD);
        transact(|| Spi::run("select auth.maintain_audit()"))?;
        self.next_upkeep = now().saturating_add(UPKEEP);
        Ok(())
    }

    /// Where the chain ends is told to the log, which whoever can change the table may not reach.
    fn tell_head(&mut self) -> Result<(), Failure> {
        self.next_head = now().saturating_add(TELL_HEAD);
        let (position, hash) = transact(|| Spi::get_two::<i64, String>(HEAD))?;
        let position = position.unwrap_or(0);
        if position > self.told_head {
            self.told_head = position;
            let line = json!({"event": "audit_head", "position": position, "hash": hash});
            crate::audit::write_line(&line.to_string());
        }
        Ok(())
    }

    /// The last thing before it goes.
    pub(super) fn farewell(&mut self) {
        if self.next_head > 0 {
            let _ = self.tell_head();
        }
    }
}

impl Drop for Jobs {
    /// Whoever comes next seals what this one could not.
    fn drop(&mut self) {
        if self.seal_since.is_some() {
            RING.exclusive().want_seal(self.database);
        }
    }
}

fn write(events: Vec<Value>) -> Result<(), Failure> {
    transact(|| Spi::run_with_args(WRITE, &[JsonB(Value::Array(events)).into()]))
}

/// One of them can not be written: the others must not suffer from it.
fn write_one_by_one(messages: &[Message]) -> Result<(), Failure> {
    for message in messages {
        match parse(message).map_or(Ok(()), |event| write(vec![event])) {
            Ok(()) => {}
            Err(Failure::ForGood) => report::log("an audit event can not be written; the log has its line"),
            Err(failure) => return Err(failure),
        }
        finish(std::slice::from_ref(message));
    }
    Ok(())
}

fn parse(message: &Message) -> Option<Value> {
    serde_json::from_slice(&message.text).ok()
}

/// Frees the slots and wakes who waits for it.
fn finish(messages: &[Message]) {
    let waiters: Vec<i32> = {
        let mut ring = RING.exclusive();
        messages.iter().filter_map(|message| ring.done(message.receipt)).collect()
    };
    waiters.into_iter().for_each(set_latch_of);
}

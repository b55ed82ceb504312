//! Which statements a connection has prepared: a bounded cache, least recently used out first.
//!
//! A statement is asked for and used in the same flight, so it is entered when it is sent and
//! confirmed, or taken back, when the answers come.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};

/// Most statements that one connection keeps prepared.
const LIMIT: usize = 128;

/// What to send for a statement.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Lookup<'a> {
    /// It is there under this name.
    Prepared(&'a str),
    /// It has to be prepared first, under this name; the empty one is not kept.
    New(&'a str),
}

#[derive(Debug)]
struct Entry {
    sql: Box<str>,
    scope: u64,
    name: Box<str>,
    last_used: u64,
}

/// A step of the pipeline in flight.
#[derive(Debug)]
struct InFlight {
    /// `None` for a statement that is not kept.
    key: Option<u64>,
    /// Its preparation was asked for and is not answered.
    unconfirmed: bool,
}

#[derive(Debug)]
pub(super) struct Statements {
    kept: bool,
    hasher: RandomState,
    entries: HashMap<u64, Entry>,
    /// Rises with every use; also makes names.
    clock: u64,
    in_flight: Vec<InFlight>,
    closing: Vec<Box<str>>,
}

impl Statements {
    /// With `kept` false, every statement is prepared for one use only.
    pub(super) fn new(kept: bool) -> Self {
        Self {
            kept,
            hasher: RandomState::new(),
            entries: HashMap::new(),
            clock: 0,
            in_flight: Vec::new(),
            closing: Vec::new(),
        }
    }

    pub(super) fn are_kept(&self) -> bool {
        self.kept
    }

    /// Starts a pipeline: gives the names to close with it.
    pub(super) fn start(&mut self) -> Vec<Box<str>> {
        self.in_flight.clear();
        std::mem::take(&mut self.closing)
    }

    /// The next step of the pipeline.
    pub(super) fn look_up(&mut self, sql: &str, scope: u64) -> Lookup<'_> {
        self.clock += 1;
        let key = self.hasher.hash_one((sql, scope));
        let found = self.entries.get(&key).map(|entry| entry.scope == scope && *entry.sql == *sql);
        // A statement whose hash is another one's is not kept.
        if !self.kept || found == Some(false) {
            self.in_flight.push(InFlight { key: None, unconfirmed: true });
            return Lookup::New("");
        }
        let new = found.is_none();
        self.in_flight.push(InFlight { key: Some(key), unconfirmed: new });
        if new {
            self.make_room();
        }
        let clock = self.clock;
        let entry = self.entries.entry(key).or_insert_with(|| Entry {
            sql: sql.into(),
            scope,
            name: format!("s{clock}").into(),
            last_used: clock,
        });
        entry.last_used = clock;
        if new { Lookup::New(&entry.name) } else { Lookup::Prepared(&entry.name) }
    }

    fn make_room(&mut self) {
        if self.entries.len() < LIMIT {
            return;
        }
        let oldest = self.entries.iter().min_by_key(|(_, entry)| entry.last_used).map(|(&key, _)| key);
        self.close(oldest);
    }

    fn close(&mut self, key: Option<u64>) {
        let entry = key.and_then(|key| self.entries.remove(&key));
        self.closing.extend(entry.map(|entry| entry.name));
    }

    /// The server has prepared the next of those it was asked for.
    pub(super) fn confirm(&mut self) {
        if let Some(step) = self.in_flight.iter_mut().find(|step| step.unconfirmed) {
            step.unconfirmed = false;
        }
    }

    /// Step `failed` failed and the ones after it did not run: forgets what was not prepared, and
    /// the failed statement too when `stale` says that preparing it again may help.
    pub(super) fn fail(&mut self, failed: usize, stale: bool) {
        for (index, step) in std::mem::take(&mut self.in_flight).into_iter().enumerate() {
            if step.unconfirmed {
                step.key.and_then(|key| self.entries.remove(&key));
            } else if stale && index == failed {
                self.close(step.key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{LIMIT, Lookup, Statements};

    fn prepare(statements: &mut Statements, sql: &str, scope: u64) -> bool {
        statements.start();
        let new = matches!(statements.look_up(sql, scope), Lookup::New(_));
        statements.confirm();
        new
    }

    #[test]
    fn a_statement_is_prepared_once_for_each_scope() {
        let mut statements = Statements::new(true);
        assert!(prepare(&mut statements, "select 1", 0));
        assert!(!prepare(&mut statements, "select 1", 0));
        assert!(prepare(&mut statements, "select 1", 1));
    }

    #[test]
    fn when_not_kept_every_statement_is_new_and_nameless() {
        let mut statements = Statements::new(false);
        for _ in 0..2 {
            statements.start();
            assert_eq!(statements.look_up("select 1", 0), Lookup::New(""));
            statements.confirm();
        }
    }

    #[test]
    fn what_was_not_prepared_because_of_an_error_is_prepared_next_time() {
        let mut statements = Statements::new(true);
        statements.look_up("good", 0);
        statements.look_up("bad", 0);
        statements.confirm();
        statements.fail(1, false);
        assert!(!prepare(&mut statements, "good", 0));
        assert!(prepare(&mut statements, "bad", 0));
    }

    #[test]
    fn a_stale_statement_is_closed_and_prepared_again() {
        let mut statements = Statements::new(true);
        assert!(prepare(&mut statements, "select 1", 0));
        statements.start();
        statements.look_up("select 1", 0);
        statements.fail(0, true);
        assert_eq!(statements.start().len(), 1);
        assert!(matches!(statements.look_up("select 1", 0), Lookup::New(_)));
    }

    #[test]
    fn the_least_recently_used_statement_makes_room() {
        let mut statements = Statements::new(true);
        for scope in 0..LIMIT as u64 {
            prepare(&mut statements, "select 1", scope);
            prepare(&mut statements, "select 1", 0);
        }
        assert!(prepare(&mut statements, "one more", 0));
        assert_eq!(statements.start().len(), 1);
        assert!(!prepare(&mut statements, "select 1", 0));
        assert!(prepare(&mut statements, "select 1", 1));
    }
}

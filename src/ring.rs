//! What must outlive the caller's rollback, on its way to the background worker of its database.
//!
//! Plain data in shared memory: a fixed number of slots of a fixed size, and for each database its
//! worker. Nothing here waits for anybody; when there is no room, the caller is told and goes on.

use pgrx::{PGRXSharedMemory, PgLwLock, pg_sys};

/// Room for this many messages at once.
const SLOTS: usize = 1024;
/// One database's events take no more than this, so that a database whose worker is stuck leaves
/// room to the others, and events leave room to what ends sessions.
const EVENTS_OF_ONE: usize = SLOTS / 8 * 7;
/// Longest message, bytes.
pub(crate) const MESSAGE_BYTES: usize = 736;
/// Databases that can have a worker at once.
const WORKERS: usize = 64;
/// How long a worker may take to start before another one is asked for, microseconds.
const START_LIMIT: i64 = 10_000_000;

/// What the worker is to do with a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Write this audit event.
    Event,
    /// End this session.
    EndSession,
}

#[derive(Clone, Copy)]
struct Slot {
    /// 0 when free; otherwise counts up, so that it also tells the order.
    number: u64,
    database: pg_sys::Oid,
    /// The process that waits for it to be written; 0 when none does.
    waiter: i32,
    kind: Kind,
    len: usize,
    text: [u8; MESSAGE_BYTES],
}

#[derive(Clone, Copy)]
struct Worker {
    database: pg_sys::Oid,
    /// 0 when none runs.
    pid: i32,
    /// Since when one is being started; 0 when none is.
    starting: i64,
    /// Committed events wait to be sealed.
    seal: bool,
    /// Events that found no room since one was written last.
    lost: u64,
    /// Until when nobody waits, because the last one waited in vain.
    unhurried: i64,
}

/// All of it.
#[derive(Clone, Copy)]
pub(crate) struct Ring {
    last: u64,
    slots: [Slot; SLOTS],
    workers: [Worker; WORKERS],
}

// SAFETY: plain data without pointers.
unsafe impl PGRXSharedMemory for Ring {}

impl Default for Ring {
    fn default() -> Self {
        let database = pg_sys::InvalidOid;
        let slot =
            Slot { number: 0, database, waiter: 0, kind: Kind::Event, len: 0, text: [0; MESSAGE_BYTES] };
        let worker = Worker { database, pid: 0, starting: 0, seal: false, lost: 0, unhurried: 0 };
        Self { last: 0, slots: [slot; SLOTS], workers: [worker; WORKERS] }
    }
}

// SAFETY: the name is unique, and the lock is initialised in _PG_init by pg_shmem_init!.
pub(crate) static RING: PgLwLock<Ring> = unsafe { PgLwLock::new(c"pg_gatehouse_ring") };

/// Whom to tell that there is work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wake {
    /// Somebody is on it.
    Nobody,
    /// This process.
    Process(i32),
    /// No worker runs: start one.
    Start,
}

/// Where a message lies, for whoever waits for it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Receipt {
    slot: usize,
    number: u64,
}

/// A message as the worker takes it.
pub(crate) struct Message {
    pub(crate) receipt: Receipt,
    pub(crate) text: Vec<u8>,
}

impl Ring {
    /// Puts a message in, cut by the caller to `MESSAGE_BYTES`; none when there is no room, which
    /// is counted.
    pub(crate) fn put(&mut self, database: pg_sys::Oid, kind: Kind, text: &[u8]) -> Option<Receipt> {
        let of_this = self.slots.iter().filter(|slot| slot.number != 0 && slot.database == database).count();
        let free = self.slots.iter().position(|slot| slot.number == 0);
        let room = free.filter(|_| kind == Kind::EndSession || of_this < EVENTS_OF_ONE);
        let Some(at) = room.filter(|_| text.len() <= MESSAGE_BYTES) else {
            if let Some(worker) = self.worker(database) {
                worker.lost = worker.lost.saturating_add(1);
            }
            return None;
        };
        self.last = self.last.saturating_add(1);
        let slot = &mut self.slots[at];
        (slot.number, slot.database, slot.waiter, slot.kind) = (self.last, database, 0, kind);
        slot.len = text.len();
        slot.text[..text.len()].copy_from_slice(text);
        Some(Receipt { slot: at, number: self.last })
    }

    /// Whom to wake for the database, at `now`. Whoever is told to start a worker must do it.
    pub(crate) fn wake(&mut self, database: pg_sys::Oid, now: i64) -> Wake {
        let Some(worker) = self.worker(database) else { return Wake::Nobody };
        if worker.pid != 0 {
            return Wake::Process(worker.pid);
        }
        if worker.starting != 0 && now.saturating_sub(worker.starting) < START_LIMIT {
            return Wake::Nobody;
        }
        worker.starting = now;
        Wake::Start
    }

    /// The database's worker, if one runs.
    pub(crate) fn running(&self, database: pg_sys::Oid) -> Option<i32> {
        let own = self.workers.iter().find(|worker| worker.database == database)?;
        (own.pid != 0).then_some(own.pid)
    }

    /// Committed events wait to be sealed; true when that is news.
    pub(crate) fn want_seal(&mut self, database: pg_sys::Oid) -> bool {
        self.worker(database).is_some_and(|worker| !std::mem::replace(&mut worker.seal, true))
    }

    /// Whether events wait to be sealed; the answer is given once.
    pub(crate) fn take_seal(&mut self, database: pg_sys::Oid) -> bool {
        self.worker(database).is_some_and(|worker| std::mem::take(&mut worker.seal))
    }

    /// No worker could be started.
    pub(crate) fn not_started(&mut self, database: pg_sys::Oid) {
        if let Some(worker) = self.worker(database) {
            worker.starting = 0;
        }
    }

    /// A worker has started; false when one runs already.
    pub(crate) fn enlist(&mut self, database: pg_sys::Oid, pid: i32) -> bool {
        let Some(worker) = self.worker(database).filter(|worker| worker.pid == 0) else { return false };
        (worker.pid, worker.starting) = (pid, 0);
        true
    }

    /// The worker wants to go; false when there is work after all.
    pub(crate) fn retire(&mut self, database: pg_sys::Oid, pid: i32) -> bool {
        let busy = self.slots.iter().any(|slot| slot.number != 0 && slot.database == database)
            || self.worker(database).is_some_and(|worker| worker.seal);
        if !busy {
            self.leave(database, pid);
        }
        !busy
    }

    /// The worker goes, whatever is left.
    pub(crate) fn leave(&mut self, database: pg_sys::Oid, pid: i32) {
        if let Some(worker) = self.worker(database).filter(|worker| worker.pid == pid) {
            (worker.pid, worker.starting) = (0, 0);
            if worker.lost == 0 && !worker.seal {
                worker.database = pg_sys::InvalidOid;
            }
        }
    }

    /// The oldest messages of the database, at most `limit`; they stay until `done`.
    pub(crate) fn peek(&self, database: pg_sys::Oid, kind: Kind, limit: usize) -> Vec<Message> {
        let wanted = |slot: &Slot| slot.number != 0 && slot.database == database && slot.kind == kind;
        let mut found: Vec<usize> = (0..SLOTS).filter(|at| wanted(&self.slots[*at])).collect();
        found.sort_unstable_by_key(|at| self.slots[*at].number);
        found.truncate(limit);
        let message = |at: usize| {
            let slot = &self.slots[at];
            let receipt = Receipt { slot: at, number: slot.number };
            Message { receipt, text: slot.text[..slot.len].to_vec() }
        };
        found.into_iter().map(message).collect()
    }

    /// Frees the slot of a message; gives the process that waits for it.
    pub(crate) fn done(&mut self, receipt: Receipt) -> Option<i32> {
        let slot = self.slots.get_mut(receipt.slot).filter(|slot| slot.number == receipt.number)?;
        slot.number = 0;
        slot.text.fill(0);
        (slot.waiter != 0).then_some(slot.waiter)
    }

    /// Frees every slot of the database; gives how many there were.
    pub(crate) fn discard(&mut self, database: pg_sys::Oid) -> usize {
        let mut count: usize = 0;
        for slot in self.slots.iter_mut().filter(|slot| slot.number != 0 && slot.database == database) {
            slot.number = 0;
            slot.text.fill(0);
            count = count.saturating_add(1);
        }
        count
    }

    /// How many events were lost since this was asked last.
    pub(crate) fn take_lost(&mut self, database: pg_sys::Oid) -> u64 {
        self.worker(database).map_or(0, |worker| std::mem::take(&mut worker.lost))
    }

    /// Puts a number that `take_lost` gave back: it could not be written.
    pub(crate) fn give_lost_back(&mut self, database: pg_sys::Oid, lost: u64) {
        if let Some(worker) = self.worker(database) {
            worker.lost = worker.lost.saturating_add(lost);
        }
    }

    /// The process waits for the message; false when nobody should, for the worker is not
    /// expected soon.
    pub(crate) fn expect(&mut self, receipt: Receipt, pid: i32, now: i64) -> bool {
        let database = self.slots[receipt.slot].database;
        let soon = self
            .worker(database)
            .is_some_and(|worker| (worker.pid != 0 || worker.starting != 0) && worker.unhurried <= now);
        if soon && self.slots[receipt.slot].number == receipt.number {
            self.slots[receipt.slot].waiter = pid;
        }
        soon
    }

    /// Whether the message has been dealt with.
    pub(crate) fn is_done(&self, receipt: Receipt) -> bool {
        self.slots[receipt.slot].number != receipt.number
    }

    /// Somebody waited in vain: nobody waits until `until`.
    pub(crate) fn unhurried(&mut self, receipt: Receipt, until: i64) {
        let database = self.slots[receipt.slot].database;
        if !self.is_done(receipt)
            && let Some(worker) = self.worker(database)
        {
            worker.unhurried = until;
        }
    }

    /// The databases that have messages in it.
    pub(crate) fn databases(&self) -> Vec<pg_sys::Oid> {
        let mut found: Vec<_> =
            self.slots.iter().filter(|slot| slot.number != 0).map(|slot| slot.database).collect();
        found.sort_unstable_by_key(|database| database.to_u32());
        found.dedup();
        found
    }

    /// How many slots the database takes.
    #[cfg(feature = "fault_injection")]
    pub(crate) fn used(&self, database: pg_sys::Oid) -> usize {
        self.slots.iter().filter(|slot| slot.number != 0 && slot.database == database).count()
    }

    /// The entry of the database, taken if it has none; none when all are taken.
    fn worker(&mut self, database: pg_sys::Oid) -> Option<&mut Worker> {
        let own = self.workers.iter().position(|worker| worker.database == database);
        // An entry without a process is a note at most; the next of its events writes it again.
        let free = || self.workers.iter().position(|worker| worker.database == pg_sys::InvalidOid);
        let idle = || self.workers.iter().position(|worker| worker.pid == 0 && worker.starting == 0);
        let at = own.or_else(free).or_else(idle)?;
        let worker = &mut self.workers[at];
        if worker.database != database {
            *worker = Worker { database, pid: 0, starting: 0, seal: false, lost: 0, unhurried: 0 };
        }
        Some(worker)
    }
}

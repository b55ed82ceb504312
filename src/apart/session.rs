//! The share of the processors that this backend has as a whole.
//!
//! Every process of PostgreSQL is a session (`setsid`). A kernel with autogroups gives each session the
//! same share and looks at niceness within it only: a nice thread would take nothing from its share
//! that another backend could have. So the session is made nice, too. The kernel takes ten such
//! changes a second, of all processes together: a backend stays nice until it has not hashed for a
//! while, and where a change is refused, the next occasion will do.
//!
//! # Source
//! sched(7), "The autogroup feature".

use std::cell::Cell;
use std::time::{Duration, Instant};

use crate::sealed;

const FILE: &str = "/proc/self/autogroup";
/// How long a backend stays nice after its last hash, at least.
const CALM: Duration = Duration::from_secs(1);

#[derive(Clone, Copy)]
struct Nice {
    niceness: i32,
    last_hash: Instant,
}

thread_local! {
    /// None when the session is as PostgreSQL made it.
    static NICE: Cell<Option<Nice>> = const { Cell::new(None) };
}

/// Makes the session as nice (1 to 19) as its hash, if the kernel has such a thing.
pub(super) fn give_way(niceness: i32) {
    // Otherwise nothing tells of the ends of transactions, and nothing would take it back.
    if !sealed::preloaded() {
        return;
    }
    let already = NICE.get().is_some_and(|nice| nice.niceness == niceness);
    if already || set(niceness) {
        NICE.set(Some(Nice { niceness, last_hash: Instant::now() }));
    }
}

/// At the end of a transaction: whoever has stopped hashing is like everybody again.
pub(crate) fn at_end() {
    if NICE.get().is_some_and(|nice| nice.last_hash.elapsed() > CALM) && set(0) {
        NICE.set(None);
    }
}

/// Whether the kernel took it; without the file it has no autogroups, or is not Linux.
fn set(niceness: i32) -> bool {
    std::fs::write(FILE, niceness.to_string()).is_ok()
}

//! Work that gives way. A password's hash takes a processor for as long as an attacker is to be kept
//! busy, and whoever asks for data meanwhile goes first.
//!
//! Linux divides the processors by niceness, and nobody but root takes niceness back. So what hashes
//! runs on a thread of its own that ends with the hash ([`thread`]). Where the kernel divides by
//! sessions first, the backend's is made nice for a while as well ([`session`]).
//!
//! It is for speed only: where there is no thread to be had, the hash is made without.

use crate::{report, settings};
use thread::Outcome;

mod session;
mod thread;

pub(crate) use session::at_end;
pub(crate) use thread::hush;

/// Runs `work`, with less claim to the processors than the rest of the server has
/// (`pg_gatehouse.hash_niceness`), while this thread waits.
///
/// `work` must touch nothing of PostgreSQL, neither its functions nor its memory contexts: they know
/// one thread only. A panic in it is the error that a panic always is.
pub(crate) fn run<T: Send>(work: impl Fn() -> T + Sync) -> T {
    let niceness = settings::hash_niceness();
    // Elsewhere niceness is the process's.
    if niceness == 0 || !cfg!(target_os = "linux") {
        return work();
    }
    session::give_way(niceness);
    match thread::run(niceness, &work) {
        Outcome::Done(result) => result,
        Outcome::NoThread => work(),
        Outcome::Panicked(at) => report::raise_panic(&at),
    }
}

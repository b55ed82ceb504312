//! A thread for one piece of work, in a process that otherwise has one.

use std::cell::Cell;
use std::mem::MaybeUninit;
use std::panic::{AssertUnwindSafe, PanicHookInfo, catch_unwind};
use std::thread::Builder;

/// Bytes. Hashes have their memory on the heap; on the stack bcrypt has the most, four KiB.
const STACK: usize = 256 * 1024;

/// What became of the work.
pub(super) enum Outcome<T> {
    Done(T),
    /// It has not begun: the system gives no thread, or no niceness.
    NoThread,
    /// With the place, file and line.
    Panicked(String),
}

/// Runs the work on a thread of its own that is `niceness` (1 to 19) nicer than this one.
pub(super) fn run<T: Send>(niceness: i32, work: &(impl Fn() -> T + Sync)) -> Outcome<T> {
    std::thread::scope(|scope| {
        // Threads inherit the mask.
        let masked = Masked::all_signals();
        let thread = Builder::new()
            .name("gatehouse hash".into())
            .stack_size(STACK)
            .spawn_scoped(scope, || if become_nicer(niceness) { guard(work) } else { Outcome::NoThread });
        drop(masked);
        thread.map_or(Outcome::NoThread, |thread| thread.join().unwrap_or(Outcome::NoThread))
    })
}

/// Signals that the process gets while it is there are for PostgreSQL's own thread: its handlers
/// must run in no other.
struct Masked(libc::sigset_t);

impl Masked {
    fn all_signals() -> Self {
        let mut all = MaybeUninit::uninit();
        let mut before = MaybeUninit::uninit();
        // SAFETY: both sets are filled in before they are read; neither call can fail with these arguments.
        unsafe {
            libc::sigfillset(all.as_mut_ptr());
            libc::pthread_sigmask(libc::SIG_SETMASK, all.as_ptr(), before.as_mut_ptr());
            Self(before.assume_init())
        }
    }
}

impl Drop for Masked {
    fn drop(&mut self) {
        // SAFETY: the mask that was there before.
        unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, &raw const self.0, std::ptr::null_mut()) };
    }
}

fn become_nicer(niceness: i32) -> bool {
    // SAFETY: numbers only; for Linux, process 0 is the calling thread.
    unsafe {
        let own = libc::getpriority(libc::PRIO_PROCESS, 0);
        libc::setpriority(libc::PRIO_PROCESS, 0, own + niceness) == 0
    }
}

thread_local! {
    /// Whether this is a thread of ours.
    static OURS: Cell<bool> = const { Cell::new(false) };
    static PANICKED_AT: Cell<String> = const { Cell::new(String::new()) };
}

fn guard<T>(work: &impl Fn() -> T) -> Outcome<T> {
    OURS.set(true);
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(result) => Outcome::Done(result),
        Err(_) => Outcome::Panicked(PANICKED_AT.take()),
    }
}

/// Keeps what a panic on a thread of ours says from the server's log, as it may quote data: the hook
/// that is there writes it down for every thread but the first.
pub(crate) fn hush() {
    let others = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| if OURS.get() { note(panic) } else { others(panic) }));
}

fn note(panic: &PanicHookInfo<'_>) {
    if let Some(place) = panic.location() {
        PANICKED_AT.set(format!("{}:{}", place.file(), place.line()));
    }
}

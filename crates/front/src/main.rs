//! The `gatehouse` program. Everything it does is in the library, so that tests can reach it.

/// A request's pieces come and go by the thousand, and many are larger than what the system's
/// allocator keeps at hand for a thread.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    gatehouse::run()
}

//! The `gatehouse` program. Everything it does is in the library, so that tests can reach it.

fn main() -> std::process::ExitCode {
    gatehouse::run()
}

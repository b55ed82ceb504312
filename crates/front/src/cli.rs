//! The command line.

use std::io::Write;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use tracing_subscriber::EnvFilter;

use crate::config::Config;
use crate::server;

/// The HTTP front of `pg_gatehouse`: a REST API over the database, and its sign-in.
///
/// Configured by PostgREST's environment variables (`PGRST_DB_URI`, `PGRST_DB_SCHEMAS`,
/// `PGRST_DB_ANON_ROLE`, `PGRST_SERVER_PORT`, …) and `GATEHOUSE_SERVICE_DB_URI`.
#[derive(Parser)]
#[command(name = "gatehouse", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Serve HTTP until SIGTERM or SIGINT.
    Serve,
}

/// Runs the command line of this process.
#[must_use]
pub fn run() -> ExitCode {
    match Cli::parse().command {
        Command::Serve => serve(),
    }
}

fn serve() -> ExitCode {
    let config = match Config::read(&|key| std::env::var(key).ok()) {
        Ok(config) => config,
        Err(error) => return fail(&error),
    };
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    match server::run(config) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&error),
    }
}

fn fail(error: &dyn std::fmt::Display) -> ExitCode {
    let _ = writeln!(std::io::stderr(), "gatehouse: {error}");
    ExitCode::FAILURE
}

//! The command line.

mod ready;

use std::io::Write;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::config::{Config, EXAMPLE, Sources};
use crate::{log, server};

/// The HTTP front of `pg_gatehouse`: a REST API over the database, and its sign-in.
///
/// Configured by PostgREST's environment variables (`PGRST_DB_URI`, `PGRST_DB_SCHEMAS`,
/// `PGRST_DB_ANON_ROLE`, `PGRST_SERVER_PORT`, …), by PostgREST's configuration file, and by
/// `GATEHOUSE_SERVICE_DB_URI` and its kin. Without a command it serves.
#[derive(Parser)]
#[command(name = "gatehouse", version)]
struct Cli {
    /// A configuration file; the environment wins over it.
    config: Option<String>,
    /// Print a configuration file to begin with.
    #[arg(long, short)]
    example: bool,
    /// Print the configuration as it is understood, without secrets.
    #[arg(long)]
    dump_config: bool,
    /// Print the schema cache as JSON.
    #[arg(long)]
    dump_schema: bool,
    /// Ask the admin port of a running server whether it is ready.
    #[arg(long)]
    ready: bool,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Serve HTTP until SIGTERM or SIGINT.
    Serve {
        /// A configuration file; the environment wins over it.
        config: Option<String>,
    },
}

/// Runs the command line of this process.
#[must_use]
pub fn run() -> ExitCode {
    let cli = Cli::parse();
    let path = match &cli.command {
        Some(Command::Serve { config }) => config.as_ref(),
        None => cli.config.as_ref(),
    };
    if cli.example {
        return print(EXAMPLE);
    }
    match execute(&cli, path.map(String::as_str)) {
        Ok(code) => code,
        Err(problem) => {
            let _ = writeln!(std::io::stderr(), "gatehouse: {problem}");
            ExitCode::FAILURE
        }
    }
}

fn execute(cli: &Cli, path: Option<&str>) -> Result<ExitCode, String> {
    let sources = Sources::of_process(path)?;
    let config = Config::read(&sources).map_err(|error| error.to_string())?;
    if cli.dump_config {
        return Ok(print(&config.to_text()));
    }
    if cli.ready {
        return Ok(ready::ask(&config));
    }
    let _log = log::begin(config.log_format)?;
    if cli.dump_schema {
        return server::dump_schema(sources, config)
            .map(|json| print(&json))
            .map_err(|error| error.to_string());
    }
    server::run(sources, config).map(|()| ExitCode::SUCCESS).map_err(|error| error.to_string())
}

fn print(text: &str) -> ExitCode {
    match std::io::stdout().write_all(text.as_bytes()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

//! The database's wire protocol, as far as the front needs it: log in, and run a list of
//! statements as **one** pipeline with **one** `Sync`.
//!
//! Postgres runs everything between two `Sync`s as one transaction, commits at the `Sync`, and
//! after an error skips the rest up to the `Sync` and rolls back. So there is no `begin` that
//! could fail while the rest runs on, the first error is the only one, and after the answer to
//! `Sync` no connection is ever inside a transaction.
//!
//! This module knows nothing of HTTP, roles or tokens.
//!
//! Source: PostgreSQL documentation, "Frontend/Backend Protocol", "Pipelining".

mod connection;
mod drain;
mod error;
mod listener;
mod pipeline;
mod pool;
mod socket;
mod startup;
mod statements;
mod tls;

pub(crate) use connection::Row;
pub(crate) use error::{ConnectError, DbError, PgError};
pub(crate) use listener::Listener;
pub(crate) use pipeline::{Step, Value, oid};
pub(crate) use pool::Pool;

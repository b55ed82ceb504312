//! The HTTP front of `pg_gatehouse`: HTTP to SQL and back, and the `gatehouse` command line.
//!
//! The modules are the way of a request, in order:
//! [`router`] → [`request`] (parse) → [`plan`] (against the [`schema_cache`]) → [`sql`] (text and
//! parameters) → [`tx`] (one transaction, one flight) → [`response`], or [`error`].
//! Everything before [`tx`] is pure: no connection is taken before the request is known to be good.
//! The database is the authority: the front holds no key, decides nothing about a caller and only
//! passes the token on. Only where the database can not load the extension does the front judge
//! tokens, by the same core ([`token`]).

mod access_log;
mod app;
mod auth;
mod browser;
mod cli;
mod config;
mod data;
mod door;
mod error;
mod health;
mod log;
mod mail;
mod metrics;
mod openapi;
#[cfg(feature = "otel")]
mod otel;
mod pages;
mod pg;
mod plan;
mod request;
mod response;
mod router;
mod schema_cache;
mod server;
mod sql;
mod token;
mod tx;
mod upkeep;

pub use cli::run;

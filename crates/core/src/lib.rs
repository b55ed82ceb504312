//! The decisions of pg_gatehouse.
//!
//! Everything here is pure: it knows no Postgres, no HTTP and no clock. Time and randomness are
//! parameters, so that every decision can be tested without waiting and without a server.
//!
//! | module | decides |
//! | --- | --- |
//! | [`error`], [`wire`] | what can go wrong, and how each error is told to the outside |
//! | [`secret`] | bytes that never print |
//! | [`keyed_hash`] | what is stored in the place of a secret that comes back later |
//! | [`password`] | hashing, verification and the password policy |
//! | [`jwt`] | signing and verification of tokens, keys |
//! | [`claims`], [`permission`] | what a verified token lets its holder be and do |
//! | [`vault`] | encryption of private keys under the master key |
#![forbid(unsafe_code)]

pub mod claims;
pub mod error;
pub mod jwt;
pub mod keyed_hash;
pub mod password;
pub mod permission;
pub mod secret;
pub mod vault;
pub mod wire;

pub use error::{Error, Result};

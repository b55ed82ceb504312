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
//! | [`one_time`], [`attempts`] | codes and links that are mailed, and how often they were tried |
//! | [`pkce`] | that a code is used by whoever asked for it |
//! | [`totp`], [`recovery_code`] | the second factor |
//! | [`password`] | hashing, verification and the password policy |
//! | [`jwt`] | signing and verification of tokens, keys |
//! | [`invitation`] | the token of an invitation |
//! | [`api_key`] | what an API key is, and what it gives |
//! | [`issuer`] | what is believed of another identity provider's token |
//! | [`hook`] | what a deployment's own functions may add |
//! | [`claims`], [`permission`] | what a verified token lets its holder be and do |
//! | [`throttle`] | how often something may be tried, and how long to wait after failures |
//! | [`policy`] | what the expression of a policy looks at |
//! | [`refresh`] | refresh tokens and their chain |
//! | [`token_id`] | the ids of access tokens, and which a session remembers |
//! | [`recent`] | which verified tokens are remembered |
//! | [`vault`] | encryption of private keys under the master key |
//! | [`audit`], [`redact`] | the hash chain of audit events; no secret in the log |
#![forbid(unsafe_code)]

pub mod api_key;
pub mod attempts;
pub mod audit;
pub mod claims;
pub mod error;
pub mod hook;
pub mod invitation;
pub mod issuer;
pub mod jwt;
pub mod keyed_hash;
pub mod one_time;
pub mod password;
pub mod permission;
pub mod pkce;
pub mod policy;
pub mod recent;
pub mod recovery_code;
pub mod redact;
pub mod refresh;
pub mod secret;
pub mod throttle;
pub mod token_id;
pub mod totp;
pub mod vault;
pub mod wire;

pub use error::{Error, Result};

//! JSON Web Tokens (RFC 7519) as JWS in compact form (RFC 7515): signing and verifying.
//!
//! Strict where the RFCs leave room, by RFC 8725 and its successor draft. The signatures
//! themselves are aws-lc-rs's; everything around them is decided here, and the present is a
//! parameter.
//!
//! | child | decides |
//! | --- | --- |
//! | `algorithm` | which algorithms there are, and the type of key that each needs |
//! | `base64url`, `json` | what a segment is, in the one spelling that is taken |
//! | `header` | what holds for every token before any key is looked at |
//! | `key` | which keys are fit to sign and verify, in any form that they come in |
//! | `verify`, `claims` | whether a token is what its caller expects |
//! | `sign`, `thumbprint` | the making of tokens, and the names of keys |
//!
//! ```
//! use gatehouse_core::jwt::{Algorithm, Expectations, KeySet, SigningKey, sign, verify};
//! use serde_json::{Map, json};
//!
//! # fn main() -> gatehouse_core::Result<()> {
//! let secret = "a secret of thirty-two bytes or more";
//! let claims = Map::from_iter([("sub".to_owned(), json!("ann")), ("exp".to_owned(), json!(1_300))]);
//! let key = SigningKey::parse(secret, Algorithm::Hs256)?;
//! let token = sign(&claims, &key, Algorithm::Hs256, &Map::new())?;
//!
//! let expected = Expectations::new(&[Algorithm::Hs256], 1_000);
//! assert_eq!(verify(&token, &KeySet::parse(secret)?, &expected)?.claims()["sub"], "ann");
//! # Ok(())
//! # }
//! ```
#![deny(clippy::arithmetic_side_effects)]

mod algorithm;
mod base64url;
mod claims;
mod header;
pub mod json;
mod key;
mod sign;
#[cfg(test)]
mod tests;
mod thumbprint;
mod verify;

pub use algorithm::Algorithm;
pub use claims::{Expectations, MAX_LEEWAY, Validity};
pub use header::{Header, MAX_KID_BYTES};
pub use key::{GeneratedKey, ImportedKey, KeySet, SigningKey, VerificationKey};
pub use sign::sign;
pub use thumbprint::thumbprint;
pub use verify::{Unverified, Verified, decode_unverified, verify};

/// The longest token, in bytes.
pub const MAX_TOKEN_BYTES: usize = 16 * 1024;

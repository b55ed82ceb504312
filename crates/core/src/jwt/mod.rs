//! JSON Web Tokens (RFC 7519) as JWS in compact form (RFC 7515): signing and verifying.
//!
//! Strict where the RFCs leave room, by RFC 8725 and its successor draft. The signatures
//! themselves are aws-lc-rs's; everything around them is decided here, and the present is a
//! parameter.
#![deny(clippy::arithmetic_side_effects)]

mod algorithm;
mod base64url;
mod claims;
mod header;
mod json;
mod key;
mod sign;
#[cfg(test)]
mod tests;
mod thumbprint;
mod verify;

pub use algorithm::Algorithm;
pub use claims::{Expectations, MAX_LEEWAY};
pub use header::{Header, MAX_KID_BYTES};
pub use key::{GeneratedKey, KeySet, SigningKey, VerificationKey};
pub use sign::sign;
pub use thumbprint::thumbprint;
pub use verify::{Unverified, Verified, decode_unverified, verify};

/// The longest token, in bytes.
pub const MAX_TOKEN_BYTES: usize = 16 * 1024;

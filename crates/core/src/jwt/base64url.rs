//! Base64url in its one canonical form: no padding, no whitespace, no stray bits at the end.
//!
//! # Source
//! RFC 7515 §2 and appendix C; the strictness about the last bits is RFC 4648 §3.5. Without it one
//! signature has several spellings, and a token could be changed and still verify.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::{Error, Result};

pub(super) fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Appends the encoded bytes to the text.
pub(super) fn encode_onto(bytes: &[u8], text: &mut String) {
    URL_SAFE_NO_PAD.encode_string(bytes, text);
}

/// The bytes, or nothing when the text is not canonical.
pub(super) fn decode(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}

/// The bytes of a token's segment, or [`Error::TokenMalformed`].
pub(super) fn decode_segment(text: &str) -> Result<Vec<u8>> {
    decode(text).ok_or(Error::TokenMalformed)
}

/// Appends the bytes of a token's segment to the buffer, or [`Error::TokenMalformed`].
pub(super) fn decode_onto(text: &str, buffer: &mut Vec<u8>) -> Result<()> {
    URL_SAFE_NO_PAD.decode_vec(text, buffer).map_err(|_| Error::TokenMalformed)
}

//! Refresh tokens: made, hashed and followed along their chain.
//! `sql/49_refresh_token.sql` declares the functions.

use gatehouse_core::refresh::RefreshToken;
use pgrx::prelude::*;

use crate::keyring::random;
use crate::report::answer;
use crate::secret::key;

/// The key that stored hashes are made with.
const HASHING: &str = "refresh_token";
/// The key that the next token of a chain is made with.
const CHAINING: &str = "refresh_token_chain";

/// `auth.new_refresh_token()`
#[pg_extern(sql = false)]
fn new_refresh_token() -> String {
    answer(|| Ok(RefreshToken::new(random()).expose()))
}

/// `auth.refresh_token_hash(token)`; none when it is no refresh token.
#[pg_extern(sql = false)]
fn refresh_token_hash(token: &str) -> Option<Vec<u8>> {
    answer(|| {
        let Some(token) = RefreshToken::parse(token) else { return Ok(None) };
        Ok(Some(token.hash(&key(HASHING)?).to_vec()))
    })
}

/// `auth.next_refresh_token(token, id)`; none when it is no refresh token.
#[pg_extern(sql = false)]
fn next_refresh_token(token: &str, id: pgrx::Uuid) -> Option<String> {
    answer(|| {
        let Some(token) = RefreshToken::parse(token) else { return Ok(None) };
        let id = uuid::Uuid::from_bytes(*id.as_bytes());
        Ok(Some(token.child(&key(CHAINING)?, id).expose()))
    })
}

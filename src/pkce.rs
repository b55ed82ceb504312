//! PKCE: arguments → core → result. `sql/68_pkce.sql` declares the functions.

use gatehouse_core::pkce::{Challenge, Verifier};
use pgrx::prelude::*;

use crate::report::answer;

/// Of what is stored, only S256 was ever taken.
const METHOD: &str = "S256";

/// `auth.is_code_challenge(challenge, method)`
#[pg_extern(sql = false)]
fn is_code_challenge(challenge: &str, method: &str) -> bool {
    answer(|| Ok(Challenge::parse(challenge, method).is_some()))
}

/// `auth.code_challenge_met(challenge, verifier)`: null when the verifier can be none.
#[pg_extern(sql = false)]
fn code_challenge_met(challenge: &str, verifier: &str) -> Option<bool> {
    answer(|| {
        let Some(verifier) = Verifier::parse(verifier) else { return Ok(None) };
        let challenge = Challenge::parse(challenge, METHOD);
        Ok(Some(challenge.is_some_and(|challenge| challenge.is_met_by(&verifier))))
    })
}

//! Tokens of invitations; `sql/48_invitation.sql` declares the functions.

use gatehouse_core::invitation::InvitationToken;
use pgrx::prelude::*;

use crate::keyring::random;
use crate::report::answer;
use crate::secret;

/// The key that tokens are hashed under.
const PURPOSE: &str = "invitation";

/// `auth.make_invitation_token()`: a token for the mail and the hash to store.
#[pg_extern(sql = false)]
fn make_invitation_token() -> TableIterator<'static, (name!(token, String), name!(token_hash, Vec<u8>))> {
    answer(|| {
        let token = InvitationToken::new(&random());
        let hash = token.hash(&secret::key(PURPOSE)?).to_vec();
        let text = String::from_utf8_lossy(token.expose()).into_owned();
        Ok(TableIterator::once((text, hash)))
    })
}

/// `auth.invitation_token_hash(token)`: null when the text is no such token.
#[pg_extern(sql = false)]
fn invitation_token_hash(token: &str) -> Option<Vec<u8>> {
    answer(|| match InvitationToken::parse(token) {
        Some(token) => Ok(Some(token.hash(&secret::key(PURPOSE)?).to_vec())),
        None => Ok(None),
    })
}

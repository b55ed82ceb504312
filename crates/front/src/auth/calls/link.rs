//! Bringing a mailed code or link back.

use super::outcome::outcome_of;
use super::{Call, Followed, Verified, maybe, text};
use crate::auth::error::AuthError;
use crate::auth::secret::Secret;
use crate::metrics::Act;
use crate::tx::Work;

/// `kind`: `signup`, `magiclink`, `email`, `recovery`, `invite` or `email_change`.
pub(crate) async fn verify_otp(
    call: &Call<'_>,
    email: &str,
    code: &Secret,
    kind: &str,
    tenant: Option<&str>,
) -> Result<Verified, AuthError> {
    const SQL: &str = outcome_of!("auth.verify_otp($1::text, $2::text, $3::text, $4::text)");
    call.outcome(
        Act::Verify,
        Work::Quick,
        SQL,
        &[text(email), text(code.expose()), text(kind), maybe(tenant)],
    )
    .await?
    .verified()
}

/// Opens the session at once, also where the link was asked for with a code challenge. `kind` as for
/// [`verify_otp`]; `None` for any.
pub(crate) async fn verify_link(
    call: &Call<'_>,
    token: &Secret,
    kind: Option<&str>,
) -> Result<Verified, AuthError> {
    const SQL: &str = outcome_of!("auth.verify_link($1::text, $2::text)");
    call.outcome(Act::Verify, Work::Quick, SQL, &[text(token.expose()), maybe(kind)]).await?.verified()
}

/// As [`verify_link`], for whoever clicked it: with a code challenge there is no session yet.
pub(crate) async fn follow_link(
    call: &Call<'_>,
    token: &Secret,
    kind: Option<&str>,
) -> Result<Followed, AuthError> {
    const SQL: &str = outcome_of!("auth.follow_link($1::text, $2::text)");
    call.outcome(Act::Verify, Work::Quick, SQL, &[text(token.expose()), maybe(kind)]).await?.followed()
}

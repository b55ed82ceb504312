//! Coming in: sign-up, sign-in, refresh.

use serde_json::value::RawValue;

use super::outcome::outcome_of;
use super::{Call, Options, Session, SignedUp, maybe, text};
use crate::auth::error::AuthError;
use crate::auth::secret::Secret;
use crate::metrics::Act;
use crate::tx::Work;

#[derive(Debug)]
pub(crate) struct SignUp<'a> {
    pub(crate) email: &'a str,
    pub(crate) password: &'a Secret,
    /// A JSON object.
    pub(crate) user_metadata: Option<&'a RawValue>,
    /// The slug of a tenant to join.
    pub(crate) tenant: Option<&'a str>,
    pub(crate) options: &'a Options,
}

pub(crate) async fn sign_up(call: &Call<'_>, input: SignUp<'_>) -> Result<SignedUp, AuthError> {
    const SQL: &str =
        outcome_of!("auth.sign_up($1::text, $2::text, coalesce($3::jsonb, '{}'), $4::text, $5::jsonb)");
    let options = input.options.json();
    let values = [
        text(input.email),
        text(input.password.expose()),
        maybe(input.user_metadata.map(RawValue::get)),
        maybe(input.tenant),
        text(&options),
    ];
    call.outcome(Act::SignUp, Work::Hashing, SQL, &values).await?.signed_up()
}

pub(crate) async fn sign_in_anonymously(
    call: &Call<'_>,
    user_metadata: Option<&RawValue>,
    tenant: Option<&str>,
) -> Result<Session, AuthError> {
    const SQL: &str = outcome_of!("auth.sign_in_anonymously(coalesce($1::jsonb, '{}'), $2::text)");
    call.outcome(Act::SignUp, Work::Quick, SQL, &[maybe(user_metadata.map(RawValue::get)), maybe(tenant)])
        .await?
        .session()
}

#[derive(Debug)]
pub(crate) struct SignIn<'a> {
    pub(crate) email: &'a str,
    pub(crate) password: &'a Secret,
    /// The slug of the tenant to act in.
    pub(crate) tenant: Option<&'a str>,
}

pub(crate) async fn sign_in(call: &Call<'_>, input: SignIn<'_>) -> Result<Session, AuthError> {
    const SQL: &str = outcome_of!("auth.sign_in($1::text, $2::text, $3::text)");
    let values = [text(input.email), text(input.password.expose()), maybe(input.tenant)];
    call.outcome(Act::SignIn, Work::Hashing, SQL, &values).await?.session()
}

/// With a token of another issuer that the operator trusts.
pub(crate) async fn sign_in_external(
    call: &Call<'_>,
    token: &Secret,
    tenant: Option<&str>,
) -> Result<Session, AuthError> {
    const SQL: &str = outcome_of!("auth.sign_in_external($1::text, $2::text)");
    call.outcome(Act::SignIn, Work::Quick, SQL, &[text(token.expose()), maybe(tenant)]).await?.session()
}

pub(crate) async fn refresh(call: &Call<'_>, refresh_token: &Secret) -> Result<Session, AuthError> {
    const SQL: &str = outcome_of!("auth.refresh($1::text)");
    call.outcome(Act::Refresh, Work::Quick, SQL, &[text(refresh_token.expose())]).await?.session()
}

/// The code that a followed link gave, for a session (RFC 7636 §4.5).
pub(crate) async fn exchange_code(
    call: &Call<'_>,
    auth_code: &Secret,
    code_verifier: &Secret,
) -> Result<Session, AuthError> {
    const SQL: &str = outcome_of!("auth.exchange_code($1::text, $2::text)");
    call.outcome(Act::Verify, Work::Quick, SQL, &[text(auth_code.expose()), text(code_verifier.expose())])
        .await?
        .session()
}

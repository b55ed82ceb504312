//! Asking for mail: its link or code comes back by [`super::link`].

use serde_json::value::RawValue;

use super::outcome::outcome_of;
use super::{Call, Options, maybe, text, truth};
use crate::auth::error::AuthError;
use crate::metrics::Act;
use crate::tx::Work;

pub(crate) async fn request_recovery(
    call: &Call<'_>,
    email: &str,
    tenant: Option<&str>,
    options: &Options,
) -> Result<(), AuthError> {
    const SQL: &str = outcome_of!("auth.request_recovery($1::text, $2::text, $3::jsonb)");
    call.outcome(Act::Mail, Work::Quick, SQL, &[text(email), maybe(tenant), text(&options.json())])
        .await
        .map(drop)
}

#[derive(Debug)]
pub(crate) struct OtpRequest<'a> {
    pub(crate) email: &'a str,
    /// Whether an unknown address becomes a user when it is proved.
    pub(crate) create_user: bool,
    pub(crate) user_metadata: Option<&'a RawValue>,
    pub(crate) tenant: Option<&'a str>,
    pub(crate) options: &'a Options,
}

pub(crate) async fn request_otp(call: &Call<'_>, input: OtpRequest<'_>) -> Result<(), AuthError> {
    const SQL: &str = outcome_of!(
        "auth.request_otp($1::text, $2::boolean, coalesce($3::jsonb, '{}'), $4::text, $5::jsonb)"
    );
    let options = input.options.json();
    let values = [
        text(input.email),
        truth(Some(input.create_user)),
        maybe(input.user_metadata.map(RawValue::get)),
        maybe(input.tenant),
        text(&options),
    ];
    call.outcome(Act::Mail, Work::Quick, SQL, &values).await.map(drop)
}

/// `kind`: `signup` or `email_change`.
pub(crate) async fn resend(
    call: &Call<'_>,
    kind: &str,
    email: &str,
    tenant: Option<&str>,
    options: &Options,
) -> Result<(), AuthError> {
    const SQL: &str = outcome_of!("auth.resend($1::text, $2::text, $3::text, $4::jsonb)");
    call.outcome(
        Act::Mail,
        Work::Quick,
        SQL,
        &[text(kind), text(email), maybe(tenant), text(&options.json())],
    )
    .await
    .map(drop)
}

/// Mails the signed-in user a code, the nonce that a change of password asks for.
pub(crate) async fn reauthenticate(call: &Call<'_>, options: &Options) -> Result<(), AuthError> {
    const SQL: &str = outcome_of!("auth.reauthenticate($1::jsonb)");
    call.outcome(Act::Mail, Work::Quick, SQL, &[text(&options.json())]).await.map(drop)
}

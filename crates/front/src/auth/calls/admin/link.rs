//! Invitations and links that the operator makes.

use bytes::Bytes;
use serde_json::value::RawValue;

use super::super::outcome::{outcome_of, secret, string};
use super::super::{Call, Options, UserJson, maybe, text};
use crate::auth::error::AuthError;
use crate::auth::secret::Secret;
use crate::metrics::Act;
use crate::pg::Row;
use crate::tx::Work;

/// Makes a user and mails them.
pub(crate) async fn admin_invite_user(
    call: &Call<'_>,
    email: &str,
    user_metadata: Option<&RawValue>,
    options: &Options,
) -> Result<UserJson, AuthError> {
    const SQL: &str = outcome_of!("auth.admin_invite_user($1::text, coalesce($2::jsonb, '{}'), $3::jsonb)");
    let options = options.json();
    let values = [text(email), maybe(user_metadata.map(RawValue::get)), text(&options)];
    call.outcome(Act::Mail, Work::Quick, SQL, &values).await?.user()
}

#[derive(Debug)]
pub(crate) struct LinkRequest<'a> {
    /// `signup`, `invite`, `magiclink`, `recovery`, `email_change_current` or `email_change_new`.
    pub(crate) kind: &'a str,
    pub(crate) email: &'a str,
    /// Of a new user.
    pub(crate) password: Option<&'a Secret>,
    pub(crate) new_email: Option<&'a str>,
    pub(crate) user_metadata: Option<&'a RawValue>,
    pub(crate) options: &'a Options,
}

/// A link that was made and not mailed.
#[derive(Debug)]
pub(crate) struct Link {
    /// Which kind it became.
    pub(crate) kind: String,
    /// What [`super::super::verify_link`] takes.
    pub(crate) token: Secret,
    /// Six digits.
    pub(crate) code: Secret,
    pub(crate) user: UserJson,
}

pub(crate) async fn admin_generate_link(call: &Call<'_>, input: LinkRequest<'_>) -> Result<Link, AuthError> {
    const SQL: &str = "select s.status, s.message, s.kind, s.token, s.code, s.\"user\"::text \
                       from auth.admin_generate_link($1::text, $2::text, $3::text, $4::text, \
                       coalesce($5::jsonb, '{}'), $6::jsonb) as s";
    let options = input.options.json();
    let values = [
        text(input.kind),
        text(input.email),
        maybe(input.password.map(Secret::expose)),
        maybe(input.new_email),
        maybe(input.user_metadata.map(RawValue::get)),
        text(&options),
    ];
    let work = if input.password.is_some() { Work::Hashing } else { Work::Quick };
    let rows = call.rows_by(work, SQL, &values).await?;
    let columns: [Option<Bytes>; 6] = rows.first().map(Row::columns).unwrap_or_default();
    match columns {
        [Some(status), _, Some(kind), Some(token), code, Some(user)] if status == "ok" => Ok(Link {
            kind: string(kind),
            token: secret(token),
            code: code.map(secret).unwrap_or_default(),
            user: UserJson(user),
        }),
        [Some(status), message, ..] if status != "ok" => {
            Err(AuthError::refused(string(status), message.map(string), Vec::new(), None))
        }
        _ => Err(AuthError::internal("auth.admin_generate_link gave no link")),
    }
}

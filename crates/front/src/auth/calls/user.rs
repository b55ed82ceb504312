//! The signed-in user's own account.

use serde_json::value::RawValue;

use super::outcome::outcome_of;
use super::{Call, Json, Options, UserJson, maybe, rows_of, text};
use crate::auth::error::AuthError;
use crate::auth::secret::Secret;
use crate::metrics::Act;
use crate::tx::Work;

pub(crate) async fn my_user(call: &Call<'_>) -> Result<UserJson, AuthError> {
    call.json("select auth.my_user()::text", &[]).await.map(UserJson)
}

/// What is `None` stays as it is.
#[derive(Debug, Default)]
pub(crate) struct UserChanges<'a> {
    pub(crate) password: Option<&'a Secret>,
    pub(crate) email: Option<&'a str>,
    /// Merged member by member; null takes one away.
    pub(crate) user_metadata: Option<&'a RawValue>,
    pub(crate) current_password: Option<&'a Secret>,
    /// A code that [`super::reauthenticate`] mailed.
    pub(crate) nonce: Option<&'a Secret>,
    /// For the mails of a change of address.
    pub(crate) options: Options,
}

pub(crate) async fn update_user(call: &Call<'_>, changes: UserChanges<'_>) -> Result<UserJson, AuthError> {
    const SQL: &str = outcome_of!(
        "auth.update_user(password => $1::text, email => $2::text, user_metadata => $3::jsonb, \
         current_password => $4::text, nonce => $5::text, options => $6::jsonb)"
    );
    let options = changes.options.json();
    let values = [
        maybe(changes.password.map(Secret::expose)),
        maybe(changes.email),
        maybe(changes.user_metadata.map(RawValue::get)),
        maybe(changes.current_password.map(Secret::expose)),
        maybe(changes.nonce.map(Secret::expose)),
        text(&options),
    ];
    let hashes = changes.password.is_some() || changes.current_password.is_some();
    let work = if hashes { Work::Hashing } else { Work::Quick };
    call.outcome(Act::Account, work, SQL, &values).await?.user()
}

/// Which sessions end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SignOutScope {
    Global,
    Local,
    Others,
}

impl SignOutScope {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        match text {
            "global" => Some(Self::Global),
            "local" => Some(Self::Local),
            "others" => Some(Self::Others),
            _ => None,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Global => "global",
            Self::Local => "local",
            Self::Others => "others",
        }
    }
}

pub(crate) async fn sign_out(call: &Call<'_>, scope: SignOutScope) -> Result<(), AuthError> {
    call.value("select auth.sign_out($1::text)::text", &[text(scope.name())]).await.map(drop)
}

/// The user's own security events, the latest first.
pub(crate) async fn my_events(
    call: &Call<'_>,
    before: Option<i64>,
    page_size: Option<i64>,
) -> Result<Json, AuthError> {
    const SQL: &str = rows_of!("auth.my_events($1::bigint, coalesce($2::integer, 50))");
    let (before, size) = (before.map(|id| id.to_string()), page_size.map(|size| size.to_string()));
    call.json(SQL, &[maybe(before.as_deref()), maybe(size.as_deref())]).await
}

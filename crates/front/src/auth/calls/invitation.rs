//! Invitations to a tenant. `tenant`: for the operator; others mean the active one.

use bytes::Bytes;

use super::outcome::{number, string};
use super::{Call, Json, maybe, rows_of, text};
use crate::auth::error::AuthError;
use crate::auth::secret::Secret;
use crate::pg::{Row, Value};

/// What to select: `auth.invitation_result` and, as JSON, what of it is for the client.
macro_rules! invitation_of {
    ($function:literal) => {
        concat!(
            "select s.status, s.message, s.retry_after::text, ",
            "jsonb_strip_nulls(to_jsonb(s) - array['status', 'message', 'retry_after'])::text from ",
            $function,
            " as s"
        )
    };
}

/// Mails an invitation; gives it.
pub(crate) async fn invite(
    call: &Call<'_>,
    email: &str,
    role: &str,
    tenant: Option<&str>,
) -> Result<Json, AuthError> {
    const SQL: &str = invitation_of!("auth.invite($1::text, $2::text, $3::uuid)");
    invitation(call, SQL, &[text(email), text(role), maybe(tenant)]).await
}

/// Joins the tenant that invited the signed-in user.
pub(crate) async fn accept_invitation(call: &Call<'_>, token: &Secret) -> Result<Json, AuthError> {
    const SQL: &str = invitation_of!("auth.accept_invitation($1::text)");
    invitation(call, SQL, &[text(token.expose())]).await
}

/// Those that can still be accepted.
pub(crate) async fn pending_invitations(call: &Call<'_>, tenant: Option<&str>) -> Result<Json, AuthError> {
    call.json(rows_of!("auth.pending_invitations($1::uuid)"), &[maybe(tenant)]).await
}

/// False when there is none of this id that could be taken back.
pub(crate) async fn revoke_invitation(
    call: &Call<'_>,
    id: &str,
    tenant: Option<&str>,
) -> Result<bool, AuthError> {
    call.done("select auth.revoke_invitation($1::uuid, $2::uuid)", &[text(id), maybe(tenant)]).await
}

async fn invitation(call: &Call<'_>, sql: &str, values: &[Value<'_>]) -> Result<Json, AuthError> {
    let rows = call.rows(sql, values).await?;
    let columns: [Option<Bytes>; 4] = rows.first().map(Row::columns).unwrap_or_default();
    match columns {
        [Some(status), _, _, Some(json)] if status == "ok" => Ok(json),
        [Some(status), message, retry_after, _] => {
            let retry_after = retry_after.and_then(number);
            Err(AuthError::refused(string(status), message.map(string), Vec::new(), retry_after))
        }
        _ => Err(AuthError::internal("the function gave no status")),
    }
}

//! Second factors and recovery codes of the signed-in user.

use bytes::Bytes;

use super::outcome::{number, outcome_of, secret, string};
use super::{Call, Json, Session, maybe, rows_of, text};
use crate::auth::error::AuthError;
use crate::auth::secret::Secret;
use crate::metrics::Act;
use crate::pg::Row;
use crate::tx::Work;

/// An authenticator to be; shown once.
#[derive(Debug)]
pub(crate) struct Enrolled {
    pub(crate) id: String,
    /// Base32, for typing.
    pub(crate) secret: Secret,
    /// `otpauth:`, for a QR code.
    pub(crate) uri: Secret,
}

pub(crate) async fn enroll_totp(
    call: &Call<'_>,
    friendly_name: Option<&str>,
    issuer: Option<&str>,
) -> Result<Enrolled, AuthError> {
    const SQL: &str = "select r.id::text, r.secret, r.uri from auth.enroll_totp($1::text, $2::text) as r";
    let rows = call.rows(SQL, &[maybe(friendly_name), maybe(issuer)]).await?;
    let [Some(id), Some(shared), Some(uri)] = first(&rows) else {
        return Err(AuthError::internal("auth.enroll_totp gave no factor"));
    };
    Ok(Enrolled { id: string(id), secret: secret(shared), uri: secret(uri) })
}

#[derive(Debug)]
pub(crate) struct Challenge {
    pub(crate) id: String,
    pub(crate) factor_type: String,
    /// Seconds since 1970.
    pub(crate) expires_at: i64,
}

pub(crate) async fn challenge_factor(call: &Call<'_>, factor_id: &str) -> Result<Challenge, AuthError> {
    const SQL: &str = "select r.challenge_id::text, r.factor_type, extract(epoch from r.expires_at)::int8::text \
                       from auth.challenge_factor($1::uuid) as r";
    let rows = call.rows(SQL, &[text(factor_id)]).await?;
    let [Some(id), Some(factor_type), expires_at] = first(&rows) else {
        return Err(AuthError::internal("auth.challenge_factor gave no challenge"));
    };
    let expires_at = expires_at.and_then(number).unwrap_or_default();
    Ok(Challenge { id: string(id), factor_type: string(factor_type), expires_at })
}

/// The session with the second factor proved, and new tokens.
pub(crate) async fn verify_factor(
    call: &Call<'_>,
    factor_id: &str,
    code: &Secret,
    challenge_id: Option<&str>,
) -> Result<Session, AuthError> {
    const SQL: &str = outcome_of!("auth.verify_factor($1::uuid, $2::text, $3::uuid)");
    call.outcome(Act::Factor, Work::Quick, SQL, &[text(factor_id), text(code.expose()), maybe(challenge_id)])
        .await?
        .session()
}

pub(crate) async fn unenroll_factor(call: &Call<'_>, factor_id: &str) -> Result<(), AuthError> {
    call.value("select auth.unenroll_factor($1::uuid)::text", &[text(factor_id)]).await.map(drop)
}

pub(crate) async fn my_factors(call: &Call<'_>) -> Result<Json, AuthError> {
    call.json(rows_of!("auth.my_factors()"), &[]).await
}

/// Recovery codes, shown once.
#[derive(Debug)]
pub(crate) struct RecoveryCodes {
    /// Of the user: there is one set.
    pub(crate) id: String,
    pub(crate) codes: Vec<Secret>,
}

/// New codes in the place of all former ones.
pub(crate) async fn generate_recovery_codes(call: &Call<'_>) -> Result<RecoveryCodes, AuthError> {
    const SQL: &str = "select auth.uid()::text, r from auth.generate_recovery_codes() as r";
    let rows = call.rows(SQL, &[]).await?;
    let [id] = first(&rows);
    let codes = rows.iter().filter_map(|row| {
        let [_, code] = row.columns();
        code.map(secret)
    });
    Ok(RecoveryCodes { id: id.map(string).unwrap_or_default(), codes: codes.collect() })
}

#[derive(Debug)]
pub(crate) struct RecoveryCodeStatus {
    pub(crate) id: String,
    pub(crate) total: i64,
    pub(crate) remaining: i64,
}

/// `None` when there are no codes.
pub(crate) async fn my_recovery_codes(call: &Call<'_>) -> Result<Option<RecoveryCodeStatus>, AuthError> {
    const SQL: &str = "select auth.uid()::text, r.total::text, r.remaining::text \
                       from auth.my_recovery_codes() as r where r.total > 0";
    let rows = call.rows(SQL, &[]).await?;
    let [Some(id), Some(total), Some(remaining)] = first(&rows) else { return Ok(None) };
    let (total, remaining) = (number(total).unwrap_or_default(), number(remaining).unwrap_or_default());
    Ok(Some(RecoveryCodeStatus { id: string(id), total, remaining }))
}

/// Voids all codes; `None` when there were none.
pub(crate) async fn delete_recovery_codes(call: &Call<'_>) -> Result<Option<String>, AuthError> {
    const SQL: &str = "select auth.uid()::text where auth.delete_recovery_codes()";
    Ok(call.value(SQL, &[]).await?.map(string))
}

/// In the place of a code of an authenticator.
pub(crate) async fn verify_recovery_code(call: &Call<'_>, code: &Secret) -> Result<Session, AuthError> {
    const SQL: &str = outcome_of!("auth.verify_recovery_code($1::text)");
    call.outcome(Act::Factor, Work::Quick, SQL, &[text(code.expose())]).await?.session()
}

fn first<const N: usize>(rows: &[Row]) -> [Option<Bytes>; N] {
    rows.first().map_or_else(|| std::array::from_fn(|_| None), Row::columns)
}

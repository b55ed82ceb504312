//! What anybody may read.

use super::{Call, Json};
use crate::auth::error::AuthError;

/// The public keys (RFC 7517).
pub(crate) async fn jwks(call: &Call<'_>) -> Result<Json, AuthError> {
    call.json("select auth.jwks()::text", &[]).await
}

/// What of the settings clients need to know.
pub(crate) async fn public_settings(call: &Call<'_>) -> Result<Json, AuthError> {
    call.json("select auth.public_settings()::text", &[]).await
}

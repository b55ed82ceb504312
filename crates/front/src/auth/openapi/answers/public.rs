//! What anybody may read.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

#[derive(Serialize, ToSchema)]
pub(in crate::auth) struct Settings {
    external: BTreeMap<String, bool>,
    disable_signup: bool,
    mailer_autoconfirm: bool,
    phone_autoconfirm: bool,
    password_min_length: i64,
}

#[derive(Serialize, ToSchema)]
pub(in crate::auth) struct Health {
    name: String,
    description: String,
}

#[derive(Serialize, ToSchema)]
pub(in crate::auth) struct Keys {
    #[schema(value_type = Vec<BTreeMap<String, Value>>)]
    keys: Value,
}

#[derive(Serialize, ToSchema)]
pub(in crate::auth) struct Discovery {
    issuer: String,
    jwks_uri: String,
    token_endpoint: String,
    userinfo_endpoint: String,
}

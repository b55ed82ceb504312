//! What a deployment's own functions may do at the places where they are asked: before a sign-up,
//! before a token is signed.
//!
//! A hook is trusted with its own additions and with nothing else: it is code, code has faults, and
//! a hook that copies what users write about themselves into the claims must not make anybody an
//! administrator. So it can add, and not change.

use serde_json::{Map, Value};

use crate::claims::{ClaimPaths, Claims};

/// Most bytes of JSON that a hook may add to a token, which travels in a header of each request.
pub const MAX_ADDED_BYTES: usize = 4096;
/// Most bytes of JSON of each kind of metadata, as everywhere else.
pub const MAX_METADATA_BYTES: usize = 16_384;
/// As PostgreSQL has it.
const MAX_NAME_BYTES: usize = 63;

/// Claims that a hook can not add where they are missing: the signer adds them, or they mean
/// something to whoever reads tokens (RFC 7519 §4.1, RFC 7800, RFC 8693).
const RESERVED: [&str; 24] = [
    "aal",
    "act",
    "amr",
    "app_metadata",
    "aud",
    "azp",
    "client_id",
    "cnf",
    "email",
    "exp",
    "iat",
    "is_anonymous",
    "iss",
    "jti",
    "may_act",
    "nbf",
    "permissions",
    "phone",
    "role",
    "roles",
    "session_id",
    "sub",
    "tenant_id",
    "tenant_slug",
];

/// The one claim that a hook may change: its user writes it, so that it decides nothing.
const USER_METADATA: &str = "user_metadata";

/// Why what a hook gave is not used; for the log.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    /// Something that names no function.
    #[error("the setting must be schema.function, both in lower case and without quotes")]
    NameMalformed,
    /// Null, a list, a number.
    #[error("it must return a JSON object")]
    NotAnObject,
    /// A claim that hooks do not touch.
    #[error("it must not set or change the claim \"{0}\"")]
    ReservedClaim(Box<str>),
    /// With it the token would mean another user, role, tenant or permission.
    #[error("what it adds would change what the token lets its holder do")]
    ChangesAccess,
    /// More than [`MAX_ADDED_BYTES`].
    #[error("it must add at most 4096 bytes of JSON to the claims")]
    TooLarge,
    /// `user_metadata` or `app_metadata` is no object, or over [`MAX_METADATA_BYTES`].
    #[error("the member \"{0}\" must be a JSON object of at most 16 KiB")]
    Metadata(&'static str),
}

/// The name of a function, as a setting has it: never one of PostgreSQL's own or a temporary one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FunctionName {
    /// The schema.
    pub schema: String,
    /// The function in it.
    pub name: String,
}

impl FunctionName {
    /// Reads `schema.function`.
    ///
    /// # Errors
    /// - [`Fault::NameMalformed`]: anything else, or a schema whose name begins with `pg_`.
    pub fn parse(text: &str) -> Result<Self, Fault> {
        let (schema, name) = text.split_once('.').ok_or(Fault::NameMalformed)?;
        if !is_identifier(schema) || !is_identifier(name) || schema.starts_with("pg_") {
            return Err(Fault::NameMalformed);
        }
        Ok(Self { schema: schema.to_owned(), name: name.to_owned() })
    }
}

fn is_identifier(text: &str) -> bool {
    let starts = text.starts_with(|first: char| first.is_ascii_lowercase() || first == '_');
    let goes_on = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    starts && text.len() <= MAX_NAME_BYTES && text.chars().all(goes_on)
}

/// The claims of a token together with what the hook returned: additions, with or without the
/// claims that were there.
///
/// # Errors
/// - [`Fault::NotAnObject`], [`Fault::ReservedClaim`], [`Fault::TooLarge`].
/// - [`Fault::ChangesAccess`]: read as the deployment reads tokens, the two differ in anything that
///   decides.
pub fn add_claims(
    claims: &Map<String, Value>,
    returned: Option<Value>,
    paths: &ClaimPaths,
) -> Result<Map<String, Value>, Fault> {
    let Some(Value::Object(returned)) = returned else { return Err(Fault::NotAnObject) };
    let touched = |(name, value): &(&String, &Value)| match claims.get(*name) {
        Some(_) if *name == USER_METADATA => false,
        Some(own) => own != *value,
        None => RESERVED.contains(&name.as_str()),
    };
    if let Some((name, _)) = returned.iter().find(touched) {
        return Err(Fault::ReservedClaim(name.as_str().into()));
    }
    let mut all = claims.clone();
    all.extend(returned);
    if size(&all) > size(claims).saturating_add(MAX_ADDED_BYTES) {
        return Err(Fault::TooLarge);
    }
    if decides(claims, paths) != decides(&all, paths) {
        return Err(Fault::ChangesAccess);
    }
    Ok(all)
}

fn size(claims: &Map<String, Value>) -> usize {
    serde_json::to_vec(claims).map_or(usize::MAX, |json| json.len())
}

/// What the claims mean, but for their text.
fn decides(claims: &Map<String, Value>, paths: &ClaimPaths) -> Option<Claims> {
    let json = Value::Object(claims.clone()).to_string();
    let read = Claims::trust_unverified(&json, paths).ok()?;
    Some(Claims { json: String::new(), ..read })
}

/// What is kept of a user who signs up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Newcomer {
    /// What the user says.
    pub user_metadata: Map<String, Value>,
    /// What the deployment says; may decide.
    pub app_metadata: Map<String, Value>,
}

/// Reads what the hook before a sign-up returned: a user with both metadata; what is missing is as
/// it was. Null refuses the sign-up and is none.
///
/// # Errors
/// - [`Fault::NotAnObject`], [`Fault::Metadata`].
pub fn newcomer(given: &Map<String, Value>, returned: Option<Value>) -> Result<Option<Newcomer>, Fault> {
    let returned = match returned {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::Object(returned)) => returned,
        Some(_) => return Err(Fault::NotAnObject),
    };
    let metadata = |name: &'static str| match returned.get(name).or_else(|| given.get(name)) {
        None => Ok(Map::new()),
        Some(Value::Object(metadata)) if size(metadata) <= MAX_METADATA_BYTES => Ok(metadata.clone()),
        Some(_) => Err(Fault::Metadata(name)),
    };
    Ok(Some(Newcomer { user_metadata: metadata(USER_METADATA)?, app_metadata: metadata("app_metadata")? }))
}

#[cfg(test)]
mod tests;

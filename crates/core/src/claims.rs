//! What a verified token lets its holder be: the few claims that policies read, taken out once.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::jwt::Verified;
use crate::{Error, Result};

/// Where the claims of this database's tokens are found.
///
/// A path is the name of a member, or names separated by dots. A member whose name is the whole
/// path wins, so that `https://example.com/role` can be named as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClaimPaths {
    /// Paths to the active tenant, the first that is there counts.
    pub tenant: Vec<String>,
    /// Paths to the database role.
    pub role: Vec<String>,
    /// Paths to the list of permissions.
    pub permissions: Vec<String>,
}

impl Default for ClaimPaths {
    fn default() -> Self {
        Self {
            tenant: vec!["tenant_id".into(), "app_metadata.tenant_id".into()],
            role: vec!["role".into()],
            permissions: vec!["permissions".into(), "app_metadata.permissions".into()],
        }
    }
}

impl ClaimPaths {
    /// Takes the paths from three settings; an empty one means the default.
    #[must_use]
    pub fn from_settings(tenant: &str, role: &str, permissions: &str) -> Self {
        let default = Self::default();
        let or = |setting: &str, default| if setting.is_empty() { default } else { vec![setting.to_owned()] };
        Self {
            tenant: or(tenant, default.tenant),
            role: or(role, default.role),
            permissions: or(permissions, default.permissions),
        }
    }
}

/// Whether a claim path may decide anything: `user_metadata` is written by its user and never may.
#[must_use]
pub fn path_is_trustworthy(path: &str) -> bool {
    path.len() <= 256 && path.split('.').next() != Some("user_metadata")
}

/// The claims of one identity, as policies read them.
///
/// It is serialisable for one purpose only: a parallel worker takes its leader's claims over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    /// `sub` (RFC 7519 §4.1.2).
    pub subject: Option<String>,
    /// The database role to act as.
    pub role: Option<String>,
    /// `email`.
    pub email: Option<String>,
    /// The active tenant.
    pub tenant_id: Option<Uuid>,
    /// `session_id`.
    pub session_id: Option<Uuid>,
    /// `jti` (RFC 7519 §4.1.7) as a UUID, none when it is something else.
    pub token_id: Option<Uuid>,
    /// `aal`: `aal1`, `aal2` (NIST SP 800-63B).
    pub aal: Option<String>,
    /// Roles in the active tenant.
    pub roles: Vec<String>,
    /// Permissions in the active tenant, `resource:action`.
    pub permissions: Vec<String>,
    /// `exp`: seconds since 1970, rounded down; none when the token has no end.
    pub expires_at: Option<i64>,
    /// All claims, as JSON text.
    pub json: String,
}

impl Claims {
    /// Reads the claims of a verified token.
    ///
    /// # Errors
    /// - [`Error::TokenClaimInvalid`]: a claim that decides something has the wrong type, or a
    ///   string holds NUL, which PostgreSQL can not store.
    pub fn read(verified: &Verified, paths: &ClaimPaths) -> Result<Self> {
        Self::from_object(verified.claims(), verified.claims_json().to_owned(), paths)
    }

    /// Reads claims that somebody else has verified, such as `request.jwt.claims`.
    ///
    /// # Security
    /// Nothing is verified here. Use it only where the operator has said so by a setting.
    ///
    /// # Errors
    /// - [`Error::TokenMalformed`]: not a JSON object.
    /// - [`Error::TokenClaimInvalid`]: as in [`Claims::read`].
    pub fn trust_unverified(json: &str, paths: &ClaimPaths) -> Result<Self> {
        let object: Map<String, Value> = serde_json::from_str(json).map_err(|_| Error::TokenMalformed)?;
        Self::from_object(&object, json.to_owned(), paths)
    }

    /// Claims that were put together here, of what was verified otherwise: an API key's row, another
    /// issuer's token after its mapping. Each is found under its own name and nowhere else.
    ///
    /// # Errors
    /// - [`Error::TokenClaimInvalid`]: as in [`Claims::read`].
    pub fn assemble(object: &Map<String, Value>) -> Result<Self> {
        let own = |name: &str| vec![name.to_owned()];
        let paths =
            ClaimPaths { tenant: own("tenant_id"), role: own("role"), permissions: own("permissions") };
        Self::from_object(object, Value::Object(object.clone()).to_string(), &paths)
    }

    fn from_object(object: &Map<String, Value>, json: String, paths: &ClaimPaths) -> Result<Self> {
        if let Some((name, _)) = object.iter().find(|(name, value)| name.contains('\0') || has_nul(value)) {
            return Err(invalid(&name.replace('\0', "")));
        }
        Ok(Self {
            subject: text(object, "sub")?,
            role: first(object, &paths.role, text)?,
            email: text(object, "email")?,
            tenant_id: first(object, &paths.tenant, id)?,
            session_id: id(object, "session_id")?,
            token_id: object.get("jti").and_then(Value::as_str).and_then(|id| Uuid::parse_str(id).ok()),
            aal: text(object, "aal")?,
            roles: list(object, "roles")?.unwrap_or_default(),
            permissions: first(object, &paths.permissions, list)?.unwrap_or_default(),
            expires_at: object.get("exp").and_then(seconds),
            json,
        })
    }

    /// Puts the roles and permissions that hold now in the place of those that held when the token
    /// was signed, also in [`Claims::json`].
    ///
    /// # Errors
    /// - [`Error::TokenMalformed`]: the JSON text is no object; never after [`Claims::read`].
    pub fn replace_access(&mut self, roles: Vec<String>, permissions: Vec<String>) -> Result<()> {
        if self.roles == roles && self.permissions == permissions {
            return Ok(());
        }
        let mut object: Map<String, Value> =
            serde_json::from_str(&self.json).map_err(|_| Error::TokenMalformed)?;
        object.insert("roles".into(), roles.as_slice().into());
        object.insert("permissions".into(), permissions.as_slice().into());
        self.json = Value::Object(object).to_string();
        (self.roles, self.permissions) = (roles, permissions);
        Ok(())
    }

    /// Takes `session_id` away: it names a session of somebody else.
    ///
    /// # Errors
    /// - [`Error::TokenMalformed`]: the JSON text is no object; never after [`Claims::read`].
    pub fn forget_session(&mut self) -> Result<()> {
        self.session_id = None;
        let mut object: Map<String, Value> =
            serde_json::from_str(&self.json).map_err(|_| Error::TokenMalformed)?;
        if object.remove("session_id").is_some() {
            self.json = Value::Object(object).to_string();
        }
        Ok(())
    }

    /// `sub` as a UUID, none when it is something else.
    #[must_use]
    pub fn user_id(&self) -> Option<Uuid> {
        self.subject.as_deref().and_then(|subject| Uuid::parse_str(subject).ok())
    }
}

fn invalid(claim: &str) -> Error {
    Error::TokenClaimInvalid { claim: claim.into() }
}

pub(crate) fn find<'a>(object: &'a Map<String, Value>, path: &str) -> Option<&'a Value> {
    if let Some(value) = object.get(path) {
        return Some(value);
    }
    let mut names = path.split('.');
    let first = object.get(names.next()?)?;
    names.try_fold(first, |value, name| value.get(name))
}

/// The first path that is there counts, also when it says null: a token of this database whose
/// tenant is withheld (a second factor is due) must not get one from `app_metadata`.
fn first<T>(
    object: &Map<String, Value>,
    paths: &[String],
    read: fn(&Map<String, Value>, &str) -> Result<Option<T>>,
) -> Result<Option<T>> {
    match paths.iter().find(|path| find(object, path).is_some()) {
        Some(path) => read(object, path),
        None => Ok(None),
    }
}

pub(crate) fn text(object: &Map<String, Value>, path: &str) -> Result<Option<String>> {
    match find(object, path) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(_) => Err(invalid(path)),
    }
}

/// A UUID. Another identity provider's tenant may be no UUID: that is no tenant of ours, and none.
fn id(object: &Map<String, Value>, path: &str) -> Result<Option<Uuid>> {
    Ok(text(object, path)?.and_then(|text| Uuid::parse_str(&text).ok()))
}

/// A list of strings, or one string of names separated by blanks (RFC 8693 §4.2 `scope`).
pub(crate) fn list(object: &Map<String, Value>, path: &str) -> Result<Option<Vec<String>>> {
    match find(object, path) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.split_ascii_whitespace().map(str::to_owned).collect())),
        Some(Value::Array(items)) => items
            .iter()
            .map(|item| item.as_str().map(str::to_owned).ok_or_else(|| invalid(path)))
            .collect::<Result<_>>()
            .map(Some),
        Some(_) => Err(invalid(path)),
    }
}

/// Whole seconds of a NumericDate (RFC 7519 §2), rounded down.
fn seconds(value: &Value) -> Option<i64> {
    #[expect(clippy::cast_possible_truncation, reason = "`as` saturates, and a far future is a far future")]
    let floor = |number: f64| number.floor() as i64;
    value.as_i64().or_else(|| value.as_f64().map(floor))
}

fn has_nul(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains('\0'),
        Value::Array(items) => items.iter().any(has_nul),
        Value::Object(members) => members.iter().any(|(name, value)| name.contains('\0') || has_nul(value)),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::{ClaimPaths, Claims, path_is_trustworthy};
    use crate::Error;

    const ALICE: &str = "6f3a1c1e-6c0b-4b7e-9a55-0d9b2f3c4d5e";
    const ACME: &str = "0b8f6f0a-3f0b-4c53-8d3f-3d4a7b1c2e9f";

    fn read(json: &str) -> Claims {
        Claims::trust_unverified(json, &ClaimPaths::default()).unwrap()
    }

    fn refused(json: &str) -> Option<Error> {
        Claims::trust_unverified(json, &ClaimPaths::default()).err()
    }

    #[test]
    fn the_active_tenant_is_tenant_id_else_that_of_app_metadata() {
        let both = format!(r#"{{"tenant_id":"{ACME}","app_metadata":{{"tenant_id":"{ALICE}"}}}}"#);
        assert_eq!(read(&both).tenant_id.unwrap().to_string(), ACME);
        let nested = format!(r#"{{"app_metadata":{{"tenant_id":"{ACME}"}}}}"#);
        assert_eq!(read(&nested).tenant_id.unwrap().to_string(), ACME);
    }

    #[test]
    fn a_tenant_that_is_withheld_is_not_found_elsewhere() {
        let json = format!(
            r#"{{"tenant_id":null,"permissions":[],"app_metadata":{{"tenant_id":"{ACME}","permissions":["*:*"]}}}}"#
        );
        let claims = read(&json);
        assert_eq!((claims.tenant_id, claims.permissions), (None, vec![]));
    }

    #[test]
    fn a_foreign_session_is_forgotten_also_in_the_text() {
        let mut claims = read(&format!(r#"{{"sub":"x","session_id":"{ALICE}"}}"#));
        claims.forget_session().unwrap();
        assert_eq!((claims.session_id, claims.json.as_str()), (None, r#"{"sub":"x"}"#));
    }

    #[test]
    fn user_metadata_decides_nothing() {
        let claims = read(&format!(
            r#"{{"user_metadata":{{"tenant_id":"{ACME}","role":"service_role","permissions":["*"]}}}}"#
        ));
        assert_eq!((claims.tenant_id, claims.role, claims.permissions), (None, None, vec![]));
        assert!(!path_is_trustworthy("user_metadata.role"));
        assert!(!path_is_trustworthy("user_metadata"));
        assert!(path_is_trustworthy("app_metadata.role"));
    }

    #[test]
    fn a_path_setting_replaces_the_default() {
        let paths = ClaimPaths::from_settings("org.id", "https://example.com/role", "scope");
        let json = format!(
            r#"{{"tenant_id":"{ALICE}","org":{{"id":"{ACME}"}},"https://example.com/role":"web","scope":"a:b c:d"}}"#
        );
        let claims = Claims::trust_unverified(&json, &paths).unwrap();
        assert_eq!(claims.tenant_id.unwrap().to_string(), ACME);
        assert_eq!(claims.role.as_deref(), Some("web"));
        assert_eq!(claims.permissions, ["a:b", "c:d"]);
    }

    #[test]
    fn what_holds_now_replaces_what_the_token_says() {
        let json = r#"{"sub":"x","roles":["owner"],"permissions":["*:*"],"big":123456789012}"#;
        let mut claims = read(json);
        claims.replace_access(vec!["viewer".into()], vec![]).unwrap();
        assert_eq!(
            (claims.roles.as_slice(), claims.permissions.len()),
            (["viewer".to_owned()].as_slice(), 0)
        );
        let told = read(&claims.json);
        assert_eq!((&told.roles, &told.permissions), (&claims.roles, &claims.permissions));
        assert!(claims.json.contains(r#""big":123456789012"#));
    }

    #[test]
    fn what_has_not_changed_keeps_its_text() {
        let json = r#"{ "roles": ["owner"],  "permissions": ["*:*"] }"#;
        let mut claims = read(json);
        claims.replace_access(vec!["owner".into()], vec!["*:*".into()]).unwrap();
        assert_eq!(claims.json, json);
    }

    #[test]
    fn a_subject_that_is_no_uuid_is_still_a_subject() {
        let claims = read(r#"{"sub":"auth0|123"}"#);
        assert_eq!((claims.subject.as_deref(), claims.user_id()), (Some("auth0|123"), None));
    }

    #[test]
    fn claims_of_a_wrong_type_are_refused() {
        for (json, claim) in [
            (r#"{"sub":1}"#, "sub"),
            (r#"{"role":["anon"]}"#, "role"),
            (r#"{"tenant_id":{}}"#, "tenant_id"),
            (r#"{"roles":"owner","permissions":{"a":1}}"#, "permissions"),
            (r#"{"roles":[1]}"#, "roles"),
            (r#"{"note":"a\u0000b"}"#, "note"),
            (r#"{"note":[{"a\u0000":1}]}"#, "note"),
        ] {
            assert_eq!(refused(json), Some(Error::TokenClaimInvalid { claim: claim.into() }), "{json}");
        }
        assert_eq!(refused("[]"), Some(Error::TokenMalformed));
    }

    #[test]
    fn expiry_is_whole_seconds_rounded_down() {
        assert_eq!(read(r#"{"exp":12.9}"#).expires_at, Some(12));
        assert_eq!(read(r#"{"exp":1e300}"#).expires_at, Some(i64::MAX));
        assert_eq!(read("{}").expires_at, None);
    }
}

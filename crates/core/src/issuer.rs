//! Tokens of other identity providers: what is believed of them, and what their claims mean here.
//!
//! An issuer is believed about its own users only. It never names a role that it was not allowed
//! to, never one of this database's sessions, and its subjects are not this database's users unless
//! they were linked, or the operator said so.
//!
//! # Source
//! RFC 8725 §3.8 (keys belong to their issuer), §3.9, §3.11; OpenID Connect Core 1.0 §2, §5.1.

use std::collections::HashMap;

use serde_json::{Map, Value};
use uuid::Uuid;

use crate::api_key::Access;
use crate::claims::{self, Claims, path_is_trustworthy};
use crate::jwt::{Algorithm, Expectations, KeySet, MAX_LEEWAY, Validity, Verified, verify};
use crate::{Error, Result};

/// The longest name of an issuer and of a subject, bytes.
pub const MAX_NAME_BYTES: usize = 512;

/// Where in the issuer's tokens something stands; none when they do not tell it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Paths {
    /// The database role: a name, or a list in which an allowed one may be.
    pub role: Option<String>,
    /// Roles in the tenant.
    pub roles: Option<String>,
    /// The tenant.
    pub tenant: Option<String>,
    /// Permissions in the tenant.
    pub permissions: Option<String>,
    /// `aal1` or `aal2`.
    pub aal: Option<String>,
}

/// What is believed of an issuer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rules {
    /// `iss`, in exact spelling.
    pub issuer: String,
    /// What `aud` must name; none when anything goes.
    pub audience: Option<String>,
    /// The algorithms of its keys; never an HMAC.
    pub algorithms: Vec<Algorithm>,
    /// Accepted `typ`, as in [`Expectations::types`].
    pub types: Vec<String>,
    /// By how much its clock may differ, seconds, `0..=`[`MAX_LEEWAY`].
    pub leeway: i64,
    /// Where its claims are.
    pub paths: Paths,
    /// The database roles that it may name.
    pub allowed_roles: Vec<String>,
    /// The role of tokens that name none; one of the allowed ones, or none to refuse such tokens.
    pub default_role: Option<String>,
    /// Its names of tenants; none when it names them by their ids here.
    pub tenants: Option<HashMap<String, Uuid>>,
    /// Whether an `email` counts that the token does not call verified.
    pub trust_email: bool,
    /// Whether a subject that is a UUID is the id of a user here, without a link.
    pub subjects_are_users: bool,
}

/// What of the rules can not be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// No algorithms, or a symmetric one: who verifies could sign.
    Algorithms,
    /// A default role that is not allowed, or no allowed role.
    Roles,
    /// An issuer's name that is empty or too long.
    Issuer,
    /// A leeway out of range.
    Leeway,
    /// A path that a user can write, or that is too long.
    Path,
}

impl Fault {
    /// The stable code.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Algorithms => "issuer_algorithms_invalid",
            Self::Roles => "issuer_roles_invalid",
            Self::Issuer => "issuer_name_invalid",
            Self::Leeway => "leeway_out_of_range",
            Self::Path => "claim_path_invalid",
        }
    }
}

impl Rules {
    /// What is wrong with them, if anything.
    #[must_use]
    pub fn fault(&self) -> Option<Fault> {
        let paths = &self.paths;
        let mut all = [&paths.role, &paths.roles, &paths.tenant, &paths.permissions, &paths.aal].into_iter();
        let default_is_allowed =
            self.default_role.as_ref().is_none_or(|role| self.allowed_roles.contains(role));
        if self.issuer.is_empty() || self.issuer.len() > MAX_NAME_BYTES {
            Some(Fault::Issuer)
        } else if self.algorithms.is_empty() || self.algorithms.iter().any(|known| known.is_symmetric()) {
            Some(Fault::Algorithms)
        } else if self.allowed_roles.is_empty() || !default_is_allowed {
            Some(Fault::Roles)
        } else if !(0..=MAX_LEEWAY).contains(&self.leeway) {
            Some(Fault::Leeway)
        } else if !all
            .all(|path| path.as_deref().is_none_or(|path| !path.is_empty() && path_is_trustworthy(path)))
        {
            Some(Fault::Path)
        } else {
            None
        }
    }

    /// Verifies a token with the issuer's keys, and reads it.
    ///
    /// # Errors
    /// As [`crate::jwt::verify`]; [`Error::TokenRoleNotAllowed`]; [`Error::TokenClaimInvalid`] for
    /// a claim of another type than its meaning here needs.
    pub fn verify(&self, token: &str, keys: &KeySet, now: i64) -> Result<Identity> {
        let mut required = vec!["exp", "iss", "sub"];
        required.extend(self.audience.as_ref().map(|_| "aud"));
        let types: Vec<&str> = self.types.iter().map(String::as_str).collect();
        let expected = Expectations {
            algorithms: &self.algorithms,
            audience: self.audience.as_deref(),
            issuer: Some(&self.issuer),
            leeway: self.leeway,
            required: &required,
            types: &types,
            now,
        };
        self.read(verify(token, keys, &expected)?)
    }

    fn read(&self, verified: Verified) -> Result<Identity> {
        let (validity, size) = (verified.validity(), verified.claims_json().len());
        let object = verified.into_claims();
        let paths = &self.paths;
        let list = |path: &Option<String>| match path {
            Some(path) => claims::list(&object, path).map(Option::unwrap_or_default),
            None => Ok(Vec::new()),
        };
        let subject = claims::text(&object, "sub")?.ok_or_else(|| missing("sub"))?;
        if subject.is_empty() || subject.len() > MAX_NAME_BYTES {
            return Err(Error::TokenClaimInvalid { claim: "sub".into() });
        }
        let email_is_verified = self.trust_email
            || object.get("email_verified").is_some_and(|verified| verified == true || verified == "true");
        Ok(Identity {
            role: self.role(&object)?,
            access: Access { roles: list(&paths.roles)?, permissions: list(&paths.permissions)? },
            tenant: self.tenant(&object),
            aal: aal(&object, paths.aal.as_deref()),
            email: if email_is_verified { claims::text(&object, "email")? } else { None },
            subject_is_user: self.subjects_are_users,
            validity,
            size,
            subject,
            object,
        })
    }

    fn role(&self, object: &Map<String, Value>) -> Result<String> {
        let named = self.paths.role.as_deref().and_then(|path| claims::find(object, path));
        let allowed = match named {
            // Who names one role means it.
            Some(Value::String(role)) => {
                return self
                    .allowed_roles
                    .iter()
                    .find(|allowed| *allowed == role)
                    .cloned()
                    .ok_or(Error::TokenRoleNotAllowed);
            }
            // A list holds roles of many kinds; the first of ours counts.
            Some(Value::Array(roles)) => {
                self.allowed_roles.iter().find(|allowed| roles.iter().any(|role| role == allowed.as_str()))
            }
            _ => None,
        };
        allowed.or(self.default_role.as_ref()).cloned().ok_or(Error::TokenRoleNotAllowed)
    }

    /// A tenant that is unknown here is none.
    fn tenant(&self, object: &Map<String, Value>) -> Option<Uuid> {
        let named = claims::find(object, self.paths.tenant.as_deref()?)?.as_str()?;
        match &self.tenants {
            Some(tenants) => tenants.get(named).copied(),
            None => Uuid::parse_str(named).ok(),
        }
    }
}

fn aal(object: &Map<String, Value>, path: Option<&str>) -> &'static str {
    match path.and_then(|path| claims::find(object, path)).and_then(Value::as_str) {
        Some("aal2") => "aal2",
        _ => "aal1",
    }
}

fn missing(claim: &str) -> Error {
    Error::TokenClaimMissing { claim: claim.into() }
}

/// Somebody whom a trusted issuer has vouched for.
#[derive(Clone)]
pub struct Identity {
    /// `sub`: unique at the issuer, and nowhere else.
    pub subject: String,
    /// The tenant that the token is for, by its id here.
    pub tenant: Option<Uuid>,
    /// `email`, if it is verified.
    pub email: Option<String>,
    /// What the issuer says of roles and permissions.
    pub access: Access,
    role: String,
    aal: &'static str,
    subject_is_user: bool,
    validity: Validity,
    size: usize,
    object: Map<String, Value>,
}

impl Identity {
    /// The user that the subject is without any link.
    #[must_use]
    pub fn own_user(&self) -> Option<Uuid> {
        if self.subject_is_user { Uuid::parse_str(&self.subject).ok() } else { None }
    }

    /// The assurance level.
    #[must_use]
    pub fn aal(&self) -> &'static str {
        self.aal
    }

    /// When the issuer's word is valid. Whoever keeps an identity asks this at every use.
    #[must_use]
    pub fn validity(&self) -> Validity {
        self.validity
    }

    /// How long the token's claims are as JSON text, bytes.
    #[must_use]
    pub fn size(&self) -> usize {
        self.size
    }

    /// The claims as policies read them. `user`: the user here whom it was linked to. `access`: what
    /// that user holds in the tenant, which counts in the place of what the issuer says.
    ///
    /// `sub` is the id of a user here or a name that can be none: a subject that looks like an id and
    /// is no user's is left out. `external_subject` always has it.
    ///
    /// # Errors
    /// - [`Error::TokenClaimInvalid`]: see [`Claims::assemble`].
    pub fn into_claims(self, user: Option<Uuid>, access: Option<Access>) -> Result<Claims> {
        let sub = match user.or_else(|| self.own_user()) {
            Some(user) => Some(user.to_string()),
            None if Uuid::parse_str(&self.subject).is_ok() => None,
            None => Some(self.subject.clone()),
        };
        let access = access.unwrap_or(self.access);
        let mut object = self.object;
        for name in ["session_id", "api_key_id", "sub", "email", "tenant_id", "tenant_slug"] {
            object.remove(name);
        }
        let mut put = |name: &str, value: Value| object.insert(name.to_owned(), value);
        put("external_subject", self.subject.into());
        put("role", self.role.into());
        put("aal", self.aal.into());
        put("roles", access.roles.into());
        put("permissions", access.permissions.into());
        for (name, value) in
            [("sub", sub), ("email", self.email), ("tenant_id", self.tenant.map(|tenant| tenant.to_string()))]
        {
            if let Some(value) = value {
                put(name, value.into());
            }
        }
        Claims::assemble(&object)
    }
}

/// Reads a set of public keys.
///
/// # Errors
/// As [`KeySet::parse`], and [`Error::KeyMalformed`] when it is no JWKS or holds anything secret.
pub fn public_keys(jwks: &Value) -> Result<KeySet> {
    let keys = jwks.get("keys").and_then(Value::as_array).ok_or(Error::KeyMalformed)?;
    let is_secret = |key: &Value| ["d", "k", "p", "q"].iter().any(|member| key.get(member).is_some());
    if keys.iter().any(is_secret) {
        return Err(Error::KeyMalformed);
    }
    KeySet::parse(&jwks.to_string())
}

#[cfg(test)]
mod tests;

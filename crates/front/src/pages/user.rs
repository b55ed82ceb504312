//! The signed-in user, as far as pages show them.

use serde::{Deserialize, Serialize};

use crate::auth::calls::UserJson;
use crate::auth::error::AuthError;

#[derive(Clone, Debug, Deserialize, Serialize)]
pub(super) struct User {
    pub(super) email: String,
    #[serde(default)]
    pub(super) new_email: Option<String>,
    #[serde(default)]
    user_metadata: Metadata,
    #[serde(default)]
    pub(super) factors: Vec<Factor>,
}

/// What users write of themselves: of any type.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
struct Metadata {
    #[serde(default)]
    name: serde_json::Value,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
pub(super) struct Factor {
    pub(super) id: String,
    #[serde(default)]
    pub(super) friendly_name: Option<String>,
    pub(super) status: String,
}

impl User {
    pub(super) fn read(json: &UserJson) -> Result<Self, AuthError> {
        serde_json::from_slice(&json.0).map_err(|_| AuthError::internal("the user can not be read"))
    }

    pub(super) fn name(&self) -> &str {
        self.user_metadata.name.as_str().unwrap_or_default()
    }

    pub(super) fn verified_factors(&self) -> impl Iterator<Item = &Factor> {
        self.factors.iter().filter(|factor| factor.status == "verified")
    }

    pub(super) fn has_factor(&self) -> bool {
        self.verified_factors().next().is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::{User, UserJson};

    #[test]
    fn a_user_is_read_whatever_they_wrote_of_themselves() {
        let read = |json: &'static str| User::read(&UserJson(json.into()));
        let user = read(r#"{"email": "a@b", "user_metadata": {"name": ["x"], "y": 1}}"#).unwrap();
        assert_eq!((user.name(), user.has_factor()), ("", false));
        let factor = r#"{"email": "a@b", "user_metadata": {"name": "A"},
                         "factors": [{"id": "f", "status": "unverified"}, {"id": "g", "status": "verified"}]}"#;
        let user = read(factor).unwrap();
        assert_eq!(user.name(), "A");
        assert_eq!(user.verified_factors().map(|factor| factor.id.as_str()).collect::<Vec<_>>(), ["g"]);
    }
}

//! What is kept with a mailed link.

use serde::Serialize;

/// The SQL functions' `options`.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Options {
    /// Where the link leads in the end; judged by [`crate::config::Site`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) redirect_to: Option<String>,
    /// PKCE (RFC 7636 §4.2); judged by the database.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) code_challenge: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) code_challenge_method: Option<String>,
    /// A page of the front asked: the mail links to a page.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) page: bool,
}

impl Options {
    pub(super) fn json(&self) -> String {
        serde_json::to_string(self).unwrap_or_else(|_| "{}".to_owned())
    }
}

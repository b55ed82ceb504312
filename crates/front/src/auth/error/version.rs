//! Which shape of errors the client reads: it says so by the version of the API that it was made for.

use axum::http::{HeaderMap, HeaderValue};

const HEADER: &str = "x-supabase-api-version";
/// The first version that has the newer shape.
const NEWER: &str = "2024-01-01";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ApiVersion {
    /// `{code: <HTTP status>, error_code, msg}`
    Initial,
    /// `{code, message}`, and the header in the answer
    From20240101,
}

impl ApiVersion {
    /// A version is a date; what is none counts as not given.
    pub(crate) fn parse(headers: &HeaderMap) -> Self {
        let version = headers.get(HEADER).and_then(|version| version.to_str().ok()).unwrap_or_default();
        let is_date =
            version.len() == NEWER.len() && version.bytes().all(|b| b.is_ascii_digit() || b == b'-');
        if is_date && version >= NEWER { Self::From20240101 } else { Self::Initial }
    }

    /// Clients read the newer shape only if the answer is marked.
    pub(super) fn mark(self, headers: &mut HeaderMap) {
        if self == Self::From20240101 {
            headers.insert(HEADER, HeaderValue::from_static(NEWER));
        }
    }
}

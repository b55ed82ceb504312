//! The `Prefer` header (RFC 7240). What is not known is ignored, as the RFC says.

use axum::http::HeaderMap;

/// What an insert gives back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Representation {
    Full,
    Minimal,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Preferences {
    /// `return=`
    pub(crate) representation: Option<Representation>,
}

impl Preferences {
    /// The first one of a kind counts.
    pub(super) fn parse(headers: &HeaderMap) -> Self {
        let mut preferences = Self::default();
        for header in headers.get_all("prefer") {
            for preference in header.to_str().unwrap_or_default().split(',') {
                let representation = match preference.trim() {
                    "return=representation" => Some(Representation::Full),
                    "return=minimal" => Some(Representation::Minimal),
                    _ => None,
                };
                preferences.representation = preferences.representation.or(representation);
            }
        }
        preferences
    }
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderMap, HeaderValue};

    use super::{Preferences, Representation};

    fn parse(values: &[&'static str]) -> Option<Representation> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append("prefer", HeaderValue::from_static(value));
        }
        Preferences::parse(&headers).representation
    }

    #[test]
    fn the_first_known_preference_counts_in_one_header_or_several() {
        assert_eq!(parse(&["count=exact, return=representation"]), Some(Representation::Full));
        assert_eq!(parse(&["return=minimal", "return=representation"]), Some(Representation::Minimal));
        assert_eq!(parse(&["return=everything"]), None);
        assert_eq!(parse(&[]), None);
    }
}

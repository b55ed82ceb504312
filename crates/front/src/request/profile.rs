//! Which schema: `Accept-Profile` when reading, `Content-Profile` when writing.

use axum::http::HeaderMap;

use crate::error::Error;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Profile<'a> {
    pub(crate) schema: &'a str,
    /// Whether the answer names the schema: the client asked, or there are several.
    pub(crate) negotiated: bool,
}

impl<'a> Profile<'a> {
    pub(super) fn parse(headers: &HeaderMap, writes: bool, schemas: &'a [String]) -> Result<Self, Error> {
        let header = headers.get(if writes { "content-profile" } else { "accept-profile" });
        let Some(header) = header else {
            let schema = schemas.first().map(String::as_str).unwrap_or_default();
            return Ok(Self { schema, negotiated: schemas.len() != 1 });
        };
        match schemas.iter().find(|schema| schema.as_bytes() == header.as_bytes()) {
            Some(schema) => Ok(Self { schema, negotiated: true }),
            None => Err(Error::UnacceptableSchema {
                schema: String::from_utf8_lossy(header.as_bytes()).into_owned(),
                exposed: schemas.to_vec(),
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderMap, HeaderValue};

    use super::Profile;

    fn parse(writes: bool, schemas: &[&str]) -> Option<(String, bool)> {
        let mut headers = HeaderMap::new();
        headers.insert("accept-profile", HeaderValue::from_static("b"));
        headers.insert("content-profile", HeaderValue::from_static("c"));
        let schemas: Vec<_> = schemas.iter().map(|&schema| schema.to_owned()).collect();
        let profile = Profile::parse(&headers, writes, &schemas).ok()?;
        Some((profile.schema.to_owned(), profile.negotiated))
    }

    #[test]
    fn reading_and_writing_have_each_their_header() {
        assert_eq!(parse(false, &["a", "b", "c"]), Some(("b".to_owned(), true)));
        assert_eq!(parse(true, &["a", "b", "c"]), Some(("c".to_owned(), true)));
    }

    #[test]
    fn a_schema_that_is_not_exposed_is_refused() {
        assert_eq!(parse(false, &["a"]), None);
    }

    #[test]
    fn without_a_header_the_first_schema_is_meant() {
        let schemas = ["a".to_owned()];
        let profile = Profile::parse(&HeaderMap::new(), false, &schemas).unwrap();
        assert_eq!(profile, Profile { schema: "a", negotiated: false });
    }
}

//! What a data request asks for, parsed and nothing more: pure, no schema cache, no database.

mod accept;
mod body;
mod credential;
mod grammar;
mod path;
mod prefer;
mod profile;
mod query;
mod variables;

use axum::http::Method;
use axum::http::request::Parts;
use bytes::Bytes;

pub(crate) use body::Payload;
pub(crate) use credential::Credential;
pub(crate) use grammar::{Direction, Filter, Nulls, Operator, OrderTerm, Selection};
pub(crate) use path::base_path;
pub(crate) use prefer::{Preferences, Representation};
pub(crate) use profile::Profile;
pub(crate) use query::Query;
pub(crate) use variables::Variables;

use crate::error::Error;

/// What is to be done with the relation.
#[derive(Debug)]
pub(crate) enum Action {
    Insert(Payload),
    Read,
}

/// A data request whose form is right.
#[derive(Debug)]
pub(crate) struct ApiRequest<'a> {
    pub(crate) relation: String,
    pub(crate) profile: Profile<'a>,
    pub(crate) action: Action,
    pub(crate) query: Query,
    pub(crate) preferences: Preferences,
}

impl<'a> ApiRequest<'a> {
    /// Parses the head and body of a request. `schemas` are the exposed ones, the default first.
    pub(crate) fn parse(parts: &Parts, body: Bytes, schemas: &'a [String]) -> Result<Self, Error> {
        let relation = path::relation(parts.uri.path())?;
        let reads = reads(&parts.method)?;
        let profile = Profile::parse(&parts.headers, reads, schemas)?;
        accept::check(&parts.headers)?;
        Ok(Self {
            relation,
            profile,
            query: Query::parse(parts.uri.query().unwrap_or_default())?,
            preferences: Preferences::parse(&parts.headers),
            action: if reads { Action::Read } else { Action::Insert(Payload::parse(&parts.headers, body)?) },
        })
    }
}

fn reads(method: &Method) -> Result<bool, Error> {
    match *method {
        Method::GET | Method::HEAD => Ok(true),
        Method::POST => Ok(false),
        _ => Err(Error::UnsupportedMethod(method.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use axum::http::Request;
    use bytes::Bytes;

    use super::{Action, ApiRequest};
    use crate::error::Error;

    fn parse(method: &str, uri: &str, body: &'static str) -> Result<String, Error> {
        let (parts, ()) = Request::builder().method(method).uri(uri).body(()).unwrap().into_parts();
        let schemas = ["api".to_owned()];
        ApiRequest::parse(&parts, Bytes::from_static(body.as_bytes()), &schemas)
            .map(|request| format!("{} {}", request.relation, matches!(request.action, Action::Read)))
    }

    #[test]
    fn reading_and_inserting_are_told_by_the_method() {
        assert_eq!(parse("GET", "/notes", "").unwrap(), "notes true");
        assert_eq!(parse("HEAD", "/rest/v1/notes?id=eq.1", "").unwrap(), "notes true");
        assert_eq!(parse("POST", "/notes", "{}").unwrap(), "notes false");
    }

    #[test]
    fn other_methods_are_not_supported() {
        assert!(
            matches!(parse("TRACE", "/notes", ""), Err(Error::UnsupportedMethod(method)) if method == "TRACE")
        );
    }
}

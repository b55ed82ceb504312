//! The path: `/rest/v1/…` or `/…`, and what it leads to.

use percent_encoding::percent_decode_str;

use crate::error::Error;

/// Where the data API also lives, beside the root.
const PREFIX: &str = "/rest/v1";

/// What a request is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    Relation(String),
    Root,
    Routine(String),
}

/// The path as PostgREST would see it: without [`PREFIX`].
pub(crate) fn base_path(path: &str) -> &str {
    match path.strip_prefix(PREFIX) {
        Some("") => "/",
        Some(rest) if rest.starts_with('/') => rest,
        _ => path,
    }
}

/// Reads the path; deeper ones lead nowhere.
pub(super) fn target(path: &str) -> Result<Target, Error> {
    let path = base_path(path).strip_prefix('/').unwrap_or_default();
    // As WAI does, a slash at the end does not make another segment.
    let mut segments = path.strip_suffix('/').unwrap_or(path).split('/');
    let target = match (segments.next(), segments.next(), segments.next()) {
        (None | Some(""), None, _) => Target::Root,
        (Some("rpc"), Some(name), None) if !name.is_empty() => Target::Routine(decode(name)?),
        (Some(name), None, _) => Target::Relation(decode(name)?),
        _ => return Err(Error::InvalidPath),
    };
    Ok(target)
}

fn decode(segment: &str) -> Result<String, Error> {
    percent_decode_str(segment).decode_utf8().map(String::from).map_err(|_| Error::InvalidPath)
}

#[cfg(test)]
mod tests {
    use super::{Target, base_path, target};

    #[test]
    fn a_path_leads_to_the_same_with_and_without_the_prefix() {
        assert_eq!(target("/notes").unwrap(), Target::Relation("notes".to_owned()));
        assert_eq!(target("/rest/v1/my%20notes").unwrap(), Target::Relation("my notes".to_owned()));
        assert_eq!(target("/rest/v1/rpc/add").unwrap(), Target::Routine("add".to_owned()));
        for path in ["/", "", "/rest/v1", "/rest/v1/"] {
            assert_eq!(target(path).unwrap(), Target::Root, "{path}");
        }
    }

    #[test]
    fn other_paths_lead_nowhere() {
        for path in ["/a/b", "/rpc/a/b", "/rpc//", "//a", "/%ff"] {
            assert!(target(path).is_err(), "{path}");
        }
    }

    #[test]
    fn the_database_sees_the_path_without_the_prefix() {
        assert_eq!(base_path("/rest/v1/notes"), "/notes");
        assert_eq!(base_path("/rest/v1x"), "/rest/v1x");
        assert_eq!(base_path("/rest/v1"), "/");
    }
}

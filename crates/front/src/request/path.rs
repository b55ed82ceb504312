//! The path: `/rest/v1/<relation>` or `/<relation>`.

use percent_encoding::percent_decode_str;

use crate::error::Error;

/// Where the data API also lives, beside the root.
const PREFIX: &str = "/rest/v1";

/// The path as PostgREST would see it: without [`PREFIX`].
pub(crate) fn base_path(path: &str) -> &str {
    match path.strip_prefix(PREFIX) {
        Some("") => "/",
        Some(rest) if rest.starts_with('/') => rest,
        _ => path,
    }
}

/// The name of the relation; the root and deeper paths have none.
pub(super) fn relation(path: &str) -> Result<String, Error> {
    let name = base_path(path).strip_prefix('/').unwrap_or_default();
    if name.is_empty() || name.contains('/') {
        return Err(Error::InvalidPath);
    }
    percent_decode_str(name).decode_utf8().map(String::from).map_err(|_| Error::InvalidPath)
}

#[cfg(test)]
mod tests {
    use super::{base_path, relation};

    #[test]
    fn the_relation_is_found_with_and_without_the_prefix() {
        assert_eq!(relation("/notes").unwrap(), "notes");
        assert_eq!(relation("/rest/v1/my%20notes").unwrap(), "my notes");
    }

    #[test]
    fn other_paths_name_no_relation() {
        for path in ["/", "", "/rest/v1", "/rest/v1/", "/a/b", "/notes/", "/%ff"] {
            assert!(relation(path).is_err(), "{path}");
        }
    }

    #[test]
    fn the_database_sees_the_path_without_the_prefix() {
        assert_eq!(base_path("/rest/v1/notes"), "/notes");
        assert_eq!(base_path("/rest/v1x"), "/rest/v1x");
        assert_eq!(base_path("/rest/v1"), "/");
    }
}

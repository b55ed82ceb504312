//! Permissions: `resource:action`, with `*` standing for any resource or any action.

/// Whether a granted permission covers the wanted one.
///
/// Each is `resource:action`. In `granted`, a part that is exactly `*` matches any part; `*` alone
/// is the same as `*:*`. In `wanted`, `*` is an ordinary character: asking for `notes:*` is
/// answered by `notes:*` or `*:*` only. Anything that is not of this form matches nothing.
///
/// ```
/// use gatehouse_core::permission::covers;
/// assert!(covers("notes:*", "notes:read"));
/// assert!(!covers("notes:read", "notes:*"));
/// ```
#[must_use]
pub fn covers(granted: &str, wanted: &str) -> bool {
    let Some((wanted_resource, wanted_action)) = split(wanted) else { return false };
    if granted == "*" {
        return true;
    }
    let Some((resource, action)) = split(granted) else { return false };
    (resource == "*" || resource == wanted_resource) && (action == "*" || action == wanted_action)
}

/// Whether every wanted permission is covered by some granted one: whether the holder of `granted`
/// may give `wanted` to somebody else.
///
/// ```
/// use gatehouse_core::permission::covers_all;
/// assert!(covers_all(&["notes:*", "files:read"], &["notes:write", "files:read"]));
/// assert!(!covers_all(&["notes:*"], &["*:*"]));
/// assert!(covers_all::<&str, &str>(&[], &[]));
/// ```
#[must_use]
pub fn covers_all<G: AsRef<str>, W: AsRef<str>>(granted: &[G], wanted: &[W]) -> bool {
    wanted.iter().all(|wanted| granted.iter().any(|granted| covers(granted.as_ref(), wanted.as_ref())))
}

/// What two permissions have in common: what is covered by both. None when that is nothing.
///
/// ```
/// use gatehouse_core::permission::meet;
/// assert_eq!(meet("notes:*", "*:read").as_deref(), Some("notes:read"));
/// assert_eq!(meet("notes:read", "notes:write"), None);
/// ```
#[must_use]
pub fn meet(one: &str, other: &str) -> Option<String> {
    let parts = |permission| if permission == "*" { Some(("*", "*")) } else { split(permission) };
    let ((resource, action), (other_resource, other_action)) = (parts(one)?, parts(other)?);
    let part = |one, other| match (one, other) {
        ("*", any) | (any, "*") => Some(any),
        (one, other) => (one == other).then_some(one),
    };
    Some(format!("{}:{}", part(resource, other_resource)?, part(action, other_action)?))
}

/// Whether the text is a well-formed permission: two non-empty parts of letters, digits, `_`, `-`,
/// `.` or a lone `*`, with one colon between, up to 128 bytes.
#[must_use]
pub fn is_well_formed(permission: &str) -> bool {
    permission.len() <= 128 && split(permission).is_some_and(|(r, a)| is_part(r) && is_part(a))
}

fn split(permission: &str) -> Option<(&str, &str)> {
    let (resource, action) = permission.split_once(':')?;
    (!resource.is_empty() && !action.is_empty() && !action.contains(':')).then_some((resource, action))
}

fn is_part(part: &str) -> bool {
    part == "*"
        || (!part.is_empty()
            && part.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.')))
}

#[cfg(test)]
mod tests {
    use super::{covers, covers_all, is_well_formed, meet};

    /// Whatever the meet covers, both cover; whatever both cover, the meet covers.
    #[test]
    fn what_is_common_is_covered_by_both() {
        let parts = ["*", "notes", "files", "read"];
        let all: Vec<_> = parts.iter().flat_map(|r| parts.map(|a| format!("{r}:{a}"))).collect();
        for (one, other, wanted) in all
            .iter()
            .flat_map(|one| all.iter().map(move |other| (one, other)))
            .flat_map(|(one, other)| all.iter().map(move |wanted| (one, other, wanted)))
        {
            let by_meet = meet(one, other).is_some_and(|meet| covers(&meet, wanted));
            assert_eq!(by_meet, covers(one, wanted) && covers(other, wanted), "{one} {other} {wanted}");
        }
    }

    #[test]
    fn wildcards_stand_for_one_part() {
        for (granted, wanted, expected) in [
            ("notes:read", "notes:read", true),
            ("notes:*", "notes:read", true),
            ("*:read", "notes:read", true),
            ("*:*", "notes:read", true),
            ("*", "notes:read", true),
            ("*:read", "notes:write", false),
            ("notes:*", "note:read", false),
            ("note", "note:read", false),
            ("notes:read", "notes:*", false),
            ("notes:*", "notes:*", true),
            ("notes:read", "notes:read:all", false),
            ("*", "notes", false),
            ("*", "", false),
            ("", "", false),
            (":", ":", false),
            ("Notes:read", "notes:read", false),
        ] {
            assert_eq!(covers(granted, wanted), expected, "{granted} covers {wanted}");
        }
    }

    /// The rule that nobody grants more than they hold stands on this: whatever a covered pattern
    /// covers, the covering one covers as well.
    #[test]
    fn covering_a_pattern_is_covering_all_that_it_covers() {
        let parts = ["*", "notes", "files", "read"];
        let all: Vec<_> = parts.iter().flat_map(|r| parts.map(|a| format!("{r}:{a}"))).collect();
        for granted in &all {
            for pattern in all.iter().filter(|pattern| covers(granted, pattern)) {
                for wanted in all.iter().filter(|wanted| covers(pattern, wanted)) {
                    assert!(covers(granted, wanted), "{granted} covers {pattern} covers {wanted}");
                }
            }
        }
    }

    #[test]
    fn one_permission_not_held_is_one_too_many() {
        assert!(covers_all(&["members:*", "notes:read"], &["members:read", "members:*"]));
        assert!(!covers_all(&["members:*", "notes:read"], &["members:read", "notes:write"]));
        assert!(!covers_all(&["*:read", "*:update"], &["*:*"]));
        assert!(!covers_all::<&str, _>(&[], &["notes:read"]));
    }

    #[test]
    fn only_two_named_parts_are_well_formed() {
        for good in ["notes:read", "*:*", "a.b-c_d:*"] {
            assert!(is_well_formed(good), "{good}");
        }
        for bad in ["", "notes", "notes:", ":read", "a:b:c", "a b:c", "no*:x", "é:x"] {
            assert!(!is_well_formed(bad), "{bad}");
        }
    }
}

//! API keys: `ghk_`, 32 random characters, 6 of a checksum, all base62.
//!
//! The prefix is for scanners of leaked secrets, the checksum tells them (and the database, before
//! any look-up) a key from a typo. What is stored is a keyed hash of the whole and the first
//! characters, by which its owner knows it again.

use aws_lc_rs::digest;
use zeroize::Zeroizing;

use crate::permission::{self, covers};
use crate::{Error, Result};

/// What every API key begins with.
pub const PREFIX: &str = "ghk_";
/// Random bytes that [`ApiKey::make`] takes; a few of them are passed over.
pub const RANDOM_BYTES: usize = 64;
/// The most permissions, and the most roles, of one key.
pub const MAX_NAMES: usize = 100;

/// 190 bits: 32 · log2(62).
const RANDOM_CHARS: usize = 32;
/// 62^6 is more than 2^32.
const CHECKSUM_CHARS: usize = 6;
/// Of the random characters these many are shown; 142 bits remain.
const SHOWN_CHARS: usize = 8;
const LENGTH: usize = PREFIX.len() + RANDOM_CHARS + CHECKSUM_CHARS;

const BASE62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// A well-formed API key: only parsing and making gives one. It does not print.
#[derive(PartialEq, Eq)]
pub struct ApiKey(Zeroizing<String>);

impl ApiKey {
    /// Makes a key of random bytes, each of which must be of a cryptographic source.
    ///
    /// # Errors
    /// - [`Error::KeyOperationFailed`]: too few of the bytes are usable; for random ones that
    ///   happens less than once in 2^80.
    pub fn make(random: &[u8; RANDOM_BYTES]) -> Result<Self> {
        // Bytes from 248 on would make some characters likelier than others.
        let fair = random.iter().filter(|byte| **byte < 248).take(RANDOM_CHARS);
        let mut text = Zeroizing::new(String::with_capacity(LENGTH));
        text.push_str(PREFIX);
        text.extend(fair.map(|byte| char::from(BASE62[usize::from(byte % 62)])));
        if text.len() < PREFIX.len() + RANDOM_CHARS {
            return Err(Error::KeyOperationFailed);
        }
        let checksum = checksum(&text);
        text.push_str(&checksum);
        Ok(Self(text))
    }

    /// Whether the text is meant to be an API key. No JWT begins like one.
    #[must_use]
    pub fn is_meant(text: &str) -> bool {
        text.starts_with(PREFIX)
    }

    /// Reads a key.
    ///
    /// # Errors
    /// - [`Error::ApiKeyMalformed`]: another length, another character, or a checksum that is not
    ///   right.
    pub fn parse(text: &str) -> Result<Self> {
        let is_formed = text.len() == LENGTH
            && text.strip_prefix(PREFIX).is_some_and(|rest| rest.bytes().all(|b| b.is_ascii_alphanumeric()));
        if !is_formed {
            return Err(Error::ApiKeyMalformed);
        }
        let (body, given) = text.split_at(LENGTH - CHECKSUM_CHARS);
        if checksum(body) != given {
            return Err(Error::ApiKeyMalformed);
        }
        Ok(Self(Zeroizing::new(text.to_owned())))
    }

    /// The whole key: to be hashed, and to be shown once to whoever made it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Its first characters, which may be shown and stored.
    #[must_use]
    pub fn shown(&self) -> &str {
        &self.0[..PREFIX.len() + SHOWN_CHARS]
    }
}

impl std::fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ApiKey(..)")
    }
}

/// The first 32 bits of SHA-256, in base62.
///
/// No secret depends on it: 32 bits of a hash of 190 random ones give nothing away that helps.
fn checksum(body: &str) -> String {
    let hash = digest::digest(&digest::SHA256, body.as_bytes());
    let mut number = hash.as_ref().iter().take(4).fold(0_u32, |number, byte| number << 8 | u32::from(*byte));
    let mut digits = [b'0'; CHECKSUM_CHARS];
    for digit in digits.iter_mut().rev() {
        *digit = BASE62[usize::try_from(number % 62).unwrap_or(0)];
        number /= 62;
    }
    digits.iter().copied().map(char::from).collect()
}

/// Why a key with these permissions and roles can not be made by whoever holds those.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Objection {
    /// A permission that is none, or too many names.
    Malformed,
    /// A permission that the maker does not hold.
    PermissionNotHeld,
    /// A role that the maker does not hold.
    RoleNotHeld,
}

impl Objection {
    /// The stable code.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Malformed => "api_key_permissions_malformed",
            Self::PermissionNotHeld => "permission_not_held",
            Self::RoleNotHeld => "role_not_held",
        }
    }
}

/// Roles and permissions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Access {
    /// Names of roles.
    pub roles: Vec<String>,
    /// Permissions, `resource:action`.
    pub permissions: Vec<String>,
}

/// Whether whoever holds `held` may make a key with `wanted`: nobody gives what they lack.
#[must_use]
pub fn objection(wanted: &Access, held: &Access) -> Option<Objection> {
    if wanted.permissions.len() > MAX_NAMES
        || wanted.roles.len() > MAX_NAMES
        || !wanted.permissions.iter().all(|name| permission::is_well_formed(name))
    {
        return Some(Objection::Malformed);
    }
    if !wanted.permissions.iter().all(|name| held.permissions.iter().any(|granted| covers(granted, name))) {
        return Some(Objection::PermissionNotHeld);
    }
    (!wanted.roles.iter().all(|name| held.roles.contains(name))).then_some(Objection::RoleNotHeld)
}

/// What a key still gives when its user holds `held` now: what both have.
#[must_use]
pub fn cut(key: &Access, held: &Access) -> Access {
    let mut permissions: Vec<String> = Vec::new();
    for own in &key.permissions {
        for meet in held.permissions.iter().filter_map(|granted| permission::meet(own, granted)) {
            if !permissions.contains(&meet) {
                permissions.push(meet);
            }
        }
    }
    let roles = key.roles.iter().filter(|role| held.roles.contains(role)).cloned().collect();
    Access { roles, permissions }
}

#[cfg(test)]
mod tests {
    use super::{Access, ApiKey, Objection, PREFIX, RANDOM_BYTES, cut, objection};
    use crate::Error;

    fn key(seed: u8) -> ApiKey {
        let random: Vec<u8> = (0..64_u8).map(|at| at.wrapping_mul(37).wrapping_add(seed)).collect();
        ApiKey::make(&<[u8; RANDOM_BYTES]>::try_from(random).unwrap()).unwrap()
    }

    fn access(roles: &[&str], permissions: &[&str]) -> Access {
        let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        Access { roles: owned(roles), permissions: owned(permissions) }
    }

    #[test]
    fn a_made_key_is_read_again() {
        for seed in 0..=255 {
            let key = key(seed);
            assert_eq!(ApiKey::parse(key.expose()).unwrap(), key);
            assert!(key.expose().starts_with(PREFIX) && key.expose().len() == 42);
        }
    }

    /// The format is public: scanners rely on it.
    #[test]
    fn the_checksum_is_base62_of_the_first_32_bits_of_sha_256() {
        // printf 'ghk_00000000000000000000000000000000' | sha256sum, first 8 digits, in base62.
        let key = ApiKey::make(&[0; RANDOM_BYTES]).unwrap();
        assert_eq!(key.expose(), "ghk_000000000000000000000000000000002NBntw");
    }

    #[test]
    fn any_one_changed_character_is_noticed() {
        let whole = key(1).expose().to_owned();
        for at in 0..whole.len() {
            let mut bytes = whole.clone().into_bytes();
            bytes[at] = if bytes[at] == b'x' { b'y' } else { b'x' };
            let changed = String::from_utf8(bytes).unwrap();
            assert_eq!(ApiKey::parse(&changed), Err(Error::ApiKeyMalformed), "{at}");
            assert_eq!(ApiKey::parse(&whole[..at]), Err(Error::ApiKeyMalformed), "cut at {at}");
        }
        for bad in
            [format!("{whole}0"), format!(" {whole}"), whole.replace("ghk_", "ghk-"), "ghk_é".repeat(7)]
        {
            assert_eq!(ApiKey::parse(&bad), Err(Error::ApiKeyMalformed), "{bad}");
        }
    }

    #[test]
    fn a_broken_random_source_makes_no_key() {
        assert_eq!(ApiKey::make(&[255; RANDOM_BYTES]), Err(Error::KeyOperationFailed));
    }

    #[test]
    fn a_key_does_not_print_and_shows_its_beginning_only() {
        let key = key(3);
        assert_eq!(format!("{key:?}"), "ApiKey(..)");
        assert!(key.expose().starts_with(key.shown()) && key.shown().len() == 12);
    }

    #[test]
    fn nobody_gives_what_they_lack() {
        let held = access(&["editor"], &["notes:*", "files:read"]);
        for (wanted, expected) in [
            (access(&[], &[]), None),
            (access(&["editor"], &["notes:read", "files:read"]), None),
            (access(&[], &["files:*"]), Some(Objection::PermissionNotHeld)),
            (access(&[], &["*:*"]), Some(Objection::PermissionNotHeld)),
            (access(&["owner"], &[]), Some(Objection::RoleNotHeld)),
            (access(&[], &["notes"]), Some(Objection::Malformed)),
            (access(&[], &["notes:read"; 101]), Some(Objection::Malformed)),
        ] {
            assert_eq!(objection(&wanted, &held), expected, "{wanted:?}");
        }
    }

    #[test]
    fn a_key_gives_what_it_was_made_for_and_its_user_still_holds() {
        let key = access(&["editor", "owner"], &["notes:*", "files:read"]);
        let now = access(&["editor"], &["*:read", "files:write"]);
        assert_eq!(cut(&key, &now), access(&["editor"], &["notes:read", "files:read"]));
        assert_eq!(cut(&key, &access(&[], &[])), access(&[], &[]));
        assert_eq!(cut(&access(&[], &["*"]), &access(&[], &["notes:read"])), access(&[], &["notes:read"]));
    }
}

//! The ids (`jti`, RFC 7519 §4.1.7) of access tokens, and which of them a session remembers.
//!
//! A session lists the ids of its access tokens that may still be in use, and only these are
//! accepted. A token whose minting was rolled back is in no list.

use uuid::{Builder, Uuid};

/// How many ids a session remembers, so that its row stays small whatever its user does. Beyond it
/// the oldest is forgotten, and that token ends early.
pub const MOST: usize = 512;

/// A UUID of version 7 (RFC 9562 §5.7).
///
/// `millis`: milliseconds since 1970; `random`: from a strong source.
#[must_use]
pub fn token_id(millis: u64, random: [u8; 10]) -> Uuid {
    Builder::from_unix_timestamp_millis(millis, &random).into_uuid()
}

/// When a token was minted: milliseconds since 1970.
fn minted_at(id: Uuid) -> u64 {
    // The first 48 bits.
    u64::try_from(id.as_u128() >> 80).unwrap_or(u64::MAX)
}

/// The list after minting `fresh`: without those minted before `oldest` (milliseconds since 1970),
/// whose tokens have expired.
///
/// ```
/// use gatehouse_core::token_id::{remember, token_id};
/// let (first, second) = (token_id(1_000, [1; 10]), token_id(9_000, [2; 10]));
/// assert_eq!(remember(&[first], second, 1_000), [first, second]);
/// assert_eq!(remember(&[first], second, 1_001), [second]);
/// ```
#[must_use]
pub fn remember(ids: &[Uuid], fresh: Uuid, oldest: u64) -> Vec<Uuid> {
    let alive: Vec<Uuid> = ids.iter().copied().filter(|id| minted_at(*id) >= oldest).collect();
    let too_many = (alive.len() + 1).saturating_sub(MOST);
    alive.into_iter().skip(too_many).chain([fresh]).collect()
}

#[cfg(test)]
mod tests {
    use super::{MOST, minted_at, remember, token_id};

    #[test]
    fn an_id_is_of_version_7_and_tells_when() {
        let id = token_id(1_900_000_000_123, [0xff; 10]);
        assert_eq!(id.get_version_num(), 7);
        assert_eq!(minted_at(id), 1_900_000_000_123);
        assert_ne!(id, token_id(1_900_000_000_123, [0xfe; 10]));
    }

    #[test]
    fn the_list_never_grows_beyond_its_limit_and_forgets_the_oldest() {
        let ids = (0..2_000).map(|at| token_id(at, [0; 10]));
        let list = ids.fold(Vec::new(), |list, id| remember(&list, id, 0));
        assert_eq!(list.len(), MOST);
        assert_eq!(minted_at(list[0]), 2_000 - MOST as u64);
        assert_eq!(minted_at(list[MOST - 1]), 1_999);
    }

    #[test]
    fn the_fresh_one_is_there_whatever_its_time() {
        let fresh = token_id(0, [0; 10]);
        assert_eq!(remember(&[], fresh, u64::MAX), [fresh]);
    }
}

//! Faults for tests, in the test build of the library only.

use pgrx::prelude::*;

use crate::apart;
use crate::report::{Refusal, answer};

/// `auth.test_panic()`: panics as a bug would, with data in the message.
#[pg_extern(sql = false)]
#[expect(clippy::panic, reason = "it is what this is for")]
fn test_panic() {
    answer(|| -> Result<(), Refusal> { panic!("canary-of-a-secret") });
}

/// `auth.test_index_panic(at)`: panics inside the standard library.
#[pg_extern(sql = false)]
fn test_index_panic(at: i64) -> i32 {
    answer(|| {
        let list = [1, 2, 3];
        Ok(list[usize::try_from(at).unwrap_or(usize::MAX)])
    })
}

/// `auth.test_hashing_panic()`: panics where passwords are hashed.
#[pg_extern(sql = false)]
#[expect(clippy::panic, reason = "it is what this is for")]
fn test_hashing_panic() {
    answer(|| -> Result<(), Refusal> { apart::run(|| panic!("canary-of-a-secret")) });
}

/// `auth.test_totp_code(secret, at)`: what an authenticator would show.
#[pg_extern(sql = false)]
fn test_totp_code(secret: &[u8], at: i64) -> String {
    use gatehouse_core::secret::Secret;
    use gatehouse_core::totp::{Hash, Totp};

    Totp::new(Secret::new(secret.to_vec()), Hash::default()).code_at(u64::try_from(at).unwrap_or(0))
}

/// `auth.test_ring_used()`
#[pg_extern(sql = false)]
fn test_ring_used() -> i32 {
    // SAFETY: reads the oid of this backend's database.
    let database = unsafe { pg_sys::MyDatabaseId };
    i32::try_from(crate::ring::RING.share().used(database)).unwrap_or(i32::MAX)
}

/// `auth.test_remembered_tokens()`
#[pg_extern(sql = false)]
fn test_remembered_tokens() -> i32 {
    i32::try_from(crate::verified::remembered().0).unwrap_or(i32::MAX)
}

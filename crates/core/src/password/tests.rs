//! Known answers of other implementations, the edges, hostile input and the policy.

mod arbitrary;
mod edges;
mod hostile;
mod policy;
mod rehash;
mod vectors;

use super::{Algorithm, HashSettings};

const PASSWORD: &str = "correct horse battery staple";
const SALT: [u8; 16] = *b"0123456789abcdef";

/// The cheapest accepted settings, so that the tests are fast.
fn cheap(algorithm: Algorithm) -> HashSettings {
    HashSettings {
        algorithm,
        bcrypt_cost: 10,
        argon2_memory_kib: 7_168,
        argon2_iterations: 1,
        argon2_parallelism: 1,
    }
}

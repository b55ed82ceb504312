//! What is asked of new passwords, and how they are hashed.

use std::ffi::CString;

use gatehouse_core::password::{Algorithm, HashSettings, Policy};
use pgrx::guc::{GucContext, GucFlags, GucRegistry, GucSetting, PostgresGucEnum};

use super::{define_int, int, number, string, text};

#[derive(Clone, Copy, PostgresGucEnum)]
#[expect(non_camel_case_types, reason = "pgrx makes the values of the setting from these names")]
enum HashAlgorithm {
    bcrypt,
    argon2id,
}

static PASSWORD_ALGORITHM: GucSetting<HashAlgorithm> =
    GucSetting::<HashAlgorithm>::new(HashAlgorithm::bcrypt);
static BCRYPT_COST: GucSetting<i32> = GucSetting::<i32>::new(12);
static ARGON2_MEMORY: GucSetting<i32> = GucSetting::<i32>::new(19_456);
static ARGON2_ITERATIONS: GucSetting<i32> = GucSetting::<i32>::new(2);
static ARGON2_PARALLELISM: GucSetting<i32> = GucSetting::<i32>::new(1);
static HASH_NICENESS: GucSetting<i32> = GucSetting::<i32>::new(5);
static PASSWORD_MIN_LENGTH: GucSetting<i32> = GucSetting::<i32>::new(15);
static PASSWORD_MIN_LENGTH_WITH_FACTOR: GucSetting<i32> = GucSetting::<i32>::new(8);
static PASSWORD_MIN_SCORE: GucSetting<i32> = GucSetting::<i32>::new(2);
static PRODUCT_NAME: GucSetting<Option<CString>> = GucSetting::<Option<CString>>::new(Some(c""));

/// Defines them.
pub(super) fn define() {
    GucRegistry::define_enum_guc(
        c"pg_gatehouse.password_algorithm",
        c"Algorithm for new password hashes: bcrypt or argon2id.",
        c"Existing hashes of other algorithms keep verifying and are replaced at the next sign-in.",
        &PASSWORD_ALGORITHM,
        GucContext::Suset,
        GucFlags::default(),
    );
    int(
        c"pg_gatehouse.bcrypt_cost",
        c"Cost of new bcrypt hashes, 10 to 16: 2^cost rounds.",
        &BCRYPT_COST,
        10,
        16,
    );
    define_int(
        c"pg_gatehouse.argon2_memory",
        c"Memory of new argon2id hashes, 7 MiB to 1 GiB.",
        &ARGON2_MEMORY,
        (7_168, 1_048_576),
        GucFlags::UNIT_KB,
    );
    int(
        c"pg_gatehouse.argon2_iterations",
        c"Passes of new argon2id hashes, 1 to 16.",
        &ARGON2_ITERATIONS,
        1,
        16,
    );
    int(
        c"pg_gatehouse.argon2_parallelism",
        c"Lanes of new argon2id hashes, 1 to 16.",
        &ARGON2_PARALLELISM,
        1,
        16,
    );
    int(
        c"pg_gatehouse.hash_niceness",
        c"How much nicer than the server hashing a password is, 0 to 19; 0 hashes as everything else runs. Linux only.",
        &HASH_NICENESS,
        0,
        19,
    );
    int(
        c"pg_gatehouse.password_min_length",
        c"Least number of characters in a new password, 6 to 128.",
        &PASSWORD_MIN_LENGTH,
        6,
        128,
    );
    int(
        c"pg_gatehouse.password_min_length_with_factor",
        c"The same where the tenant requires a second factor, 6 to 128, if it is less.",
        &PASSWORD_MIN_LENGTH_WITH_FACTOR,
        6,
        128,
    );
    int(
        c"pg_gatehouse.password_min_score",
        c"Least strength of a new password as zxcvbn estimates it, 0 to 4.",
        &PASSWORD_MIN_SCORE,
        0,
        4,
    );
    string(
        c"pg_gatehouse.product_name",
        c"Name of your product; passwords must not be built on it.",
        &PRODUCT_NAME,
        GucContext::Suset,
    );
}

/// How new passwords are hashed.
pub(crate) fn hashing() -> HashSettings {
    HashSettings {
        algorithm: match PASSWORD_ALGORITHM.get() {
            HashAlgorithm::bcrypt => Algorithm::Bcrypt,
            HashAlgorithm::argon2id => Algorithm::Argon2id,
        },
        bcrypt_cost: number(&BCRYPT_COST),
        argon2_memory_kib: number(&ARGON2_MEMORY),
        argon2_iterations: number(&ARGON2_ITERATIONS),
        argon2_parallelism: number(&ARGON2_PARALLELISM),
    }
}

/// By how much hashing is nicer than the server, 0 to 19.
pub(crate) fn hash_niceness() -> i32 {
    HASH_NICENESS.get()
}

/// What new passwords must be.
pub(crate) fn policy() -> Policy {
    Policy {
        min_length: number(&PASSWORD_MIN_LENGTH),
        min_score: u8::try_from(PASSWORD_MIN_SCORE.get()).unwrap_or(4),
        max_bytes: hashing().algorithm.max_password_bytes(),
    }
}

/// A word that passwords must not be built on; may be empty.
pub(crate) fn product_name() -> String {
    text(&PRODUCT_NAME)
}

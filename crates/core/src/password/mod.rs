//! Password hashing, verification and the password policy.
//!
//! Nothing here knows of users, tables, clocks or where salts come from: the salt is a parameter,
//! and what a failed check means is the caller's decision.
//!
//! | module | holds |
//! | --- | --- |
//! | `settings` | which algorithm and cost new hashes take |
//! | `text` | the one form in which a password is hashed |
//! | `stored` | a stored hash, parsed: dispatch over the formats |
//! | `bcrypt`, `argon2`, `scrypt`, `firebase`, `pbkdf2`, `phc` | one format each, and the syntax that they share |
//! | `policy`, `context`, `strength`, `reason` | whether a new password is good enough, and why not |
//!
//! # Security
//! bcrypt, argon2 and their kin are slow on purpose and can not be interrupted: [`verify`] bounds the
//! work and the memory that a stored hash may ask for, because a stored hash may have been imported.

mod argon2;
mod bcrypt;
mod context;
mod firebase;
mod pbkdf2;
mod phc;
mod policy;
mod reason;
mod scrypt;
mod settings;
mod stored;
mod strength;
mod text;

#[cfg(test)]
mod tests;

pub use policy::{Assessment, MAX_MIN_SCORE, MIN_LENGTH, Policy, check, warm_up};
pub use reason::Reason;
pub use settings::{
    ARGON2_ITERATIONS, ARGON2_MEMORY_KIB, ARGON2_PARALLELISM, Algorithm, BCRYPT_COST, HashSettings,
};

use crate::Result;
use stored::Stored;

/// The longest password that is accepted, in bytes of UTF-8, before and after normalisation.
///
/// bcrypt takes less: see [`Algorithm::max_password_bytes`].
pub const MAX_PASSWORD_BYTES: usize = 1024;

/// Hashed in place of a password that can not match, so that the work is the same.
const STAND_IN: &[u8] = b"no password is this one";

/// A new hash of the password, as a modular-crypt string (bcrypt, `$2b$`) or a PHC string (argon2id).
///
/// The text is normalised to NFKC first, so that the same password typed on another keyboard or
/// system gives the same bytes. The salt must be 16 bytes from a cryptographic random source, fresh
/// for each hash.
///
/// # Errors
/// - [`HashCostOutOfRange`](crate::Error::HashCostOutOfRange): a setting of the chosen algorithm is
///   outside its range.
/// - [`HashOutOfMemory`](crate::Error::HashOutOfMemory): argon2id could not get its memory.
/// - [`PasswordEmpty`](crate::Error::PasswordEmpty), [`PasswordHasNul`](crate::Error::PasswordHasNul),
///   [`PasswordTooLong`](crate::Error::PasswordTooLong): no password can be so.
/// - [`PasswordTooLongForBcrypt`](crate::Error::PasswordTooLongForBcrypt): over 72 bytes after
///   normalisation; bcrypt would ignore the rest, so it is refused instead.
///
/// # Source
/// NIST SP 800-63B-4 §3.1.1.2 (normalise, never truncate), RFC 9106 (argon2), UAX #15 (NFKC).
///
/// ```
/// use gatehouse_core::password::{HashSettings, hash, verify};
/// let salt = [7; 16]; // from the system's random source in earnest
/// let stored = hash("correct horse battery staple", &HashSettings::default(), &salt)?;
/// assert!(stored.starts_with("$2b$12$"));
/// assert!(verify("correct horse battery staple", &stored)?);
/// # Ok::<(), gatehouse_core::Error>(())
/// ```
pub fn hash(password: &str, settings: &HashSettings, salt: &[u8; 16]) -> Result<String> {
    settings.validate()?;
    let text = text::accept(password, settings.algorithm)?;
    match settings.algorithm {
        Algorithm::Bcrypt => Ok(bcrypt::hash(text.as_bytes(), settings.bcrypt_cost, salt)),
        Algorithm::Argon2id => argon2::hash(text.as_bytes(), settings, salt),
    }
}

/// Whether the password is the one that the stored hash was made of.
///
/// Reads bcrypt (`$2a$`, `$2b$`, `$2y$`), argon2id and argon2i, scrypt and pbkdf2-sha256/sha512 in PHC
/// form, the last two also in the form that Python's passlib writes, and Firebase's scrypt
/// (`$fbscrypt$`). The NFKC form is tried first and
/// then, where it differs, the text as given: other systems hash what was typed.
///
/// An empty password, one with a NUL byte and one that is too long never match: the answer is
/// `Ok(false)` after the same work as for any other wrong password. The same holds for more than 72
/// bytes against bcrypt, although the system that made the hash may have ignored what follows.
///
/// # Errors
/// Every error is about the hash; none depends on the password.
/// - [`HashUnknownFormat`](crate::Error::HashUnknownFormat): in none of these formats.
/// - [`HashMalformed`](crate::Error::HashMalformed): begins like one of them and does not parse.
/// - [`HashParametersOutOfRange`](crate::Error::HashParametersOutOfRange): asks for too much (bcrypt
///   cost over 16; argon2 over 1 GiB, 64 passes, 16 lanes or 16 GiB filled in all; scrypt over 1 GiB or
///   4 GiB filled in all; pbkdf2 over 10 million iterations) or for less than the algorithm allows.
/// - [`HashOutOfMemory`](crate::Error::HashOutOfMemory): the memory could not be allocated.
///
/// # Security
/// The digests are compared in constant time. The time taken tells which algorithm and cost the hash
/// has; verify against [`dummy_hash`] when there is no user.
pub fn verify(password: &str, hash: &str) -> Result<bool> {
    let stored = Stored::parse(hash)?;
    let candidates = text::candidates(password, stored.max_password_bytes());
    if candidates.is_empty() {
        std::hint::black_box(stored.matches(STAND_IN)?);
        return Ok(false);
    }
    for candidate in &candidates {
        if stored.matches(candidate.as_bytes())? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether the stored hash should be replaced at the next sign-in.
///
/// True when it has another algorithm or variant than `settings` asks for, or less work: any cost
/// parameter lower, a salt under 16 bytes, an argon2 digest under 32. More work than configured is left
/// alone: a rehash must not weaken.
///
/// # Errors
/// As [`verify`], without `HashOutOfMemory`: nothing is computed.
pub fn needs_rehash(hash: &str, settings: &HashSettings) -> Result<bool> {
    Ok(!Stored::parse(hash)?.is_current(settings))
}

/// A well-formed hash with the parameters of `settings` that no known password matches.
///
/// Verify against it when there is no user, so that an unknown user costs the same work as a wrong
/// password. It is put together, not computed: salt and digest are fixed. A setting outside its range
/// counts as the nearest bound.
#[must_use]
pub fn dummy_hash(settings: &HashSettings) -> String {
    let settings = settings.clamped();
    match settings.algorithm {
        Algorithm::Bcrypt => bcrypt::dummy(settings.bcrypt_cost),
        Algorithm::Argon2id => argon2::dummy(&settings),
    }
}

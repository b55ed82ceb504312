//! The one form in which a password is hashed.

use unicode_normalization::UnicodeNormalization;
use zeroize::Zeroizing;

use super::{Algorithm, MAX_PASSWORD_BYTES};
use crate::{Error, Result};

/// Bytes of a text can grow at most elevenfold under NFKC; with that capacity no copy is left behind
/// by a reallocation.
const NFKC_GROWTH: usize = 11;

/// The NFKC form (UAX #15), wiped when dropped.
///
/// Call it only with a bounded text: at most [`MAX_PASSWORD_BYTES`].
pub(super) fn normalise(password: &str) -> Zeroizing<String> {
    let mut text = Zeroizing::new(String::with_capacity(password.len().saturating_mul(NFKC_GROWTH)));
    text.extend(password.nfkc());
    text
}

/// The form to hash, of a password that may be hashed.
///
/// # Errors
/// `PasswordEmpty`, `PasswordHasNul`, `PasswordTooLong`, `PasswordTooLongForBcrypt`.
pub(super) fn accept(password: &str, algorithm: Algorithm) -> Result<Zeroizing<String>> {
    if password.is_empty() {
        return Err(Error::PasswordEmpty);
    }
    if password.contains('\0') {
        return Err(Error::PasswordHasNul);
    }
    if password.len() > MAX_PASSWORD_BYTES {
        return Err(Error::PasswordTooLong);
    }
    let text = normalise(password);
    if text.len() > MAX_PASSWORD_BYTES {
        return Err(Error::PasswordTooLong);
    }
    if text.len() > algorithm.max_password_bytes() {
        return Err(Error::PasswordTooLongForBcrypt);
    }
    Ok(text)
}

/// The forms to compare with a stored hash, in order: NFKC, then the text as given where it differs.
///
/// Forms that no hash can have been made of here (empty, with a NUL byte, over `max_bytes`) are left
/// out; there may be none.
pub(super) fn candidates(password: &str, max_bytes: usize) -> Vec<Zeroizing<String>> {
    if password.is_empty() || password.contains('\0') || password.len() > MAX_PASSWORD_BYTES {
        return Vec::new();
    }
    let normal = normalise(password);
    let given = (normal.as_str() != password).then(|| Zeroizing::new(password.to_owned()));
    std::iter::once(normal).chain(given).filter(|form| form.len() <= max_bytes).collect()
}

//! The master key: read from its file when first needed, kept in the backend.
//!
//! There may be two of them while the operator changes it (`auth.rotate_master_key`): the one of
//! `pg_gatehouse.master_key_file` and the one of `pg_gatehouse.next_master_key_file`. Either opens;
//! the next one, as soon as there is one, seals. So nothing fails at any moment of the change.

use std::path::{Path, PathBuf};

use gatehouse_core::Error;
use gatehouse_core::secret::Secret;
use gatehouse_core::vault::{MasterKey, NONCE_BYTES};

use super::random;
use crate::report::Refusal;
use crate::settings;

/// The keys read so far, by file.
static mut CACHED: Vec<(PathBuf, MasterKey)> = Vec::new();

/// What a private key of this id is sealed for; it opens in no other row.
pub(super) fn purpose(kid: &str) -> String {
    format!("signing_key:{kid}")
}

/// Encrypts a value under the master key, the next one if there is one.
pub(crate) fn seal(plain: &Secret, purpose: &str) -> Result<Vec<u8>, Refusal> {
    let newest = files().pop().unwrap_or_default();
    Ok(key(&newest)?.seal(plain, purpose, random::<NONCE_BYTES>())?)
}

/// Decrypts what [`seal`] made, under whichever of the keys it is sealed.
pub(crate) fn open(sealed: &[u8], purpose: &str) -> Result<Secret, Refusal> {
    let mut outcome = try_open(sealed, purpose);
    if outcome == Err(Error::SealBroken.into()) {
        // Perhaps the file holds another key by now.
        forget();
        outcome = try_open(sealed, purpose);
    }
    outcome
}

fn try_open(sealed: &[u8], purpose: &str) -> Result<Secret, Refusal> {
    let mut outcome = Err(Error::SealBroken.into());
    for file in files() {
        outcome = key(&file).and_then(|key| Ok(key.open(sealed, purpose)?));
        if outcome.is_ok() {
            break;
        }
    }
    outcome
}

/// Seals the value under the key of `file`, which must be the announced next one.
pub(super) fn reseal(sealed: &[u8], purpose: &str, file: &Path) -> Result<Option<Vec<u8>>, Refusal> {
    if file.as_os_str().is_empty() || file != Path::new(&settings::next_master_key_file()) {
        return Err(Refusal::MasterKeyNotAnnounced);
    }
    // Read now and not from the cache: what is in the file is what will be there after a restart.
    forget();
    let next = key(file)?;
    if next.open(sealed, purpose).is_ok() {
        return Ok(None);
    }
    let plain = open(sealed, purpose)?;
    Ok(Some(next.seal(&plain, purpose, random::<NONCE_BYTES>())?))
}

/// The files of master keys, the one that seals last.
fn files() -> Vec<PathBuf> {
    let next = settings::next_master_key_file();
    let next = (!next.is_empty()).then(|| PathBuf::from(next));
    std::iter::once(PathBuf::from(settings::master_key_file())).chain(next).collect()
}

fn forget() {
    // SAFETY: backends are single-threaded, and no borrow outlives its statement.
    unsafe { CACHED = Vec::new() };
}

fn key(path: &Path) -> Result<MasterKey, Refusal> {
    // SAFETY: as above.
    let cached = unsafe { &mut *(&raw mut CACHED) };
    if let Some((_, key)) = cached.iter().find(|(of, _)| of == path) {
        return Ok(key.clone());
    }
    let key = read(path)?;
    cached.push((path.to_owned(), key.clone()));
    Ok(key)
}

fn read(path: &Path) -> Result<MasterKey, Refusal> {
    if path.as_os_str().is_empty() {
        return Err(unreadable("pg_gatehouse.master_key_file is not set"));
    }
    let text = std::fs::read_to_string(path).map_err(|error| unreadable(&error.kind().to_string()))?;
    refuse_if_others_can_read(path)?;
    MasterKey::parse(&zeroize::Zeroizing::new(text)).map_err(Refusal::from)
}

/// Like a private key of TLS: nobody but the server's user.
fn refuse_if_others_can_read(path: &Path) -> Result<(), Refusal> {
    use std::os::unix::fs::PermissionsExt as _;
    let mode =
        std::fs::metadata(path).map_err(|error| unreadable(&error.kind().to_string()))?.permissions().mode();
    if mode & 0o077 != 0 {
        return Err(unreadable("others than its owner can read the file; run: chmod 600"));
    }
    Ok(())
}

fn unreadable(why: &str) -> Refusal {
    Refusal::MasterKeyUnreadable { why: why.to_owned() }
}

//! The master key: read from its file when first needed, kept in the backend.

use std::path::{Path, PathBuf};

use gatehouse_core::vault::MasterKey;

use crate::report::Refusal;
use crate::settings;

static mut CACHED: Option<(PathBuf, MasterKey)> = None;

/// What a private key of this id is sealed for; it opens in no other row.
pub(super) fn purpose(kid: &str) -> String {
    format!("signing_key:{kid}")
}

/// The master key of this server.
pub(crate) fn key() -> Result<MasterKey, Refusal> {
    let path = PathBuf::from(settings::master_key_file());
    // SAFETY: backends are single-threaded.
    let cached = unsafe { &mut *(&raw mut CACHED) };
    if let Some((of, key)) = cached
        && *of == path
    {
        return Ok(key.clone());
    }
    let key = read(&path)?;
    *cached = Some((path, key.clone()));
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

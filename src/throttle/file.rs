//! What of the counters outlives the server: consecutive failures and known addresses.
//!
//! A file of fixed size in the data folder is the image of two regions of the memory; each change
//! overwrites one entry of it in place, at once, whatever becomes of the transaction. So what was
//! counted is there after a restart, a crash and a `kill -9` of any process: once written, it is
//! the operating system's. It is not synchronised, for a failed attempt is not worth a disk's
//! latency: if the machine itself stops, the last half minute or so may be missing.
//!
//! No table is used, because no transaction is: a rollback must not undo it, and a standby has to
//! count, too. The file is not replicated and not dumped; a standby that takes over begins with its
//! own counts.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};

use gatehouse_core::throttle::counters::{Change, FAILURES, KNOWN};
use gatehouse_core::throttle::delay::Failures;
use gatehouse_core::throttle::known::Known;

/// Length of the secret that makes keys.
pub(super) const SECRET_BYTES: usize = 32;

/// In the data folder, which is every server process's working directory.
const PATH: &str = "pg_stat/pg_gatehouse.throttle";
/// The last byte counts layouts: a file of another one is begun anew.
const MAGIC: &[u8; 16] = b"pg_gatehouse\0\0\0\x01";
const FAILURES_AT: usize = MAGIC.len() + SECRET_BYTES;
const KNOWN_AT: usize = FAILURES_AT + FAILURES * Failures::BYTES;
const LENGTH: usize = KNOWN_AT + KNOWN * Known::BYTES;

/// Opened when first needed by a backend.
static mut FILE: Option<File> = None;

/// What was kept.
pub(super) struct Kept {
    pub(super) secret: [u8; SECRET_BYTES],
    image: Vec<u8>,
}

impl Kept {
    /// Calls for each entry of the failures.
    pub(super) fn failures(&self, mut each: impl FnMut(usize, Failures)) {
        let (entries, _) = self.image[FAILURES_AT..KNOWN_AT].as_chunks::<{ Failures::BYTES }>();
        entries.iter().enumerate().for_each(|(at, entry)| each(at, Failures::from_bytes(entry)));
    }

    /// Calls for each entry of the known pairs.
    pub(super) fn known(&self, mut each: impl FnMut(usize, Known)) {
        let (entries, _) = self.image[KNOWN_AT..].as_chunks::<{ Known::BYTES }>();
        entries.iter().enumerate().for_each(|(at, entry)| each(at, Known::from_bytes(*entry)));
    }
}

/// Reads the file; one that is missing or of another layout is made anew.
pub(super) fn open_or_make() -> io::Result<Kept> {
    let image = match read() {
        Ok(image) if image.len() == LENGTH && image.starts_with(MAGIC) => image,
        Ok(_) => make()?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => make()?,
        Err(error) => return Err(error),
    };
    let mut secret = [0; SECRET_BYTES];
    secret.copy_from_slice(&image[MAGIC.len()..FAILURES_AT]);
    Ok(Kept { secret, image })
}

fn read() -> io::Result<Vec<u8>> {
    let mut image = Vec::with_capacity(LENGTH);
    File::open(PATH)?.take(u64::try_from(LENGTH).unwrap_or(u64::MAX) + 1).read_to_end(&mut image)?;
    Ok(image)
}

/// Whole or not at all; its room is taken now, so that no later write finds the disk full.
fn make() -> io::Result<Vec<u8>> {
    let fresh = format!("{PATH}.new");
    let mut image = vec![0; LENGTH];
    image[..MAGIC.len()].copy_from_slice(MAGIC);
    image[MAGIC.len()..FAILURES_AT].copy_from_slice(&crate::keyring::random::<SECRET_BYTES>());
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&fresh)?;
    file.write_all(&image)?;
    file.sync_all()?;
    std::fs::rename(&fresh, PATH)?;
    Ok(image)
}

/// Overwrites one entry. Called with the counters locked, so that the file has the order of the
/// memory. It takes as long as copying into the system's cache.
pub(super) fn write(change: Change) -> io::Result<()> {
    match change {
        Change::Failures(at, entry) => write_at(&entry.to_bytes(), FAILURES_AT + at * Failures::BYTES),
        Change::Known(at, entry) => write_at(&entry.to_bytes(), KNOWN_AT + at * Known::BYTES),
    }
}

fn write_at(bytes: &[u8], at: usize) -> io::Result<()> {
    // SAFETY: backends are single-threaded.
    let file = unsafe { &mut *(&raw mut FILE) };
    let file = match file {
        Some(file) => file,
        None => file.insert(OpenOptions::new().write(true).open(PATH)?),
    };
    file.write_all_at(bytes, u64::try_from(at).unwrap_or(u64::MAX))
}

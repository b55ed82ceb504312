//! The names of counters: keyed hashes, so that nobody can choose which counters share a place, and
//! no address or account is kept in the clear.

use std::net::IpAddr;

use aws_lc_rs::hmac;

use super::client::Client;
use super::{Act, Scope};
use crate::secret::Secret;

/// Half of an HMAC-SHA-256.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Key([u64; 2]);

impl Key {
    /// Chooses the place.
    pub(super) fn place(self) -> u64 {
        self.0[0]
    }

    /// Tells apart what shares a place.
    pub(super) fn tag(self) -> u64 {
        self.0[1]
    }

    pub(super) fn to_bytes(self) -> [u8; 16] {
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&self.0[0].to_ne_bytes());
        bytes[8..].copy_from_slice(&self.0[1].to_ne_bytes());
        bytes
    }

    pub(super) fn from_bytes(bytes: [u8; 16]) -> Self {
        let whole = u128::from_ne_bytes(bytes);
        let words = if cfg!(target_endian = "little") { [whole, whole >> 64] } else { [whole >> 64, whole] };
        Self(words.map(|word| u64::try_from(word & u128::from(u64::MAX)).unwrap_or(0)))
    }
}

/// Makes keys. The secret is random for each cluster.
pub struct Keys(hmac::Key);

/// Whose attempt it is, as keys.
#[derive(Clone, Copy, Debug)]
pub struct Subject {
    /// What is tried.
    pub act: Act,
    pub(super) account: Option<Key>,
    pub(super) pair: Option<Pair>,
    pub(super) address: Option<Key>,
    pub(super) tenant: Option<Key>,
    pub(super) global: Key,
}

/// An account at an address.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pair {
    /// Its name among the known ones.
    pub(super) known: Key,
    /// Its own counters of the act.
    pub(super) own: Key,
}

impl Keys {
    /// - `secret`: 32 random bytes
    #[must_use]
    pub fn new(secret: &Secret) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, secret.expose()))
    }

    /// The keys of an attempt in a database.
    ///
    /// `account` is any text that names the account; the same for all acts, so that one can end the
    /// failures of another.
    #[must_use]
    pub fn subject(
        &self,
        database: u32,
        act: Act,
        account: Option<&str>,
        client: Client,
        tenant: Option<&[u8; 16]>,
    ) -> Subject {
        let by = |kind: &str, parts: [&[u8]; 2]| self.hash(database, kind, act.name(), parts);
        let address = match client {
            Client::Local => None,
            Client::Untold => Some(Vec::new()),
            Client::Network(address) => Some(octets(address)),
        };
        let pair = match (account, &address, client) {
            (Some(account), Some(address), Client::Network(_)) => {
                let parts = [account.as_bytes(), address.as_slice()];
                Some(Pair { known: self.hash(database, "known", "", parts), own: by("pair", parts) })
            }
            _ => None,
        };
        Subject {
            act,
            account: account.map(|account| by(Scope::Account.name(), [account.as_bytes(), &[]])),
            pair,
            address: address.map(|address| by(Scope::Address.name(), [&address, &[]])),
            tenant: tenant.map(|tenant| by(Scope::Tenant.name(), [tenant, &[]])),
            global: by(Scope::Global.name(), [&[], &[]]),
        }
    }

    /// Each part is preceded by its length: no two lists of parts are the same bytes.
    fn hash(&self, database: u32, kind: &str, act: &str, parts: [&[u8]; 2]) -> Key {
        let mut context = hmac::Context::with_key(&self.0);
        context.update(&database.to_be_bytes());
        for part in [kind.as_bytes(), act.as_bytes()].into_iter().chain(parts) {
            context.update(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
            context.update(part);
        }
        let tag = context.sign();
        let mut half = [0; 16];
        half.copy_from_slice(&tag.as_ref()[..16]);
        Key::from_bytes(half)
    }
}

fn octets(address: IpAddr) -> Vec<u8> {
    match address {
        IpAddr::V4(address) => address.octets().to_vec(),
        IpAddr::V6(address) => address.octets().to_vec(),
    }
}

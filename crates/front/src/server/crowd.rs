//! How many connections there may be, and from whom: somebody who opens thousands and says nothing
//! must not keep everybody else out.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

#[derive(Debug)]
pub(super) struct Crowd {
    room: Arc<Semaphore>,
    per_address: usize,
    present: Arc<Mutex<HashMap<IpAddr, usize>>>,
}

/// A place, until it is dropped.
#[derive(Debug)]
pub(super) struct Place {
    _permit: OwnedSemaphorePermit,
    address: Option<(IpAddr, Arc<Mutex<HashMap<IpAddr, usize>>>)>,
}

impl Crowd {
    pub(super) fn new(total: usize, per_address: usize) -> Self {
        Self { room: Arc::new(Semaphore::new(total)), per_address, present: Arc::default() }
    }

    /// Waits until there is room for one more.
    pub(super) async fn room(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.room).acquire_owned().await.ok()
    }

    /// A place for this peer; `None` if it has too many. `None` for a peer has as many as there are.
    pub(super) fn enter(&self, permit: OwnedSemaphorePermit, peer: Option<IpAddr>) -> Option<Place> {
        let Some(peer) = peer.map(|peer| peer.to_canonical()) else {
            return Some(Place { _permit: permit, address: None });
        };
        let mut present = self.present.lock().unwrap_or_else(PoisonError::into_inner);
        let count = present.entry(peer).or_default();
        if *count >= self.per_address {
            return None;
        }
        *count += 1;
        Some(Place { _permit: permit, address: Some((peer, Arc::clone(&self.present))) })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let Some((peer, present)) = &self.address else { return };
        let mut present = present.lock().unwrap_or_else(PoisonError::into_inner);
        match present.get_mut(peer) {
            Some(count) if *count > 1 => *count -= 1,
            _ => drop(present.remove(peer)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Crowd;

    #[test]
    fn one_address_has_so_many_places_and_gets_them_back() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let crowd = Crowd::new(10, 2);
            let (one, other) = ("192.0.2.1".parse().ok(), "::ffff:192.0.2.2".parse().ok());
            let first = crowd.enter(crowd.room().await.unwrap(), one).unwrap();
            let _second = crowd.enter(crowd.room().await.unwrap(), one).unwrap();
            assert!(crowd.enter(crowd.room().await.unwrap(), one).is_none());
            assert!(crowd.enter(crowd.room().await.unwrap(), other).is_some());
            assert!(crowd.enter(crowd.room().await.unwrap(), None).is_some());
            drop(first);
            assert!(crowd.enter(crowd.room().await.unwrap(), one).is_some());
            assert_eq!(crowd.room.available_permits(), 9);
            assert_eq!(crowd.present.lock().unwrap().len(), 1);
        });
    }
}

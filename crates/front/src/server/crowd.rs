//! How many connections there may be, and from whom: somebody who opens thousands and says nothing
//! must not keep everybody else out.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use slab::Slab;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout};

use super::activity::{Activity, Patience};
use crate::door::network;

/// How long to wait for who was sent away to be gone.
const LEAVING: Duration = Duration::from_millis(100);
/// How many are looked at to find the one that has been silent the longest.
const SAMPLE: usize = 256;

#[derive(Debug)]
pub(super) struct Crowd {
    room: Arc<Semaphore>,
    per_network: usize,
    epoch: Instant,
    present: Arc<Mutex<Present>>,
}

#[derive(Debug, Default)]
struct Present {
    /// By address, of IPv6 by what a provider gives to one customer.
    counts: HashMap<u128, usize>,
    connections: Slab<Arc<Activity>>,
    /// Where the next sample begins.
    next: usize,
}

/// A place, until it is dropped.
#[derive(Debug)]
pub(super) struct Place {
    permit: Option<OwnedSemaphorePermit>,
    network: Option<u128>,
    key: usize,
    activity: Arc<Activity>,
    present: Arc<Mutex<Present>>,
}

impl Crowd {
    pub(super) fn new(total: usize, per_network: usize) -> Self {
        Self {
            room: Arc::new(Semaphore::new(total)),
            per_network,
            epoch: Instant::now(),
            present: Arc::default(),
        }
    }

    /// Waits until there is room for this peer; `None` if it has too many connections already. `None`
    /// for a peer has as many as there are.
    pub(super) async fn enter(&self, peer: Option<IpAddr>) -> Option<Place> {
        let mut place = self.count(peer.map(|peer| network(peer.to_canonical())))?;
        place.permit = Some(self.room().await?);
        Some(place)
    }

    /// Sends the one away that has been silent the longest, as far as a look at some of them tells.
    /// Requests under way are never cut off.
    pub(super) fn make_room(&self) {
        let mut present = lock(&self.present);
        let (from, size) = (present.next, present.connections.capacity().max(1));
        present.next = (from + SAMPLE) % size;
        let sample = (from..from + SAMPLE).filter_map(|key| present.connections.get(key % size));
        let silent = sample.filter_map(|activity| Some((activity.silence()?, activity)));
        if let Some((_, activity)) = silent.max_by_key(|(silence, _)| *silence) {
            activity.end();
        }
    }

    /// Sends away who has been silent for too long. To be called every second or so.
    pub(super) fn tidy(&self, patience: Patience) {
        let present = lock(&self.present);
        let over = present.connections.iter().filter(|(_, activity)| activity.is_over(patience));
        over.for_each(|(_, activity)| activity.end());
    }

    async fn room(&self) -> Option<OwnedSemaphorePermit> {
        loop {
            if let Ok(permit) = Arc::clone(&self.room).try_acquire_owned() {
                return Some(permit);
            }
            self.make_room();
            if let Ok(permit) = timeout(LEAVING, Arc::clone(&self.room).acquire_owned()).await {
                return permit.ok();
            }
        }
    }

    fn count(&self, network: Option<u128>) -> Option<Place> {
        let mut present = lock(&self.present);
        if let Some(network) = network {
            let count = present.counts.entry(network).or_default();
            if *count >= self.per_network {
                return None;
            }
            *count += 1;
        }
        let activity = Arc::new(Activity::new(self.epoch));
        let key = present.connections.insert(Arc::clone(&activity));
        Some(Place { permit: None, network, key, activity, present: Arc::clone(&self.present) })
    }
}

impl Place {
    pub(super) fn activity(&self) -> &Arc<Activity> {
        &self.activity
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut present = lock(&self.present);
        present.connections.try_remove(self.key);
        let Some(network) = self.network else { return };
        match present.counts.get_mut(&network) {
            Some(count) if *count > 1 => *count -= 1,
            _ => drop(present.counts.remove(&network)),
        }
    }
}

fn lock(present: &Mutex<Present>) -> MutexGuard<'_, Present> {
    present.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;
    use std::time::Duration;

    use tokio::time::timeout;

    use super::{Crowd, Patience, lock};

    fn block_on(future: impl Future<Output = ()>) {
        tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(future);
    }

    fn address(text: &str) -> Option<IpAddr> {
        Some(text.parse().unwrap())
    }

    #[test]
    fn one_address_has_so_many_places_and_gets_them_back() {
        block_on(async {
            let crowd = Crowd::new(10, 2);
            let (one, other) = (address("192.0.2.1"), address("::ffff:192.0.2.2"));
            let first = crowd.enter(one).await.unwrap();
            let _second = crowd.enter(one).await.unwrap();
            assert!(crowd.enter(one).await.is_none());
            assert!(crowd.enter(other).await.is_some());
            assert!(crowd.enter(None).await.is_some());
            drop(first);
            assert!(crowd.enter(one).await.is_some());
            assert_eq!(crowd.room.available_permits(), 9);
            let present = lock(&crowd.present);
            assert_eq!((present.counts.len(), present.connections.len()), (1, 1));
        });
    }

    #[test]
    fn a_whole_ipv6_network_has_the_places_of_one_address() {
        block_on(async {
            let crowd = Crowd::new(10, 1);
            let _place = crowd.enter(address("2001:db8:1:2::1")).await.unwrap();
            assert!(crowd.enter(address("2001:db8:1:2:ffff::9")).await.is_none());
            assert!(crowd.enter(address("2001:db8:1:3::1")).await.is_some());
        });
    }

    #[test]
    fn who_is_silent_makes_room_and_who_is_answered_does_not() {
        block_on(async {
            let crowd = Crowd::new(2, 10);
            let silent = crowd.enter(None).await.unwrap();
            tokio::time::sleep(Duration::from_millis(5)).await;
            let busy = crowd.enter(None).await.unwrap();
            let request = busy.activity().request(false);
            let activity = silent.activity().clone();
            let leaving = async {
                activity.ended().await;
                drop(silent);
            };
            let (third, ()) = tokio::join!(crowd.enter(None), leaving);
            let (third, more) = (third.unwrap(), Duration::from_millis(250));
            let _request = third.activity().request(false);
            assert!(timeout(more, crowd.enter(None)).await.is_err());
            assert!(timeout(more, busy.activity().ended()).await.is_err());
            drop(request);
        });
    }

    #[test]
    fn who_says_nothing_for_too_long_is_sent_away() {
        block_on(async {
            let crowd = Crowd::new(2, 2);
            let (silent, busy) = (crowd.enter(None).await.unwrap(), crowd.enter(None).await.unwrap());
            let _request = busy.activity().request(true);
            let patience = Patience { in_head: Duration::ZERO, idle: Duration::ZERO };
            crowd.tidy(patience);
            silent.activity().ended().await;
            assert!(timeout(Duration::from_millis(50), busy.activity().ended()).await.is_err());
        });
    }
}

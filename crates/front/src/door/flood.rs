//! How often one address may ask: before anything is parsed, and before the database's own throttle
//! has to work.
//!
//! Addresses share a fixed number of places by a keyed hash. So a flood from many addresses takes no
//! more memory than one from a single address, and nobody can choose whose place they fall into.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::net::IpAddr;
use std::time::Duration;

use governor::clock::{Clock, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};

use crate::config::Rate;

/// Two addresses of a thousand busy ones meet with a chance of less than one in a hundred.
const PLACES: u64 = 1 << 17;
/// Of an IPv6 address, what a provider gives to one customer.
const V6_PREFIX: u32 = 64;

#[derive(Debug)]
pub(super) struct Flood {
    limiter: DefaultKeyedRateLimiter<u64>,
    hasher: RandomState,
    clock: DefaultClock,
}

impl Flood {
    pub(super) fn new(rate: Rate) -> Self {
        let quota = Quota::with_period(rate.interval()).unwrap_or(Quota::per_hour(rate.count));
        Self {
            limiter: RateLimiter::keyed(quota.allow_burst(rate.burst)),
            hasher: RandomState::new(),
            clock: DefaultClock::default(),
        }
    }

    /// Counts a request. `Err` has how long to wait. Those without an address share one place.
    pub(super) fn admit(&self, client: Option<IpAddr>) -> Result<(), Duration> {
        let place = self.hasher.hash_one(client.map(network)) % PLACES;
        self.limiter.check_key(&place).map_err(|no| no.wait_time_from(self.clock.now()))
    }

    /// Forgets places that are as good as new.
    pub(super) fn tidy(&self) {
        self.limiter.retain_recent();
    }
}

/// An address, of IPv6 the network of one customer.
pub(crate) fn network(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => address.to_ipv6_mapped().to_bits(),
        IpAddr::V6(address) => address.to_bits() >> (u128::BITS - V6_PREFIX) << (u128::BITS - V6_PREFIX),
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::{Flood, network};
    use crate::config::Rate;

    fn address(text: &str) -> Option<IpAddr> {
        Some(text.parse().unwrap())
    }

    #[test]
    fn one_address_is_held_back_and_others_are_not() {
        let flood = Flood::new(Rate::of("1/hour burst 3"));
        for _ in 0..3 {
            assert!(flood.admit(address("192.0.2.1")).is_ok());
        }
        let wait = flood.admit(address("192.0.2.1")).unwrap_err();
        assert!(wait.as_secs() > 3_000 && wait.as_secs() <= 3_600);
        assert!(flood.admit(address("192.0.2.2")).is_ok());
    }

    #[test]
    fn no_address_is_no_way_around() {
        let flood = Flood::new(Rate::of("1/hour"));
        assert!(flood.admit(None).is_ok() && flood.admit(None).is_err());
    }

    #[test]
    fn a_customers_whole_network_counts_as_one() {
        let of = |text: &str| network(text.parse().unwrap());
        assert_eq!(of("2001:db8:1:2::1"), of("2001:db8:1:2:ffff::9"));
        assert_ne!(of("2001:db8:1:2::1"), of("2001:db8:1:3::1"));
        assert_ne!(of("192.0.2.1"), of("192.0.2.2"));
    }

    #[test]
    fn a_flood_from_everywhere_takes_no_more_than_its_places() {
        let flood = Flood::new(Rate::of("1/hour"));
        for n in 0..400_000_u32 {
            let _ = flood.admit(Some(IpAddr::V4(n.into())));
        }
        assert!(flood.limiter.len() as u64 <= super::PLACES);
    }
}

//! How many times a code was tried: counts that no rollback takes back.
//!
//! The counts live in memory that all server processes share, under a lock that the caller holds;
//! so this is a table of fixed size without pointers. Each id has one bucket of slots. A new id
//! takes a free or expired slot, else that of the fewest tries, so that an id which was locked
//! is forgotten last: pushing it out takes as many tries at as many other live codes of the same
//! bucket.

/// Tries of one code.
#[derive(Clone, Copy, Debug, Default)]
struct Slot {
    id: [u8; 16],
    count: u32,
    /// Seconds since 1970 from which on the slot is free.
    until: i64,
}

const SLOTS: usize = 8;

/// Counts for `BUCKETS * 8` ids; 32 bytes each.
#[derive(Clone, Copy, Debug)]
pub struct Attempts<const BUCKETS: usize> {
    buckets: [[Slot; SLOTS]; BUCKETS],
}

impl<const BUCKETS: usize> Default for Attempts<BUCKETS> {
    fn default() -> Self {
        Self { buckets: [[Slot::default(); SLOTS]; BUCKETS] }
    }
}

impl<const BUCKETS: usize> Attempts<BUCKETS> {
    /// Counts a try of the code `id`, random bytes, at the time `now`, and gives how many there
    /// were with this one. The first fixes the time `until` when they are forgotten; both times
    /// are seconds since 1970. A time that has come is kept nowhere.
    pub fn count(&mut self, id: [u8; 16], now: i64, until: i64) -> u32 {
        let bucket = self.bucket(&id);
        if let Some(slot) = bucket.iter_mut().find(|slot| slot.id == id && slot.until > now) {
            slot.count = slot.count.saturating_add(1);
            return slot.count;
        }
        let fresh = Slot { id, count: 1, until };
        let place = bucket.iter_mut().min_by_key(|slot| if slot.until > now { slot.count } else { 0 });
        if until > now
            && let Some(place) = place
        {
            *place = fresh;
        }
        fresh.count
    }

    /// When the tries of the code are forgotten; none when there are none.
    #[must_use]
    pub fn until(&mut self, id: [u8; 16], now: i64) -> Option<i64> {
        self.bucket(&id).iter().find(|slot| slot.id == id && slot.until > now).map(|slot| slot.until)
    }

    /// Forgets the tries of a code: it was right.
    pub fn forget(&mut self, id: [u8; 16]) {
        if let Some(slot) = self.bucket(&id).iter_mut().find(|slot| slot.id == id) {
            *slot = Slot::default();
        }
    }

    fn bucket(&mut self, id: &[u8; 16]) -> &mut [Slot; SLOTS] {
        let mut head = [0; 8];
        head.copy_from_slice(&id[..8]);
        let place = u64::from_be_bytes(head) % u64::try_from(BUCKETS).unwrap_or(1);
        &mut self.buckets[usize::try_from(place).unwrap_or(0)]
    }
}

#[cfg(test)]
mod tests {
    use super::Attempts;

    fn id(n: u8) -> [u8; 16] {
        let mut id = [0; 16];
        id[15] = n;
        id
    }

    #[test]
    fn tries_are_counted_for_each_code() {
        let mut attempts = Attempts::<4>::default();
        let counts: Vec<u32> = (0..3).map(|_| attempts.count(id(1), 0, 60)).collect();
        assert_eq!((counts, attempts.count(id(2), 0, 60)), (vec![1, 2, 3], 1));
    }

    #[test]
    fn they_are_forgotten_at_the_time_that_the_first_fixed() {
        let mut attempts = Attempts::<4>::default();
        attempts.count(id(1), 0, 60);
        assert_eq!(attempts.count(id(1), 59, 1000), 2);
        assert_eq!(attempts.until(id(1), 59), Some(60));
        assert_eq!(attempts.count(id(1), 60, 120), 1);
    }

    #[test]
    fn a_try_of_nothing_takes_no_room() {
        let mut attempts = Attempts::<1>::default();
        for other in 1..=8 {
            attempts.count(id(other), 0, 60);
        }
        assert_eq!(attempts.count(id(0), 0, 0), 1);
        assert_eq!((1..=8).map(|other| attempts.count(id(other), 0, 60)).max(), Some(2));
    }

    #[test]
    fn they_are_forgotten_when_the_code_was_right() {
        let mut attempts = Attempts::<4>::default();
        attempts.count(id(1), 0, 60);
        attempts.forget(id(1));
        assert_eq!((attempts.until(id(1), 0), attempts.count(id(1), 0, 60)), (None, 1));
    }

    #[test]
    fn a_flood_of_other_codes_does_not_push_a_locked_one_out() {
        let mut attempts = Attempts::<1>::default();
        for _ in 0..5 {
            attempts.count(id(0), 0, 60);
        }
        for other in 1..=255 {
            attempts.count(id(other), 0, 60);
        }
        assert_eq!(attempts.count(id(0), 0, 60), 6);
    }
}

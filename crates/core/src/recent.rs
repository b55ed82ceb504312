//! What was verified lately, found by a hash of what it was verified from: a bounded number of
//! things of bounded weight.
//!
//! It keeps two generations. What is new or asked for goes into the young one; when that is full, it
//! becomes the old one and what was old goes. So whatever is used stays, nothing is counted at a
//! hit, and a flood of things that nobody asks for twice costs two generations and no more.
//!
//! Whether what is kept still holds is the caller's to ask: there is no clock here.

use std::collections::HashMap;

use aws_lc_rs::digest::{SHA256, digest};

/// SHA-256 of a credential: to find by, and nothing to sign in with.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fingerprint([u8; 32]);

impl Fingerprint {
    /// The fingerprint of a credential.
    #[must_use]
    pub fn of(credential: &str) -> Self {
        let mut hash = [0; 32];
        hash.copy_from_slice(digest(&SHA256, credential.as_bytes()).as_ref());
        Self(hash)
    }
}

/// The bounds, both generations together.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// The most things.
    pub count: usize,
    /// The most weight, in a unit of the caller's.
    pub weight: usize,
}

/// Things by the fingerprints of what they were verified from.
pub struct Recent<T> {
    bounds: Bounds,
    young: Generation<T>,
    old: Generation<T>,
}

struct Generation<T> {
    things: HashMap<Fingerprint, (T, usize)>,
    weight: usize,
}

impl<T> Default for Generation<T> {
    fn default() -> Self {
        Self { things: HashMap::new(), weight: 0 }
    }
}

impl<T> Generation<T> {
    fn insert(&mut self, fingerprint: Fingerprint, thing: T, weight: usize) {
        self.remove(fingerprint);
        self.weight = self.weight.saturating_add(weight);
        self.things.insert(fingerprint, (thing, weight));
    }

    fn remove(&mut self, fingerprint: Fingerprint) -> Option<(T, usize)> {
        let found = self.things.remove(&fingerprint)?;
        self.weight = self.weight.saturating_sub(found.1);
        Some(found)
    }
}

impl<T> Recent<T> {
    /// Keeps nothing yet.
    #[must_use]
    pub fn new(bounds: Bounds) -> Self {
        Self { bounds, young: Generation::default(), old: Generation::default() }
    }

    /// What was kept under this fingerprint, if it has not made room for others.
    pub fn get(&mut self, fingerprint: Fingerprint) -> Option<&T> {
        if let Some((thing, weight)) = self.old.remove(fingerprint) {
            self.keep(fingerprint, thing, weight);
        }
        self.young.things.get(&fingerprint).map(|(thing, _)| thing)
    }

    /// Keeps a thing, unless it alone is heavier than a generation may be.
    pub fn keep(&mut self, fingerprint: Fingerprint, thing: T, weight: usize) {
        let (most, heaviest) = (self.bounds.count / 2, self.bounds.weight / 2);
        if weight > heaviest || most == 0 {
            return;
        }
        self.old.remove(fingerprint);
        if self.young.things.len() >= most || self.young.weight.saturating_add(weight) > heaviest {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(fingerprint, thing, weight);
    }

    /// Forgets one thing.
    pub fn forget(&mut self, fingerprint: Fingerprint) {
        self.young.remove(fingerprint);
        self.old.remove(fingerprint);
    }

    /// How many things there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.young.things.len().saturating_add(self.old.things.len())
    }

    /// What they weigh together.
    #[must_use]
    pub fn weight(&self) -> usize {
        self.young.weight.saturating_add(self.old.weight)
    }
}

#[cfg(test)]
mod tests {
    use super::{Bounds, Fingerprint, Recent};

    const BOUNDS: Bounds = Bounds { count: 8, weight: 100 };

    fn of(number: usize) -> Fingerprint {
        Fingerprint::of(&number.to_string())
    }

    #[test]
    fn a_fingerprint_is_sha_256() {
        // FIPS 180-4, the example of one block.
        assert_eq!(Fingerprint::of("abc").0[..4], [0xba, 0x78, 0x16, 0xbf]);
    }

    #[test]
    fn what_is_asked_for_stays_while_others_pass() {
        let mut recent = Recent::new(BOUNDS);
        recent.keep(of(0), 0, 1);
        for number in 1..10_000 {
            recent.keep(of(number), number, 1);
            assert_eq!(recent.get(of(0)), Some(&0), "after {number}");
            assert!(recent.count() <= BOUNDS.count, "{} after {number}", recent.count());
        }
        assert_eq!(recent.get(of(1)), None);
        assert_eq!(recent.get(of(9_999)), Some(&9_999));
    }

    #[test]
    fn weight_is_bounded_and_adds_up() {
        let mut recent = Recent::new(BOUNDS);
        for number in 0..1_000 {
            recent.keep(of(number % 7), number, number % 60);
            recent.get(of(number % 5));
            assert!(recent.weight() <= BOUNDS.weight, "{} after {number}", recent.weight());
        }
        (0..7).for_each(|number| recent.forget(of(number)));
        assert_eq!((recent.count(), recent.weight()), (0, 0));
    }

    #[test]
    fn what_is_too_heavy_is_not_kept_and_displaces_nothing() {
        let mut recent = Recent::new(BOUNDS);
        recent.keep(of(1), "light", 50);
        recent.keep(of(2), "heavy", 51);
        assert_eq!(recent.get(of(1)), Some(&"light"));
        assert_eq!(recent.get(of(2)), None);
    }

    #[test]
    fn another_thing_of_the_same_fingerprint_takes_its_place() {
        let mut recent = Recent::new(BOUNDS);
        for (thing, weight) in [("one", 10), ("other", 20)] {
            recent.keep(of(1), thing, weight);
        }
        assert_eq!((recent.count(), recent.weight()), (1, 20));
        assert_eq!(recent.get(of(1)), Some(&"other"));
    }

    #[test]
    fn what_is_forgotten_is_gone_from_both_generations() {
        let mut recent = Recent::new(BOUNDS);
        (0..5).for_each(|number| recent.keep(of(number), number, 1));
        (0..5).for_each(|number| recent.forget(of(number)));
        assert_eq!(recent.count(), 0);
    }
}

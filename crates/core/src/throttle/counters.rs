//! All counters, in memory of a fixed size that the caller lends.
//!
//! Each kind has a region of its own, so that a flood of one displaces none of another. A region is
//! cut into sets of [`WAYS`] places, and a key belongs to one set, which nobody who lacks the secret
//! can predict. A newcomer to a full set takes the place of the entry with the least to lose:
//!
//! - of rates, the counter that is emptiest. A flood of made-up addresses, one attempt each,
//!   displaces its own kind; whoever is near a limit stays.
//! - of failures, the account with the fewest, and of these the one longest ago. The newcomer
//!   bears what the displaced one had for a day, at most the free ones, so that being displaced
//!   gives nobody further free attempts. To displace an account with `n` failures one has to bring
//!   sixteen others to `n`, in the same set.
//! - of known pairs, the oldest; among those of one day always the same, so that a flood in one day
//!   takes one place of a set. Only a success makes an entry.

use std::ops::Range;

use super::delay::{Delay, Failures};
use super::key::{Key, Pair, Subject};
use super::known::Known;
use super::rate::{Bucket, Rate};
use super::{Act, Limits, Scope, Verdict};

/// Places of a set.
pub const WAYS: usize = 16;
/// Client addresses that are counted at once, times acts. 512 KiB.
pub const ADDRESSES: usize = 16_384;
/// Accounts, times acts. 512 KiB.
pub const ACCOUNTS: usize = 16_384;
/// Tenants, times acts. 128 KiB.
pub const TENANTS: usize = 4_096;
/// Databases, times acts. 16 KiB.
pub const GLOBALS: usize = 512;
/// Accounts with failures, times acts. 1 MiB.
pub const FAILURES: usize = 32_768;
/// Pairs of account and address. 1 MiB.
pub const KNOWN: usize = 131_072;

/// A change that should outlive the memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// The entry at this place of the failures.
    Failures(usize, Failures),
    /// The entry at this place of the known pairs.
    Known(usize, Known),
}

/// What an account has to wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Status {
    /// Consecutive failures.
    pub failures: u32,
    /// Whether the next attempt would go on.
    pub verdict: Verdict,
    /// Whether these are the counters that the account has at this address alone.
    pub known: bool,
}

/// How much of a region is in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Usage {
    /// Its name.
    pub region: &'static str,
    /// Entries that it has room for.
    pub places: usize,
    /// Entries that hold something.
    pub used: usize,
    /// Its size, which never changes.
    pub bytes: usize,
}

impl Usage {
    fn of<T>(region: &'static str, places: &[T], is_used: impl Fn(&T) -> bool) -> Self {
        let used = places.iter().filter(|place| is_used(place)).count();
        Self { region, places: places.len(), used, bytes: size_of_val(places) }
    }
}

/// The memory. Every length is a multiple of [`WAYS`] and not zero; all zero is empty.
pub struct Counters<'a> {
    /// [`ADDRESSES`] in production, as are those that follow.
    pub addresses: &'a mut [Bucket],
    /// Attempts of accounts.
    pub accounts: &'a mut [Bucket],
    /// Attempts in tenants.
    pub tenants: &'a mut [Bucket],
    /// Attempts in databases.
    pub globals: &'a mut [Bucket],
    /// Consecutive failures of accounts.
    pub failures: &'a mut [Failures],
    /// Where accounts have signed in from.
    pub known: &'a mut [Known],
}

/// Calls itself on every change that should be kept.
pub type Journal<'a> = &'a mut dyn FnMut(Change);

impl Counters<'_> {
    /// An attempt begins, if it may; a refused one changes nothing.
    pub fn attempt(&mut self, limits: &Limits, subject: &Subject, now: i64, journal: Journal<'_>) -> Verdict {
        let (key, known) = self.account_key(subject, now);
        let delay = limits.delay(subject.act);
        let mut wait = 0;
        if let (Some(key), Some(delay)) = (key, delay) {
            wait = self.failures_of(key).map_or(0, |failures| failures.wait(delay, now));
        }
        for (scope, key, rate) in limited(limits, subject, key, known) {
            let bucket = find(self.buckets(scope), |bucket| bucket.key == key, key);
            wait = wait.max(bucket.map_or(0, |at| self.buckets(scope)[at].wait(rate, now)));
        }
        if wait > 0 {
            return Verdict::from_wait(wait);
        }
        for (scope, key, rate) in limited(limits, subject, key, known) {
            take(self.buckets(scope), key, rate, now);
        }
        if let (Some(key), Some(delay)) = (key, delay) {
            self.change_failures(key, delay, now, journal, |failures| failures.begin(delay, now));
        }
        Verdict::Allowed
    }

    /// The attempt has failed.
    pub fn failed(&mut self, limits: &Limits, subject: &Subject, now: i64, journal: Journal<'_>) {
        if let (Some(key), Some(delay)) = (self.account_key(subject, now).0, limits.delay(subject.act)) {
            self.change_failures(key, delay, now, journal, |failures| failures.fail(delay, now));
        }
    }

    /// The attempt has succeeded. `reopened` are the subjects of the acts that [`Act::reopens`]
    /// names, with the same account and client.
    pub fn succeeded(&mut self, subject: &Subject, reopened: &[Subject], now: i64, journal: Journal<'_>) {
        for other in reopened {
            self.reopen(other, subject.act.proves_ownership(), now, journal);
        }
        if subject.act.introduces() {
            self.introduce(subject, now, journal);
        }
    }

    fn reopen(&mut self, subject: &Subject, everywhere: bool, now: i64, journal: Journal<'_>) {
        let (key, known) = self.account_key(subject, now);
        for key in key.into_iter().chain(subject.account.filter(|_| known && everywhere)) {
            self.forget_failures(key, journal);
        }
    }

    /// The account is known at this address from now on.
    fn introduce(&mut self, subject: &Subject, now: i64, journal: Journal<'_>) {
        let Some(Pair { known: pair, .. }) = subject.pair else { return };
        let fresh = Known::new(pair, now);
        let range = set(self.known.len(), pair);
        let places = &self.known[range.clone()];
        let own = places.iter().position(|place| place.is(pair));
        let oldest = || places.iter().enumerate().min_by_key(|(_, place)| place.day()).map(|(at, _)| at);
        if let Some(at) = own.or_else(oldest).map(|at| range.start + at)
            && self.known[at] != fresh
        {
            self.known[at] = fresh;
            journal(Change::Known(at, fresh));
        }
    }

    /// What the account has to wait for at this act.
    #[must_use]
    pub fn status(&mut self, limits: &Limits, subject: &Subject, now: i64) -> Status {
        let (key, known) = self.account_key(subject, now);
        let mut status = Status { failures: 0, verdict: Verdict::Allowed, known };
        let Some(key) = key else { return status };
        let mut wait = 0;
        if let (Some(delay), Some(failures)) = (limits.delay(subject.act), self.failures_of(key)) {
            status.failures = failures.settled(delay, now).own();
            wait = failures.wait(delay, now);
        }
        if let Some(rate) = limits.rate(subject.act, Scope::Account)
            && let Some(at) = find(self.accounts, |bucket| bucket.key == key, key)
        {
            wait = wait.max(self.accounts[at].wait(rate, now));
        }
        status.verdict = Verdict::from_wait(wait);
        status
    }

    /// Forgets what the account did at this act, everywhere and at this address.
    pub fn forget(&mut self, subject: &Subject, journal: Journal<'_>) {
        for key in subject.account.into_iter().chain(subject.pair.map(|pair| pair.own)) {
            self.forget_failures(key, journal);
            if let Some(at) = find(self.accounts, |bucket| bucket.key == key, key) {
                self.accounts[at] = Bucket::default();
            }
        }
    }

    /// How much of each region is in use.
    #[must_use]
    pub fn usage(&self, now: i64) -> [Usage; 6] {
        let counts = |bucket: &Bucket| bucket.fullness(now) > 0;
        [
            Usage::of("account", self.accounts, counts),
            Usage::of("address", self.addresses, counts),
            Usage::of("tenant", self.tenants, counts),
            Usage::of("global", self.globals, counts),
            Usage::of("failure", self.failures, |entry| entry.weight() > 0),
            Usage::of("known_address", self.known, |place| place.day() != 0),
        ]
    }

    /// The account's counters at an act: its own at a known address, else those of everybody.
    fn account_key(&self, subject: &Subject, now: i64) -> (Option<Key>, bool) {
        match subject.pair {
            Some(pair) if self.is_known(pair.known, now) => (Some(pair.own), true),
            _ => (subject.account, false),
        }
    }

    fn is_known(&self, pair: Key, now: i64) -> bool {
        self.known[set(self.known.len(), pair)].iter().any(|place| place.is(pair) && place.is_fresh(now))
    }

    fn failures_of(&self, key: Key) -> Option<Failures> {
        find(self.failures, |entry| entry.key == key, key).map(|at| self.failures[at])
    }

    fn change_failures(
        &mut self,
        key: Key,
        delay: Delay,
        now: i64,
        journal: Journal<'_>,
        change: impl FnOnce(&mut Failures),
    ) {
        let at = find(self.failures, |entry| entry.key == key, key).unwrap_or_else(|| {
            let range = set(self.failures.len(), key);
            let least = least(&self.failures[range.clone()], |entry| {
                let settled = entry.settled(delay, now);
                (settled.weight(), if settled.weight() == 0 { i64::MIN } else { settled.last() })
            });
            let inherited = self.failures[range.start + least].settled(delay, now).weight().min(delay.free());
            self.failures[range.start + least] = Failures::new(key, inherited, now);
            range.start + least
        });
        change(&mut self.failures[at]);
        if self.failures[at].keep() {
            journal(Change::Failures(at, self.failures[at]));
        }
    }

    fn forget_failures(&mut self, key: Key, journal: Journal<'_>) {
        if let Some(at) = find(self.failures, |entry| entry.key == key, key)
            && std::mem::take(&mut self.failures[at]).keep()
        {
            journal(Change::Failures(at, Failures::default()));
        }
    }

    fn buckets(&mut self, scope: Scope) -> &mut [Bucket] {
        match scope {
            Scope::Account => self.accounts,
            Scope::Address => self.addresses,
            Scope::Tenant => self.tenants,
            Scope::Global => self.globals,
        }
    }
}

/// The rates that an attempt is subject to. Where the account is known, those of the tenant and of
/// the server are not: a flood of strangers must not keep it out.
fn limited(
    limits: &Limits,
    subject: &Subject,
    account: Option<Key>,
    known: bool,
) -> impl Iterator<Item = (Scope, Key, Rate)> {
    let act: Act = subject.act;
    let keys = [
        (Scope::Address, subject.address),
        (Scope::Account, account),
        (Scope::Tenant, subject.tenant.filter(|_| !known)),
        (Scope::Global, (!known).then_some(subject.global)),
    ];
    let rates =
        keys.map(|(scope, key)| key.zip(limits.rate(act, scope)).map(|(key, rate)| (scope, key, rate)));
    rates.into_iter().flatten()
}

fn take(region: &mut [Bucket], key: Key, rate: Rate, now: i64) {
    let at = find(region, |bucket| bucket.key == key, key).unwrap_or_else(|| {
        let range = set(region.len(), key);
        let at = range.start + least(&region[range.clone()], |bucket| bucket.fullness(now));
        region[at] = Bucket::new(key);
        at
    });
    region[at].take(rate, now);
}

/// The places of a key's set.
fn set(places: usize, key: Key) -> Range<usize> {
    let sets = u64::try_from(places / WAYS).unwrap_or(1).max(1);
    let start = usize::try_from(key.place() % sets).unwrap_or(0) * WAYS;
    start..start + WAYS
}

fn find<T>(region: &[T], is: impl Fn(&T) -> bool, key: Key) -> Option<usize> {
    let range = set(region.len(), key);
    region[range.clone()].iter().position(is).map(|at| range.start + at)
}

fn least<T, O: Ord>(places: &[T], weight: impl Fn(&T) -> O) -> usize {
    places.iter().enumerate().min_by_key(|(_, place)| weight(place)).map_or(0, |(at, _)| at)
}

//! The promises of the throttle, on the production sizes and on the smallest ones.

use std::net::{IpAddr, Ipv4Addr};

use proptest::prelude::*;

use super::client::Client;
use super::counters::{self, Change, Counters, WAYS};
use super::delay::{Delay, Failures};
use super::key::{Key, Keys, Subject};
use super::known::Known;
use super::rate::{Bucket, Rate};
use super::{Act, DAY, Limits, SECOND, Scope, Verdict};
use crate::secret::Secret;
use crate::{Error, error};

mod flood;
mod owner;
mod properties;

/// Somewhere in 2026, counted from 2000.
const NOW: i64 = 9_700 * DAY;
const HOME: Client = Client::Network(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)));
const AWAY: Client = Client::Network(IpAddr::V4(Ipv4Addr::new(198, 51, 100, 1)));

fn rate(attempts: i32, seconds: i64, burst: i32) -> Rate {
    Rate::new(attempts, seconds * SECOND, burst).unwrap()
}

/// Four free failures, 1 s to 15 min, shut at 100, halved in 30 days: the defaults.
fn delay() -> Delay {
    Delay::new(4, SECOND, 900 * SECOND, 100, 30 * DAY).unwrap()
}

fn sign_in_delays() -> Limits {
    let mut limits = Limits::default();
    limits.set_delay(Act::SignIn, delay());
    limits.set_delay(Act::Code, delay());
    limits
}

struct Memory {
    limits: Limits,
    keys: Keys,
    addresses: Vec<Bucket>,
    accounts: Vec<Bucket>,
    tenants: Vec<Bucket>,
    globals: Vec<Bucket>,
    failures: Vec<Failures>,
    known: Vec<Known>,
    journal: Vec<Change>,
}

impl Memory {
    fn new(limits: Limits, places: usize) -> Self {
        Self {
            limits,
            keys: Keys::new(&Secret::new(vec![7; 32])),
            addresses: vec![Bucket::default(); places],
            accounts: vec![Bucket::default(); places],
            tenants: vec![Bucket::default(); places],
            globals: vec![Bucket::default(); WAYS],
            failures: vec![Failures::default(); places],
            known: vec![Known::default(); places],
            journal: Vec::new(),
        }
    }

    fn subject(&self, act: Act, account: &str, client: Client) -> Subject {
        self.keys.subject(1, act, Some(account), client, None)
    }

    fn with<T>(&mut self, run: impl FnOnce(&mut Counters<'_>, &Limits, &mut dyn FnMut(Change)) -> T) -> T {
        let journal = &mut self.journal;
        let mut counters = Counters {
            addresses: &mut self.addresses,
            accounts: &mut self.accounts,
            tenants: &mut self.tenants,
            globals: &mut self.globals,
            failures: &mut self.failures,
            known: &mut self.known,
        };
        run(&mut counters, &self.limits, &mut |change| journal.push(change))
    }

    fn attempt(&mut self, act: Act, account: &str, client: Client, now: i64) -> Verdict {
        let subject = self.subject(act, account, client);
        self.with(|counters, limits, journal| counters.attempt(limits, &subject, now, journal))
    }

    fn fail(&mut self, account: &str, client: Client, now: i64) {
        let subject = self.subject(Act::SignIn, account, client);
        self.with(|counters, limits, journal| counters.failed(limits, &subject, now, journal));
    }

    fn succeed(&mut self, act: Act, account: &str, client: Client, now: i64) {
        let reopened: Vec<_> =
            act.reopens().iter().map(|other| self.subject(*other, account, client)).collect();
        let subject = self.subject(act, account, client);
        self.with(|counters, _, journal| counters.succeeded(&subject, &reopened, now, journal));
    }

    fn failures_of(&mut self, account: &str, client: Client, now: i64) -> u32 {
        let subject = self.subject(Act::SignIn, account, client);
        self.with(|counters, limits, _| counters.status(limits, &subject, now).failures)
    }

    /// Attempts that fail, as fast as allowed, until refused for longer than `patience`; gives
    /// the moment and how many there were.
    fn guess(&mut self, account: &str, client: Client, mut now: i64, patience: i64) -> (i64, u32) {
        let mut guesses = 0;
        loop {
            match self.attempt(Act::SignIn, account, client, now) {
                Verdict::Allowed => {
                    guesses += 1;
                    self.fail(account, client, now);
                }
                Verdict::Wait(seconds) if i64::from(seconds.get()) * SECOND <= patience => {
                    now += i64::from(seconds.get()) * SECOND;
                }
                Verdict::Wait(_) => return (now, guesses),
            }
        }
    }
}

fn seconds(verdict: Verdict) -> u32 {
    match verdict {
        Verdict::Allowed => 0,
        Verdict::Wait(seconds) => seconds.get(),
    }
}

#[test]
fn acts_and_scopes_have_the_names_that_sql_gives_them() {
    for act in Act::ALL {
        assert_eq!(act.name().parse(), Ok(act));
    }
    for scope in Scope::ALL {
        assert_eq!(scope.name().parse(), Ok(scope));
    }
    assert_eq!("sign-in".parse::<Act>(), Err(Error::ThrottleActUnknown));
    assert_eq!("".parse::<Scope>(), Err(Error::ThrottleLimitOutOfRange));
}

#[test]
fn limits_outside_their_range_are_refused() {
    let refused: error::Result<()> = Err(Error::ThrottleLimitOutOfRange);
    for (attempts, per, burst) in [
        (0, SECOND, 1),
        (1, 0, 1),
        (1, SECOND, 0),
        (-1, SECOND, 1),
        (1, 31 * DAY, 1),
        (1, SECOND, 1_000_001),
        (i32::MAX, i64::MAX, i32::MAX),
        (i32::MIN, i64::MIN, i32::MIN),
    ] {
        assert_eq!(Rate::new(attempts, per, burst).map(|_| ()), refused);
    }
    for (free, first, longest, shut, halve) in [
        (-1, SECOND, SECOND, 100, DAY),
        (101, SECOND, SECOND, 100, DAY),
        (0, 0, SECOND, 100, DAY),
        (0, 2 * SECOND, SECOND, 100, DAY),
        (0, SECOND, 2 * DAY, 100, DAY),
        (0, SECOND, SECOND, 0, DAY),
        (0, SECOND, SECOND, 101, DAY),
        (0, SECOND, SECOND, 100, 0),
        (i32::MAX, i64::MAX, i64::MAX, i32::MAX, i64::MAX),
    ] {
        assert_eq!(Delay::new(free, first, longest, shut, halve).map(|_| ()), refused);
    }
}

#[test]
fn delays_double_from_one_second_to_a_quarter_of_an_hour() {
    let mut memory = Memory::new(sign_in_delays(), WAYS);
    let (mut now, mut waits) = (NOW, Vec::new());
    for _ in 0..18 {
        let verdict = memory.attempt(Act::SignIn, "alice", AWAY, now);
        waits.push(seconds(verdict));
        if let Verdict::Wait(seconds) = verdict {
            now += i64::from(seconds.get()) * SECOND;
            assert_eq!(memory.attempt(Act::SignIn, "alice", AWAY, now), Verdict::Allowed);
        }
        memory.fail("alice", AWAY, now);
    }
    assert_eq!(waits, [0, 0, 0, 0, 0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900, 900]);
}

#[test]
fn after_one_hundred_failures_the_way_is_shut_for_thirty_days() {
    let mut memory = Memory::new(sign_in_delays(), WAYS);
    let (now, guesses) = memory.guess("alice", AWAY, NOW, 900 * SECOND);
    assert_eq!(guesses, 100);
    assert!(now - NOW > 20 * 3600 * SECOND, "the hundred took {} s", (now - NOW) / SECOND);
    assert_eq!(seconds(memory.attempt(Act::SignIn, "alice", AWAY, now)), 30 * 86_400);
    // What is refused is no failure and keeps nothing shut: half is forgotten at its time.
    assert_eq!(memory.attempt(Act::SignIn, "alice", AWAY, now + 30 * DAY), Verdict::Allowed);
    assert_eq!(memory.failures_of("alice", AWAY, now + 30 * DAY), 51);
}

#[test]
fn an_attempt_that_is_broken_off_counts_as_failed() {
    let mut memory = Memory::new(sign_in_delays(), WAYS);
    // One a minute and a bit, never an outcome.
    let mut now = NOW;
    for _ in 0..5 {
        assert_eq!(memory.attempt(Act::SignIn, "alice", AWAY, now), Verdict::Allowed);
        now += 61 * SECOND;
    }
    assert_eq!(memory.failures_of("alice", AWAY, now), 5);
    // Many at once: no more than may be under way.
    let allowed =
        (0..200).filter(|_| memory.attempt(Act::SignIn, "bob", AWAY, now) == Verdict::Allowed).count();
    assert_eq!(allowed, 16);
}

#[test]
fn parallel_attempts_after_failures_are_one_at_a_time() {
    let mut memory = Memory::new(sign_in_delays(), WAYS);
    for _ in 0..8 {
        memory.fail("alice", AWAY, NOW);
    }
    let later = NOW + 8 * SECOND;
    let allowed =
        (0..50).filter(|_| memory.attempt(Act::SignIn, "alice", AWAY, later) == Verdict::Allowed).count();
    assert_eq!(allowed, 1);
}

#[test]
fn a_success_forgets_the_failures() {
    let mut memory = Memory::new(sign_in_delays(), WAYS);
    for _ in 0..20 {
        memory.fail("alice", AWAY, NOW);
    }
    memory.succeed(Act::SignIn, "alice", AWAY, NOW + 900 * SECOND);
    assert_eq!(memory.failures_of("alice", AWAY, NOW + 900 * SECOND), 0);
    assert_eq!(memory.attempt(Act::SignIn, "alice", AWAY, NOW + 900 * SECOND), Verdict::Allowed);
}

#[test]
fn a_refused_attempt_consumes_nothing_anywhere() {
    let mut limits = Limits::default();
    limits.set_rate(Act::SignIn, Scope::Address, rate(1, 60, 1));
    limits.set_rate(Act::SignIn, Scope::Account, rate(5, 60, 5));
    limits.set_rate(Act::SignIn, Scope::Global, rate(5, 60, 5));
    let mut memory = Memory::new(limits, WAYS);
    let verdicts: Vec<_> =
        (0..10).map(|_| seconds(memory.attempt(Act::SignIn, "alice", AWAY, NOW))).collect();
    assert_eq!(verdicts, [0, 60, 60, 60, 60, 60, 60, 60, 60, 60]);
    let others = (0..10)
        .filter(|n| {
            let client = Client::Network(IpAddr::V4(Ipv4Addr::new(203, 0, 113, *n)));
            memory.attempt(Act::SignIn, "alice", client, NOW) == Verdict::Allowed
        })
        .count();
    assert_eq!(others, 4, "only the one that went on was counted");
}

#[test]
fn an_account_is_limited_across_addresses_and_an_address_across_accounts() {
    let mut limits = Limits::default();
    limits.set_rate(Act::SignIn, Scope::Account, rate(10, 60, 10));
    limits.set_rate(Act::SignIn, Scope::Address, rate(20, 60, 20));
    let mut memory = Memory::new(limits, 64 * WAYS);
    let one_account = (0..100_u32)
        .filter(|n| {
            let client = Client::Network(IpAddr::V4((0x0a00_0000 + n).into()));
            memory.attempt(Act::SignIn, "alice", client, NOW) == Verdict::Allowed
        })
        .count();
    let one_address = (0..100)
        .filter(|n| memory.attempt(Act::SignIn, &format!("user{n}"), HOME, NOW) == Verdict::Allowed)
        .count();
    assert_eq!((one_account, one_address), (10, 20));
}

#[test]
fn databases_acts_and_scopes_do_not_share_a_counter() {
    let keys = Keys::new(&Secret::new(vec![1; 32]));
    let of = |database, act, account: &str, client| keys.subject(database, act, Some(account), client, None);
    let one = of(1, Act::SignIn, "x", HOME);
    assert_ne!(one.account, of(2, Act::SignIn, "x", HOME).account);
    assert_ne!(one.account, of(1, Act::Factor, "x", HOME).account);
    assert_ne!(one.account, of(1, Act::SignIn, "y", HOME).account);
    assert_ne!(one.account, one.address);
    assert_eq!(one.account, of(1, Act::SignIn, "x", AWAY).account);
    assert_ne!(
        one.account,
        Keys::new(&Secret::new(vec![2; 32])).subject(1, Act::SignIn, Some("x"), HOME, None).account
    );
}

#[test]
fn an_ipv6_client_is_its_first_64_bits_and_a_mapped_one_is_ipv4() {
    let at = |text: &str| Client::told(Some(text));
    assert_eq!(at("2001:db8:1:2:3:4:5:6"), at("2001:db8:1:2::9"));
    assert_ne!(at("2001:db8:1:2::9"), at("2001:db8:1:3::9"));
    assert_eq!(at("::ffff:192.0.2.1"), HOME);
    for nothing in
        [None, Some(""), Some("unknown"), Some("192.0.2.1, 10.0.0.1"), Some("1.2.3.4/0"), Some("300.1.1.1")]
    {
        assert_eq!(Client::told(nothing), Client::Untold);
    }
    // Who is not told counts, all together; who is local does not.
    let keys = Keys::new(&Secret::new(vec![1; 32]));
    let address = |client| keys.subject(1, Act::SignIn, None, client, None).address;
    assert!(address(Client::Untold).is_some() && address(Client::Local).is_none());
}

#[test]
fn what_is_kept_on_disk_is_what_was_counted() {
    let mut memory = Memory::new(sign_in_delays(), WAYS);
    for _ in 0..3 {
        memory.fail("alice", AWAY, NOW);
    }
    assert!(memory.journal.is_empty(), "a few failures are not worth a write");
    for _ in 0..9 {
        memory.fail("alice", AWAY, NOW);
    }
    memory.succeed(Act::SignIn, "bob", HOME, NOW);
    let mut after = Memory::new(sign_in_delays(), WAYS);
    for change in &memory.journal {
        match *change {
            Change::Failures(at, entry) => after.failures[at] = Failures::from_bytes(&entry.to_bytes()),
            Change::Known(at, entry) => after.known[at] = Known::from_bytes(entry.to_bytes()),
        }
    }
    assert_eq!(after.failures, memory.failures);
    assert_eq!(after.known, memory.known);
    assert_eq!(seconds(after.attempt(Act::SignIn, "alice", AWAY, NOW)), 128);
    after.succeed(Act::SignIn, "alice", AWAY, NOW);
    assert!(
        matches!(after.journal[..], [Change::Failures(_, entry), Change::Known(..)] if entry == Failures::default())
    );
}

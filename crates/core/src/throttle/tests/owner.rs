//! A stranger must not shut the owner out.

use super::*;

fn shut() -> (Memory, i64) {
    let mut memory = Memory::new(sign_in_delays(), 16 * WAYS);
    memory.succeed(Act::SignIn, "alice", HOME, NOW);
    let (now, guesses) = memory.guess("alice", AWAY, NOW, 900 * SECOND);
    assert_eq!(guesses, 100);
    (memory, now)
}

#[test]
fn a_known_address_still_gets_in_when_strangers_have_shut_the_account() {
    let (mut memory, now) = shut();
    assert_eq!(memory.attempt(Act::SignIn, "alice", HOME, now), Verdict::Allowed);
    // What the owner does there does not open it for strangers.
    memory.succeed(Act::SignIn, "alice", HOME, now);
    assert_eq!(seconds(memory.attempt(Act::SignIn, "alice", AWAY, now)), 30 * 86_400);
}

#[test]
fn a_known_address_has_its_own_hundred() {
    let (mut memory, now) = shut();
    assert_eq!(memory.guess("alice", HOME, now, 900 * SECOND).1, 100);
}

#[test]
fn an_address_is_known_for_ninety_days() {
    let (mut memory, now) = shut();
    for (days, expected) in [(89, true), (91, false)] {
        let subject = memory.subject(Act::SignIn, "alice", HOME);
        let known =
            memory.with(|counters, limits, _| counters.status(limits, &subject, NOW + days * DAY).known);
        assert_eq!(known, expected);
    }
    // Every success renews it.
    memory.succeed(Act::SignIn, "alice", HOME, now + 60 * DAY);
    let subject = memory.subject(Act::SignIn, "alice", HOME);
    assert!(memory.with(|counters, limits, _| counters.status(limits, &subject, now + 149 * DAY).known));
}

#[test]
fn a_code_from_the_mail_opens_the_password_way_again() {
    let (mut memory, now) = shut();
    let phone = Client::Network(IpAddr::V4(Ipv4Addr::new(203, 0, 113, 77)));
    memory.succeed(Act::Code, "alice", phone, now);
    assert_eq!(memory.failures_of("alice", AWAY, now), 0);
    assert_eq!(memory.attempt(Act::SignIn, "alice", phone, now), Verdict::Allowed);
    assert!(memory.attempt(Act::SignIn, "alice", AWAY, now) == Verdict::Allowed);
}

#[test]
fn asking_for_a_mail_opens_nothing_and_makes_nobody_known() {
    let (mut memory, now) = shut();
    memory.succeed(Act::Recovery, "alice", AWAY, now);
    assert_eq!(seconds(memory.attempt(Act::SignIn, "alice", AWAY, now)), 30 * 86_400);
    assert_eq!(memory.failures_of("alice", AWAY, now), 100);
}

#[test]
fn the_limits_that_strangers_can_use_up_do_not_hold_for_known_addresses() {
    let mut limits = sign_in_delays();
    limits.set_rate(Act::SignIn, Scope::Account, rate(10, 600, 10));
    limits.set_rate(Act::SignIn, Scope::Global, rate(50, 600, 50));
    let mut memory = Memory::new(limits, 16 * WAYS);
    memory.succeed(Act::SignIn, "alice", HOME, NOW);
    for n in 0..1000 {
        memory.attempt(Act::SignIn, "alice", AWAY, NOW);
        memory.attempt(Act::SignIn, &format!("other{n}"), AWAY, NOW);
    }
    assert_ne!(memory.attempt(Act::SignIn, "new", HOME, NOW), Verdict::Allowed);
    assert_ne!(memory.attempt(Act::SignIn, "alice", AWAY, NOW), Verdict::Allowed);
    let allowed =
        (0..100).filter(|_| memory.attempt(Act::SignIn, "alice", HOME, NOW) == Verdict::Allowed).count();
    assert_eq!(allowed, 10, "the pair has the account's rate for itself");
}

#[test]
fn an_administrator_opens_it_everywhere() {
    let (mut memory, now) = shut();
    let subject = memory.subject(Act::SignIn, "alice", HOME);
    memory.with(|counters, _, journal| counters.forget(&subject, journal));
    assert_eq!(memory.attempt(Act::SignIn, "alice", AWAY, now), Verdict::Allowed);
}

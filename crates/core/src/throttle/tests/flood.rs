//! Made-up accounts and addresses, more than there is memory for.

use super::*;

fn flooded() -> Memory {
    let mut limits = sign_in_delays();
    limits.set_rate(Act::SignIn, Scope::Address, rate(150, 300, 30));
    limits.set_rate(Act::SignIn, Scope::Account, rate(30, 600, 15));
    let mut memory = Memory::new(limits, WAYS);
    memory.addresses = vec![Bucket::default(); counters::ADDRESSES];
    memory.accounts = vec![Bucket::default(); counters::ACCOUNTS];
    memory.failures = vec![Failures::default(); counters::FAILURES];
    memory.known = vec![Known::default(); counters::KNOWN];
    memory
}

#[test]
fn two_hundred_thousand_made_up_accounts_displace_no_attacked_one() {
    let mut memory = flooded();
    for _ in 0..12 {
        memory.fail("victim", AWAY, NOW);
    }
    memory.succeed(Act::SignIn, "owner", HOME, NOW - DAY);
    // An address that has used its burst up.
    for n in 0..30 {
        assert_eq!(memory.attempt(Act::SignIn, &format!("a{n}"), AWAY, NOW), Verdict::Allowed);
    }
    for n in 0..200_000_u32 {
        let client = Client::Network(IpAddr::V4((0x0a00_0000 + n).into()));
        let now = NOW + i64::from(n);
        memory.attempt(Act::SignIn, &format!("made-up-{n}"), client, now);
        memory.fail(&format!("made-up-{n}"), client, now);
    }
    let now = NOW + SECOND;
    assert_eq!(memory.failures_of("victim", HOME, now), 12);
    assert_eq!(seconds(memory.attempt(Act::SignIn, "victim", HOME, now)), 127);
    assert_eq!(seconds(memory.attempt(Act::SignIn, "somebody", AWAY, now)), 1);
    let owner = memory.subject(Act::SignIn, "owner", HOME);
    assert!(memory.with(|counters, limits, _| counters.status(limits, &owner, now).known));
}

#[test]
fn in_a_full_memory_a_newcomer_gets_no_further_free_attempts_but_no_long_wait_either() {
    let mut memory = Memory::new(sign_in_delays(), WAYS);
    for n in 0..100 {
        for _ in 0..30 {
            memory.fail(&format!("made-up-{n}"), AWAY, NOW);
        }
    }
    memory.fail("honest", HOME, NOW);
    assert_eq!(seconds(memory.attempt(Act::SignIn, "honest", HOME, NOW)), 1);
    assert_eq!(memory.failures_of("honest", HOME, NOW), 1, "its own is one");
    for n in 0..3 {
        let next_day = NOW + DAY + (n + 1) * SECOND;
        assert_eq!(memory.attempt(Act::SignIn, "honest", HOME, next_day), Verdict::Allowed);
        memory.fail("honest", HOME, next_day);
    }
}

#[test]
fn a_flood_of_sign_ups_in_one_day_takes_one_place_of_a_set_of_known_pairs() {
    let mut memory = Memory::new(sign_in_delays(), WAYS);
    for n in 0..10 {
        memory.succeed(Act::SignIn, &format!("owner{n}"), HOME, NOW);
    }
    for n in 0..1000 {
        memory.succeed(Act::SignUp, &format!("made-up-{n}"), AWAY, NOW);
    }
    let known = (0..10)
        .filter(|n| {
            let subject = memory.subject(Act::SignIn, &format!("owner{n}"), HOME);
            memory.with(|counters, limits, _| counters.status(limits, &subject, NOW).known)
        })
        .count();
    assert!(known >= 9, "{known} of 10 are still known");
}

//! Whatever the times and the limits are.

use super::*;

fn any_rate() -> impl Strategy<Value = Rate> {
    (1..=1_000_000_i32, SECOND..=30 * DAY, 1..=1_000_000_i32)
        .prop_map(|(attempts, per, burst)| Rate::new(attempts, per, burst).unwrap())
}

/// The counter that a limit at account scope keeps.
fn memory(rate: Rate) -> Memory {
    let mut limits = sign_in_delays();
    limits.set_rate(Act::Refresh, Scope::Account, rate);
    Memory::new(limits, WAYS)
}

proptest! {
    #[test]
    fn never_more_than_the_burst_and_the_rate_since(
        attempts in 1..50_i32,
        per in 1..3600_i64,
        burst in 1..50_i32,
        steps in prop::collection::vec(0..20 * SECOND, 1..300),
    ) {
        let mut memory = memory(rate(attempts, per, burst));
        let (mut now, mut allowed) = (NOW, Vec::new());
        for step in steps {
            now += step;
            if memory.attempt(Act::Refresh, "x", AWAY, now) == Verdict::Allowed {
                allowed.push(now);
            }
        }
        // In every window, not only since the start.
        for (at, from) in allowed.iter().enumerate() {
            for (further, until) in allowed[at..].iter().enumerate() {
                let drained = i128::from(until - from) * i128::from(attempts) / i128::from(per * SECOND);
                prop_assert!(further < usize::try_from(drained + i128::from(burst)).unwrap() + 1);
            }
        }
    }

    #[test]
    fn after_the_wait_that_was_told_the_attempt_goes_on(
        attempts in 1..50_i32,
        per in 1..3600_i64,
        burst in 1..50_i32,
    ) {
        let mut memory = memory(rate(attempts, per, burst));
        for _ in 0..burst {
            prop_assert_eq!(memory.attempt(Act::Refresh, "x", AWAY, NOW), Verdict::Allowed);
        }
        let wait = i64::from(seconds(memory.attempt(Act::Refresh, "x", AWAY, NOW)));
        prop_assert!(wait >= 1);
        prop_assert_eq!(memory.attempt(Act::Refresh, "x", AWAY, NOW + wait * SECOND), Verdict::Allowed);
    }

    #[test]
    fn waiting_never_makes_the_wait_longer(rate in any_rate(), taken in 0..40, steps in prop::collection::vec(0..DAY, 1..20)) {
        let mut bucket = Bucket::new(Key::default());
        for _ in 0..taken {
            bucket.take(rate, NOW);
        }
        let (mut now, mut before) = (NOW, bucket.wait(rate, NOW));
        for step in steps {
            now += step;
            let wait = bucket.wait(rate, now);
            prop_assert!(wait <= before);
            before = wait;
        }
    }

    #[test]
    fn no_time_overflows_and_no_clock_locks_anybody_out(rate in any_rate(), times in prop::collection::vec(any::<i64>(), 1..50)) {
        let mut bucket = Bucket::default();
        let mut memory = memory(rate);
        for now in times {
            // A set-back clock costs at most what a full counter would.
            prop_assert!(bucket.wait(rate, now) <= 30 * DAY);
            bucket.take(rate, now);
            prop_assert!(bucket.fullness(now) <= 1000);
            memory.attempt(Act::Refresh, "x", AWAY, now);
            memory.attempt(Act::SignIn, "x", AWAY, now);
            memory.fail("x", AWAY, now);
            memory.succeed(Act::SignIn, "x", HOME, now);
            prop_assert!(i64::from(seconds(memory.attempt(Act::SignIn, "x", AWAY, now))) <= 30 * 86_400);
        }
    }

    #[test]
    fn whatever_is_read_from_disk_is_bounded(bytes in any::<[u8; 32]>(), known in any::<[u8; 8]>(), now in any::<i64>()) {
        let mut memory = memory(rate(1, 1, 1));
        memory.failures.fill(Failures::from_bytes(&bytes));
        memory.known.fill(Known::from_bytes(known));
        prop_assert_eq!(Failures::from_bytes(&bytes).to_bytes(), bytes);
        prop_assert!(i64::from(seconds(memory.attempt(Act::SignIn, "x", AWAY, now))) <= 30 * 86_400);
        let entry = Failures::from_bytes(&bytes);
        prop_assert!(entry.wait(delay(), now) <= 30 * DAY);
    }

    #[test]
    fn an_account_never_gets_more_than_a_hundred_failures_without_a_quiet_month(
        steps in prop::collection::vec(0..1000 * SECOND, 400..500),
        break_off in any::<[bool; 8]>(),
    ) {
        let mut memory = memory(rate(1_000_000, 1, 1_000_000));
        let (mut now, mut tried) = (NOW, 0);
        for (n, step) in steps.iter().enumerate() {
            now += step;
            if memory.attempt(Act::SignIn, "x", AWAY, now) == Verdict::Allowed {
                tried += 1;
                if !break_off[n % 8] {
                    memory.fail("x", AWAY, now);
                }
            }
        }
        prop_assert!(tried <= 100, "{tried}");
    }
}

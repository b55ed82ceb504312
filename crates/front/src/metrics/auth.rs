//! Counters of what people try with the auth API, and what comes of it.

use std::sync::atomic::{AtomicU64, Ordering};

use axum::http::StatusCode;

/// What is tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Act {
    Account,
    Factor,
    Mail,
    Refresh,
    SignIn,
    SignUp,
    Verify,
}

const ACTS: [(Act, &str); 7] = [
    (Act::Account, "account"),
    (Act::Factor, "factor"),
    (Act::Mail, "mail"),
    (Act::Refresh, "refresh"),
    (Act::SignIn, "sign_in"),
    (Act::SignUp, "sign_up"),
    (Act::Verify, "verify"),
];

const OUTCOMES: [&str; 6] = ["ok", "second_factor_due", "refused", "throttled", "busy", "failed"];

#[derive(Debug, Default)]
pub(crate) struct AuthCounters([[AtomicU64; OUTCOMES.len()]; ACTS.len()]);

impl AuthCounters {
    pub(crate) fn succeeded(&self, act: Act, second_factor_due: bool) {
        self.add(act, usize::from(second_factor_due));
    }

    pub(crate) fn refused(&self, act: Act, status: StatusCode) {
        self.add(
            act,
            match status {
                StatusCode::TOO_MANY_REQUESTS => 3,
                StatusCode::SERVICE_UNAVAILABLE => 4,
                status if status.is_server_error() => 5,
                _ => 2,
            },
        );
    }

    fn add(&self, act: Act, outcome: usize) {
        let row = ACTS.iter().position(|(other, _)| *other == act).unwrap_or_default();
        self.0[row][outcome].fetch_add(1, Ordering::Relaxed);
    }

    /// Labels and counts.
    pub(super) fn samples(&self) -> Vec<(String, u64)> {
        let rows = ACTS.iter().zip(&self.0);
        let samples = rows.flat_map(|((_, act), counts)| {
            OUTCOMES.iter().zip(counts).map(move |(outcome, count)| {
                (format!("{{act=\"{act}\",outcome=\"{outcome}\"}}"), count.load(Ordering::Relaxed))
            })
        });
        samples.collect()
    }
}

#[cfg(test)]
mod tests {
    use axum::http::StatusCode;

    use super::{Act, AuthCounters};

    #[test]
    fn each_act_is_counted_by_what_came_of_it() {
        let counters = AuthCounters::default();
        counters.succeeded(Act::SignIn, false);
        counters.succeeded(Act::SignIn, true);
        for status in [400, 403, 429, 500, 503] {
            counters.refused(Act::Refresh, StatusCode::from_u16(status).unwrap());
        }
        let counted: Vec<_> = counters.samples().into_iter().filter(|(_, count)| *count > 0).collect();
        let label =
            |act: &str, outcome: &str, count| (format!("{{act=\"{act}\",outcome=\"{outcome}\"}}"), count);
        assert_eq!(
            counted,
            [
                label("refresh", "refused", 2),
                label("refresh", "throttled", 1),
                label("refresh", "busy", 1),
                label("refresh", "failed", 1),
                label("sign_in", "ok", 1),
                label("sign_in", "second_factor_due", 1),
            ]
        );
    }
}

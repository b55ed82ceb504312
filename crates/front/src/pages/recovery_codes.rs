//! `/auth/recovery-codes`: new ones, shown once; see [`super::authenticator`].

use minijinja::{Value, context};

use super::next::Next;
use super::visit::{Outcome, Reply, Visit};
use crate::auth::calls;
use crate::auth::secret::Secret;

pub(super) async fn submit(visit: &mut Visit) -> Outcome {
    if let Err(reply) = visit.member().await? {
        return Ok(reply);
    }
    make(visit, &Next::Own("/auth/account".to_owned()), false).await
}

/// `first`: the second factor was set up a moment ago.
pub(super) async fn make(visit: &mut Visit, next: &Next, first: bool) -> Outcome {
    let made = calls::generate_recovery_codes(&visit.call()).await?;
    let codes: Vec<Value> = made.codes.iter().map(|code| Value::from(Secret::expose(code))).collect();
    let values = context! { codes, first, onward => next.href(&visit.config) };
    Ok(Reply::page("recovery_codes", values))
}

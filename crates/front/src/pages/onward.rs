//! `/auth/continue`: the way from a form to an application of another origin; see
//! [`super::next::Next::location`].

use minijinja::context;

use super::visit::{Outcome, Reply, Visit};

pub(super) async fn show(visit: &mut Visit) -> Outcome {
    let next = visit.next();
    Ok(Reply::page("continue", context! { onward => next.href(&visit.config) }))
}

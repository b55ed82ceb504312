//! `/auth/sign-out`: a page with a button, for applications to link to.

use minijinja::context;

use super::next::{REDIRECT_TO, with};
use super::notice::Notice;
use super::visit::{Outcome, Reply, Visit};
use crate::auth::calls::{self, SignOutScope};

pub(super) async fn show(visit: &mut Visit) -> Outcome {
    let user = visit.user().await?;
    let values = context! { email => user.map(|user| user.email), redirect_to => visit.next().given() };
    Ok(Reply::page("sign_out", values))
}

/// Whatever becomes of the call, the browser forgets the session.
pub(super) async fn submit(visit: &mut Visit) -> Outcome {
    if visit.user().await.is_ok_and(|user| user.is_some()) {
        let ended = calls::sign_out(&visit.call(), SignOutScope::Local).await;
        if let Err(error) = ended {
            tracing::warn!(code = error.code(), "a session could not be ended");
        }
    }
    visit.forget();
    Notice::SignedOut.keep(visit);
    let next = visit.next();
    Ok(match next.given() {
        Some(_) => visit.leave(&next),
        None => Reply::Goto(with("/auth/sign-in", &[(REDIRECT_TO, None)])),
    })
}

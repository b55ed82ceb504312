//! Whoever is signed in, as the cookies of the visit say.

use super::{Outcome, Reply, Visit};
use crate::auth::calls::{self, Call, Session, SignOutScope};
use crate::auth::error::AuthError;
use crate::auth::secret::Secret;
use crate::browser::{Claims, Resolved, Small, Tokens, renew, resolve};
use crate::data::now;
use crate::pages::next::{Next, REDIRECT_TO, with};
use crate::pages::user::User;

impl Visit {
    /// Takes the session out of the browser.
    pub(in crate::pages) fn forget(&mut self) {
        self.access = None;
        self.set.clear_session(&self.cookies);
    }

    /// What the token of whoever is signed in says, to be shown and not to be trusted.
    pub(in crate::pages) fn claims(&self) -> Claims {
        self.access.as_ref().map(|access| Claims::of(access.expose())).unwrap_or_default()
    }

    /// Whoever is signed in, also with their second factor still due.
    pub(in crate::pages) async fn user(&mut self) -> Result<Option<User>, AuthError> {
        let Some(tokens) = Tokens::of(&self.cookies) else { return Ok(None) };
        let refresh = tokens.refresh.clone();
        let resolved = resolve(&self.public(), tokens, now()).await;
        let is_fresh = matches!(resolved, Resolved::Renewed(_));
        if let Some(user) = self.known(resolved).await? {
            return Ok(Some(user));
        }
        // A token may be refused before its end, as when its key was revoked; the session lives on.
        let again = match refresh.filter(|_| !is_fresh) {
            Some(refresh) => renew(&self.public(), &refresh).await,
            None => Resolved::Over,
        };
        let user = self.known(again).await?;
        if user.is_none() {
            self.forget();
        }
        Ok(user)
    }

    async fn known(&mut self, resolved: Resolved) -> Result<Option<User>, AuthError> {
        match resolved {
            Resolved::Over => return Ok(None),
            Resolved::Unknown(error) => return Err(error),
            Resolved::Good(access) => self.access = Some(access),
            Resolved::Renewed(session) => {
                self.set.session(&session, &self.cookies)?;
                self.access = Some(session.access_token);
            }
        }
        match calls::my_user(&self.call()).await {
            Ok(user) => User::read(&user).map(Some),
            Err(error) if error.status().is_client_error() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Whoever is signed in with all that their account asks for; else where to go for that.
    pub(in crate::pages) async fn member(&mut self) -> Result<Result<User, Reply>, AuthError> {
        let here = Next::Own(with(self.page(), &[(REDIRECT_TO, self.next().given())]));
        let Some(user) = self.user().await? else {
            return Ok(Err(Reply::Goto(with("/auth/sign-in", &[(REDIRECT_TO, here.given())]))));
        };
        if user.has_factor() && self.claims().aal.as_deref() != Some("aal2") {
            return Ok(Err(second_factor(&here)));
        }
        Ok(Ok(user))
    }

    /// Takes a session that was opened or raised into the browser, and goes on. The one that the
    /// browser had ends, if it is another.
    pub(in crate::pages) async fn enter(&mut self, session: Session, next: &Next) -> Outcome {
        self.replace(&session).await;
        self.set.session(&session, &self.cookies)?;
        self.set.clear_small(Small::Flow);
        let due = session.second_factor_due.is_some();
        self.access = Some(session.access_token);
        Ok(if due { second_factor(next) } else { self.leave(next) })
    }

    async fn replace(&self, session: &Session) {
        let Some(former) = Tokens::of(&self.cookies).and_then(|tokens| tokens.access) else { return };
        let id = |token: &Secret| Claims::of(token.expose()).session_id;
        if id(&former) == id(&session.access_token) {
            return;
        }
        // It may have ended before; then there is nothing left to do.
        let call = Call::user(&self.app, &self.variables, former.expose());
        let _ = calls::sign_out(&call, SignOutScope::Local).await;
    }
}

fn second_factor(next: &Next) -> Reply {
    Reply::Goto(with("/auth/second-factor", &[(REDIRECT_TO, next.given())]))
}

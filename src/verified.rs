//! Tokens that this backend verified a while ago, so that a signature is judged once and not at
//! every transaction.
//!
//! What is remembered is what no clock and no row can change: that the token was signed, and what it
//! says. Everything else is asked at every use: its dates and those of its key ([`Verified::judge`]),
//! the session, the user, the tenant and the membership ([`Verified::claims`]). All of it is
//! forgotten as soon as a key, a trusted issuer or a setting changes by which tokens are judged.
//! Tokens that were refused are never remembered, and the token itself is kept nowhere: it is found
//! by its hash.

use std::cell::RefCell;
use std::rc::Rc;

use gatehouse_core::api_key::Access;
use gatehouse_core::claims::Claims;
use gatehouse_core::recent::{Bounds, Fingerprint, Recent};
use gatehouse_core::{Error, Result as Judgement};
use uuid::Uuid;

use crate::issuer::{self, Vouched};
use crate::keyring::{self, Accepted};
use crate::report::Refusal;
use crate::sealed::Prepared;
use crate::settings::{self, TokenRules};
use crate::{catalog, membership, session};

/// What one backend remembers at most. An access token of this database weighs about 4 KiB.
const BOUNDS: Bounds = Bounds { count: 512, weight: 2 << 20 };

/// A token whose signature is right and whom it is for.
pub(crate) struct Verified {
    holder: Holder,
    /// What was made of it last.
    last: RefCell<Option<Made>>,
}

enum Holder {
    /// Somebody of this database.
    Own(Accepted),
    /// Somebody of another identity provider.
    External(Vouched),
}

/// Claims, and what holds here that they were made with.
struct Made {
    user: Option<Uuid>,
    access: Option<Access>,
    claims: Rc<Prepared>,
}

/// By what tokens are judged. Another one: judge them again.
#[derive(PartialEq, Eq)]
struct Authority {
    keys: u64,
    issuers: u64,
    rules: TokenRules,
}

impl Authority {
    fn now() -> Self {
        Self { keys: keyring::generation(), issuers: issuer::generation(), rules: settings::token_rules() }
    }
}

struct Remembered {
    authority: Authority,
    tokens: Recent<Rc<Verified>>,
}

static mut REMEMBERED: Option<Remembered> = None;

/// The token as it was verified at `now` (seconds since 1970) or before; whether it still holds for
/// somebody is [`Verified::claims`]'s to tell.
pub(crate) fn verify(token: &str, now: i64) -> Result<Rc<Verified>, Refusal> {
    catalog::hear_of_changes();
    let authority = Authority::now();
    let fingerprint = Fingerprint::of(token);
    if let Some(known) = recall(&authority, fingerprint) {
        known.judge(now).inspect_err(|_| forget(fingerprint))?;
        return Ok(known);
    }
    let verified = Rc::new(Verified::first(token, now)?);
    remember(authority, fingerprint, &verified);
    Ok(verified)
}

/// What is remembered, if it was judged by the same authority.
fn recall(authority: &Authority, fingerprint: Fingerprint) -> Option<Rc<Verified>> {
    // SAFETY: backends are single-threaded, and nothing here calls PostgreSQL.
    let remembered = unsafe { &mut *(&raw mut REMEMBERED) };
    if remembered.as_ref().is_some_and(|remembered| remembered.authority != *authority) {
        *remembered = None;
    }
    remembered.as_mut()?.tokens.get(fingerprint).cloned()
}

/// Remembers, unless the authority changed while the token was judged: then it is good for now only.
fn remember(authority: Authority, fingerprint: Fingerprint, verified: &Rc<Verified>) {
    if authority != Authority::now() {
        return;
    }
    // SAFETY: as above. `recall` has left nothing of another authority.
    let remembered = unsafe { &mut *(&raw mut REMEMBERED) };
    let remembered = remembered.get_or_insert_with(|| Remembered { authority, tokens: Recent::new(BOUNDS) });
    remembered.tokens.keep(fingerprint, Rc::clone(verified), verified.weight());
}

fn forget(fingerprint: Fingerprint) {
    // SAFETY: as above.
    if let Some(remembered) = unsafe { &mut *(&raw mut REMEMBERED) } {
        remembered.tokens.forget(fingerprint);
    }
}

/// How many tokens are remembered, and what they weigh; for tests.
#[cfg(feature = "fault_injection")]
pub(crate) fn remembered() -> (usize, usize) {
    // SAFETY: as above.
    let remembered = unsafe { &*(&raw const REMEMBERED) };
    remembered.as_ref().map_or((0, 0), |remembered| (remembered.tokens.count(), remembered.tokens.weight()))
}

impl Verified {
    /// Judges a token that is not known yet.
    fn first(token: &str, now: i64) -> Result<Self, Refusal> {
        let holder = match issuer::verify(token, now)? {
            Some(vouched) => Holder::External(vouched),
            None => Holder::Own(keyring::verify(token, now)?),
        };
        Ok(Self { holder, last: RefCell::default() })
    }

    /// What another moment than that of the verification can change: the dates of the token and of
    /// its key.
    fn judge(&self, now: i64) -> Judgement<()> {
        match &self.holder {
            Holder::Own(accepted) => {
                if accepted.verify_until.is_some_and(|until| until <= now) {
                    return Err(Error::TokenKeyUnknown);
                }
                accepted.validity.judge_at(now)
            }
            Holder::External(vouched) => vouched.identity.validity().judge_at(now),
        }
    }

    /// What its holder may be and do now, by the rows of this moment.
    pub(crate) fn claims(&self, now: i64) -> Result<Rc<Prepared>, Refusal> {
        let (user, access) = match &self.holder {
            Holder::Own(accepted) => (None, standing(accepted, now)?),
            Holder::External(vouched) => vouched.standing()?,
        };
        if let Some(last) = &*self.last.borrow()
            && (last.user, &last.access) == (user, &access)
        {
            return Ok(Rc::clone(&last.claims));
        }
        let claims = Rc::new(Prepared::from(self.claims_with(user, access.clone())?));
        self.last.replace(Some(Made { user, access, claims: Rc::clone(&claims) }));
        Ok(claims)
    }

    fn claims_with(&self, user: Option<Uuid>, access: Option<Access>) -> Judgement<Claims> {
        match &self.holder {
            Holder::Own(accepted) => {
                let mut claims = accepted.claims.clone();
                if let Some(Access { roles, permissions }) = access {
                    claims.replace_access(roles, permissions)?;
                }
                Ok(claims)
            }
            Holder::External(vouched) => vouched.identity.clone().into_claims(user, access),
        }
    }

    /// Bytes of memory, about: the claims are there some six times, taken apart and put together.
    fn weight(&self) -> usize {
        let text = match &self.holder {
            Holder::Own(accepted) => accepted.claims.json.len(),
            Holder::External(vouched) => vouched.identity.size(),
        };
        1024_usize.saturating_add(text.saturating_mul(6))
    }
}

/// What a member may do now, if the session still lives.
fn standing(accepted: &Accepted, now: i64) -> Result<Option<Access>, Refusal> {
    if accepted.is_foreign {
        return Ok(None);
    }
    session::refuse_ended(&accepted.claims, now)?;
    membership::held(&accepted.claims)
}

//! Throttling: how often something may be tried, and how long to wait after failures.
//!
//! | module | decides |
//! | --- | --- |
//! | [`rate`] | how many attempts an account, an address, a tenant and the server get (GCRA) |
//! | [`delay`] | how long to wait after consecutive failures of one account |
//! | [`known`] | which addresses an account has signed in from |
//! | [`counters`] | all of these in memory that does not grow |
//! | [`key`] | the names of counters: keyed hashes |
//! | [`client`] | the client's address, as far as it counts |
//!
//! Two things keep a stranger from shutting the owner of an account out. Refused attempts consume
//! nothing. And where the account has signed in lately, its attempts have counters of their own,
//! so that what strangers do elsewhere does not count there; they are not subject to the limits of
//! the tenant and the server either.
//!
//! Times are microseconds since any fixed moment; durations are microseconds.

use std::num::NonZeroU32;
use std::str::FromStr;

use crate::{Error, Result};

pub mod client;
pub mod counters;
pub mod delay;
pub mod key;
pub mod known;
pub mod rate;
#[cfg(test)]
mod tests;

use delay::Delay;
use rate::Rate;

/// A second, in microseconds.
pub const SECOND: i64 = 1_000_000;
/// A day, in microseconds.
pub const DAY: i64 = 86_400 * SECOND;

/// What is tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// Signing in with a password.
    SignIn,
    /// Making an account.
    SignUp,
    /// Trading a refresh token.
    Refresh,
    /// Asking for a mail that lets one back in.
    Recovery,
    /// Giving a code or link that came by mail.
    Code,
    /// Giving a code of a second factor.
    Factor,
    /// Inviting somebody.
    Invite,
}

impl Act {
    /// All of them.
    pub const ALL: [Self; 7] =
        [Self::SignIn, Self::SignUp, Self::Refresh, Self::Recovery, Self::Code, Self::Factor, Self::Invite];

    /// Its name in SQL.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::SignIn => "sign_in",
            Self::SignUp => "sign_up",
            Self::Refresh => "refresh",
            Self::Recovery => "recovery",
            Self::Code => "code",
            Self::Factor => "factor",
            Self::Invite => "invite",
        }
    }

    /// The acts whose consecutive failures end when this one succeeds.
    #[must_use]
    pub const fn reopens(self) -> &'static [Self] {
        match self {
            Self::SignIn => &[Self::SignIn],
            Self::Code => &[Self::Code, Self::SignIn],
            Self::Factor => &[Self::Factor],
            // Asking for a mail proves nothing.
            Self::Recovery | Self::SignUp | Self::Refresh | Self::Invite => &[],
        }
    }

    /// Whether its success proves to be the owner by other means than the password: who reads the
    /// account's mail ends the failures that strangers made, too.
    #[must_use]
    pub const fn proves_ownership(self) -> bool {
        matches!(self, Self::Code)
    }

    /// Whether its success makes the client's address one that the account is known at.
    #[must_use]
    pub const fn introduces(self) -> bool {
        matches!(self, Self::SignIn | Self::SignUp | Self::Code)
    }
}

impl FromStr for Act {
    type Err = Error;

    /// # Errors
    /// - [`Error::ThrottleActUnknown`]
    fn from_str(name: &str) -> Result<Self> {
        Self::ALL.into_iter().find(|act| act.name() == name).ok_or(Error::ThrottleActUnknown)
    }
}

/// Whose attempts are counted together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// One account, wherever the attempts come from.
    Account,
    /// One client address, whatever account it names.
    Address,
    /// One tenant.
    Tenant,
    /// The whole database.
    Global,
}

impl Scope {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Account, Self::Address, Self::Tenant, Self::Global];

    /// Its name in SQL.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Account => "account",
            Self::Address => "address",
            Self::Tenant => "tenant",
            Self::Global => "global",
        }
    }
}

impl FromStr for Scope {
    type Err = Error;

    /// # Errors
    /// - [`Error::ThrottleLimitOutOfRange`]
    fn from_str(name: &str) -> Result<Self> {
        Self::ALL.into_iter().find(|scope| scope.name() == name).ok_or(Error::ThrottleLimitOutOfRange)
    }
}

/// What may be done how often; what has no limit here is not limited.
#[derive(Clone, Debug, Default)]
pub struct Limits {
    rates: [[Option<Rate>; Scope::ALL.len()]; Act::ALL.len()],
    delays: [Option<Delay>; Act::ALL.len()],
}

impl Limits {
    /// Limits how often an act may be tried within a scope.
    pub fn set_rate(&mut self, act: Act, scope: Scope, rate: Rate) {
        self.rates[act as usize][scope as usize] = Some(rate);
    }

    /// Makes an act wait after failures.
    pub fn set_delay(&mut self, act: Act, delay: Delay) {
        self.delays[act as usize] = Some(delay);
    }

    fn rate(&self, act: Act, scope: Scope) -> Option<Rate> {
        self.rates[act as usize][scope as usize]
    }

    fn delay(&self, act: Act) -> Option<Delay> {
        self.delays[act as usize]
    }
}

/// Whether an attempt may go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Yes, and it has been counted.
    Allowed,
    /// Not before that many seconds have passed; it has not been counted.
    Wait(NonZeroU32),
}

impl Verdict {
    /// From microseconds, rounded up to whole seconds.
    fn from_wait(wait: i64) -> Self {
        let seconds = wait.max(0).saturating_add(SECOND - 1) / SECOND;
        NonZeroU32::new(u32::try_from(seconds).unwrap_or(u32::MAX)).map_or(Self::Allowed, Self::Wait)
    }
}

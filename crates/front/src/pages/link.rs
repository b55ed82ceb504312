//! Tokens of mailed links. A link is opened by mail scanners too, so opening it spends nothing: the
//! token moves from the address into a cookie, where it is in no history and no `Referer`, and a button
//! spends it.

use serde::{Deserialize, Serialize};

use super::visit::Visit;
use crate::auth::secret::Secret;
use crate::browser::Small;

/// Longer ones are none.
const MOST_BYTES: usize = 200;

/// What a mailed link or code is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Kind {
    Signup,
    /// Also `email`, as clients call it.
    #[serde(alias = "email")]
    Magiclink,
    Recovery,
    EmailChange,
    Invite,
}

impl Kind {
    pub(super) fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "signup" => Self::Signup,
            "magiclink" | "email" => Self::Magiclink,
            "recovery" => Self::Recovery,
            "email_change" => Self::EmailChange,
            "invite" => Self::Invite,
            _ => return None,
        })
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Signup => "signup",
            Self::Magiclink => "magiclink",
            Self::Recovery => "recovery",
            Self::EmailChange => "email_change",
            Self::Invite => "invite",
        }
    }

    /// Whether a password is to be chosen next.
    pub(super) fn needs_password(self) -> bool {
        matches!(self, Self::Recovery | Self::Invite)
    }
}

/// The token and kind of a link that was opened.
#[derive(Debug)]
pub(super) struct Link {
    pub(super) kind: Kind,
    pub(super) token: Secret,
}

impl Link {
    pub(super) fn new(kind: &str, token: &str) -> Option<Self> {
        Some(Self { kind: Kind::parse(kind)?, token: plain(token)? })
    }

    pub(super) fn of(visit: &Visit) -> Option<Self> {
        let (kind, token) = visit.cookies.get(&Small::Link.name())?.split_once('.')?;
        Self::new(kind, token)
    }

    pub(super) fn keep(&self, visit: &mut Visit) {
        visit.set.small(Small::Link, &format!("{}.{}", self.kind.name(), self.token.expose()));
    }
}

/// A token that can be one: of the letters that tokens are made of.
pub(super) fn plain(token: &str) -> Option<Secret> {
    let good = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    let is_token = !token.is_empty() && token.len() <= MOST_BYTES && token.bytes().all(good);
    is_token.then(|| Secret::new(token.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::{Kind, Link, plain};

    #[test]
    fn kinds_have_the_names_of_the_links() {
        for name in ["signup", "magiclink", "recovery", "email_change", "invite"] {
            assert_eq!(Kind::parse(name).unwrap().name(), name);
        }
        assert_eq!(Kind::parse("email"), Some(Kind::Magiclink));
        assert_eq!(Kind::parse("reauthentication"), None);
    }

    #[test]
    fn a_token_that_could_be_more_is_none() {
        assert_eq!(plain("aZ0-_").unwrap().expose(), "aZ0-_");
        for token in ["", "a;b", "a b", "a\"", "\u{e9}", &"x".repeat(201)] {
            assert!(plain(token).is_none(), "{token}");
        }
        assert!(Link::new("other", "a").is_none());
    }
}

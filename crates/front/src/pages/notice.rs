//! What was done, for the page that comes after a redirect: a fixed set, kept in a cookie for a minute.

use super::visit::Visit;
use crate::browser::Small;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Notice {
    AddressConfirmed,
    AddressHalfChanged,
    AddressUnconfirmed,
    FactorAdded,
    FactorRemoved,
    InvitationAccepted,
    MailSent,
    NameChanged,
    PasswordChanged,
    SessionEnded,
    SessionsEnded,
    SignedOut,
    TenantChosen,
}

const ALL: [(&str, Notice, &str); 13] = [
    ("address-confirmed", Notice::AddressConfirmed, "Your email address is confirmed."),
    (
        "address-half-changed",
        Notice::AddressHalfChanged,
        "That address is confirmed. Now open the mail that we sent to the other one.",
    ),
    (
        "address-unconfirmed",
        Notice::AddressUnconfirmed,
        "Confirm your email address first: enter the code from our mail, or ask for a new one.",
    ),
    ("factor-added", Notice::FactorAdded, "The authenticator app is set up."),
    ("factor-removed", Notice::FactorRemoved, "The authenticator app was removed."),
    ("invitation-accepted", Notice::InvitationAccepted, "Welcome: you have joined."),
    ("mail-sent", Notice::MailSent, "A new mail is on its way. The one before does not count any more."),
    ("name-changed", Notice::NameChanged, "Your name was changed."),
    (
        "password-changed",
        Notice::PasswordChanged,
        "Your password was changed, and your other sessions were signed out.",
    ),
    ("session-ended", Notice::SessionEnded, "That session was signed out."),
    ("sessions-ended", Notice::SessionsEnded, "Your other sessions were signed out."),
    ("signed-out", Notice::SignedOut, "You are signed out."),
    ("tenant-chosen", Notice::TenantChosen, "You are working in another organisation now."),
];

impl Notice {
    /// Takes it out of the browser: it is shown once.
    pub(super) fn take(visit: &mut Visit) -> Option<&'static str> {
        let name = visit.cookies.get(&Small::Notice.name()).map(str::to_owned)?;
        visit.set.clear_small(Small::Notice);
        ALL.iter().find(|(known, ..)| *known == name).map(|(_, _, text)| *text)
    }

    pub(super) fn keep(self, visit: &mut Visit) {
        if let Some((name, ..)) = ALL.iter().find(|(_, notice, _)| *notice == self) {
            visit.set.small(Small::Notice, name);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::ALL;

    #[test]
    fn every_notice_has_one_name_and_one_sentence() {
        for (index, (name, notice, text)) in ALL.iter().enumerate() {
            let again = ALL.iter().position(|(other, same, _)| other == name || same == notice);
            assert_eq!(again, Some(index));
            assert!(text.ends_with('.'));
        }
    }
}

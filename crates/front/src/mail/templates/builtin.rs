//! The templates that are compiled in.

use std::collections::BTreeMap;

macro_rules! kinds {
    ($count:literal: $($kind:literal),+ $(,)?) => {
        /// Every kind of mail that the database writes.
        pub(crate) const KINDS: [&str; $count] = [$($kind),+];

        const FILES: [[(&str, &str); 2]; $count] = [$([
            (concat!($kind, ".txt"), include_str!(concat!("../../../templates/mail/", $kind, ".txt"))),
            (concat!($kind, ".html"), include_str!(concat!("../../../templates/mail/", $kind, ".html"))),
        ]),+];
    };
}

kinds! { 13:
    "confirm_email",
    "email_change_current",
    "email_change_new",
    "email_changed",
    "factor_added",
    "factor_removed",
    "invitation",
    "invite",
    "magic_link",
    "reauthentication",
    "recovery",
    "recovery_code_used",
    "sign_up_attempt",
}

const PARTS: [(&str, &str); 4] = [
    ("layout.txt", include_str!("../../../templates/mail/layout.txt")),
    ("layout.html", include_str!("../../../templates/mail/layout.html")),
    ("_button.html", include_str!("../../../templates/mail/_button.html")),
    ("_code.html", include_str!("../../../templates/mail/_code.html")),
];

/// By name.
pub(super) fn files() -> BTreeMap<String, String> {
    let owned = |&(name, source): &(&str, &str)| (name.to_owned(), source.to_owned());
    FILES.iter().flatten().chain(&PARTS).map(owned).collect()
}

//! Choices from a few names.

use serde::Deserialize;
use utoipa::ToSchema;

/// Which mailed code or link is brought back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::auth) enum OtpKind {
    Signup,
    Invite,
    Magiclink,
    Recovery,
    EmailChange,
    Email,
}

/// What is mailed again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::auth) enum ResendKind {
    Signup,
    EmailChange,
}

/// What a link that the operator makes is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::auth) enum LinkKind {
    Signup,
    Invite,
    Magiclink,
    Recovery,
    EmailChangeCurrent,
    EmailChangeNew,
}

/// Second factors; there are authenticators only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::auth) enum FactorType {
    Totp,
    Phone,
    Webauthn,
}

impl OtpKind {
    pub(in crate::auth) fn parse(text: &str) -> Option<Self> {
        let all =
            [Self::Signup, Self::Invite, Self::Magiclink, Self::Recovery, Self::EmailChange, Self::Email];
        all.into_iter().find(|kind| kind.name() == text)
    }

    pub(in crate::auth) fn name(self) -> &'static str {
        match self {
            Self::Signup => "signup",
            Self::Invite => "invite",
            Self::Magiclink => "magiclink",
            Self::Recovery => "recovery",
            Self::EmailChange => "email_change",
            Self::Email => "email",
        }
    }
}

impl ResendKind {
    pub(in crate::auth) fn name(self) -> &'static str {
        match self {
            Self::Signup => "signup",
            Self::EmailChange => "email_change",
        }
    }
}

impl LinkKind {
    pub(in crate::auth) fn name(self) -> &'static str {
        match self {
            Self::Signup => "signup",
            Self::Invite => "invite",
            Self::Magiclink => "magiclink",
            Self::Recovery => "recovery",
            Self::EmailChangeCurrent => "email_change_current",
            Self::EmailChangeNew => "email_change_new",
        }
    }
}

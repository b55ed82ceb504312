//! The pages and sessions in cookies.

mod brand;
mod colour;

pub(crate) use brand::Brand;
pub(crate) use colour::Palette;

use super::reader::{ConfigError, Reader};

/// What browsers get besides the APIs.
#[derive(Clone, Debug)]
pub(crate) struct Pages {
    /// Whether there are pages to sign in and up at `/auth/…`.
    pub(crate) enabled: bool,
    /// Whether the APIs take a session's cookies in the place of a bearer token.
    pub(crate) cookie_sessions: bool,
    pub(crate) brand: Brand,
    /// The application, where the operator has named it: where people go who are sent nowhere else.
    pub(crate) home: Option<String>,
}

impl Pages {
    pub(super) fn read(reader: &Reader<'_>) -> Result<Self, ConfigError> {
        Ok(Self {
            enabled: reader.boolean("GATEHOUSE_PAGES", false)?,
            cookie_sessions: reader.boolean("GATEHOUSE_COOKIE_SESSIONS", false)?,
            brand: Brand::read(reader)?,
            home: reader.text("GATEHOUSE_SITE_URL"),
        })
    }
}

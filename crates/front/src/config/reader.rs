//! Reads single values and says what is wrong with them.

use std::fmt::Display;
use std::ops::RangeInclusive;
use std::str::FromStr;

/// One wrong value, as the one line the operator sees.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("{key}: {value} is not allowed; allowed: {allowed}")]
pub(crate) struct ConfigError {
    key: String,
    value: String,
    allowed: String,
}

/// Looks values up. An empty value counts as not set, as in PostgREST.
pub(super) struct Reader<'a> {
    lookup: &'a dyn Fn(&str) -> Option<String>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(lookup: &'a dyn Fn(&str) -> Option<String>) -> Self {
        Self { lookup }
    }

    pub(super) fn lookup(&self) -> &'a dyn Fn(&str) -> Option<String> {
        self.lookup
    }

    pub(super) fn text(&self, key: &str) -> Option<String> {
        (self.lookup)(key).filter(|value| !value.is_empty())
    }

    /// The value of the first, else of the second name.
    pub(super) fn either(&self, key: &str, alias: &str) -> Option<String> {
        self.text(key).or_else(|| self.text(alias))
    }

    /// A text, or the content of the file that `@path` names, without its line end. Errors do not
    /// show it.
    pub(super) fn secret(&self, key: &str, allowed: &str) -> Result<Option<String>, ConfigError> {
        let Some(text) = self.text(key) else { return Ok(None) };
        let Some(path) = text.strip_prefix('@') else { return Ok(Some(text)) };
        let content = std::fs::read_to_string(path).map_err(|_| self.error(key, allowed))?;
        Ok(Some(content.trim_end_matches(['\n', '\r']).to_owned()))
    }

    pub(super) fn list(&self, key: &str, default: &[&str]) -> Vec<String> {
        match (self.lookup)(key) {
            None => default.iter().map(|&item| item.to_owned()).collect(),
            Some(text) if text.is_empty() => Vec::new(),
            Some(text) => text.split(',').map(|item| item.trim().to_owned()).collect(),
        }
    }

    pub(super) fn optional<T: FromStr>(&self, key: &str, allowed: &str) -> Result<Option<T>, ConfigError> {
        self.text(key).map(|text| text.parse().map_err(|_| self.error(key, allowed))).transpose()
    }

    pub(super) fn number<T>(&self, key: &str, default: T, range: RangeInclusive<T>) -> Result<T, ConfigError>
    where
        T: FromStr + PartialOrd + Display,
    {
        let allowed = format!("a whole number from {} to {}", range.start(), range.end());
        let value = self.optional(key, &allowed)?.unwrap_or(default);
        if range.contains(&value) { Ok(value) } else { Err(self.error(key, allowed)) }
    }

    pub(super) fn boolean(&self, key: &str, default: bool) -> Result<bool, ConfigError> {
        let names =
            [("true", true), ("false", false), ("1", true), ("0", false), ("on", true), ("off", false)];
        self.choice(key, &names, default)
    }

    pub(super) fn choice<T: Copy>(
        &self,
        key: &str,
        choices: &[(&str, T)],
        default: T,
    ) -> Result<T, ConfigError> {
        let Some(text) = self.text(key) else { return Ok(default) };
        let found = choices.iter().find(|(name, _)| name.eq_ignore_ascii_case(&text));
        found.map(|&(_, value)| value).ok_or_else(|| {
            let names: Vec<_> = choices.iter().map(|&(name, _)| name).collect();
            self.error(key, names.join(", "))
        })
    }

    pub(super) fn error(&self, key: &str, allowed: impl Into<String>) -> ConfigError {
        let value = format!("{:?}", self.text(key).unwrap_or_default());
        ConfigError { key: key.to_owned(), value, allowed: allowed.into() }
    }

    /// As [`Self::error`], for a value that may hold a password.
    pub(super) fn secret_error(&self, key: &str, allowed: impl Into<String>) -> ConfigError {
        ConfigError { key: key.to_owned(), value: "its value (hidden)".to_owned(), allowed: allowed.into() }
    }
}

//! Media types: those that mean something here, and any other by its name.

mod parse;
#[cfg(test)]
mod tests;

use std::fmt;

use axum::http::HeaderMap;
use axum::http::header::{ACCEPT, CONTENT_TYPE};

/// A media type as a client asks for it or sends it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum MediaType {
    /// `*/*`
    Any,
    /// An array of objects without their null members.
    ArrayStripped,
    Csv,
    Form,
    GeoJson,
    Json,
    OctetStream,
    OpenApi,
    OpenApi3,
    Other(String),
    Plan {
        of: Box<MediaType>,
        format: PlanFormat,
        options: Vec<PlanOption>,
    },
    /// One object instead of an array.
    Singular {
        stripped: bool,
    },
    Text,
    Xml,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum PlanFormat {
    Json,
    Text,
}

/// What an execution plan shows besides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum PlanOption {
    Analyze,
    Verbose,
    Settings,
    Buffers,
    Wal,
}

impl PlanOption {
    const ALL: [(&str, Self); 5] = [
        ("analyze", Self::Analyze),
        ("verbose", Self::Verbose),
        ("settings", Self::Settings),
        ("buffers", Self::Buffers),
        ("wal", Self::Wal),
    ];

    fn name(self) -> &'static str {
        Self::ALL.iter().find(|(_, option)| *option == self).map_or("", |(name, _)| name)
    }
}

impl MediaType {
    /// Reads one media type with its parameters; what is not known keeps its text.
    pub(crate) fn parse(text: &str) -> Self {
        parse::media_type(text)
    }

    /// `Content-Type`; JSON when there is none.
    pub(super) fn of_content(headers: &HeaderMap) -> Self {
        let header = headers.get(CONTENT_TYPE);
        header.map_or(Self::Json, |value| Self::parse(&String::from_utf8_lossy(value.as_bytes())))
    }

    /// What `Accept` asks for, the best first; anything when there is none.
    pub(super) fn accepted(headers: &HeaderMap) -> Vec<Self> {
        let mut text = String::new();
        for value in headers.get_all(ACCEPT) {
            if !text.is_empty() {
                text.push(',');
            }
            text.push_str(&String::from_utf8_lossy(value.as_bytes()));
        }
        if text.is_empty() { vec![Self::Any] } else { parse::accept(&text) }
    }

    /// Whether one JSON object is asked for, also inside of a plan.
    pub(crate) fn is_singular(&self) -> bool {
        matches!(self, Self::Singular { .. })
    }

    /// The value of `Content-Type`.
    pub(crate) fn content_type(&self) -> String {
        match self {
            Self::OctetStream | Self::Other(_) => self.to_string(),
            _ => format!("{self}; charset=utf-8"),
        }
    }

    fn name(&self) -> &str {
        match self {
            Self::Any => "*/*",
            Self::ArrayStripped => "application/vnd.pgrst.array+json;nulls=stripped",
            Self::Csv => "text/csv",
            Self::Form => "application/x-www-form-urlencoded",
            Self::GeoJson => "application/geo+json",
            Self::Json => "application/json",
            Self::OctetStream => "application/octet-stream",
            Self::OpenApi => "application/openapi+json",
            Self::OpenApi3 => "application/openapi+json;version=3.0",
            Self::Other(name) => name,
            Self::Plan { format: PlanFormat::Json, .. } => "application/vnd.pgrst.plan+json",
            Self::Plan { format: PlanFormat::Text, .. } => "application/vnd.pgrst.plan+text",
            Self::Singular { stripped: true } => "application/vnd.pgrst.object+json;nulls=stripped",
            Self::Singular { stripped: false } => "application/vnd.pgrst.object+json",
            Self::Text => "text/plain",
            Self::Xml => "text/xml",
        }
    }
}

impl fmt::Display for MediaType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())?;
        let Self::Plan { of, options, .. } = self else { return Ok(()) };
        write!(f, "; for=\"{of}\"")?;
        for (index, option) in options.iter().enumerate() {
            f.write_str(if index == 0 { "; options=" } else { "|" })?;
            f.write_str(option.name())?;
        }
        Ok(())
    }
}

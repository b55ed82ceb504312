//! The body of a write or a call. Of JSON only the keys are looked at; the database reads the
//! values.

mod csv;
mod form;
mod json;
#[cfg(test)]
mod tests;

use bytes::Bytes;
pub(super) use form::push_string;

use super::media_type::MediaType;
use crate::error::Error;

/// A body that is understood as far as the front needs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Payload {
    /// Arguments of a call.
    Form(Vec<(String, String)>),
    /// An object or an array of objects, and the keys that every one has, sorted.
    Json { json: Bytes, keys: Vec<String> },
    /// One argument of a call, as it is.
    Raw(Bytes),
    /// JSON that nobody has looked at, since the client names the columns.
    UnseenJson(Bytes),
}

impl Payload {
    /// Reads a body by its type. `columns_named`: the client says which columns there are.
    pub(super) fn parse(
        content_type: &MediaType,
        body: Bytes,
        columns_named: bool,
        is_call: bool,
    ) -> Result<Self, Error> {
        match content_type {
            MediaType::Json if columns_named => Ok(Self::UnseenJson(body)),
            MediaType::Json if is_call && body.is_empty() => {
                Ok(Self::Json { json: Bytes::from_static(b"{}"), keys: Vec::new() })
            }
            MediaType::Json => json::parse(body),
            MediaType::Csv => csv::parse(&body),
            MediaType::Form if is_call => Ok(Self::Form(form::pairs(&body)?)),
            MediaType::Form => form::to_json(&body),
            MediaType::OctetStream | MediaType::Text | MediaType::Xml if is_call => Ok(Self::Raw(body)),
            other => Err(Error::InvalidBody(format!("Content-Type not acceptable: {other}"))),
        }
    }

    /// The keys that the body gives; none when it was not looked at.
    pub(crate) fn keys(&self) -> Vec<String> {
        match self {
            Self::Form(pairs) => {
                let mut keys: Vec<_> = pairs.iter().map(|(name, _)| name.clone()).collect();
                keys.sort_unstable();
                keys.dedup();
                keys
            }
            Self::Json { keys, .. } => keys.clone(),
            Self::Raw(_) | Self::UnseenJson(_) => Vec::new(),
        }
    }

    /// The body's bytes, for the database.
    pub(crate) fn bytes(&self) -> Bytes {
        match self {
            Self::Form(pairs) => form::object(pairs),
            Self::Json { json, .. } => json.clone(),
            Self::Raw(body) | Self::UnseenJson(body) => body.clone(),
        }
    }
}

/// Whether JSON text begins as an object.
pub(crate) fn is_object(json: &[u8]) -> bool {
    json.iter().find(|byte| !matches!(byte, b' ' | b'\t' | b'\n' | b'\r')) == Some(&b'{')
}

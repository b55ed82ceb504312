//! What makes the body of each media type.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use super::Name;
use crate::request::MediaType;

/// One handler as the catalog has it.
#[derive(Debug, Deserialize)]
pub(super) struct HandlerRow {
    function: Name,
    /// The relation or function whose result it is for; any when there is none.
    target: Option<Name>,
    /// In lower case.
    media_type: String,
}

/// What turns rows into a body.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) enum Handler {
    Csv,
    Custom { function: Name, target: Option<Name> },
    GeoJson,
    Json,
}

/// Handlers by what they are for and the media type; the built-in ones may be overridden.
#[derive(Debug)]
pub(crate) struct Handlers(HashMap<(Option<Name>, MediaType), (Handler, MediaType)>);

/// The built-in ones.
impl Default for Handlers {
    fn default() -> Self {
        Self::new(Vec::new())
    }
}

impl Handlers {
    pub(super) fn new(rows: Vec<HandlerRow>) -> Self {
        let json = (Handler::Json, MediaType::Json);
        let built_in = [
            (MediaType::Any, json.clone()),
            (MediaType::Json, json),
            (MediaType::Csv, (Handler::Csv, MediaType::Csv)),
            (MediaType::GeoJson, (Handler::GeoJson, MediaType::GeoJson)),
        ];
        let mut all: HashMap<_, _> =
            built_in.into_iter().map(|(media_type, handler)| ((None, media_type), handler)).collect();
        for HandlerRow { function, target, media_type } in rows {
            let asked = MediaType::parse(&media_type);
            // A handler of anything gives bytes, unless it says otherwise itself.
            let given = if asked == MediaType::Any { MediaType::OctetStream } else { asked.clone() };
            all.insert((target.clone(), asked), (Handler::Custom { function, target }, given));
        }
        Self(all)
    }

    /// The handler for a media type and what it gives; with `whole_rows`, one for just this relation
    /// or function comes first.
    pub(crate) fn find(
        &self,
        target: &Name,
        media_type: &MediaType,
        whole_rows: bool,
    ) -> Option<&(Handler, MediaType)> {
        let own = |media_type: &MediaType| self.0.get(&(Some(target.clone()), media_type.clone()));
        let special = whole_rows.then(|| own(&MediaType::Any).or_else(|| own(media_type))).flatten();
        special.or_else(|| self.0.get(&(None, media_type.clone())))
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }
}

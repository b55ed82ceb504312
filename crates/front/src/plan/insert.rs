//! Inserting rows from JSON into one relation.

use bytes::Bytes;

use super::Columns;
use crate::error::Error;
use crate::request::{Payload, Preferences, Query, Representation};
use crate::schema_cache::{Column, Relation};

#[derive(Debug)]
pub(crate) struct InsertPlan<'a> {
    pub(crate) relation: &'a Relation,
    /// The columns that the body gives; the others take their defaults.
    pub(crate) columns: Vec<&'a Column>,
    pub(crate) json: Bytes,
    /// One object, not an array of them.
    pub(crate) is_object: bool,
    /// What of the new rows goes back; `None` for nothing.
    pub(crate) returning: Option<Columns<'a>>,
}

impl<'a> InsertPlan<'a> {
    /// Parameters for reading other than `select` mean nothing here and are ignored.
    pub(super) fn new(
        relation: &'a Relation,
        payload: Payload,
        query: &Query,
        preferences: Preferences,
    ) -> Result<Self, Error> {
        let full = preferences.representation == Some(Representation::Full);
        let returning = if full { Some(Columns::new(relation, &query.select)?) } else { None };
        let columns = payload.keys.iter().map(|key| column(relation, key)).collect::<Result<_, _>>()?;
        Ok(Self { relation, columns, json: payload.json, is_object: payload.is_object, returning })
    }
}

fn column<'a>(relation: &'a Relation, name: &str) -> Result<&'a Column, Error> {
    relation
        .column(name)
        .ok_or_else(|| Error::ColumnNotFound { relation: relation.name.clone(), column: name.to_owned() })
}

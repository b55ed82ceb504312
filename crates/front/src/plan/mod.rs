//! What to do, with every name looked up in the schema cache. Pure; after this step nothing that
//! the client sent is an identifier any more.

mod insert;
mod read;
#[cfg(test)]
mod tests;

pub(crate) use insert::InsertPlan;
pub(crate) use read::{Columns, Condition, Ordering, ReadPlan};

use crate::error::Error;
use crate::request::{Action, ApiRequest};
use crate::schema_cache::{Relation, SchemaCache};

/// A request that can be carried out.
#[derive(Debug)]
pub(crate) enum Plan<'a> {
    Insert(InsertPlan<'a>),
    Read(ReadPlan<'a>),
}

impl<'a> Plan<'a> {
    /// Plans the request; `max_rows` bounds what one read gives.
    pub(crate) fn new(
        request: ApiRequest<'_>,
        cache: &'a SchemaCache,
        max_rows: Option<u64>,
    ) -> Result<Self, Error> {
        let relation = find(cache, request.profile.schema, &request.relation)?;
        Ok(match request.action {
            Action::Insert(payload) => {
                Self::Insert(InsertPlan::new(relation, payload, &request.query, request.preferences)?)
            }
            Action::Read => Self::Read(ReadPlan::new(relation, request.query, max_rows)?),
        })
    }

    /// Whether the transaction may only read.
    pub(crate) fn reads(&self) -> bool {
        matches!(self, Self::Read(_))
    }
}

fn find<'a>(cache: &'a SchemaCache, schema: &str, name: &str) -> Result<&'a Relation, Error> {
    cache
        .relation(schema, name)
        .ok_or_else(|| Error::TableNotFound { schema: schema.to_owned(), name: name.to_owned() })
}

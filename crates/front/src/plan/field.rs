//! A field with what is known of its column: how to reach into it, and how its values come in and
//! go out.

use super::Context;
use crate::request::tree::{Field, JsonStep, Operation};
use crate::schema_cache::{Column, Name, Relation};

/// A field whose column has been looked up; one that is not in the cache, such as a computed one,
/// is left to the database to know.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Resolved<'a> {
    pub(crate) name: String,
    pub(crate) path: Vec<JsonStep>,
    /// Whether the column is no JSON, so that a path needs it to become some.
    pub(crate) to_json: bool,
    /// Makes a search vector of the text, in a language that may be given.
    pub(crate) vector: Option<Option<String>>,
    /// The function that values go through: out of the column, or from text into it.
    pub(crate) transform: Option<&'a Name>,
    /// All columns of the row as one value.
    pub(crate) whole_row: bool,
}

impl Resolved<'_> {
    pub(crate) fn named(name: impl Into<String>) -> Self {
        Self { name: name.into(), ..Self::default() }
    }

    pub(crate) fn is_star(&self) -> bool {
        self.name == "*" && self.path.is_empty()
    }
}

impl<'a> Context<'a> {
    /// A field that is read.
    pub(super) fn output(&self, relation: Option<&'a Relation>, field: Field) -> Resolved<'a> {
        let column = relation.and_then(|relation| relation.column(&field.name));
        let mut resolved = resolve(column, field, None);
        resolved.transform = column.and_then(|column| self.output_transform(column));
        resolved
    }

    /// A column as it goes out, if it has a representation of its own.
    pub(super) fn output_transform(&self, column: &Column) -> Option<&'a Name> {
        self.cache.representation(&column.nominal_type, "json")
    }

    /// A field that something from the query string is compared with.
    pub(super) fn compared(
        &self,
        relation: Option<&'a Relation>,
        field: Field,
        operation: &Operation,
    ) -> Resolved<'a> {
        let column = relation.and_then(|relation| relation.column(&field.name));
        let vector = match operation {
            Operation::FullText { language, .. } => Some(language.clone()),
            _ => None,
        };
        let mut resolved = resolve(column, field, vector);
        resolved.transform =
            column.and_then(|column| self.cache.representation("text", &column.nominal_type));
        resolved
    }
}

/// A field that rows are ordered by.
pub(super) fn ordered<'a>(relation: Option<&Relation>, field: Field) -> Resolved<'a> {
    let column = relation.and_then(|relation| relation.column(&field.name));
    resolve(column, field, None)
}

fn resolve<'a>(column: Option<&Column>, field: Field, vector: Option<Option<String>>) -> Resolved<'a> {
    let is_json = column.is_some_and(|column| matches!(column.nominal_type.as_str(), "json" | "jsonb"));
    // What is a search vector already, must not become one.
    let is_vector = column.is_some_and(|column| column.data_type == "tsvector");
    Resolved {
        name: field.name,
        path: field.path,
        to_json: !is_json,
        vector: vector.filter(|_| !is_vector),
        ..Resolved::default()
    }
}

//! Relations and their columns.

use serde::{Deserialize, Serialize};

use super::Name;

/// A table, view, materialised view, foreign or partitioned table.
#[derive(Debug, Default, Deserialize, Serialize)]
pub(crate) struct Relation {
    pub(crate) oid: i64,
    pub(crate) name: Name,
    pub(crate) description: Option<String>,
    pub(crate) is_view: bool,
    pub(crate) insertable: bool,
    pub(crate) updatable: bool,
    pub(crate) deletable: bool,
    /// Sorted by name; of a view, the columns that show a table's primary key.
    pub(crate) primary_key: Vec<String>,
    pub(crate) columns: Vec<Column>,
}

#[derive(Debug, Default, Deserialize, Serialize)]
pub(crate) struct Column {
    pub(crate) name: String,
    pub(crate) description: Option<String>,
    /// Without length, and of a domain over a type of Postgres' own the base.
    pub(crate) data_type: String,
    /// As declared. Written by `format_type`: may stand in SQL as it is.
    pub(crate) nominal_type: String,
    pub(crate) nullable: bool,
    pub(crate) max_length: Option<i32>,
    /// An expression: may stand in SQL as it is.
    pub(crate) default_value: Option<String>,
    /// Of an enumeration.
    pub(crate) labels: Vec<String>,
}

impl Relation {
    pub(crate) fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|column| column.name == name)
    }
}

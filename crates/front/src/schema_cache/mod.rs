//! What the database has in the exposed schemas, read once at the start: relations, their columns
//! and keys. Everything that becomes an identifier in SQL comes from here, already quoted.

mod load;

use std::collections::HashMap;

pub(crate) use load::{LoadError, load};
use serde::{Deserialize, Serialize};

use crate::sql::quote_identifier;

/// A table, view, materialised view, foreign or partitioned table.
#[derive(Debug, Default, Deserialize, Serialize)]
pub(crate) struct Relation {
    pub(crate) schema: String,
    pub(crate) name: String,
    is_view: bool,
    columns: Vec<Column>,
    primary_key: Vec<String>,
    foreign_keys: Vec<ForeignKey>,
    /// Schema and name, quoted.
    #[serde(skip)]
    pub(crate) sql: String,
}

#[derive(Debug, Default, Deserialize, Serialize)]
pub(crate) struct Column {
    pub(crate) name: String,
    /// As `format_type` writes it: may stand in SQL as it is.
    pub(crate) data_type: String,
    nullable: bool,
    has_default: bool,
    generated: bool,
    /// The name, quoted.
    #[serde(skip)]
    pub(crate) sql: String,
}

/// A reference to another relation, exposed or not.
#[derive(Debug, Deserialize, Serialize)]
struct ForeignKey {
    name: String,
    columns: Vec<String>,
    target_schema: String,
    target: String,
    target_columns: Vec<String>,
}

impl Relation {
    pub(crate) fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|column| column.name == name)
    }

    fn quoted(mut self) -> Self {
        self.sql = format!("{}.{}", quote_identifier(&self.schema), quote_identifier(&self.name));
        for column in &mut self.columns {
            column.sql = quote_identifier(&column.name);
        }
        self
    }
}

/// Relations by schema, then by name.
#[derive(Debug, Default, Serialize)]
#[serde(transparent)]
pub(crate) struct SchemaCache(HashMap<String, HashMap<String, Relation>>);

impl SchemaCache {
    pub(crate) fn new(relations: impl IntoIterator<Item = Relation>) -> Self {
        let mut cache = Self::default();
        for relation in relations {
            let schema = cache.0.entry(relation.schema.clone()).or_default();
            schema.insert(relation.name.clone(), relation.quoted());
        }
        cache
    }

    pub(crate) fn relation(&self, schema: &str, name: &str) -> Option<&Relation> {
        self.0.get(schema)?.get(name)
    }

    /// How many relations there are.
    pub(crate) fn len(&self) -> usize {
        self.0.values().map(HashMap::len).sum()
    }
}

#[cfg(test)]
pub(crate) fn example() -> SchemaCache {
    let column = |name: &str, data_type: &str| Column {
        name: name.to_owned(),
        data_type: data_type.to_owned(),
        ..Column::default()
    };
    let columns =
        vec![column("id", "bigint"), column("body", "text"), column("odd \"name", "character varying(5)")];
    let relation = |schema: &str, columns| Relation {
        schema: schema.to_owned(),
        name: "notes".to_owned(),
        columns,
        ..Relation::default()
    };
    SchemaCache::new([relation("api", columns), relation("odd \"schema", Vec::new())])
}

#[cfg(test)]
mod tests {
    use super::example;

    #[test]
    fn a_relation_is_found_in_its_schema_only_and_quoted() {
        let cache = example();
        assert_eq!(cache.relation("api", "notes").unwrap().sql, r#""api"."notes""#);
        assert_eq!(cache.relation("odd \"schema", "notes").unwrap().sql, r#""odd ""schema"."notes""#);
        assert!(cache.relation("public", "notes").is_none());
        assert!(cache.relation("api", "Notes").is_none());
    }

    #[test]
    fn a_column_is_found_by_its_exact_name_and_quoted() {
        let cache = example();
        let notes = cache.relation("api", "notes").unwrap();
        assert_eq!(notes.column("odd \"name").unwrap().sql, r#""odd ""name""#);
        assert!(notes.column("ID").is_none());
    }
}

//! What the database has in the exposed schemas: relations, how they belong together, functions,
//! domain representations, media type handlers. Read at the start and whenever it may have changed.

mod fuzzy;
mod handlers;
mod keys;
mod load;
mod name;
mod relation;
mod relationship;
mod routine;
#[cfg(test)]
pub(crate) mod tests;
mod views;

use std::collections::HashMap;

pub(crate) use fuzzy::closest;
pub(crate) use handlers::{Handler, Handlers};
pub(crate) use load::{LoadError, Scope, load};
pub(crate) use name::Name;
pub(crate) use relation::{Column, Relation};
pub(crate) use relationship::{Junction, Key, Kind, Relationship};
pub(crate) use routine::{Parameter, Routine, Volatility};
use serde::Deserialize;

/// A function that a value of one type goes through to become one of another.
#[derive(Debug, Deserialize)]
struct Representation {
    from: String,
    to: String,
    function: Name,
}

/// A setting of a role.
#[derive(Debug, Deserialize)]
struct RoleSetting {
    role: String,
    name: String,
    value: String,
}

#[derive(Debug, Default)]
pub(crate) struct SchemaCache {
    relations: HashMap<Name, Relation>,
    /// By the relation they start from.
    relationships: HashMap<Name, Vec<Relationship>>,
    /// Those with the fewest parameters first.
    routines: HashMap<Name, Vec<Routine>>,
    /// By the types they lead from and to.
    representations: HashMap<String, Vec<(String, Name)>>,
    handlers: Handlers,
    role_settings: HashMap<String, Vec<(String, String)>>,
}

impl SchemaCache {
    pub(crate) fn relation(&self, name: &Name) -> Option<&Relation> {
        self.relations.get(name)
    }

    pub(crate) fn relations(&self) -> impl Iterator<Item = &Relation> {
        self.relations.values()
    }

    /// What can be embedded in a relation under the names of one schema.
    pub(crate) fn relationships(&self, origin: &Name, schema: &str) -> impl Iterator<Item = &Relationship> {
        let all = self.relationships.get(origin).into_iter().flatten();
        all.filter(move |relationship| match &relationship.kind {
            Kind::Computed { function, .. } => function.schema == schema,
            _ => relationship.foreign.schema == schema,
        })
    }

    pub(crate) fn routines(&self, name: &Name) -> &[Routine] {
        self.routines.get(name).map_or(&[], Vec::as_slice)
    }

    pub(crate) fn all_routines(&self) -> impl Iterator<Item = &Routine> {
        self.routines.values().flatten()
    }

    /// The function that makes a value of type `to` out of one of type `from`.
    pub(crate) fn representation(&self, from: &str, to: &str) -> Option<&Name> {
        let all = self.representations.get(from)?;
        all.iter().find(|(other, _)| other == to).map(|(_, function)| function)
    }

    pub(crate) fn handlers(&self) -> &Handlers {
        &self.handlers
    }

    /// What `alter role … set` says of a role.
    pub(crate) fn role_settings(&self, role: &str) -> &[(String, String)] {
        self.role_settings.get(role).map_or(&[], Vec::as_slice)
    }

    /// How many relations there are.
    pub(crate) fn len(&self) -> usize {
        self.relations.len()
    }

    /// For the operator's eyes.
    pub(crate) fn to_json(&self) -> serde_json::Value {
        let by_name = |items: Vec<serde_json::Value>| serde_json::Value::Array(items);
        let mut relations: Vec<_> = self.relations.values().collect();
        relations.sort_by(|a, b| a.name.cmp(&b.name));
        let mut relationships: Vec<_> = self.relationships.values().flatten().collect();
        relationships.sort();
        let mut routines: Vec<_> = self.all_routines().collect();
        routines.sort_by(|a, b| a.name.cmp(&b.name));
        serde_json::json!({
            "relations": by_name(relations.iter().map(|item| serde_json::json!(item)).collect()),
            "relationships": relationships,
            "routines": by_name(routines.iter().map(|item| serde_json::json!(item)).collect()),
            "media_handlers": self.handlers.len(),
        })
    }
}

//! How relations belong together: what may be embedded in what.

use serde::Serialize;

use super::Name;

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub(crate) struct Relationship {
    pub(crate) table: Name,
    pub(crate) foreign: Name,
    pub(crate) kind: Kind,
    pub(crate) table_is_view: bool,
    pub(crate) foreign_is_view: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub(crate) enum Kind {
    Computed {
        function: Name,
        to_one: bool,
    },
    ManyToMany(Junction),
    ManyToOne(Key),
    OneToMany(Key),
    /// `inverse`: seen from the side that is referenced.
    OneToOne {
        key: Key,
        inverse: bool,
    },
}

/// A foreign key: its name, and pairs of a column of the table and one of the foreign table.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub(crate) struct Key {
    pub(crate) constraint: String,
    pub(crate) columns: Vec<(String, String)>,
}

/// The table between two others, and its two foreign keys: pairs of a column of the table (of the
/// foreign table) and one of the junction.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub(crate) struct Junction {
    pub(crate) table: Name,
    pub(crate) source: Key,
    pub(crate) target: Key,
}

impl Relationship {
    pub(crate) fn is_self(&self) -> bool {
        self.table == self.foreign
    }

    pub(crate) fn is_to_one(&self) -> bool {
        match &self.kind {
            Kind::Computed { to_one, .. } => *to_one,
            Kind::ManyToOne(_) | Kind::OneToOne { .. } => true,
            Kind::ManyToMany(_) | Kind::OneToMany(_) => false,
        }
    }

    /// In which order several are told.
    pub(super) fn rank(&self) -> u8 {
        match self.kind {
            Kind::OneToMany(_) => 0,
            Kind::ManyToOne(_) => 1,
            Kind::OneToOne { .. } => 2,
            Kind::ManyToMany(_) => 3,
            Kind::Computed { .. } => 4,
        }
    }

    /// The foreign key, if it is one between just these two.
    pub(crate) fn key(&self) -> Option<&Key> {
        match &self.kind {
            Kind::ManyToOne(key) | Kind::OneToMany(key) | Kind::OneToOne { key, .. } => Some(key),
            Kind::Computed { .. } | Kind::ManyToMany(_) => None,
        }
    }

    /// The same seen from the other side; junctions and functions have none of their own.
    pub(super) fn inverse(&self) -> Option<Self> {
        let swapped = |key: &Key| Key {
            constraint: key.constraint.clone(),
            columns: key.columns.iter().map(|(a, b)| (b.clone(), a.clone())).collect(),
        };
        let kind = match &self.kind {
            Kind::ManyToOne(key) => Kind::OneToMany(swapped(key)),
            Kind::OneToOne { key, inverse } => Kind::OneToOne { key: swapped(key), inverse: !inverse },
            _ => return None,
        };
        Some(Self {
            table: self.foreign.clone(),
            foreign: self.table.clone(),
            kind,
            table_is_view: self.foreign_is_view,
            foreign_is_view: self.table_is_view,
        })
    }
}

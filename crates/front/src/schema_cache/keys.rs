//! From the catalog's keys and views to relationships and the keys of views.

use std::collections::{BTreeSet, HashMap};

use serde::Deserialize;

use super::relationship::{Junction, Key, Kind, Relationship};
use super::views::Origins;
use super::{Name, Relation};

/// A primary, unique or foreign key.
#[derive(Debug, Deserialize)]
pub(super) struct Constraint {
    kind: ConstraintKind,
    name: String,
    relation: i64,
    relation_name: Name,
    /// Number and name.
    columns: Vec<(i32, String)>,
    target: i64,
    target_name: Option<Name>,
    target_columns: Vec<(i32, String)>,
    /// A partition's copy of its parent's.
    inherited: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
enum ConstraintKind {
    #[serde(rename = "f")]
    Foreign,
    #[serde(rename = "p")]
    Primary,
    #[serde(rename = "u")]
    Unique,
}

/// Gives views the primary keys that they show, and finds every relationship but computed ones.
pub(super) fn relationships(
    constraints: &[Constraint],
    origins: &Origins,
    relations: &mut HashMap<Name, Relation>,
) -> Vec<Relationship> {
    name_view_keys(constraints, origins, relations);
    let mut all: Vec<_> = constraints
        .iter()
        .filter(|constraint| constraint.kind == ConstraintKind::Foreign && !constraint.inherited)
        .flat_map(|constraint| foreign_key(constraint, is_unique(constraint, constraints), origins))
        .collect();
    all.extend(many_to_many(&all, relations));
    let inverses: Vec<_> = all.iter().filter_map(Relationship::inverse).collect();
    all.extend(inverses);
    all
}

fn name_view_keys(constraints: &[Constraint], origins: &Origins, relations: &mut HashMap<Name, Relation>) {
    for constraint in constraints.iter().filter(|constraint| constraint.kind == ConstraintKind::Primary) {
        for (view, shown) in origins.showing(constraint.relation, &constraint.columns) {
            let Some(relation) = relations.get_mut(view) else { continue };
            // Of a column that is shown several times, the first name does.
            relation.primary_key.extend(shown.iter().filter_map(|names| names.first()).cloned());
        }
    }
}

/// Whether the columns of a foreign key are also those of a primary or unique key.
fn is_unique(constraint: &Constraint, constraints: &[Constraint]) -> bool {
    let numbers = |constraint: &Constraint| -> BTreeSet<i32> {
        constraint.columns.iter().map(|(number, _)| *number).collect()
    };
    let wanted = numbers(constraint);
    // They are sorted by relation.
    let first = constraints.partition_point(|other| other.relation < constraint.relation);
    let own = constraints[first..].iter().take_while(|other| other.relation == constraint.relation);
    own.filter(|other| other.kind != ConstraintKind::Foreign).any(|other| numbers(other) == wanted)
}

/// A foreign key as a relationship of its tables and of every view that shows its columns.
fn foreign_key(constraint: &Constraint, unique: bool, origins: &Origins) -> Vec<Relationship> {
    let Some(target) = &constraint.target_name else { return Vec::new() };
    let table = Side::table(&constraint.relation_name, &constraint.columns);
    let foreign = Side::table(target, &constraint.target_columns);
    let views = Side::views(origins, constraint.relation, &constraint.columns);
    let foreign_views = Side::views(origins, constraint.target, &constraint.target_columns);
    let make = |from: &Side, to: &Side| {
        let columns = from.columns.iter().cloned().zip(to.columns.iter().cloned()).collect();
        let key = Key { constraint: constraint.name.clone(), columns };
        Relationship {
            table: from.name.clone(),
            foreign: to.name.clone(),
            kind: if unique { Kind::OneToOne { key, inverse: false } } else { Kind::ManyToOne(key) },
            table_is_view: from.is_view,
            foreign_is_view: to.is_view,
        }
    };
    let froms = || std::iter::once(&table).chain(&views);
    let tos = || std::iter::once(&foreign).chain(&foreign_views);
    froms().flat_map(|from| tos().map(move |to| make(from, to))).collect()
}

/// One end of a foreign key.
struct Side {
    name: Name,
    columns: Vec<String>,
    is_view: bool,
}

impl Side {
    fn table(name: &Name, columns: &[(i32, String)]) -> Self {
        let columns = columns.iter().map(|(_, name)| name.clone()).collect();
        Self { name: name.clone(), columns, is_view: false }
    }

    /// Each view that shows all the columns, once for every choice of names.
    fn views(origins: &Origins, relation: i64, columns: &[(i32, String)]) -> Vec<Self> {
        let showing = origins.showing(relation, columns);
        let sides = showing.flat_map(|(view, shown)| {
            choices(&shown).into_iter().map(|columns| Self { name: view.clone(), columns, is_view: true })
        });
        sides.collect()
    }
}

/// The most relationships that one key makes in one view.
const MOST_CHOICES: usize = 64;

/// Every way to take one of each.
fn choices(of: &[Vec<String>]) -> Vec<Vec<String>> {
    let mut all = vec![Vec::new()];
    for names in of {
        let extended = all.iter().flat_map(|chosen: &Vec<String>| {
            names.iter().map(move |name| [chosen.as_slice(), std::slice::from_ref(name)].concat())
        });
        all = extended.take(MOST_CHOICES).collect();
    }
    all
}

/// Two foreign keys of a table whose primary key holds both make its targets many-to-many.
fn many_to_many(all: &[Relationship], relations: &HashMap<Name, Relation>) -> Vec<Relationship> {
    let mut by_table: HashMap<&Name, Vec<(&Relationship, &Key)>> = HashMap::new();
    for relationship in all {
        if let Kind::ManyToOne(key) = &relationship.kind {
            by_table.entry(&relationship.table).or_default().push((relationship, key));
        }
    }
    let mut found = Vec::new();
    for (junction, keys) in by_table {
        let Some(relation) = relations.get(junction) else { continue };
        let in_primary_key =
            |key: &Key| key.columns.iter().all(|(column, _)| relation.primary_key.contains(column));
        for (source, source_key) in keys.iter().filter(|(_, key)| in_primary_key(key)) {
            for (target, target_key) in keys.iter().filter(|(_, key)| in_primary_key(key)) {
                if source_key.constraint != target_key.constraint {
                    found.push(through(junction, (source, source_key), (target, target_key)));
                }
            }
        }
    }
    found
}

fn through(
    junction: &Name,
    (source, source_key): (&Relationship, &Key),
    (target, target_key): (&Relationship, &Key),
) -> Relationship {
    let swapped = |key: &Key| Key {
        constraint: key.constraint.clone(),
        columns: key.columns.iter().map(|(a, b)| (b.clone(), a.clone())).collect(),
    };
    Relationship {
        table: source.foreign.clone(),
        foreign: target.foreign.clone(),
        kind: Kind::ManyToMany(Junction {
            table: junction.clone(),
            source: swapped(source_key),
            target: swapped(target_key),
        }),
        table_is_view: source.foreign_is_view,
        foreign_is_view: target.foreign_is_view,
    }
}

//! Looking up relations and relationships, and what to say when there is none or more than one.

use crate::error::{Error, MissingRelationship};
use crate::schema_cache::{Key, Kind, Name, Relation, Relationship, SchemaCache, closest};

pub(super) fn relation<'a>(cache: &'a SchemaCache, schema: &str, name: &str) -> Result<&'a Relation, Error> {
    cache.relation(&Name::new(schema, name)).ok_or_else(|| {
        let names = cache.relations().filter(|relation| relation.name.schema == schema);
        let meant = closest(name, names.map(|relation| relation.name.name.as_str()));
        Error::TableNotFound {
            schema: schema.to_owned(),
            name: name.to_owned(),
            meant: meant.map(str::to_owned),
        }
    })
}

/// The one relationship from `origin` that `target`, and `hint` if there is one, mean.
pub(super) fn relationship<'a>(
    cache: &'a SchemaCache,
    schema: &str,
    origin: &str,
    target: &str,
    hint: Option<&str>,
) -> Result<&'a Relationship, Error> {
    let name = Name::new(schema, origin);
    let mut found = cache.relationships(&name, schema).filter(|one| means(one, target, hint));
    match (found.next(), found.next()) {
        (Some(only), None) => Ok(only),
        (None, _) => Err(not_found(cache, schema, origin, target, hint)),
        (Some(first), Some(second)) => {
            let all = [first, second].into_iter().chain(found);
            Err(Error::AmbiguousEmbed {
                origin: origin.to_owned(),
                target: target.to_owned(),
                candidates: all.cloned().collect(),
            })
        }
    }
}

fn means(one: &Relationship, target: &str, hint: Option<&str>) -> bool {
    let names_foreign = one.foreign.name == target;
    match (&one.kind, hint) {
        (Kind::Computed { function, .. }, _) => function.name == target,
        // The same foreign key leads both ways: the table's name means the rows that refer to this
        // one, the column's name the row that it refers to.
        (kind, None) if one.is_self() => match kind {
            Kind::OneToMany(_) => names_foreign,
            Kind::ManyToOne(key) => is_only_column(key, target),
            _ => false,
        },
        (kind, Some(hint)) if one.is_self() => {
            matches!(kind, Kind::OneToMany(key) if names_foreign && is_only_foreign_column(key, hint))
        }
        (_, None) => {
            let by_key = one.key().is_some_and(|key| key.constraint == target || is_only_column(key, target));
            names_foreign || (by_key && !one.foreign_is_view)
        }
        (Kind::ManyToMany(junction), Some(hint)) => names_foreign && junction.table.name == hint,
        (_, Some(hint)) => {
            let by_key = one.key().is_some_and(|key| {
                key.constraint == hint || is_only_column(key, hint) || is_only_foreign_column(key, hint)
            });
            names_foreign && by_key
        }
    }
}

fn is_only_column(key: &Key, name: &str) -> bool {
    matches!(key.columns.as_slice(), [(column, _)] if column == name)
}

fn is_only_foreign_column(key: &Key, name: &str) -> bool {
    matches!(key.columns.as_slice(), [(_, column)] if column == name)
}

fn not_found(cache: &SchemaCache, schema: &str, origin: &str, target: &str, hint: Option<&str>) -> Error {
    let name = Name::new(schema, origin);
    let from_origin = || cache.relationships(&name, schema).map(|one| one.foreign.name.as_str());
    let meant = if from_origin().next().is_some() {
        let meant = closest(target, from_origin()).filter(|name| *name != target);
        meant.map(|name| (name.to_owned(), target.to_owned()))
    } else {
        let names = cache.relations().filter(|relation| relation.name.schema == schema);
        let meant = closest(origin, names.map(|relation| relation.name.name.as_str()));
        meant.filter(|name| *name != origin).map(|name| (name.to_owned(), origin.to_owned()))
    };
    Error::NoRelationship(Box::new(MissingRelationship {
        origin: origin.to_owned(),
        target: target.to_owned(),
        schema: schema.to_owned(),
        hint: hint.map(str::to_owned),
        meant,
    }))
}

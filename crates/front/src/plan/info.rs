//! Which methods there are: the `Allow` header of OPTIONS.

use crate::schema_cache::{Relation, Routine, Volatility};

pub(super) const ROOT: &str = "OPTIONS,GET,HEAD";

/// For a relation.
pub(crate) fn allowed(relation: &Relation) -> String {
    let put = relation.insertable && relation.updatable && !relation.primary_key.is_empty();
    let methods = [
        (true, "OPTIONS,GET,HEAD"),
        (relation.insertable, "POST"),
        (put, "PUT"),
        (relation.updatable, "PATCH"),
        (relation.deletable, "DELETE"),
    ];
    let allowed: Vec<_> = methods.into_iter().filter(|(is, _)| *is).map(|(_, name)| name).collect();
    allowed.join(",")
}

/// For a function.
pub(super) fn routine(routine: &Routine) -> &'static str {
    match routine.volatility {
        Volatility::Volatile => "OPTIONS,POST",
        Volatility::Immutable | Volatility::Stable => "OPTIONS,GET,HEAD,POST",
    }
}

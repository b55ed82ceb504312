//! Aggregates: whether they are allowed, and where those of spread relations are computed.

use super::{EmbedSelect, ReadNode, SelectColumn, Spread};
use crate::error::Error;
use crate::request::tree::Aggregate;

pub(super) fn check(node: &ReadNode<'_>, allowed: bool) -> Result<(), Error> {
    if !allowed && node.select.iter().any(|column| column.aggregate.is_some()) {
        return Err(Error::AggregatesDisabled);
    }
    node.children.iter().try_for_each(|child| check(child, allowed))
}

/// An aggregate that is computed further up.
struct Hoisted {
    /// The subquery and the column that it is of.
    lateral: String,
    column: String,
    aggregate: Aggregate,
    cast: Option<String>,
    alias: Option<String>,
}

/// The aggregate of a relation that is spread into one row would see that row only. It is meant for
/// the rows of the nearest relation above that is not spread, so it is computed there.
pub(super) fn hoist(node: &mut ReadNode<'_>) {
    lift(node);
}

fn lift(node: &mut ReadNode<'_>) -> Vec<Hoisted> {
    let from_below: Vec<Hoisted> = node.children.iter_mut().flat_map(lift).collect();
    let lateral = node.join.as_ref().map(|join| join.lateral.clone()).unwrap_or_default();
    if node.spread != Some(Spread::ToOne) {
        node.embeds.iter_mut().for_each(|embed| lower(embed, &from_below));
        return Vec::new();
    }
    let own = node.select.iter_mut().filter_map(|column| take(column, &lateral)).collect::<Vec<_>>();
    let passed_on = from_below.into_iter().map(|hoisted| Hoisted { lateral: lateral.clone(), ..hoisted });
    own.into_iter().chain(passed_on).collect()
}

fn take(column: &mut SelectColumn<'_>, lateral: &str) -> Option<Hoisted> {
    let aggregate = column.aggregate.take()?;
    Some(Hoisted {
        lateral: lateral.to_owned(),
        column: column.alias.clone().unwrap_or_else(|| column.field.name.clone()),
        aggregate,
        cast: column.aggregate_cast.take(),
        alias: column.alias.clone(),
    })
}

fn lower(embed: &mut EmbedSelect, hoisted: &[Hoisted]) {
    let EmbedSelect::Spread { lateral, fields } = embed else { return };
    for field in fields {
        let found = hoisted.iter().find(|one| one.lateral == *lateral && one.column == field.name);
        if let Some(one) = found {
            field.aggregate = Some(one.aggregate);
            field.aggregate_cast.clone_from(&one.cast);
            field.alias.clone_from(&one.alias);
        }
    }
}

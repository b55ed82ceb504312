//! Puts conditions, order and ranges where their names say they belong.

use super::{Condition, Ordering, ReadNode};
use crate::error::Error;
use crate::plan::field::ordered;
use crate::plan::{Context, restricts_rows};
use crate::request::ApiRequest;
use crate::request::tree::{Filter, IsValue, Logic, Operation, OrderTerm};

/// The parameters of the query string.
pub(super) fn parameters<'a>(
    tree: &mut ReadNode<'a>,
    request: &ApiRequest<'_>,
    context: Context<'a>,
) -> Result<(), Error> {
    let (query, legacy) = (&request.query, context.legacy_names);
    let everywhere = restricts_rows(&request.action);
    for (path, filter) in query.filters.iter().filter(|(path, _)| everywhere || !path.is_empty()) {
        let node = tree.at(path, legacy)?;
        let condition = self::filter(node, context, filter.clone());
        node.conditions.push(condition);
    }
    for (path, terms) in &query.order {
        let node = tree.at(path, legacy)?;
        node.order = terms.iter().map(|term| ordering(node, term.clone())).collect();
    }
    for (path, logic) in query.logic.iter().filter(|(path, _)| everywhere || !path.is_empty()) {
        let node = tree.at(path, legacy)?;
        let condition = condition(node, context, logic.clone());
        node.conditions.push(condition);
    }
    if everywhere {
        tree.range = request.range;
        for (path, range) in query.ranges.iter().filter(|(path, _)| !path.is_empty()) {
            tree.at(path, legacy)?.range = *range;
        }
    }
    Ok(())
}

impl<'a> ReadNode<'a> {
    /// The node that the names lead to.
    fn at(&mut self, path: &[String], legacy: bool) -> Result<&mut Self, Error> {
        let Some((name, rest)) = path.split_first() else { return Ok(self) };
        let means = |child: &Self, legacy: bool| {
            let by_name = child.name == *name || child.alias.as_ref() == Some(name);
            if legacy { by_name } else { child.shown_name() == name }
        };
        let Some(index) = self.children.iter().position(|child| means(child, legacy)) else {
            let renamed = self.children.iter().find(|child| means(child, true));
            let renamed = renamed.and_then(|child| child.alias.clone());
            return Err(Error::NotEmbedded { name: name.clone(), renamed });
        };
        let child = &mut self.children[index];
        child.is_legacy_name |= child.shown_name() != name;
        child.at(rest, legacy)
    }
}

fn ordering<'a>(node: &ReadNode<'a>, term: OrderTerm) -> Ordering<'a> {
    let OrderTerm { relation, field, direction, nulls } = term;
    let known = node.known.filter(|_| relation.is_none());
    Ordering { field: ordered(known, field), relation, direction, nulls }
}

fn filter<'a>(node: &ReadNode<'a>, context: Context<'a>, filter: Filter) -> Condition<'a> {
    context.condition(node.known, Logic::Filter(filter))
}

fn condition<'a>(node: &ReadNode<'a>, context: Context<'a>, logic: Logic) -> Condition<'a> {
    context.condition(node.known, logic)
}

impl<'a> Context<'a> {
    /// A tree of conditions on a relation, with its columns looked up.
    pub(in crate::plan) fn condition(
        &self,
        relation: Option<&'a crate::schema_cache::Relation>,
        logic: Logic,
    ) -> Condition<'a> {
        match logic {
            Logic::Filter(Filter { field, negated, operation }) => {
                let field = self.compared(relation, field, &operation);
                Condition::Filter { field, negated, operation }
            }
            Logic::Group { negated, operator, members } => Condition::Group {
                negated,
                operator,
                members: members.into_iter().map(|member| self.condition(relation, member)).collect(),
            },
        }
    }
}

/// `relation=is.null` on an embedded relation asks whether it has a match.
pub(super) fn null_filters(node: &mut ReadNode<'_>) {
    let embedded: Vec<(String, String)> = node
        .children
        .iter()
        .filter_map(|child| Some((child.shown_name().to_owned(), child.join.as_ref()?.lateral.clone())))
        .collect();
    for condition in &mut node.conditions {
        null_filter(condition, &embedded);
    }
    for child in &mut node.children {
        null_filters(child);
    }
}

fn null_filter(condition: &mut Condition<'_>, embedded: &[(String, String)]) {
    match condition {
        Condition::Group { members, .. } => {
            members.iter_mut().for_each(|member| null_filter(member, embedded));
        }
        Condition::Filter { field, negated, operation: Operation::Is(IsValue::Null) }
            if field.path.is_empty() =>
        {
            if let Some((_, lateral)) = embedded.iter().find(|(name, _)| *name == field.name) {
                *condition = Condition::Embedded { lateral: lateral.clone(), exists: *negated };
            }
        }
        Condition::Embedded { .. } | Condition::Filter { .. } => {}
    }
}

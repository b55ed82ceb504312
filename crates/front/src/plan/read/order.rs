//! Ordering by columns of embedded relations, and of what is spread into lists.

use super::{EmbedSelect, Ordering, ReadNode, SelectColumn, Spread};
use crate::error::Error;
use crate::plan::Resolved;

/// Gives orderings by an embedded relation its name in SQL. It must be one row at most.
pub(super) fn resolve_related(node: &mut ReadNode<'_>) -> Result<(), Error> {
    let (children, origin) = (&node.children, &node.relation.name);
    for ordering in &mut node.order {
        let Some(relation) = &mut ordering.relation else { continue };
        let found = children.iter().find(|child| child.shown_name() == relation);
        let join = found.and_then(|child| child.join.as_ref());
        let Some(join) = join else {
            return Err(Error::NotEmbedded { name: relation.clone(), renamed: None });
        };
        if !join.relationship.is_to_one() {
            return Err(Error::RelatedOrder { origin: origin.clone(), target: relation.clone() });
        }
        relation.clone_from(&join.lateral);
    }
    node.children.iter_mut().try_for_each(resolve_related)
}

/// The lists of a relation that is spread are sorted when they are made; what they are sorted by
/// has to be among the columns then, under a name that nothing else has.
pub(super) fn spread(node: &mut ReadNode<'_>) -> Result<(), Error> {
    if let Some(Spread::ToMany { .. }) = node.spread {
        refuse_aggregates(node)?;
        let lateral = node.join.as_ref().map(|join| join.lateral.clone()).unwrap_or_default();
        let (mut extra, mut order) = (Vec::new(), Vec::new());
        for (index, ordering) in std::mem::take(&mut node.order).into_iter().enumerate() {
            let alias = format!("{lateral}_order_{index}");
            let sorted = Ordering { relation: None, field: Resolved::named(&alias), ..ordering.clone() };
            let column =
                SelectColumn { field: ordering.field, alias: Some(alias), ..SelectColumn::default() };
            extra.push((ordering.relation, column));
            order.push(sorted);
        }
        node.spread = Some(Spread::ToMany { extra, order });
    }
    node.children.iter_mut().try_for_each(spread)
}

fn refuse_aggregates(node: &ReadNode<'_>) -> Result<(), Error> {
    let own = node.select.iter().any(|column| column.aggregate.is_some());
    let embedded = node.embeds.iter().any(|embed| match embed {
        EmbedSelect::Spread { fields, .. } => fields.iter().any(|field| field.aggregate.is_some()),
        EmbedSelect::Json { .. } => false,
    });
    if own || embedded {
        let problem = "Aggregates are not implemented for one-to-many or many-to-many spreads.";
        return Err(Error::NotImplemented(problem.to_owned()));
    }
    Ok(())
}

//! How embedded relations show among the columns of the one above.

use super::{EmbedSelect, ReadNode, SpreadField};

/// From the leaves up, since what is spread shows what was spread into it.
pub(super) fn select(node: &mut ReadNode<'_>) {
    node.children.iter_mut().for_each(select);
    node.embeds = node.children.iter().filter_map(embedding).collect();
}

fn embedding(child: &ReadNode<'_>) -> Option<EmbedSelect> {
    let join = child.join.as_ref()?;
    let lateral = join.lateral.clone();
    Some(if child.spread.is_some() {
        EmbedSelect::Spread { lateral, fields: spread_fields(child) }
    } else {
        EmbedSelect::Json {
            name: child.shown_name().to_owned(),
            lateral,
            to_one: join.relationship.is_to_one(),
            is_empty: is_empty(child),
        }
    })
}

/// Whether nothing at all is selected of it.
fn is_empty(node: &ReadNode<'_>) -> bool {
    node.select.is_empty() && node.children.iter().all(is_empty)
}

fn spread_fields(node: &ReadNode<'_>) -> Vec<SpreadField> {
    let named = |name: &str| SpreadField { name: name.to_owned(), ..SpreadField::default() };
    let own = node.select.iter().map(|column| named(column.alias.as_deref().unwrap_or(&column.field.name)));
    let embedded = node.embeds.iter().flat_map(|embed| match embed {
        EmbedSelect::Json { name, .. } => vec![named(name)],
        EmbedSelect::Spread { fields, .. } => {
            fields.iter().map(|field| named(field.alias.as_deref().unwrap_or(&field.name))).collect()
        }
    });
    own.chain(embedded).collect()
}

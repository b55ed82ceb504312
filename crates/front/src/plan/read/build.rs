//! From `select=` to the tree: finds the relationships and names everything.

use super::{Join, ReadNode, Root, SelectColumn, Spread, source};
use crate::error::Error;
use crate::plan::{Context, find};
use crate::request::tree::{Embed, SelectField, SelectItem};
use crate::request::{ApiRequest, Range};
use crate::schema_cache::{Kind, Name};

/// Of a name, how many bytes go into an alias: Postgres cuts names at 63.
const LONGEST_PART: usize = 24;

pub(super) fn tree<'a>(
    request: &ApiRequest<'_>,
    context: Context<'a>,
    root: Root<'_>,
) -> Result<ReadNode<'a>, Error> {
    let (relation, from, from_alias) = match root {
        Root::Relation(name) => (name, name.clone(), None),
        Root::Source(name) => (name, source(), Some(name.name.clone())),
    };
    let mut builder = Builder { context, schema: &relation.schema, last: 0 };
    let mut node = node(context, relation.clone(), relation.name.clone(), from, from_alias);
    builder.fill(&mut node, request.query.select.clone())?;
    Ok(node)
}

fn node<'a>(
    context: Context<'a>,
    relation: Name,
    name: String,
    from: Name,
    from_alias: Option<String>,
) -> ReadNode<'a> {
    ReadNode {
        id: 0,
        name,
        alias: None,
        known: context.cache.relation(&relation),
        relation,
        from,
        from_alias,
        select: Vec::new(),
        conditions: Vec::new(),
        order: Vec::new(),
        range: Range::ALL,
        join: None,
        spread: None,
        embeds: Vec::new(),
        children: Vec::new(),
        is_legacy_name: false,
    }
}

struct Builder<'a, 'b> {
    context: Context<'a>,
    schema: &'b str,
    /// The last node's number.
    last: usize,
}

impl<'a> Builder<'a, '_> {
    fn fill(&mut self, node: &mut ReadNode<'a>, items: Vec<SelectItem>) -> Result<(), Error> {
        for item in items {
            match item {
                SelectItem::Field(field) => node.select.push(self.column(node, field)),
                SelectItem::Embed(embed) => {
                    let child = self.embed(node, embed)?;
                    node.children.push(child);
                }
            }
        }
        Ok(())
    }

    fn column(&self, node: &ReadNode<'a>, selected: SelectField) -> SelectColumn<'a> {
        let SelectField { field, alias, cast, aggregate, aggregate_cast } = selected;
        let field = self.context.output(node.known, field);
        SelectColumn { field, alias, cast, aggregate, aggregate_cast }
    }

    fn embed(&mut self, parent: &ReadNode<'a>, embed: Embed) -> Result<ReadNode<'a>, Error> {
        let Embed { relation: name, alias, hint, inner, spread, select } = embed;
        let cache = self.context.cache;
        let found = find::relationship(cache, self.schema, &parent.relation.name, &name, hint.as_deref())?;
        self.last += 1;
        let id = self.last;
        let from = match &found.kind {
            Kind::Computed { function, .. } => function.clone(),
            _ => found.foreign.clone(),
        };
        let shown = alias.as_deref().unwrap_or(&name);
        let lateral = format!("{}_{}_{id}", cut(&found.table.name), cut(shown));
        let from_alias = format!("{}_{id}", cut(&found.foreign.name));
        let mut node = node(self.context, found.foreign.clone(), name, from, Some(from_alias));
        node.id = id;
        node.alias = alias;
        node.join = Some(Join { relationship: found, parent: parent.reference(), lateral, inner });
        node.spread = spread.then(|| match found.is_to_one() {
            true => Spread::ToOne,
            false => Spread::ToMany { extra: Vec::new(), order: Vec::new() },
        });
        self.fill(&mut node, select)?;
        Ok(node)
    }
}

/// The beginning of a name.
fn cut(name: &str) -> &str {
    let mut end = name.len().min(LONGEST_PART);
    while !name.is_char_boundary(end) {
        end -= 1;
    }
    &name[..end]
}

//! Expands `*` where the columns have to be told apart, and names columns that need a name.

use super::{ReadNode, SelectColumn, Spread};
use crate::plan::{Context, Resolved};
use crate::request::tree::{Aggregate, JsonOperand, JsonStep};

/// Where something above or beside is aggregated, where a column has a representation of its own,
/// and where columns become lists, `*` is not enough.
pub(super) fn expand<'a>(node: &mut ReadNode<'a>, context: Context<'a>, aggregated: bool) {
    let aggregated = aggregated
        || node.select.iter().any(|column| column.aggregate.is_some())
        || matches!(node.spread, Some(Spread::ToMany { .. }));
    let columns = node.known.map_or(&[][..], |relation| &relation.columns);
    let represented = columns.iter().any(|column| context.output_transform(column).is_some());
    if aggregated || represented {
        let is_spread = node.spread.is_some();
        let selected = std::mem::take(&mut node.select);
        for column in selected {
            match (column.field.is_star(), column.aggregate) {
                (true, None) => node.select.extend(columns.iter().map(|known| SelectColumn {
                    field: Resolved {
                        transform: context.output_transform(known),
                        ..Resolved::named(&known.name)
                    },
                    ..column.clone()
                })),
                (true, Some(Aggregate::Count)) if is_spread => {
                    let field = Resolved { whole_row: true, ..column.field };
                    node.select.push(SelectColumn { field, ..column });
                }
                _ => node.select.push(column),
            }
        }
    }
    for child in &mut node.children {
        expand(child, context, aggregated);
    }
}

impl ReadNode<'_> {
    /// JSON paths, represented columns, and aggregates that are spread have a name only if they are
    /// given one.
    pub(super) fn name_columns(&mut self) {
        let is_spread = self.spread.is_some();
        for column in self.select.iter_mut().filter(|column| column.alias.is_none()) {
            column.alias = match column.aggregate {
                Some(aggregate) if is_spread => Some(aggregate.name().to_owned()),
                Some(_) => None,
                None if !column.field.path.is_empty() => {
                    Some(last_key(&column.field.path).unwrap_or(&column.field.name).to_owned())
                }
                None => column.field.transform.is_some().then(|| column.field.name.clone()),
            };
        }
        self.children.iter_mut().for_each(Self::name_columns);
    }
}

fn last_key(path: &[JsonStep]) -> Option<&str> {
    path.iter().rev().find_map(|step| match &step.operand {
        JsonOperand::Key(key) => Some(key.as_str()),
        JsonOperand::Index(_) => None,
    })
}

impl Aggregate {
    /// As in SQL.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Avg => "avg",
            Self::Count => "count",
            Self::Max => "max",
            Self::Min => "min",
            Self::Sum => "sum",
        }
    }
}

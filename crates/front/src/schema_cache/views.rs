//! Which columns of a view show which columns of a table, read from the view's rewrite rule.

mod node_tree;

use std::collections::{HashMap, HashSet};

use serde::Deserialize;

use super::Name;

#[derive(Debug, Deserialize)]
pub(super) struct View {
    oid: i64,
    name: Name,
    /// Number and name.
    columns: Option<Vec<(i32, String)>>,
    /// The rewrite rule as Postgres stores it.
    rule: String,
}

/// A column: its relation and number.
type ColumnId = (i64, i32);

/// Where the columns of views come from.
#[derive(Debug, Default)]
pub(super) struct Origins {
    /// By table: the views that show columns of it, each with the view's names by column number.
    by_table: HashMap<i64, HashMap<Name, HashMap<i32, Vec<String>>>>,
}

impl Origins {
    pub(super) fn of(views: &[View]) -> Self {
        let direct: HashMap<ColumnId, ColumnId> = views
            .iter()
            .flat_map(|view| {
                let targets = node_tree::targets(&view.rule).into_iter();
                targets.map(|target| ((view.oid, target.number), (target.relation, target.column)))
            })
            .collect();
        let mut origins = Self::default();
        for view in views {
            for (number, name) in view.columns.iter().flatten() {
                for (relation, column) in Chain::new(&direct, (view.oid, *number)) {
                    let shown = origins.by_table.entry(relation).or_default();
                    let names = shown.entry(view.name.clone()).or_default().entry(column).or_default();
                    names.push(name.clone());
                }
            }
        }
        origins
    }

    /// The views that show all these columns of a table, and for each column its names there.
    pub(super) fn showing(
        &self,
        table: i64,
        columns: &[(i32, String)],
    ) -> impl Iterator<Item = (&Name, Vec<Vec<String>>)> {
        let numbers: Vec<i32> = columns.iter().map(|(number, _)| *number).collect();
        let views = self.by_table.get(&table).into_iter().flatten();
        views.filter_map(move |(view, shown)| {
            let names = numbers.iter().map(|number| shown.get(number).cloned());
            names.collect::<Option<Vec<_>>>().map(|names| (view, names))
        })
    }
}

/// Where a view's column comes from, and where that comes from, and so on.
struct Chain<'a> {
    direct: &'a HashMap<ColumnId, ColumnId>,
    at: ColumnId,
    seen: HashSet<ColumnId>,
}

impl<'a> Chain<'a> {
    fn new(direct: &'a HashMap<ColumnId, ColumnId>, at: ColumnId) -> Self {
        Self { direct, at, seen: HashSet::new() }
    }
}

impl Iterator for Chain<'_> {
    type Item = ColumnId;

    fn next(&mut self) -> Option<ColumnId> {
        self.at = *self.direct.get(&self.at)?;
        self.seen.insert(self.at).then_some(self.at)
    }
}

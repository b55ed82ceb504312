//! `select`, with embedded relations as lateral subqueries.

use super::Statement;
use super::condition::condition;
use super::field::{field, ordering, output};
use crate::plan::{EmbedSelect, ReadNode, SelectColumn, Spread, SpreadField};
use crate::request::Range;
use crate::request::tree::Aggregate;
use crate::schema_cache::{Kind, Name};

/// The query of a tree.
pub(super) fn select(sql: &mut Statement, node: &ReadNode<'_>) {
    let table = node.reference();
    sql.text("select ");
    columns(sql, node, &table);
    from(sql, node);
    joins(sql, node);
    where_clause(sql, node, &table);
    group_by(sql, node, &table);
    if !node.order.is_empty() {
        sql.text(" order by ").list(", ", &node.order, |sql, one| ordering(sql, &table, one));
    }
    limit(sql, node.range);
}

fn columns(sql: &mut Statement, node: &ReadNode<'_>, table: &Name) {
    let mut first = true;
    let mut separate = |sql: &mut Statement| {
        if !std::mem::replace(&mut first, false) {
            sql.text(", ");
        }
    };
    if node.select.is_empty() && node.children.is_empty() {
        separate(sql);
        sql.column(table, "*");
    }
    for column in &node.select {
        separate(sql);
        selected(sql, table, column);
    }
    if let Some(Spread::ToMany { extra, .. }) = &node.spread {
        for (relation, column) in extra {
            separate(sql);
            let table = relation.as_ref().map(Name::local);
            selected(sql, table.as_ref().unwrap_or(&node.reference()), column);
        }
    }
    for embed in &node.embeds {
        match embed {
            EmbedSelect::Json { is_empty: true, .. } => {}
            EmbedSelect::Json { name, lateral, to_one, .. } => {
                separate(sql);
                embedded(sql, lateral, *to_one);
                sql.text(" as ").identifier(name);
            }
            EmbedSelect::Spread { lateral, fields } => {
                for field in fields {
                    separate(sql);
                    spread_column(sql, lateral, field);
                }
            }
        }
    }
}

/// `jsonb`, since rows may be grouped by it.
fn embedded(sql: &mut Statement, lateral: &str, to_one: bool) {
    if to_one {
        sql.text("row_to_json(").identifier(lateral).text(".*)::jsonb");
    } else {
        sql.text("coalesce(").identifier(lateral).text(".").identifier(lateral).text(", '[]')");
    }
}

fn selected(sql: &mut Statement, table: &Name, column: &SelectColumn<'_>) {
    let SelectColumn { field, alias, cast, aggregate, aggregate_cast } = column;
    aggregated(sql, *aggregate, aggregate_cast.as_deref(), |sql| match cast {
        None => output(sql, table, field),
        Some(cast) => {
            sql.text("cast(");
            output(sql, table, field);
            sql.text(" as ").type_name(cast).text(")");
        }
    });
    if let Some(alias) = alias {
        sql.text(" as ").identifier(alias);
    }
}

fn aggregated(
    sql: &mut Statement,
    aggregate: Option<Aggregate>,
    cast: Option<&str>,
    inner: impl FnOnce(&mut Statement),
) {
    let Some(aggregate) = aggregate else { return inner(sql) };
    if cast.is_some() {
        sql.text("cast(");
    }
    sql.text(aggregate.name()).text("(");
    inner(sql);
    sql.text(")");
    if let Some(cast) = cast {
        sql.text(" as ").type_name(cast).text(")");
    }
}

fn spread_column(sql: &mut Statement, lateral: &str, field: &SpreadField) {
    let cast = field.aggregate_cast.as_deref();
    aggregated(sql, field.aggregate, cast, |sql| {
        sql.column(&Name::local(lateral), &field.name);
    });
    if let Some(alias) = &field.alias {
        sql.text(" as ").identifier(alias);
    }
}

pub(super) fn from(sql: &mut Statement, node: &ReadNode<'_>) {
    sql.text(" from ").name(&node.from);
    let kind = node.join.as_ref().map(|join| (join, &join.relationship.kind));
    if let Some((join, Kind::Computed { .. })) = kind {
        // Named by its type, since functions for other relations may have the same name.
        sql.text("(").identifier(&join.parent.name).text("::").name(&join.relationship.table).text(")");
    }
    if let Some(alias) = &node.from_alias {
        sql.text(" as ").identifier(alias);
    }
    if let Some((_, Kind::ManyToMany(junction))) = kind {
        sql.text(", ").name(&junction.table).text(" as ").identifier(&junction_alias(node));
    }
}

fn junction_alias(node: &ReadNode<'_>) -> String {
    format!("junction_{}", node.id)
}

fn where_clause(sql: &mut Statement, node: &ReadNode<'_>, table: &Name) {
    let mut first = true;
    for one in &node.conditions {
        and(sql, &mut first);
        condition(sql, table, one);
    }
    join_conditions(sql, node, &mut first);
}

pub(super) fn and(sql: &mut Statement, first: &mut bool) {
    sql.text(if std::mem::replace(first, false) { " where " } else { " and " });
}

/// What ties the rows to the parent's.
pub(super) fn join_conditions(sql: &mut Statement, node: &ReadNode<'_>, first: &mut bool) {
    let Some(join) = &node.join else { return };
    let table = node.reference();
    let mut equal = |sql: &mut Statement, left: (&Name, &str), right: (&Name, &str)| {
        and(sql, first);
        sql.column(left.0, left.1).text(" = ").column(right.0, right.1);
    };
    match &join.relationship.kind {
        Kind::Computed { .. } => {}
        Kind::ManyToMany(junction) => {
            let between = Name::local(junction_alias(node));
            for (column, other) in &junction.target.columns {
                equal(sql, (&table, column), (&between, other));
            }
            for (column, other) in &junction.source.columns {
                equal(sql, (&between, other), (&join.parent, column));
            }
        }
        Kind::ManyToOne(key) | Kind::OneToMany(key) | Kind::OneToOne { key, .. } => {
            for (column, other) in &key.columns {
                equal(sql, (&table, other), (&join.parent, column));
            }
        }
    }
}

fn joins(sql: &mut Statement, parent: &ReadNode<'_>) {
    for (child, embed) in parent.children.iter().zip(&parent.embeds) {
        let inner = child.join.as_ref().is_some_and(|join| join.inner);
        sql.text(if inner { " inner join lateral (" } else { " left join lateral (" });
        let lateral = embed.lateral();
        let is_list = match embed {
            EmbedSelect::Json { to_one, .. } => !to_one,
            EmbedSelect::Spread { .. } => matches!(child.spread, Some(Spread::ToMany { .. })),
        };
        if is_list {
            sql.text("select json_agg(").identifier(lateral).text(")::jsonb as ").identifier(lateral);
            if let (EmbedSelect::Spread { fields, .. }, Some(Spread::ToMany { order, .. })) =
                (embed, &child.spread)
            {
                spread_lists(sql, lateral, fields, order);
            }
            sql.text(" from (");
            select(sql, child);
            sql.text(") as ").identifier(lateral);
        } else {
            select(sql, child);
        }
        sql.text(") as ").identifier(lateral).text(" on ");
        if inner && is_list {
            sql.identifier(lateral).text(" is not null");
        } else {
            sql.text("true");
        }
    }
}

/// Each column of a spread relation as a list.
fn spread_lists(
    sql: &mut Statement,
    lateral: &str,
    fields: &[SpreadField],
    order: &[crate::plan::Ordering<'_>],
) {
    let table = Name::local(lateral);
    for field in fields {
        sql.text(", coalesce(json_agg(").column(&table, &field.name);
        if !order.is_empty() {
            sql.text(" order by ").list(", ", order, |sql, one| ordering(sql, &table, one));
        }
        sql.text("), '[]')::jsonb as ");
        sql.identifier(field.alias.as_ref().unwrap_or(&field.name));
    }
}

/// Where something is aggregated, the rest is what it is aggregated by.
fn group_by(sql: &mut Statement, node: &ReadNode<'_>, table: &Name) {
    let spread = node.embeds.iter().filter_map(|embed| match embed {
        EmbedSelect::Spread { lateral, fields } => Some((lateral, fields)),
        EmbedSelect::Json { .. } => None,
    });
    let in_spread = spread.clone().any(|(_, fields)| fields.iter().any(|field| field.aggregate.is_some()));
    let own = node.select.iter().any(|column| column.aggregate.is_some());
    if !own && !in_spread {
        return;
    }
    let mut first = true;
    let mut term = |sql: &mut Statement| {
        sql.text(if std::mem::replace(&mut first, false) { " group by " } else { ", " });
    };
    for column in node.select.iter().filter(|column| column.aggregate.is_none()) {
        term(sql);
        match &column.alias {
            Some(alias) => {
                sql.identifier(alias);
            }
            None => field(sql, table, &column.field),
        }
    }
    for embed in &node.embeds {
        if let EmbedSelect::Json { name, is_empty: false, .. } = embed {
            term(sql);
            sql.identifier(name);
        }
    }
    for (lateral, fields) in spread {
        for field in fields.iter().filter(|field| field.aggregate.is_none()) {
            term(sql);
            sql.column(&Name::local(lateral), field.alias.as_ref().unwrap_or(&field.name));
        }
    }
}

fn limit(sql: &mut Statement, range: Range) {
    if range == Range::ALL {
        return;
    }
    if let Some(limit) = range.limit() {
        sql.text(" limit ").number(limit);
    }
    sql.text(" offset ").number(range.first);
}

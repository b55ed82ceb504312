//! Reading: a tree of relations, each with what is selected of it, which rows, in which order, and
//! how it hangs on the one above.

mod aggregate;
mod apply;
mod build;
mod embed;
mod order;
mod star;

use super::field::Resolved;
use super::{Context, restricts_rows, source};
use crate::error::Error;
use crate::request::tree::{Aggregate, Direction, LogicOperator, Nulls, Operation};
use crate::request::{ApiRequest, Range};
use crate::schema_cache::{Name, Relation, Relationship};

/// What is at the top of the tree.
#[derive(Clone, Copy, Debug)]
pub(super) enum Root<'a> {
    /// A relation, read as it is.
    Relation(&'a Name),
    /// The rows that a write or a call gives, as if they were this relation's.
    Source(&'a Name),
}

/// A relation of the tree.
#[derive(Debug)]
pub(crate) struct ReadNode<'a> {
    /// Its place in the tree, which no other node has; the root's is 0.
    pub(crate) id: usize,
    /// As the client calls it.
    name: String,
    alias: Option<String>,
    /// What the rows are of; not in the cache when it is a function's result.
    pub(crate) relation: Name,
    known: Option<&'a Relation>,
    /// What stands in `from`, and under which name.
    pub(crate) from: Name,
    pub(crate) from_alias: Option<String>,
    pub(crate) select: Vec<SelectColumn<'a>>,
    pub(crate) conditions: Vec<Condition<'a>>,
    pub(crate) order: Vec<Ordering<'a>>,
    pub(crate) range: Range,
    /// `None` for the root.
    pub(crate) join: Option<Join<'a>>,
    pub(crate) spread: Option<Spread<'a>>,
    /// How the children show among the columns.
    pub(crate) embeds: Vec<EmbedSelect>,
    pub(crate) children: Vec<ReadNode<'a>>,
    /// It was named by its relation although it has an alias.
    is_legacy_name: bool,
}

/// How a node hangs on its parent.
#[derive(Clone, Debug)]
pub(crate) struct Join<'a> {
    pub(crate) relationship: &'a Relationship,
    /// What the parent's rows are called.
    pub(crate) parent: Name,
    /// The name of the lateral subquery.
    pub(crate) lateral: String,
    /// Rows of the parent without a match go.
    pub(crate) inner: bool,
}

/// One thing that is selected.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct SelectColumn<'a> {
    pub(crate) field: Resolved<'a>,
    pub(crate) alias: Option<String>,
    pub(crate) cast: Option<String>,
    pub(crate) aggregate: Option<Aggregate>,
    pub(crate) aggregate_cast: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Condition<'a> {
    /// Whether the embedded relation has a match.
    Embedded {
        lateral: String,
        exists: bool,
    },
    Filter {
        field: Resolved<'a>,
        negated: bool,
        operation: Operation,
    },
    Group {
        negated: bool,
        operator: LogicOperator,
        members: Vec<Condition<'a>>,
    },
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ordering<'a> {
    /// The embedded relation that the field is of: first as the client calls it, then its lateral.
    pub(crate) relation: Option<String>,
    pub(crate) field: Resolved<'a>,
    pub(crate) direction: Option<Direction>,
    pub(crate) nulls: Option<Nulls>,
}

/// The columns of an embedded relation stand among the parent's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Spread<'a> {
    ToOne,
    /// Each column as a list; to sort these, what they are sorted by is selected besides.
    ToMany {
        extra: Vec<(Option<String>, SelectColumn<'a>)>,
        order: Vec<Ordering<'a>>,
    },
}

/// How an embedded relation shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum EmbedSelect {
    /// As JSON under a name: an object, or an array.
    Json {
        name: String,
        lateral: String,
        to_one: bool,
        is_empty: bool,
    },
    Spread {
        lateral: String,
        fields: Vec<SpreadField>,
    },
}

/// A column of a spread relation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct SpreadField {
    pub(crate) name: String,
    pub(crate) alias: Option<String>,
    pub(crate) aggregate: Option<Aggregate>,
    pub(crate) aggregate_cast: Option<String>,
}

impl EmbedSelect {
    pub(crate) fn lateral(&self) -> &str {
        match self {
            Self::Json { lateral, .. } | Self::Spread { lateral, .. } => lateral,
        }
    }
}

impl<'a> ReadNode<'a> {
    /// The tree of a request.
    pub(super) fn plan(
        request: &ApiRequest<'_>,
        context: Context<'a>,
        root: Root<'_>,
    ) -> Result<Self, Error> {
        let mut tree = build::tree(request, context, root)?;
        apply::parameters(&mut tree, request, context)?;
        star::expand(&mut tree, context, false);
        tree.name_columns();
        order::resolve_related(&mut tree)?;
        apply::null_filters(&mut tree);
        embed::select(&mut tree);
        aggregate::check(&tree, context.aggregates)?;
        aggregate::hoist(&mut tree);
        order::spread(&mut tree)?;
        if restricts_rows(&request.action) {
            tree.limit(context.max_rows);
        }
        Ok(tree)
    }

    /// What the node's rows are called in SQL.
    pub(crate) fn reference(&self) -> Name {
        match &self.from_alias {
            Some(alias) => Name::local(alias),
            None => self.from.clone(),
        }
    }

    /// The name that the client gave it last.
    pub(super) fn shown_name(&self) -> &str {
        self.alias.as_deref().unwrap_or(&self.name)
    }

    /// Whether nothing but whole rows is asked for.
    pub(super) fn is_default_select(&self) -> bool {
        self.children.is_empty() && matches!(self.select.as_slice(), [only] if only.field.name == "*")
    }

    pub(super) fn collect_legacy_names<'b>(&'b self, onto: &mut Vec<(&'b str, &'b str)>) {
        if let Some(alias) = self.alias.as_deref().filter(|_| self.is_legacy_name) {
            onto.push((&self.name, alias));
        }
        for child in &self.children {
            child.collect_legacy_names(onto);
        }
    }

    fn limit(&mut self, max_rows: Option<u64>) {
        self.range = self.range.at_most(max_rows);
        for child in &mut self.children {
            child.limit(max_rows);
        }
    }
}

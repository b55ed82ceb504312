//! Writing: which rows of a relation change, and what of them is given back.

use bytes::Bytes;

use super::read::{Condition, Root};
use super::{Context, Output, ReadNode, find, negotiate};
use crate::error::Error;
use crate::request::tree::{Comparison, Logic, Operation};
use crate::request::{ApiRequest, Missing, Payload, Preferences, Representation, Resolution, Write};
use crate::schema_cache::{Column, Kind, Name, Relation};

#[derive(Debug)]
pub(crate) struct WritePlan<'a> {
    pub(crate) relation: &'a Relation,
    pub(crate) kind: WriteKind<'a>,
    /// The columns that what is given back needs; none when nothing is.
    pub(crate) returning: Vec<String>,
    pub(crate) tree: ReadNode<'a>,
    pub(crate) output: Output<'a>,
    /// Whether the answer of an insert says where the row is.
    pub(crate) locates: bool,
}

#[derive(Debug)]
pub(crate) enum WriteKind<'a> {
    Delete {
        conditions: Vec<Condition<'a>>,
    },
    Insert {
        rows: Rows<'a>,
        conflict: Option<Conflict>,
    },
    /// One row by its primary key: inserted, or put in place of the one that is there.
    Put {
        rows: Rows<'a>,
        key: Vec<String>,
        conditions: Vec<Condition<'a>>,
    },
    Update {
        rows: Rows<'a>,
        conditions: Vec<Condition<'a>>,
    },
}

/// Rows in JSON.
#[derive(Debug)]
pub(crate) struct Rows<'a> {
    pub(crate) columns: Vec<Target<'a>>,
    pub(crate) json: Bytes,
    /// Whether what is missing gets its default and not null.
    pub(crate) defaults: bool,
}

/// A column that is written, and the function that JSON goes through to become its type.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Target<'a> {
    pub(crate) column: &'a Column,
    pub(crate) transform: Option<&'a Name>,
}

/// What happens when a row with such a key is there already.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Conflict {
    pub(crate) resolution: Resolution,
    /// Not empty.
    pub(crate) columns: Vec<String>,
}

pub(super) fn plan<'a>(
    request: &ApiRequest<'_>,
    context: Context<'a>,
    relation: &str,
    kind: Write,
) -> Result<WritePlan<'a>, Error> {
    let relation = find::relation(context.cache, request.profile.schema, relation)?;
    let tree = ReadNode::plan(request, context, Root::Source(&relation.name))?;
    let write = Writing { request, context, relation };
    let kind = match kind {
        Write::Delete => WriteKind::Delete { conditions: write.conditions() },
        Write::Insert => {
            WriteKind::Insert { rows: write.rows(write.defaults())?, conflict: write.conflict() }
        }
        Write::Put => write.put()?,
        Write::Update => {
            WriteKind::Update { rows: write.rows(write.defaults())?, conditions: write.conditions() }
        }
    };
    let output = negotiate::output(request, context, &relation.name, &tree)?;
    let representation = request.preferences.representation;
    let is_insert = matches!(kind, WriteKind::Insert { .. });
    Ok(WritePlan {
        relation,
        kind,
        returning: match representation {
            None | Some(Representation::Minimal) => Vec::new(),
            _ => tree.needed_columns(&relation.primary_key),
        },
        tree,
        output,
        locates: is_insert && representation == Some(Representation::HeadersOnly),
    })
}

struct Writing<'a, 'r> {
    request: &'r ApiRequest<'r>,
    context: Context<'a>,
    relation: &'a Relation,
}

impl<'a> Writing<'a, '_> {
    fn defaults(&self) -> bool {
        self.request.preferences.missing == Some(Missing::Default)
    }

    /// The conditions on the relation itself.
    fn conditions(&self) -> Vec<Condition<'a>> {
        let query = &self.request.query;
        let filters = query.filters.iter().filter(|(path, _)| path.is_empty());
        let filters = filters.map(|(_, filter)| Logic::Filter(filter.clone()));
        let logic = query.logic.iter().map(|(_, logic)| logic.clone());
        filters.chain(logic).map(|logic| self.context.condition(Some(self.relation), logic)).collect()
    }

    fn rows(&self, defaults: bool) -> Result<Rows<'a>, Error> {
        let payload = self.request.payload.as_ref();
        let names = match (payload, &self.request.query.columns) {
            (Some(Payload::UnseenJson(_)), Some(columns)) => {
                let mut columns = columns.clone();
                columns.sort_unstable();
                columns.dedup();
                columns
            }
            (payload, _) => payload.map(Payload::keys).unwrap_or_default(),
        };
        let columns = names.iter().map(|name| self.target(name)).collect::<Result<_, _>>()?;
        Ok(Rows { columns, json: payload.map(Payload::bytes).unwrap_or_default(), defaults })
    }

    fn target(&self, name: &str) -> Result<Target<'a>, Error> {
        let column = self.relation.column(name).ok_or_else(|| Error::ColumnNotFound {
            relation: self.relation.name.name.clone(),
            column: name.to_owned(),
        })?;
        Ok(Target { column, transform: self.context.cache.representation("json", &column.nominal_type) })
    }

    fn conflict(&self) -> Option<Conflict> {
        let resolution = self.request.preferences.resolution?;
        let columns = self.request.query.on_conflict.as_ref().unwrap_or(&self.relation.primary_key);
        (!columns.is_empty()).then(|| Conflict { resolution, columns: columns.clone() })
    }

    /// All columns of the primary key and nothing else must be compared for equality.
    fn put(&self) -> Result<WriteKind<'a>, Error> {
        let (query, key) = (&self.request.query, &self.relation.primary_key);
        let mut names: Vec<&str> = query.filter_names.iter().map(String::as_str).collect();
        names.sort_unstable();
        names.dedup();
        let equal = query.filters.iter().all(|(_, filter)| {
            let plain = matches!(
                filter.operation,
                Operation::Compare { operator: Comparison::Equal, quantifier: None, .. }
            );
            plain && !filter.negated
        });
        let mut wanted: Vec<&str> = key.iter().map(String::as_str).collect();
        wanted.sort_unstable();
        if key.is_empty() || !query.logic.is_empty() || names != wanted || !equal {
            return Err(Error::PutFilters);
        }
        Ok(WriteKind::Put { rows: self.rows(false)?, key: key.clone(), conditions: self.conditions() })
    }
}

impl ReadNode<'_> {
    /// The columns of the source that the tree needs: what is selected, what relations are embedded
    /// by, and `also`. A star stands for all.
    pub(super) fn needed_columns(&self, also: &[String]) -> Vec<String> {
        let all = || vec!["*".to_owned()];
        let mut names: Vec<String> = self.select.iter().map(|column| column.field.name.clone()).collect();
        if names.iter().any(|name| name == "*") {
            return all();
        }
        for join in self.children.iter().filter_map(|child| child.join.as_ref()) {
            match &join.relationship.kind {
                // Which columns a function looks at, nobody knows.
                Kind::Computed { .. } => return all(),
                Kind::ManyToMany(junction) => {
                    names.extend(junction.source.columns.iter().map(|(column, _)| column.clone()));
                }
                Kind::ManyToOne(key) | Kind::OneToMany(key) | Kind::OneToOne { key, .. } => {
                    names.extend(key.columns.iter().map(|(column, _)| column.clone()));
                }
            }
        }
        names.extend(also.iter().cloned());
        names.sort_unstable();
        names.dedup();
        names
    }
}

impl WritePlan<'_> {
    /// Whether it is known afterwards how many rows were inserted and not updated.
    pub(crate) fn counts_inserted(&self) -> bool {
        match &self.kind {
            WriteKind::Put { .. } => true,
            WriteKind::Insert { conflict, .. } => {
                matches!(conflict, Some(Conflict { resolution: Resolution::MergeDuplicates, .. }))
            }
            _ => false,
        }
    }

    /// The preferences that counted.
    pub(crate) fn applied(&self, preferences: &Preferences, on_conflict: bool) -> Preferences {
        let insert = matches!(self.kind, WriteKind::Insert { .. });
        let update = matches!(self.kind, WriteKind::Update { .. });
        let delete = matches!(self.kind, WriteKind::Delete { .. });
        let resolves = insert && (on_conflict || !self.relation.primary_key.is_empty());
        Preferences {
            resolution: preferences.resolution.filter(|_| resolves),
            missing: preferences.missing.filter(|_| insert || update),
            max_affected: preferences.max_affected.filter(|_| update || delete),
            ..preferences.clone()
        }
    }
}

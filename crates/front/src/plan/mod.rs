//! What to do, with relations, relationships, functions and media types looked up in the schema
//! cache. Pure.

mod call;
mod field;
mod find;
mod info;
mod negotiate;
mod read;
#[cfg(test)]
mod tests;
mod write;

pub(crate) use call::{Arguments, CallPlan, Passed};
pub(crate) use field::Resolved;
pub(crate) use info::allowed;
pub(crate) use negotiate::Body;
pub(crate) use read::{Condition, EmbedSelect, Ordering, ReadNode, SelectColumn, Spread, SpreadField};
pub(crate) use write::{Conflict, Rows, Target, WriteKind, WritePlan};

use crate::error::Error;
use crate::request::{Action, ApiRequest, CallMethod, MediaType};
use crate::schema_cache::{Name, SchemaCache};

/// What planning depends on besides the request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Context<'a> {
    pub(crate) cache: &'a SchemaCache,
    /// Most rows of one answer, and of each embedded list in it.
    pub(crate) max_rows: Option<u64>,
    pub(crate) aggregates: bool,
    /// Whether a client may see execution plans.
    pub(crate) plans: bool,
    /// Whether an embedding may be named by its relation where it has an alias.
    pub(crate) legacy_names: bool,
}

/// A request that can be carried out.
#[derive(Debug)]
pub(crate) enum Plan<'a> {
    Call(CallPlan<'a>),
    Describe {
        headers_only: bool,
        version_3: bool,
    },
    /// No database is needed: the methods that are allowed.
    Info {
        allow: String,
    },
    Read(ReadPlan<'a>),
    Write(WritePlan<'a>),
}

#[derive(Debug)]
pub(crate) struct ReadPlan<'a> {
    pub(crate) relation: &'a str,
    pub(crate) tree: ReadNode<'a>,
    pub(crate) output: Output<'a>,
}

/// What the rows become.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Output<'a> {
    pub(crate) body: Body<'a>,
    pub(crate) media_type: MediaType,
}

impl<'a> Plan<'a> {
    pub(crate) fn new(request: &ApiRequest<'_>, context: Context<'a>) -> Result<Self, Error> {
        let plan = match &request.action {
            Action::Read { relation, .. } => Self::Read(read(request, context, relation)?),
            Action::Write { relation, kind } => Self::Write(write::plan(request, context, relation, *kind)?),
            Action::Call { routine, by } => Self::Call(call::plan(request, context, routine, *by)?),
            Action::CallOptions { routine } => {
                let routine = call::find(request, context, routine, CallMethod::Head)?;
                Self::Info { allow: info::routine(routine).to_owned() }
            }
            Action::RelationOptions { relation } => {
                let relation = find::relation(context.cache, request.profile.schema, relation)?;
                Self::Info { allow: allowed(relation) }
            }
            Action::DescribeOptions => Self::Info { allow: info::ROOT.to_owned() },
            Action::Describe { headers_only } => Self::Describe {
                headers_only: *headers_only,
                version_3: negotiate::description(&request.accepted)?,
            },
        };
        if !matches!(plan, Self::Info { .. } | Self::Describe { .. }) {
            refuse_unknown_preferences(request)?;
        }
        Ok(plan)
    }

    /// Whether the transaction may only read.
    pub(crate) fn reads(&self) -> bool {
        match self {
            Self::Call(call) => call.reads(),
            Self::Describe { .. } | Self::Info { .. } | Self::Read(_) => true,
            Self::Write(_) => false,
        }
    }

    /// Names of embeddings that were used although there is an alias, with that.
    pub(crate) fn legacy_names(&self) -> Vec<(&str, &str)> {
        let tree = match self {
            Self::Call(call) => &call.tree,
            Self::Read(read) => &read.tree,
            Self::Write(write) => &write.tree,
            Self::Describe { .. } | Self::Info { .. } => return Vec::new(),
        };
        let mut names = Vec::new();
        tree.collect_legacy_names(&mut names);
        names
    }
}

fn read<'a>(request: &ApiRequest<'_>, context: Context<'a>, relation: &str) -> Result<ReadPlan<'a>, Error> {
    let relation = find::relation(context.cache, request.profile.schema, relation)?;
    let tree = ReadNode::plan(request, context, read::Root::Relation(&relation.name))?;
    let output = negotiate::output(request, context, &relation.name, &tree)?;
    Ok(ReadPlan { relation: &relation.name.name, tree, output })
}

fn refuse_unknown_preferences(request: &ApiRequest<'_>) -> Result<(), Error> {
    let preferences = &request.preferences;
    if preferences.is_strict() && !preferences.unknown.is_empty() {
        return Err(Error::UnknownPreferences(preferences.unknown.clone()));
    }
    Ok(())
}

/// Whether conditions of the query string restrict the rows that are given back; of a write they
/// say which rows it is about.
fn restricts_rows(action: &Action) -> bool {
    !matches!(action, Action::Write { .. })
}

/// The name that a statement gives the rows it wrote or called for.
pub(crate) fn source() -> Name {
    Name::local("pgrst_source")
}

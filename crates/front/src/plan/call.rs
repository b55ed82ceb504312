//! Calling a function: which one of its name, with which arguments.

use bytes::Bytes;

use super::read::{Condition, Root};
use super::{Context, Output, ReadNode, negotiate};
use crate::error::{Error, MissingRoutine};
use crate::request::{ApiRequest, CallMethod, MediaType, Payload, Preferences};
use crate::schema_cache::{Name, Parameter, Routine, Volatility, closest};

#[derive(Debug)]
pub(crate) struct CallPlan<'a> {
    pub(crate) routine: &'a Routine,
    pub(crate) arguments: Arguments<'a>,
    /// The columns of the result that are needed; a star, or none, for all.
    pub(crate) returning: Vec<String>,
    pub(crate) tree: ReadNode<'a>,
    pub(crate) output: Output<'a>,
    pub(crate) by: CallMethod,
}

/// How arguments are passed.
#[derive(Debug)]
pub(crate) enum Arguments<'a> {
    /// Each on its own.
    Direct(Vec<(&'a Parameter, Passed)>),
    /// As members of an object.
    Json { parameters: Vec<&'a Parameter>, json: Bytes },
    /// The body as the only, nameless one.
    Whole { parameter: &'a Parameter, body: Bytes },
}

/// The value of one parameter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Passed {
    One(String),
    /// Of a variadic parameter.
    Several(Vec<String>),
}

pub(super) fn plan<'a>(
    request: &ApiRequest<'_>,
    context: Context<'a>,
    name: &str,
    by: CallMethod,
) -> Result<CallPlan<'a>, Error> {
    let routine = find(request, context, name, by)?;
    let target = Name::new(&routine.name.schema, routine.relation().unwrap_or(&routine.name.name));
    let tree = ReadNode::plan(request, context, Root::Source(&target))?;
    let output = negotiate::output(request, context, &target, &tree)?;
    if request.preferences.limit_affected().is_some() && !routine.returns.set {
        return Err(Error::MaxAffectedCall);
    }
    let mut returning = tree.needed_columns(&[]);
    if returning != ["*"] && !returning.is_empty() {
        tree.conditions.iter().for_each(|condition| condition.collect_names(&mut returning));
        returning.sort_unstable();
        returning.dedup();
    }
    Ok(CallPlan { routine, arguments: arguments(request, routine, by), returning, tree, output, by })
}

/// The function that the names of the arguments fit.
pub(super) fn find<'a>(
    request: &ApiRequest<'_>,
    context: Context<'a>,
    name: &str,
    by: CallMethod,
) -> Result<&'a Routine, Error> {
    let schema = request.profile.schema;
    let candidates = context.cache.routines(&Name::new(schema, name));
    let given = given(request, by);
    let posted = (by == CallMethod::Post).then_some(&request.content_type);
    let fits = |routine: &&Routine| fits(routine, &given, posted);
    let mut found: Vec<_> = candidates.iter().filter(fits).collect();
    if found.is_empty() {
        // Then one that takes the body whole.
        found = candidates.iter().filter(|routine| takes_body(routine, posted)).collect();
    }
    match found.as_slice() {
        [only] => Ok(only),
        [] => Err(not_found(context, schema, name, given, posted)),
        _ => Err(Error::AmbiguousRoutine(found.into_iter().cloned().collect())),
    }
}

/// The names of the arguments, sorted.
fn given(request: &ApiRequest<'_>, by: CallMethod) -> Vec<String> {
    let mut names: Vec<String> = match by {
        CallMethod::Get | CallMethod::Head => {
            request.query.arguments.iter().map(|(name, _)| name.clone()).collect()
        }
        CallMethod::Post => match (&request.payload, &request.query.columns) {
            (Some(Payload::UnseenJson(_)), Some(columns)) => columns.clone(),
            (payload, _) => payload.as_ref().map(Payload::keys).unwrap_or_default(),
        },
    };
    names.sort_unstable();
    names.dedup();
    names
}

/// Whether every argument has a parameter, and every parameter without default an argument.
fn fits(routine: &Routine, given: &[String], posted: Option<&MediaType>) -> bool {
    if routine.parameters.is_empty() {
        let raw = matches!(posted, Some(MediaType::OctetStream | MediaType::Text | MediaType::Xml));
        return given.is_empty() && !raw;
    }
    let known = given.iter().all(|name| routine.parameters.iter().any(|parameter| parameter.name == *name));
    let mut required = routine.parameters.iter().filter(|parameter| parameter.required);
    known && required.all(|parameter| given.contains(&parameter.name))
}

fn takes_body(routine: &Routine, posted: Option<&MediaType>) -> bool {
    let [only] = routine.parameters.as_slice() else { return false };
    let fits = match posted {
        Some(MediaType::Json) => matches!(only.data_type.as_str(), "json" | "jsonb"),
        Some(MediaType::Text) => only.data_type == "text",
        Some(MediaType::Xml) => only.data_type == "xml",
        Some(MediaType::OctetStream) => only.data_type == "bytea",
        _ => false,
    };
    fits && only.name.is_empty()
}

fn not_found(
    context: Context<'_>,
    schema: &str,
    name: &str,
    given: Vec<String>,
    posted: Option<&MediaType>,
) -> Error {
    let overloads = context.cache.routines(&Name::new(schema, name));
    let meant = if overloads.is_empty() {
        let names = context.cache.all_routines().filter(|routine| routine.name.schema == schema);
        closest(name, names.map(|routine| routine.name.name.as_str())).map(str::to_owned)
    } else {
        let signatures: Vec<_> = overloads.iter().map(signature).collect();
        let wanted = format!("({})", given.join(", "));
        let meant =
            closest(&wanted, signatures.iter().map(String::as_str)).or(signatures.first().map(|s| &**s));
        meant.map(|signature| format!("{name}{signature}"))
    };
    Error::RoutineNotFound(Box::new(MissingRoutine {
        name: Name::new(schema, name),
        given,
        posted: posted.cloned(),
        meant: meant.map(|meant| format!("{schema}.{meant}")),
    }))
}

fn signature(routine: &Routine) -> String {
    let mut names: Vec<&str> = routine.parameters.iter().map(|parameter| parameter.name.as_str()).collect();
    names.sort_unstable();
    format!("({})", names.join(", "))
}

fn arguments<'a>(request: &ApiRequest<'_>, routine: &'a Routine, by: CallMethod) -> Arguments<'a> {
    let given = given(request, by);
    let named = || routine.parameters.iter().filter(|parameter| given.contains(&parameter.name));
    let payload = request.payload.as_ref();
    match (routine.parameters.as_slice(), payload) {
        ([parameter], Some(payload)) if parameter.name.is_empty() => {
            Arguments::Whole { parameter, body: payload.bytes() }
        }
        (_, None) => direct(named(), &request.query.arguments),
        (_, Some(Payload::Form(pairs))) => direct(named(), pairs),
        (_, Some(payload)) => Arguments::Json { parameters: named().collect(), json: payload.bytes() },
    }
}

/// Of an argument that is given several times the last counts, unless its parameter is variadic.
fn direct<'a>(named: impl Iterator<Item = &'a Parameter>, pairs: &[(String, String)]) -> Arguments<'a> {
    let passed = named.map(|parameter| {
        let values = pairs.iter().filter(|(name, _)| *name == parameter.name);
        let values: Vec<String> = values.map(|(_, value)| value.clone()).collect();
        let passed = if parameter.variadic {
            Passed::Several(values)
        } else {
            Passed::One(values.into_iter().next_back().unwrap_or_default())
        };
        (parameter, passed)
    });
    Arguments::Direct(passed.collect())
}

impl CallPlan<'_> {
    pub(crate) fn reads(&self) -> bool {
        self.by != CallMethod::Post || self.routine.volatility != Volatility::Volatile
    }

    /// The preferences that counted.
    pub(crate) fn applied(&self, preferences: &Preferences) -> Preferences {
        Preferences { resolution: None, missing: None, representation: None, ..preferences.clone() }
    }
}

impl Condition<'_> {
    /// The names of the fields that it looks at.
    fn collect_names(&self, onto: &mut Vec<String>) {
        match self {
            Self::Embedded { .. } => {}
            Self::Filter { field, .. } => onto.push(field.name.clone()),
            Self::Group { members, .. } => members.iter().for_each(|member| member.collect_names(onto)),
        }
    }
}

//! PGRST2xx: names that the schema cache does not have, or has too many of.

use axum::http::StatusCode;
use serde_json::{Value, json};

use super::sqlstate::INTERNAL;
use super::{Description, Error, MissingRelationship, MissingRoutine};
use crate::request::MediaType;
use crate::schema_cache::{Junction, Key, Kind, Relationship, Routine};

impl Error {
    pub(super) fn of_schema(&self) -> Description {
        match self {
            Self::AmbiguousEmbed { origin, target, candidates } => {
                ambiguous_embed(origin, target, candidates)
            }
            Self::AmbiguousRoutine(candidates) => ambiguous_routine(candidates),
            Self::ColumnNotFound { relation, column } => Description::new(
                StatusCode::BAD_REQUEST,
                "PGRST204",
                format!("Could not find the '{column}' column of '{relation}' in the schema cache"),
            ),
            Self::NoRelationship(missing) => no_relationship(missing),
            Self::RoutineNotFound(missing) => routine_not_found(missing),
            Self::TableNotFound { schema, name, meant } => {
                let message = format!("Could not find the table '{schema}.{name}' in the schema cache");
                let mut description = Description::new(StatusCode::NOT_FOUND, "PGRST205", message);
                description.hint =
                    meant.as_ref().map(|meant| format!("Perhaps you meant the table '{schema}.{meant}'"));
                description
            }
            _ => Description::new(StatusCode::INTERNAL_SERVER_ERROR, "PGRSTX00", INTERNAL),
        }
    }
}

fn no_relationship(missing: &MissingRelationship) -> Description {
    let MissingRelationship { origin, target, schema, hint, meant } = missing;
    let message =
        format!("Could not find a relationship between '{origin}' and '{target}' in the schema cache");
    let by = hint.as_ref().map(|hint| format!(" using the hint '{hint}'")).unwrap_or_default();
    let mut description = Description::new(StatusCode::BAD_REQUEST, "PGRST200", message).details(format!(
        "Searched for a foreign key relationship between '{origin}' and '{target}'{by} in the schema \
         '{schema}', but no matches were found."
    ));
    description.hint =
        meant.as_ref().map(|(meant, wrong)| format!("Perhaps you meant '{meant}' instead of '{wrong}'."));
    description
}

fn ambiguous_embed(origin: &str, target: &str, candidates: &[Relationship]) -> Description {
    let message =
        format!("Could not embed because more than one relationship was found for '{origin}' and '{target}'");
    let choices: Vec<String> = candidates.iter().filter_map(choice).collect();
    Description::new(StatusCode::MULTIPLE_CHOICES, "PGRST201", message)
        .details(candidates.iter().map(candidate).collect::<Vec<Value>>())
        .hint(format!(
            "Try changing '{target}' to one of the following: {}. Find the desired relationship in the \
             'details' key.",
            choices.join(", ")
        ))
}

/// How a client names just this relationship.
fn choice(one: &Relationship) -> Option<String> {
    let hint = match &one.kind {
        Kind::Computed { .. } => return None,
        Kind::ManyToMany(junction) => &junction.table.name,
        Kind::ManyToOne(key) | Kind::OneToMany(key) | Kind::OneToOne { key, .. } => &key.constraint,
    };
    Some(format!("'{}!{hint}'", one.foreign.name))
}

fn candidate(one: &Relationship) -> Value {
    let (table, foreign) = (&one.table.name, &one.foreign.name);
    let list = |names: Vec<&str>| format!("({})", names.join(", "));
    let first = |key: &Key| list(key.columns.iter().map(|(column, _)| column.as_str()).collect());
    let second = |key: &Key| list(key.columns.iter().map(|(_, column)| column.as_str()).collect());
    let between =
        |key: &Key| format!("{} using {table}{} and {foreign}{}", key.constraint, first(key), second(key));
    let (cardinality, relationship) = match &one.kind {
        Kind::Computed { .. } => return json!({}),
        Kind::ManyToMany(Junction { table, source, target }) => (
            "many-to-many",
            format!(
                "{} using {}{} and {}{}",
                table.name,
                source.constraint,
                second(source),
                target.constraint,
                second(target)
            ),
        ),
        Kind::ManyToOne(key) => ("many-to-one", between(key)),
        Kind::OneToMany(key) => ("one-to-many", between(key)),
        Kind::OneToOne { key, .. } => ("one-to-one", between(key)),
    };
    json!({
        "cardinality": cardinality,
        "embedding": format!("{table} with {foreign}"),
        "relationship": relationship,
    })
}

fn ambiguous_routine(candidates: &[Routine]) -> Description {
    let signature = |routine: &Routine| {
        let parameters = routine.parameters.iter();
        let parameters: Vec<_> = parameters.map(|p| format!("{} => {}", p.name, p.data_type)).collect();
        format!("{}.{}({})", routine.name.schema, routine.name.name, parameters.join(", "))
    };
    let signatures: Vec<_> = candidates.iter().map(signature).collect();
    let message = format!("Could not choose the best candidate function between: {}", signatures.join(", "));
    Description::new(StatusCode::MULTIPLE_CHOICES, "PGRST203", message).hint(
        "Try renaming the parameters or the function itself in the database so function overloading can be \
         resolved",
    )
}

fn routine_not_found(missing: &MissingRoutine) -> Description {
    let MissingRoutine { name, given, posted, meant } = missing;
    let posted = posted.as_ref();
    let function = format!("{}.{}", name.schema, name.name);
    // Such a body is one argument without a name.
    let whole = match posted {
        Some(MediaType::Text) => Some("text"),
        Some(MediaType::Xml) => Some("xml"),
        Some(MediaType::OctetStream) => Some("bytea"),
        _ => None,
    };
    let named = |text: String| if given.is_empty() { " without parameters".to_owned() } else { text };
    let shown = if whole.is_some() { String::new() } else { named(format!("({})", given.join(", "))) };
    let plural = if given.len() > 1 { "s" } else { "" };
    let with = named(format!(" with parameter{plural} {}", given.join(", ")));
    let searched = match (whole, posted) {
        (Some(data_type), _) => format!(" with a single unnamed {data_type} parameter"),
        (None, Some(MediaType::Json)) => format!("{with} or with a single unnamed json/jsonb parameter"),
        (None, _) => with,
    };
    let message = format!("Could not find the function {function}{shown} in the schema cache");
    let mut description = Description::new(StatusCode::NOT_FOUND, "PGRST202", message).details(format!(
        "Searched for the function {function}{searched}, but no matches were found in the schema cache."
    ));
    description.hint = meant
        .as_ref()
        .filter(|_| whole.is_none())
        .map(|meant| format!("Perhaps you meant to call the function {meant}"));
    description
}

//! Reads the schema cache from the catalog: one pipeline, then all the rest here.

use std::collections::HashMap;

use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::handlers::{HandlerRow, Handlers};
use super::keys::{self, Constraint};
use super::views::{Origins, View};
use super::{Kind, Name, Relation, Relationship, Representation, RoleSetting, Routine, SchemaCache};
use crate::pg::{PgError, Pool, Row, Step, Value, oid};

/// Names come out qualified when nothing is on the search path.
const PATH: &str = "select pg_catalog.set_config('search_path', '', true)";

const VERSION: &str = "select pg_catalog.current_setting('server_version_num')";
/// Of the version from which on a role can be granted to set what only superusers may set.
const WITH_PARAMETER_PRIVILEGES: u32 = 150_000;
const ROLES: [&str; 2] = [
    concat!(include_str!("roles.sql"), "and g.context = 'user'"),
    concat!(
        include_str!("roles.sql"),
        "and (g.context = 'user' or g.context = 'superuser'
            and pg_catalog.has_parameter_privilege(g.name, 'set'))"
    ),
];

/// Why there is no schema cache.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LoadError {
    #[error("{0}")]
    Database(#[from] PgError),
    #[error("its settings name keys that can not be used")]
    Keys,
    #[error("the catalog query gave something unexpected: {0}")]
    Shape(#[from] serde_json::Error),
}

/// A function from rows of one relation to rows of another.
#[derive(Debug, Deserialize)]
struct Computed {
    function: Name,
    table: Name,
    foreign: Name,
    to_one: bool,
}

/// What the schema cache depends on besides the catalog.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scope<'a> {
    pub(crate) schemas: &'a [String],
    /// Also looked through for views that exposed views are made of.
    pub(crate) extra_search_path: &'a [String],
    /// Settings of functions that are applied to the transaction before.
    pub(crate) hoisted_settings: &'a [String],
}

/// Reads everything.
///
/// # Errors
/// - [`LoadError::Database`]: the catalog could not be read.
/// - [`LoadError::Shape`]: it could not be understood.
pub(crate) async fn load(pool: &Pool, scope: Scope<'_>) -> Result<SchemaCache, LoadError> {
    let schemas = serde_json::to_vec(scope.schemas)?;
    let with_extra: Vec<_> = scope.schemas.iter().chain(scope.extra_search_path).collect();
    let with_extra = serde_json::to_vec(&with_extra)?;
    let hoisted = serde_json::to_vec(scope.hoisted_settings)?;
    let (exposed, wider): ([Value<'_>; 1], [Value<'_>; 1]) = ([Some(&schemas)], [Some(&with_extra)]);
    let routines: [Value<'_>; 2] = [Some(&schemas), Some(&hoisted)];
    let has_privileges = version(pool).await? >= WITH_PARAMETER_PRIVILEGES;
    let steps = [
        Step::new(PATH, &[], &[]),
        Step::kept(include_str!("relations.sql"), &[oid::JSON], &exposed),
        Step::kept(include_str!("constraints.sql"), &[], &[]),
        Step::kept(include_str!("views.sql"), &[oid::JSON], &wider),
        Step::kept(include_str!("computed.sql"), &[], &[]),
        Step::kept(include_str!("routines.sql"), &[oid::JSON, oid::JSON], &routines),
        Step::kept(include_str!("representations.sql"), &[], &[]),
        Step::kept(include_str!("handlers.sql"), &[oid::JSON], &exposed),
        Step::kept(ROLES[usize::from(has_privileges)], &[], &[]),
    ];
    let rows = pool.run(&steps).await?;
    build(&rows, scope.schemas)
}

async fn version(pool: &Pool) -> Result<u32, LoadError> {
    let rows = pool.run(&[Step::kept(VERSION, &[], &[])]).await?;
    let [version] = rows.first().map(Row::columns).unwrap_or_default();
    Ok(serde_json::from_slice(&version.unwrap_or_default())?)
}

fn build(rows: &[Row], schemas: &[String]) -> Result<SchemaCache, LoadError> {
    let mut relations: HashMap<Name, Relation> =
        read::<Relation>(rows, 1)?.into_iter().map(|relation| (relation.name.clone(), relation)).collect();
    let origins = Origins::of(&read::<View>(rows, 3)?);
    let detected = keys::relationships(&read::<Constraint>(rows, 2)?, &origins, &mut relations);
    let representations: Vec<Representation> = read(rows, 6)?;
    let settings: Vec<RoleSetting> = read(rows, 8)?;
    Ok(SchemaCache {
        relations,
        relationships: relationships(detected, read(rows, 4)?, schemas),
        routines: routines(read(rows, 5)?),
        representations: group(representations, |r| (r.from, (r.to, r.function))),
        handlers: Handlers::new(read::<HandlerRow>(rows, 7)?),
        role_settings: group(settings, |s| (s.role, (s.name, s.value))),
    })
}

/// The rows of one step, each a JSON text.
fn read<T: DeserializeOwned>(rows: &[Row], step: usize) -> Result<Vec<T>, LoadError> {
    let rows = rows.iter().filter(|row| row.step == step);
    let parsed = rows.map(|row| {
        let [json] = row.columns();
        serde_json::from_slice(&json.unwrap_or_default())
    });
    Ok(parsed.collect::<Result<_, _>>()?)
}

fn group<T, V>(items: Vec<T>, split: impl Fn(T) -> (String, V)) -> HashMap<String, Vec<V>> {
    let mut groups: HashMap<String, Vec<V>> = HashMap::new();
    for item in items {
        let (key, value) = split(item);
        groups.entry(key).or_default().push(value);
    }
    groups
}

/// Computed relationships take the place of detected ones with the name of the function. What leads
/// out of the exposed schemas, or through another, goes.
fn relationships(
    mut detected: Vec<Relationship>,
    computed: Vec<Computed>,
    schemas: &[String],
) -> HashMap<Name, Vec<Relationship>> {
    let overridden: std::collections::HashSet<(&Name, &Name)> =
        computed.iter().map(|one| (&one.table, &one.function)).collect();
    detected.retain(|one| !overridden.contains(&(&one.table, &one.foreign)));
    let computed = computed.into_iter().map(|Computed { function, table, foreign, to_one }| Relationship {
        table,
        foreign,
        kind: Kind::Computed { function, to_one },
        table_is_view: false,
        foreign_is_view: false,
    });
    let exposed = |name: &Name| schemas.contains(&name.schema);
    let mut groups: HashMap<Name, Vec<Relationship>> = HashMap::new();
    for one in detected.into_iter().chain(computed.collect::<Vec<_>>()) {
        let junction = match &one.kind {
            Kind::ManyToMany(junction) => exposed(&junction.table),
            _ => true,
        };
        if junction && exposed(&one.table) && exposed(&one.foreign) {
            groups.entry(one.table.clone()).or_default().push(one);
        }
    }
    for group in groups.values_mut() {
        group.sort_by(|a, b| a.rank().cmp(&b.rank()).then_with(|| a.cmp(b)));
    }
    groups
}

fn routines(all: Vec<Routine>) -> HashMap<Name, Vec<Routine>> {
    let mut groups: HashMap<Name, Vec<Routine>> = HashMap::new();
    for routine in all {
        groups.entry(routine.name.clone()).or_default().push(routine);
    }
    for group in groups.values_mut() {
        group.sort_by(|a, b| {
            let types = |routine: &Routine| -> Vec<String> {
                routine.parameters.iter().map(|p| format!("{} {}", p.name, p.data_type)).collect()
            };
            a.parameters.len().cmp(&b.parameters.len()).then_with(|| types(a).cmp(&types(b)))
        });
    }
    groups
}

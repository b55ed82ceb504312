//! What can be done at each path.

use serde_json::{Map, Value, json};

use super::{Api, object, set, summary};
use crate::schema_cache::{Relation, Routine, Volatility};

/// Of a function: rows in JSON, one row with and without its nulls.
const CALL_PRODUCES: [&str; 3] = [
    "application/json",
    "application/vnd.pgrst.object+json;nulls=stripped",
    "application/vnd.pgrst.object+json",
];

impl Api<'_> {
    pub(super) fn paths(&self) -> Map<String, Value> {
        let mut paths = Map::new();
        paths.insert("/".to_owned(), root());
        for relation in &self.relations {
            paths.insert(format!("/{}", relation.name.name), of_relation(relation));
        }
        for routine in &self.routines {
            paths.insert(format!("/rpc/{}", routine.name.name), self.of_routine(routine));
        }
        paths
    }
}

fn root() -> Value {
    json!({
        "get": {
            "tags": ["Introspection"],
            "summary": "OpenAPI description (this document)",
            "produces": ["application/openapi+json", "application/json"],
            "responses": {"200": {"description": "OK"}},
        },
    })
}

fn of_relation(relation: &Relation) -> Value {
    let name = &relation.name.name;
    let filters: Vec<String> =
        relation.columns.iter().map(|column| format!("rowFilter.{name}.{}", column.name)).collect();
    let operation = |parameters: Vec<String>, responses: Value| {
        let (title, description) = summary(relation.description.as_deref());
        let mut operation = object([("tags", Some(json!([name])))]);
        set(&mut operation, "summary", title);
        set(&mut operation, "description", description);
        let references: Vec<Value> = parameters.iter().map(|name| reference("parameters", name)).collect();
        operation.insert("parameters".to_owned(), references.into());
        operation.insert("responses".to_owned(), responses);
        Value::Object(operation)
    };
    let with = |more: &[&str]| -> Vec<String> {
        filters.iter().cloned().chain(more.iter().map(|&name| name.to_owned())).collect()
    };
    let body = format!("body.{name}");
    let rows = json!({"type": "array", "items": reference("definitions", name)});
    let mut item = json!({
        "get": operation(
            with(&["select", "order", "range", "rangeUnit", "offset", "limit", "preferCount"]),
            json!({"200": {"description": "OK", "schema": rows}, "206": {"description": "Partial Content"}}),
        ),
    });
    if relation.insertable || relation.updatable || relation.deletable {
        let done = json!({"204": {"description": "No Content"}});
        let posted = vec![body.clone(), "select".to_owned(), "preferPost".to_owned()];
        item["post"] = operation(posted, json!({"201": {"description": "Created"}}));
        item["patch"] = operation(with(&[&body, "preferReturn"]), done.clone());
        item["delete"] = operation(with(&["preferReturn"]), done);
    }
    item
}

fn reference(kind: &str, name: &str) -> Value {
    json!({"$ref": format!("#/{kind}/{name}")})
}

impl Api<'_> {
    fn of_routine(&self, routine: &Routine) -> Value {
        let operation = |parameters: Vec<Value>| {
            let (title, description) = summary(routine.description.as_deref());
            let mut operation = object([
                ("tags", Some(json!([format!("(rpc) {}", routine.name.name)]))),
                ("produces", Some(json!(CALL_PRODUCES))),
                ("responses", Some(json!({"200": {"description": "OK"}}))),
            ]);
            set(&mut operation, "summary", title);
            set(&mut operation, "description", description);
            set(&mut operation, "parameters", (!parameters.is_empty()).then_some(parameters));
            Value::Object(operation)
        };
        let body = json!({"name": "args", "in": "body", "required": true, "schema": self.arguments(routine)});
        let mut item = json!({"post": operation(vec![body, reference("parameters", "preferParams")])});
        if routine.volatility != Volatility::Volatile {
            item["get"] = operation(routine.parameters.iter().map(|one| self.argument(one)).collect());
        }
        item
    }
}

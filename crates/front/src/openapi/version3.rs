//! The same description in OpenAPI 3.0: parameters have schemas, bodies are no parameters, and what
//! is shared is a component.

use serde_json::{Map, Value, json};

/// A document of version 2.0 as one of 3.0.
pub(super) fn convert(document: &Value) -> Value {
    let parameters = members(&document["parameters"]);
    let (bodies, plain): (Vec<_>, Vec<_>) =
        parameters.into_iter().partition(|(_, parameter)| parameter["in"] == "body");
    let bodies: Map<String, Value> =
        bodies.into_iter().map(|(name, body)| (name, request_body(&body))).collect();
    let plain: Map<String, Value> = plain.into_iter().map(|(name, one)| (name, parameter(&one))).collect();
    let paths: Map<String, Value> = members(&document["paths"])
        .into_iter()
        .map(|(path, item)| (path, path_item(&item, &bodies)))
        .collect();
    let (host, scheme, base) =
        (text(&document["host"]), text(&document["schemes"][0]), text(&document["basePath"]));
    let mut converted = json!({
        "openapi": "3.0.3",
        "info": document["info"],
        "externalDocs": document["externalDocs"],
        "servers": [{"url": format!("{scheme}://{host}{base}")}],
        "paths": paths,
        "components": {
            "schemas": document["definitions"], "parameters": plain, "requestBodies": bodies,
        },
    });
    if document.get("security").is_some() {
        converted["components"]["securitySchemes"] =
            json!({"JWT": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}});
        converted["security"] = document["security"].clone();
    }
    moved(converted)
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn members(value: &Value) -> Vec<(String, Value)> {
    let members = value.as_object().into_iter().flatten();
    members.map(|(name, value)| (name.clone(), value.clone())).collect()
}

/// What says which values there are goes into a schema.
fn parameter(old: &Value) -> Value {
    const SCHEMA: [&str; 5] = ["default", "enum", "format", "items", "type"];
    if old.get("$ref").is_some() {
        return old.clone();
    }
    let (schema, mut new): (Map<_, _>, Map<_, _>) =
        members(old).into_iter().partition(|(name, _)| SCHEMA.contains(&name.as_str()));
    if new.remove("collectionFormat").is_some() {
        new.insert("explode".to_owned(), true.into());
    }
    new.insert("schema".to_owned(), schema.into());
    new.into()
}

fn request_body(old: &Value) -> Value {
    json!({
        "required": old["required"],
        "content": {"application/json": {"schema": old["schema"]}},
    })
}

fn path_item(item: &Value, bodies: &Map<String, Value>) -> Value {
    let operations = members(item).into_iter();
    operations.map(|(method, old)| (method, operation(&old, bodies))).collect::<Map<_, _>>().into()
}

fn operation(old: &Value, bodies: &Map<String, Value>) -> Value {
    let mut new: Map<String, Value> =
        members(old).into_iter().filter(|(name, _)| name != "produces" && name != "consumes").collect();
    let all = old["parameters"].as_array().cloned().unwrap_or_default();
    let body_of = |parameter: &Value| {
        let name = text(&parameter["$ref"]).strip_prefix("#/parameters/").map(str::to_owned);
        match name {
            Some(name) if bodies.contains_key(&name) => {
                Some(json!({"$ref": format!("#/components/requestBodies/{name}")}))
            }
            _ => (parameter["in"] == "body").then(|| request_body(parameter)),
        }
    };
    if let Some(body) = all.iter().find_map(body_of) {
        new.insert("requestBody".to_owned(), body);
    }
    let plain: Vec<Value> = all.iter().filter(|one| body_of(one).is_none()).map(parameter).collect();
    new.insert("parameters".to_owned(), plain.into());
    let responses: Map<String, Value> = members(&old["responses"])
        .into_iter()
        .map(|(status, response)| (status, self::response(&response)))
        .collect();
    new.insert("responses".to_owned(), responses.into());
    new.into()
}

fn response(old: &Value) -> Value {
    match old.get("schema") {
        None => old.clone(),
        Some(schema) => json!({
            "description": old["description"],
            "content": {"application/json": {"schema": schema}},
        }),
    }
}

/// References lead to where things are now.
fn moved(value: Value) -> Value {
    match value {
        Value::Object(object) => {
            let member = |(name, value): (String, Value)| match value {
                Value::String(target) if name == "$ref" => {
                    let target = target.replace("#/definitions/", "#/components/schemas/");
                    (name, target.replace("#/parameters/", "#/components/parameters/").into())
                }
                value => (name, moved(value)),
            };
            object.into_iter().map(member).collect::<Map<_, _>>().into()
        }
        Value::Array(items) => items.into_iter().map(moved).collect::<Vec<_>>().into(),
        other => other,
    }
}

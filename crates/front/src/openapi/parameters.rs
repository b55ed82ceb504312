//! What can be said in the query string, in headers and in bodies.

use serde_json::{Map, Value, json};

use super::{Api, set};

impl Api<'_> {
    pub(super) fn parameters(&self) -> Map<String, Value> {
        let mut all = common();
        for relation in &self.relations {
            let name = &relation.name.name;
            all.insert(
                format!("body.{name}"),
                json!({
                    "name": name, "description": name, "required": false, "in": "body",
                    "schema": {"$ref": format!("#/definitions/{name}")},
                }),
            );
            for column in &relation.columns {
                let mut filter = Map::new();
                filter.insert("name".to_owned(), column.name.clone().into());
                set(&mut filter, "description", column.description.clone());
                filter.insert("required".to_owned(), false.into());
                filter.insert("in".to_owned(), "query".into());
                filter.insert("type".to_owned(), "string".into());
                all.insert(format!("rowFilter.{name}.{}", column.name), filter.into());
            }
        }
        all
    }
}

fn common() -> Map<String, Value> {
    let returns = ["return=representation", "return=minimal", "return=none"];
    let resolutions = ["resolution=ignore-duplicates", "resolution=merge-duplicates"];
    let posts: Vec<&str> = returns.iter().chain(&resolutions).copied().collect();
    let named = |name: &str, value| (name.to_owned(), value);
    Map::from_iter([
        named("preferParams", prefer(&[])),
        named("preferReturn", prefer(&returns)),
        named("preferCount", prefer(&["count=none"])),
        named("preferPost", prefer(&posts)),
        named("select", text("select", "query", "Filtering Columns")),
        named("on_conflict", text("on_conflict", "query", "On Conflict")),
        named("order", text("order", "query", "Ordering")),
        named("range", text("Range", "header", "Limiting and Pagination")),
        named("rangeUnit", {
            let mut unit = text("Range-Unit", "header", "Limiting and Pagination");
            unit["default"] = "items".into();
            unit
        }),
        named("offset", text("offset", "query", "Limiting and Pagination")),
        named("limit", text("limit", "query", "Limiting and Pagination")),
    ])
}

fn text(name: &str, place: &str, description: &str) -> Value {
    json!({
        "name": name, "description": description, "required": false, "in": place, "type": "string",
    })
}

fn prefer(choices: &[&str]) -> Value {
    let mut parameter = text("Prefer", "header", "Preference");
    if !choices.is_empty() {
        parameter["enum"] = json!(choices);
    }
    parameter
}

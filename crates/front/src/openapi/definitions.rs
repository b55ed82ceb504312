//! The shape of rows and of arguments.

use serde_json::{Map, Value, json};

use super::{Api, object, set};
use crate::schema_cache::{Column, Kind, Parameter, Relation, Routine};
use crate::sql::quote_identifier;

impl Api<'_> {
    /// A schema for each relation.
    pub(super) fn definitions(&self) -> Map<String, Value> {
        let definition = |relation: &&Relation| (relation.name.name.clone(), self.definition(relation));
        self.relations.iter().map(definition).collect()
    }

    fn definition(&self, relation: &Relation) -> Value {
        let properties: Map<String, Value> = relation
            .columns
            .iter()
            .map(|column| (column.name.clone(), self.property(relation, column)))
            .collect();
        let required: Vec<&str> = relation
            .columns
            .iter()
            .filter(|column| !column.nullable)
            .map(|column| column.name.as_str())
            .collect();
        let mut schema = object([("type", Some("object".into())), ("properties", Some(properties.into()))]);
        set(&mut schema, "description", relation.description.clone());
        set(&mut schema, "required", (!required.is_empty()).then_some(required));
        schema.into()
    }

    fn property(&self, relation: &Relation, column: &Column) -> Value {
        let mut schema = typed(&column.data_type);
        set(&mut schema, "default", default_value(column));
        set(&mut schema, "description", self.note(relation, column));
        set(&mut schema, "enum", (!column.labels.is_empty()).then(|| column.labels.clone()));
        set(&mut schema, "maxLength", column.max_length);
        schema.into()
    }

    /// The column's comment, and whether it is a key, in a form that programs find.
    fn note(&self, relation: &Relation, column: &Column) -> Option<String> {
        let primary = relation.primary_key.contains(&column.name);
        let foreign = self.referenced(relation, column);
        if !primary && foreign.is_none() {
            return column.description.clone();
        }
        let mut note = column.description.as_ref().map(|text| format!("{text}\n\n")).unwrap_or_default();
        note.push_str("Note:");
        if primary {
            note.push_str("\nThis is a Primary Key.<pk/>");
        }
        if let Some((table, column)) = foreign {
            note.push_str(&format!(
                "\nThis is a Foreign Key to `{table}.{column}`.<fk table='{table}' column='{column}'/>"
            ));
        }
        Some(note)
    }

    /// The table, else the view, and the column that a column alone refers to.
    fn referenced(&self, relation: &Relation, column: &Column) -> Option<(&str, &str)> {
        let all = self.cache.relationships(&relation.name, &relation.name.schema);
        let mut found: Vec<_> = all
            .filter_map(|one| match &one.kind {
                Kind::ManyToOne(key) | Kind::OneToOne { key, inverse: false } => match key.columns.as_slice()
                {
                    [(own, other)] if *own == column.name => {
                        Some((one.foreign_is_view, one.foreign.name.as_str(), other.as_str()))
                    }
                    _ => None,
                },
                _ => None,
            })
            .collect();
        found.sort_by_key(|(is_view, ..)| *is_view);
        found.first().map(|&(_, table, column)| (table, column))
    }
}

impl Api<'_> {
    /// The arguments of a function as one object.
    pub(super) fn arguments(&self, routine: &Routine) -> Value {
        let properties: Map<String, Value> = routine
            .parameters
            .iter()
            .map(|parameter| (parameter.name.clone(), typed(self.shown(&parameter.data_type)).into()))
            .collect();
        let required: Vec<&str> = routine
            .parameters
            .iter()
            .filter(|parameter| parameter.required)
            .map(|parameter| parameter.name.as_str())
            .collect();
        let mut schema = object([("type", Some("object".into())), ("properties", Some(properties.into()))]);
        set(&mut schema, "description", routine.description.clone());
        set(&mut schema, "required", (!required.is_empty()).then_some(required));
        schema.into()
    }

    /// One argument in the query string.
    pub(super) fn argument(&self, parameter: &Parameter) -> Value {
        let mut schema = object([
            ("name", Some(parameter.name.clone().into())),
            ("in", Some("query".into())),
            ("required", Some(parameter.required.into())),
        ]);
        let data_type = self.shown(&parameter.data_type);
        let kind = kind(data_type);
        if parameter.variadic {
            let element = data_type.trim_end_matches("[]");
            schema.insert("type".to_owned(), kind.unwrap_or("string").into());
            schema.insert("collectionFormat".to_owned(), "multi".into());
            schema.insert("items".to_owned(), typed_plain(element));
        } else {
            // An array is written in braces here, and everything has to have a type.
            schema.insert("type".to_owned(), kind.filter(|kind| *kind != "array").unwrap_or("string").into());
            schema.insert("format".to_owned(), format(data_type).into());
        }
        schema.into()
    }

    /// A type without a schema that is on the caller's search path.
    fn shown<'t>(&self, data_type: &'t str) -> &'t str {
        let without = |schema: &str| {
            let plain = data_type.strip_prefix(schema);
            let quoted = || data_type.strip_prefix(&quote_identifier(schema));
            plain.or_else(quoted)?.strip_prefix('.')
        };
        self.visible.iter().find_map(|schema| without(schema)).unwrap_or(data_type)
    }
}

fn typed_plain(data_type: &str) -> Value {
    object([("type", kind(data_type).map(Into::into)), ("format", Some(format(data_type).into()))]).into()
}

/// Type, format and items.
fn typed(data_type: &str) -> Map<String, Value> {
    let kind = kind(data_type);
    let mut schema = object([("type", kind.map(Into::into)), ("format", Some(format(data_type).into()))]);
    if kind == Some("array") {
        let items = self::kind(data_type.trim_end_matches("[]"));
        schema.insert("items".to_owned(), object([("type", items.map(Into::into))]).into());
    }
    schema
}

/// JSON may be anything.
fn kind(data_type: &str) -> Option<&'static str> {
    Some(match data_type {
        "boolean" => "boolean",
        "smallint" | "integer" | "bigint" => "integer",
        "numeric" | "real" | "double precision" => "number",
        "json" | "jsonb" => return None,
        other if other.ends_with("[]") => "array",
        _ => "string",
    })
}

fn format(data_type: &str) -> &str {
    match data_type {
        "smallint" | "integer" => "int32",
        "bigint" => "int64",
        other => other,
    }
}

/// A default that is a constant, as JSON; of texts the expression, if it is none.
fn default_value(column: &Column) -> Option<Value> {
    let expression = column.default_value.as_deref()?;
    if kind(&column.data_type) != Some("string") {
        return serde_json::from_str(expression).ok();
    }
    let constant = expression.strip_suffix(&format!("::{}", column.data_type));
    let text = constant.map_or(expression, |constant| constant.trim_matches('\''));
    serde_json::from_str(&format!("\"{text}\"")).ok().or_else(|| Some(json!(text)))
}

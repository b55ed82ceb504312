//! The description of the auth API (OpenAPI 3.1), made of the same declarations as its routes and of
//! the types that its bodies are read into.

pub(super) mod answers;
mod doc;

use bytes::Bytes;
pub(super) use doc::Doc;
use serde_json::Value;
use utoipa::openapi::path::{HttpMethod, ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::{SchemaFormat, Type};
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa::openapi::{
    Components, ComponentsBuilder, InfoBuilder, ObjectBuilder, OpenApi, OpenApiBuilder, PathItem, Paths,
    Required, Server,
};
use utoipa::{PartialSchema, ToSchema};

use answers::ErrorAnswer;

const TITLE: &str = "pg_gatehouse auth API";
const ABOUT: &str =
    "Sign-up, sign-in, sessions, second factors, tenants. Follows Supabase Auth where that has the same.";

/// The description while routes are added to it.
#[derive(Default)]
pub(super) struct Description {
    paths: Paths,
    components: Components,
}

impl Description {
    /// Adds what is to be said of a route. The parameters of its path are those in braces.
    pub(super) fn add(&mut self, method: HttpMethod, path: &str, doc: Doc) {
        let (mut operation, schemas) = doc.finish();
        for name in parameters(path) {
            operation = operation.parameter(
                ParameterBuilder::new()
                    .name(name)
                    .parameter_in(ParameterIn::Path)
                    .required(Required::True)
                    .schema(Some(segment(name))),
            );
        }
        self.components.schemas.extend(schemas);
        let item = PathItem::new(method, operation);
        match self.paths.paths.get_mut(path) {
            Some(known) => known.merge_operations(item),
            None => drop(self.paths.paths.insert(path.to_owned(), item)),
        }
    }

    /// As JSON.
    pub(super) fn finish(self) -> Bytes {
        let bearer = SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer));
        let mut schemas = vec![("Error".to_owned(), ErrorAnswer::schema())];
        ErrorAnswer::schemas(&mut schemas);
        let components = ComponentsBuilder::new().security_scheme(doc::BEARER, bearer);
        let mut components = components.schemas_from_iter(schemas).build();
        components.schemas.extend(self.components.schemas);
        let info = InfoBuilder::new()
            .title(TITLE)
            .version(env!("CARGO_PKG_VERSION"))
            .description(Some(ABOUT))
            .build();
        let document: OpenApi = OpenApiBuilder::new()
            .info(info)
            .servers(Some([Server::new("/auth/v1")]))
            .paths(self.paths)
            .components(Some(components))
            .build();
        let mut document = serde_json::to_value(&document).unwrap_or_default();
        merge_descriptions(&mut document);
        Bytes::from(document.to_string())
    }
}

/// An inline schema with a description comes as "all of" the schema and an object with nothing but
/// the description, which nothing fits that is no object: merges the two.
fn merge_descriptions(node: &mut Value) {
    match node {
        Value::Array(items) => items.iter_mut().for_each(merge_descriptions),
        Value::Object(members) => {
            members.values_mut().for_each(merge_descriptions);
            if let Some([Value::Object(schema), Value::Object(remark)]) =
                members.get("allOf").and_then(Value::as_array).map(Vec::as_slice)
                && remark.keys().all(|key| ["type", "description", "default"].contains(&key.as_str()))
            {
                let mut merged = schema.clone();
                merged.extend(
                    remark
                        .iter()
                        .filter(|(key, _)| *key != "type")
                        .map(|(key, value)| (key.clone(), value.clone())),
                );
                *members = merged;
            }
        }
        _ => {}
    }
}

fn parameters(path: &str) -> impl Iterator<Item = &str> {
    path.split('/').filter_map(|segment| segment.strip_prefix('{')?.strip_suffix('}'))
}

/// All but the names of roles are ids.
fn segment(name: &str) -> ObjectBuilder {
    let text = ObjectBuilder::new().schema_type(Type::String);
    if name == "role" { text } else { text.format(Some(SchemaFormat::Custom("uuid".to_owned()))) }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    #[test]
    fn every_reference_of_the_description_is_there() {
        let document: Value = serde_json::from_slice(&crate::auth::routes::description()).unwrap();
        let text = document.to_string();
        let schemas = document["components"]["schemas"].as_object().unwrap();
        let mut references = 0;
        for reference in text.split("#/components/schemas/").skip(1) {
            let name = reference.split('"').next().unwrap();
            assert!(schemas.contains_key(name), "{name}");
            references += 1;
        }
        assert!(references > 50);
        assert_eq!(document["openapi"], "3.1.0");
    }

    #[test]
    fn the_limits_of_the_types_are_told() {
        let document: Value = serde_json::from_slice(&crate::auth::routes::description()).unwrap();
        let body = &document["components"]["schemas"]["SignUpBody"]["properties"];
        assert!(body["email"].to_string().contains("\"maxLength\":320"), "{body}");
        let role = &document["components"]["schemas"]["InvitationBody"]["properties"]["role"];
        assert_eq!(
            role,
            &serde_json::json!({"type": "string", "maxLength": 63, "description": "What the new member will hold."})
        );
        assert!(body["password"].to_string().contains("\"format\":\"password\""), "{body}");
    }

    #[test]
    fn operations_have_names_of_their_own() {
        let document: Value = serde_json::from_slice(&crate::auth::routes::description()).unwrap();
        let items = document["paths"].as_object().unwrap().values();
        let operations = items.flat_map(|item| item.as_object().unwrap().values());
        let mut names: Vec<_> =
            operations.map(|operation| operation["operationId"].as_str().unwrap().to_owned()).collect();
        let all = names.len();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), all);
        assert!(all > 50);
    }
}

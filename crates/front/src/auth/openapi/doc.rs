//! What is to be said of one route.

use utoipa::ToSchema;
use utoipa::openapi::path::{OperationBuilder, ParameterBuilder, ParameterIn};
use utoipa::openapi::request_body::RequestBodyBuilder;
use utoipa::openapi::schema::Type;
use utoipa::openapi::security::SecurityRequirement;
use utoipa::openapi::{ContentBuilder, ObjectBuilder, Ref, RefOr, Required, ResponseBuilder, Schema};

const JSON: &str = "application/json";

/// The name of the way that tokens are shown.
pub(super) const BEARER: &str = "bearer";

type Schemas = Vec<(String, RefOr<Schema>)>;

/// An operation, and the schemas that it refers to.
pub(in crate::auth) struct Doc {
    operation: OperationBuilder,
    schemas: Schemas,
}

impl Doc {
    /// `id`: unique, a verb and what it is done to.
    pub(in crate::auth) fn new(tag: &str, id: &str, summary: &str) -> Self {
        let error = ContentBuilder::new().schema(Some(Ref::from_schema_name("Error"))).build();
        let refused =
            ResponseBuilder::new().description("Refused; the code says why").content(JSON, error).build();
        let operation = OperationBuilder::new()
            .tag(tag)
            .operation_id(Some(id))
            .summary(Some(summary))
            .response("4XX", refused.clone())
            .response("503", refused);
        Self { operation, schemas: Vec::new() }
    }

    /// A token of a user, or of the operator, has to be shown.
    pub(in crate::auth) fn needs_token(self) -> Self {
        let scopes: [&str; 0] = [];
        Self { operation: self.operation.security(SecurityRequirement::new(BEARER, scopes)), ..self }
    }

    pub(in crate::auth) fn query(self, name: &str, description: &str) -> Self {
        let parameter = ParameterBuilder::new()
            .name(name)
            .parameter_in(ParameterIn::Query)
            .required(Required::False)
            .description(Some(description))
            .schema(Some(ObjectBuilder::new().schema_type(Type::String)));
        Self { operation: self.operation.parameter(parameter), ..self }
    }

    pub(in crate::auth) fn choice(self, name: &str, description: &str, choices: &[&str]) -> Self {
        let choices: Vec<_> = choices.iter().map(|&choice| choice.to_owned()).collect();
        let schema = ObjectBuilder::new().schema_type(Type::String).enum_values(Some(choices));
        let parameter = ParameterBuilder::new()
            .name(name)
            .parameter_in(ParameterIn::Query)
            .required(Required::False)
            .description(Some(description))
            .schema(Some(schema));
        Self { operation: self.operation.parameter(parameter), ..self }
    }

    pub(in crate::auth) fn redirect_to(self) -> Self {
        self.query("redirect_to", "Where the link leads in the end, if the allow-list has it")
    }

    pub(in crate::auth) fn body<T: ToSchema>(mut self) -> Self {
        let content = ContentBuilder::new().schema(Some(self.refer::<T>())).build();
        let body = RequestBodyBuilder::new().content(JSON, content).required(Some(Required::True)).build();
        Self { operation: self.operation.request_body(Some(body)), ..self }
    }

    pub(in crate::auth) fn optional_body<T: ToSchema>(mut self) -> Self {
        let content = ContentBuilder::new().schema(Some(self.refer::<T>())).build();
        let body = RequestBodyBuilder::new().content(JSON, content).build();
        Self { operation: self.operation.request_body(Some(body)), ..self }
    }

    pub(in crate::auth) fn answers<T: ToSchema>(mut self, description: &str) -> Self {
        let content = ContentBuilder::new().schema(Some(self.refer::<T>())).build();
        let response = ResponseBuilder::new().description(description).content(JSON, content).build();
        Self { operation: self.operation.response("200", response), ..self }
    }

    /// `{}`
    pub(in crate::auth) fn answers_empty(self, description: &str) -> Self {
        let content =
            ContentBuilder::new().schema(Some(ObjectBuilder::new().schema_type(Type::Object))).build();
        let response = ResponseBuilder::new().description(description).content(JSON, content).build();
        Self { operation: self.operation.response("200", response), ..self }
    }

    /// 204 or 303: a status without a body.
    pub(in crate::auth) fn answers_with(self, status: &str, description: &str) -> Self {
        let response = ResponseBuilder::new().description(description).build();
        Self { operation: self.operation.response(status, response), ..self }
    }

    pub(super) fn finish(self) -> (OperationBuilder, Schemas) {
        (self.operation, self.schemas)
    }

    /// Keeps a schema and those that it refers to.
    fn refer<T: ToSchema>(&mut self) -> RefOr<Schema> {
        let name = T::name();
        T::schemas(&mut self.schemas);
        if name.starts_with("Vec") {
            return T::schema();
        }
        self.schemas.push((name.to_string(), T::schema()));
        Ref::from_schema_name(name).into()
    }
}

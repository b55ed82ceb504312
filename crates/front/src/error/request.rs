//! PGRST1xx: what is wrong with a request, or with the answer that it would get.

use axum::http::{HeaderValue, StatusCode, header};

use super::sqlstate::INTERNAL;
use super::{Description, Error};

impl Error {
    pub(super) fn of_request(&self) -> Description {
        let bad = |code, message: &str| Description::new(StatusCode::BAD_REQUEST, code, message);
        match self {
            Self::AggregatesDisabled => bad("PGRST123", "Use of aggregate functions is not allowed"),
            Self::BodyIncomplete => Description::new(
                StatusCode::REQUEST_TIMEOUT,
                "PGRST102",
                "The request body did not arrive in time",
            ),
            Self::BodyTooLarge { limit } => Description::new(
                StatusCode::PAYLOAD_TOO_LARGE,
                "PGRST102",
                format!("The request body is larger than {limit} bytes"),
            ),
            Self::InvalidBody(message) => bad("PGRST102", message),
            Self::MaxAffected { rows } => {
                bad("PGRST124", "Query result exceeds max-affected preference constraint")
                    .details(format!("The query affects {rows} rows"))
            }
            Self::MaxAffectedCall => bad(
                "PGRST128",
                "Function must return SETOF or TABLE when max-affected preference is used with handling=strict",
            ),
            Self::NotEmbedded { name, renamed } => not_embedded(name, renamed.as_deref()),
            Self::NotImplemented(details) => {
                bad("PGRST127", "Feature not implemented").details(details.as_str())
            }
            Self::Parse { message, details } => bad("PGRST100", message).details(details.as_str()),
            Self::RelatedOrder { origin, target } => {
                bad("PGRST118", &format!("A related order on '{target}' is not possible")).details(format!(
                    "'{origin}' and '{target}' do not form a many-to-one or one-to-one relationship"
                ))
            }
            Self::UnknownPreferences(names) => {
                bad("PGRST122", "Invalid preferences given with handling=strict")
                    .details(format!("Invalid preferences: {}", names.join(", ")))
            }
            Self::NegativeLimit | Self::RangeBackwards | Self::RangeBeyond { .. } => self.of_range(),
            Self::PutFilters | Self::PutLimited | Self::PutMismatch => self.of_put(),
            Self::NotSingular { rows } => Description::new(
                StatusCode::NOT_ACCEPTABLE,
                "PGRST116",
                "Cannot coerce the result to a single JSON object",
            )
            .details(format!("The result contains {rows} rows")),
            Self::ResponseHeaders | Self::ResponseStatus => self.of_settings(),
            _ => self.of_target(),
        }
    }

    fn of_range(&self) -> Description {
        let mut description = Description::new(
            StatusCode::RANGE_NOT_SATISFIABLE,
            "PGRST103",
            "Requested range not satisfiable",
        );
        if let Self::RangeBeyond { total, .. } = self
            && let Ok(range) = HeaderValue::try_from(format!("*/{total}"))
        {
            description.headers.insert(header::CONTENT_RANGE, range);
        }
        description.details(match self {
            Self::RangeBackwards => {
                "The lower boundary must be lower than or equal to the upper boundary in the Range header."
                    .to_owned()
            }
            Self::RangeBeyond { first, total } => {
                format!("An offset of {first} was requested, but there are only {total} rows.")
            }
            _ => "Limit should be greater than or equal to zero.".to_owned(),
        })
    }

    fn of_put(&self) -> Description {
        match self {
            Self::PutFilters => Description::new(
                StatusCode::METHOD_NOT_ALLOWED,
                "PGRST105",
                "Filters must include all and only primary key columns with 'eq' operators",
            ),
            Self::PutLimited => Description::new(
                StatusCode::BAD_REQUEST,
                "PGRST114",
                "limit/offset querystring parameters are not allowed for PUT",
            ),
            _ => Description::new(
                StatusCode::BAD_REQUEST,
                "PGRST115",
                "Payload values do not match URL in primary key column(s)",
            ),
        }
    }

    /// What SQL said about status or headers can not be followed.
    fn of_settings(&self) -> Description {
        let (code, message) = match self {
            Self::ResponseHeaders => (
                "PGRST111",
                "response.headers guc must be a JSON array composed of objects with a single key and a \
                 string value",
            ),
            _ => ("PGRST112", "response.status guc must be a valid status code"),
        };
        Description::new(StatusCode::INTERNAL_SERVER_ERROR, code, message)
    }

    /// Path, method, schema, media type.
    fn of_target(&self) -> Description {
        match self {
            Self::InvalidPath => {
                Description::new(StatusCode::NOT_FOUND, "PGRST125", "Invalid path specified in request URL")
            }
            Self::RootDisabled => {
                Description::new(StatusCode::NOT_FOUND, "PGRST126", "Root endpoint metadata is disabled")
            }
            Self::UnacceptableMediaType(asked) => Description::new(
                StatusCode::NOT_ACCEPTABLE,
                "PGRST107",
                format!("None of these media types are available: {}", asked.join(", ")),
            ),
            Self::UnacceptableSchema { schema, exposed } => {
                Description::new(StatusCode::NOT_ACCEPTABLE, "PGRST106", format!("Invalid schema: {schema}"))
                    .hint(format!("Only the following schemas are exposed: {}", exposed.join(", ")))
            }
            Self::UnsupportedCallMethod(method) => Description::new(
                StatusCode::METHOD_NOT_ALLOWED,
                "PGRST101",
                format!("Cannot use the {method} method on RPC"),
            ),
            Self::UnsupportedMethod(method) => Description::new(
                StatusCode::METHOD_NOT_ALLOWED,
                "PGRST117",
                format!("Unsupported HTTP method: {method}"),
            ),
            _ => Description::new(StatusCode::INTERNAL_SERVER_ERROR, "PGRSTX00", INTERNAL),
        }
    }
}

fn not_embedded(name: &str, renamed: Option<&str>) -> Description {
    let message = format!("'{name}' is not an embedded resource in this request");
    let description = Description::new(StatusCode::BAD_REQUEST, "PGRST108", message);
    match renamed {
        None => {
            description.hint(format!("Verify that '{name}' is included in the 'select' query parameter."))
        }
        Some(alias) => description
            .details("Target names are not allowed in filters if they have an alias")
            .hint(format!("Change '{name}' to '{alias}' in filters, orders or limits.")),
    }
}

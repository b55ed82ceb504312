//! Texts, lists and objects with limits, which their types tell: to validation and to the
//! description of the API alike.

use garde::error::Path;
use garde::{Report, Validate};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use utoipa::openapi::schema::{AdditionalProperties, ArrayBuilder, KnownFormat, SchemaFormat, Type};
use utoipa::openapi::{ObjectBuilder, RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use crate::auth::secret::Secret;

/// Most bytes of a JSON object of metadata.
const OBJECT_BYTES: usize = 64 * 1024;
/// Most items of a list of names.
const MOST_NAMES: usize = 200;
/// Most characters of one of them.
const NAME_CHARACTERS: usize = 200;

/// At most `MAX` characters.
#[derive(Debug, Deserialize)]
#[serde(transparent)]
pub(in crate::auth) struct Text<const MAX: usize>(String);

/// At most `MAX` characters that never print.
#[derive(Debug, Deserialize)]
#[serde(transparent)]
pub(in crate::auth) struct Hidden<const MAX: usize>(Secret);

/// A UUID, as text.
#[derive(Debug, Deserialize)]
#[serde(transparent)]
pub(in crate::auth) struct Id(String);

/// A JSON object, as it came.
#[derive(Debug)]
pub(in crate::auth) struct Object(Box<RawValue>);

/// A short list of short texts.
#[derive(Debug, Default, Deserialize)]
#[serde(transparent)]
pub(in crate::auth) struct Names(Vec<String>);

impl<const MAX: usize> Text<MAX> {
    pub(in crate::auth) fn as_str(&self) -> &str {
        &self.0
    }
}

impl<const MAX: usize> Hidden<MAX> {
    pub(in crate::auth) fn secret(&self) -> &Secret {
        &self.0
    }
}

impl Id {
    pub(in crate::auth) fn as_str(&self) -> &str {
        &self.0
    }

    /// As Postgres would write it.
    pub(in crate::auth) fn is_uuid(text: &str) -> bool {
        let hyphen = |at: usize| matches!(at, 8 | 13 | 18 | 23);
        text.len() == 36
            && text
                .bytes()
                .enumerate()
                .all(|(at, byte)| if hyphen(at) { byte == b'-' } else { byte.is_ascii_hexdigit() })
    }
}

impl Object {
    pub(in crate::auth) fn raw(&self) -> &RawValue {
        &self.0
    }
}

impl<'de> Deserialize<'de> for Object {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Box::<RawValue>::deserialize(deserializer).map(Self)
    }
}

impl Names {
    pub(in crate::auth) fn as_slice(&self) -> &[String] {
        &self.0
    }
}

type At<'a> = &'a mut dyn FnMut() -> Path;

fn check(holds: bool, at: At<'_>, report: &mut Report, rule: impl FnOnce() -> String) {
    if !holds {
        report.append(at(), garde::Error::new(rule()));
    }
}

impl<const MAX: usize> Validate for Text<MAX> {
    type Context = ();

    fn validate_into(&self, (): &(), at: At<'_>, report: &mut Report) {
        check(fits(&self.0, MAX), at, report, || format!("must have at most {MAX} characters"));
    }
}

impl<const MAX: usize> Validate for Hidden<MAX> {
    type Context = ();

    fn validate_into(&self, (): &(), at: At<'_>, report: &mut Report) {
        check(fits(self.0.expose(), MAX), at, report, || format!("must have at most {MAX} characters"));
    }
}

impl Validate for Id {
    type Context = ();

    fn validate_into(&self, (): &(), at: At<'_>, report: &mut Report) {
        check(Self::is_uuid(&self.0), at, report, || "must be a UUID".to_owned());
    }
}

impl Validate for Object {
    type Context = ();

    fn validate_into(&self, (): &(), at: At<'_>, report: &mut Report) {
        let json = self.0.get();
        let holds = json.starts_with('{') && json.len() <= OBJECT_BYTES;
        check(holds, at, report, || format!("must be an object of at most {OBJECT_BYTES} bytes"));
    }
}

impl Validate for Names {
    type Context = ();

    fn validate_into(&self, (): &(), at: At<'_>, report: &mut Report) {
        let holds = self.0.len() <= MOST_NAMES && self.0.iter().all(|name| fits(name, NAME_CHARACTERS));
        check(holds, at, report, || {
            format!("must have at most {MOST_NAMES} items of at most {NAME_CHARACTERS} characters")
        });
    }
}

fn fits(text: &str, characters: usize) -> bool {
    text.chars().nth(characters).is_none()
}

fn string() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String)
}

impl<const MAX: usize> PartialSchema for Text<MAX> {
    fn schema() -> RefOr<Schema> {
        string().max_length(Some(MAX)).into()
    }
}

impl<const MAX: usize> PartialSchema for Hidden<MAX> {
    fn schema() -> RefOr<Schema> {
        let format = SchemaFormat::KnownFormat(KnownFormat::Password);
        string().format(Some(format)).max_length(Some(MAX)).write_only(true).into()
    }
}

impl PartialSchema for Id {
    fn schema() -> RefOr<Schema> {
        string().format(Some(SchemaFormat::Custom("uuid".to_owned()))).into()
    }
}

impl PartialSchema for Object {
    fn schema() -> RefOr<Schema> {
        let any = AdditionalProperties::FreeForm(true);
        ObjectBuilder::new().schema_type(Type::Object).additional_properties(Some(any)).into()
    }
}

impl PartialSchema for Names {
    fn schema() -> RefOr<Schema> {
        let item = string().max_length(Some(NAME_CHARACTERS));
        ArrayBuilder::new().items(item).max_items(Some(MOST_NAMES)).into()
    }
}

impl<const MAX: usize> ToSchema for Text<MAX> {}
impl<const MAX: usize> ToSchema for Hidden<MAX> {}
impl ToSchema for Id {}
impl ToSchema for Object {}
impl ToSchema for Names {}

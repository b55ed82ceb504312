//! Strict JSON objects.
//!
//! Stricter than RFC 8259 where two readers could understand one text in two ways: a member that
//! is named twice at any depth, the character U+0000, more than [`MAX_DEPTH`] levels, and numbers
//! beyond the range of a double are refused.

use std::cell::Cell;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::map::Entry;
use serde_json::{Map, Number, Value};

use crate::Error;

/// How many objects and arrays may stand inside one another, the outermost included.
pub const MAX_DEPTH: usize = 32;

/// Why a text is no strict JSON object.
#[derive(Debug, PartialEq, Eq)]
pub enum Fault {
    /// A member is named twice (RFC 7515 §4, RFC 7519 §4: names must be unique).
    Duplicate,
    /// Not JSON, not UTF-8, not an object, too deep, or with a NUL character.
    Malformed,
    /// A number that no double can hold, such as `1e400`, in this outermost member.
    NumberRange(String),
}

impl From<Fault> for Error {
    /// As the error of a token; keys have only one way to be malformed.
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Duplicate => Self::TokenDuplicateMember,
            Fault::Malformed => Self::TokenMalformed,
            Fault::NumberRange(member) => Self::TokenClaimInvalid { claim: printable(&member).into() },
        }
    }
}

/// The name of a claim as it may stand in a log line; the sender chose it.
fn printable(name: &str) -> &str {
    let is_plain = name.len() <= 64 && name.bytes().all(|byte| byte.is_ascii_graphic());
    if is_plain { name } else { "?" }
}

/// Reads exactly one JSON object with nothing after it.
///
/// # Errors
/// A [`Fault`] says what is wrong with it.
pub fn parse_object(text: &[u8]) -> Result<Map<String, Value>, Fault> {
    let fault = Cell::new(None);
    let mut reader = serde_json::Deserializer::from_slice(text);
    let read = reader.deserialize_map(ObjectVisitor { depth: MAX_DEPTH, fault: &fault });
    match read.and_then(|map| reader.end().map(|()| map)) {
        Ok(map) => Ok(map),
        Err(_) => Err(fault.take().unwrap_or(Fault::Malformed)),
    }
}

/// Reads the object at hand, `depth` levels being left for it and what it holds.
struct ObjectVisitor<'f> {
    depth: usize,
    fault: &'f Cell<Option<Fault>>,
}

impl<'de> Visitor<'de> for ObjectVisitor<'_> {
    type Value = Map<String, Value>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Self::Value, A::Error> {
        let inner = self.depth.checked_sub(1).ok_or_else(|| A::Error::custom("too deep"))?;
        let mut map = Map::new();
        while let Some(name) = access.next_key::<String>()? {
            if name.contains('\0') {
                return Err(A::Error::custom("NUL"));
            }
            let Entry::Vacant(place) = map.entry(name) else {
                self.fault.set(Some(Fault::Duplicate));
                return Err(A::Error::custom("duplicate"));
            };
            match access.next_value_seed(Node { depth: inner, fault: self.fault }) {
                Ok(value) => place.insert(value),
                Err(error) => {
                    self.note_number_range(place.key(), &error);
                    return Err(error);
                }
            };
        }
        Ok(map)
    }
}

impl ObjectVisitor<'_> {
    /// Remembers the outermost member that a number out of range stands in. The parser tells this
    /// case only by its text; a test holds it to that.
    fn note_number_range(&self, name: &str, error: &impl fmt::Display) {
        let is_range = self.depth == MAX_DEPTH && error.to_string().contains("out of range");
        if is_range {
            self.fault.set(Some(Fault::NumberRange(name.to_owned())));
        }
    }
}

/// Reads any value, `depth` levels being left for objects and arrays.
#[derive(Clone, Copy)]
struct Node<'f> {
    depth: usize,
    fault: &'f Cell<Option<Fault>>,
}

impl<'de> DeserializeSeed<'de> for Node<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Node<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Value, E> {
        Number::from_f64(value).map(Value::Number).ok_or_else(|| E::custom("number out of range"))
    }

    fn visit_str<E: serde::de::Error>(self, value: &str) -> Result<Value, E> {
        if value.contains('\0') {
            return Err(E::custom("NUL"));
        }
        Ok(Value::String(value.to_owned()))
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let depth = self.depth.checked_sub(1).ok_or_else(|| A::Error::custom("too deep"))?;
        let mut items = Vec::new();
        while let Some(item) = access.next_element_seed(Node { depth, ..self })? {
            items.push(item);
        }
        Ok(Value::Array(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, access: A) -> Result<Value, A::Error> {
        ObjectVisitor { depth: self.depth, fault: self.fault }.visit_map(access).map(Value::Object)
    }
}

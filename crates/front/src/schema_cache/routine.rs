//! Functions.

use serde::{Deserialize, Serialize};

use super::Name;

#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub(crate) struct Routine {
    pub(crate) oid: i64,
    pub(crate) name: Name,
    pub(crate) description: Option<String>,
    pub(crate) parameters: Vec<Parameter>,
    pub(crate) returns: Returns,
    pub(crate) volatility: Volatility,
    /// Settings of the function that are applied to the transaction before.
    pub(crate) settings: Vec<(String, String)>,
    pub(crate) isolation: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
pub(crate) struct Parameter {
    /// Empty when it has none.
    pub(crate) name: String,
    /// Written by `format_type`: may stand in SQL as it is.
    pub(crate) data_type: String,
    /// As [`Self::data_type`], without the length that a bare `character` would have.
    pub(crate) open_type: String,
    pub(crate) required: bool,
    pub(crate) variadic: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
pub(crate) struct Returns {
    /// The type, or the relation whose row type it is.
    pub(crate) name: Name,
    pub(crate) set: bool,
    pub(crate) composite: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
pub(crate) enum Volatility {
    #[serde(rename = "i")]
    Immutable,
    #[serde(rename = "s")]
    Stable,
    #[default]
    #[serde(rename = "v")]
    Volatile,
}

impl Routine {
    /// The relation whose rows it returns.
    pub(crate) fn relation(&self) -> Option<&str> {
        self.returns.composite.then_some(self.returns.name.name.as_str())
    }

    pub(crate) fn returns_scalar(&self) -> bool {
        !self.returns.set && !self.returns.composite
    }

    pub(crate) fn returns_void(&self) -> bool {
        self.returns_scalar() && self.returns.name == Name::new("pg_catalog", "void")
    }
}

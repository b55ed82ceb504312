//! A name with its schema.

use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize, Serialize)]
pub(crate) struct Name {
    /// Empty where the name stands alone.
    pub(crate) schema: String,
    pub(crate) name: String,
}

impl Name {
    pub(crate) fn new(schema: impl Into<String>, name: impl Into<String>) -> Self {
        Self { schema: schema.into(), name: name.into() }
    }

    /// A name without schema, such as an alias.
    pub(crate) fn local(name: impl Into<String>) -> Self {
        Self::new("", name)
    }
}

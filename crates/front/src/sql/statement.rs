//! A statement under construction and when it is done: text and parameters, kept in step.

use bytes::Bytes;

use crate::pg::{Step, Value, oid};
use crate::schema_cache::{Column, Relation};

/// A statement and what is bound to it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Statement {
    pub(super) text: String,
    pub(super) types: Vec<u32>,
    pub(super) values: Vec<Bytes>,
}

impl Statement {
    pub(super) fn new(text: &'static str) -> Self {
        let mut statement = Self { text: String::with_capacity(256), ..Self::default() };
        statement.text.push_str(text);
        statement
    }

    /// Appends constant text. `'static`, so that nothing else can be appended by mistake.
    pub(super) fn text(&mut self, text: &'static str) -> &mut Self {
        self.text.push_str(text);
        self
    }

    pub(super) fn relation(&mut self, relation: &Relation) -> &mut Self {
        self.text.push_str(&relation.sql);
        self
    }

    pub(super) fn column(&mut self, column: &Column) -> &mut Self {
        self.text.push_str(&column.sql);
        self
    }

    pub(super) fn data_type(&mut self, column: &Column) -> &mut Self {
        self.text.push_str(&column.data_type);
        self
    }

    /// Appends a parameter whose type the server takes from its context.
    pub(super) fn value(&mut self, value: String) -> &mut Self {
        self.typed(oid::UNKNOWN, value.into())
    }

    pub(super) fn number(&mut self, value: u64) -> &mut Self {
        self.typed(oid::INT8, value.min(i64::MAX.unsigned_abs()).to_string().into())
    }

    pub(super) fn json(&mut self, value: Bytes) -> &mut Self {
        self.typed(oid::JSON, value)
    }

    fn typed(&mut self, type_oid: u32, value: Bytes) -> &mut Self {
        self.types.push(type_oid);
        self.values.push(value);
        self.text.push('$');
        self.text.push_str(&self.values.len().to_string());
        self
    }

    /// Appends each item, with `separator` between.
    pub(super) fn list<T>(
        &mut self,
        separator: &'static str,
        items: impl IntoIterator<Item = T>,
        mut append: impl FnMut(&mut Self, T),
    ) -> &mut Self {
        for (index, item) in items.into_iter().enumerate() {
            if index > 0 {
                self.text(separator);
            }
            append(self, item);
        }
        self
    }

    /// The values as they are bound.
    pub(crate) fn values(&self) -> Vec<Value<'_>> {
        self.values.iter().map(|value| Some(value.as_ref())).collect()
    }

    /// The step of a pipeline that runs this with `values`, which come from [`Self::values`].
    pub(crate) fn step<'a>(&'a self, values: &'a [Value<'a>], scope: u64) -> Step<'a> {
        Step { sql: &self.text, types: &self.types, values, scope }
    }
}

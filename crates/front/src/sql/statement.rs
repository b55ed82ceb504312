//! A statement under construction and when it is done: text and parameters, kept in step.

use bytes::Bytes;

use crate::pg::{Step, Value, oid};
use crate::schema_cache::Name;

/// A statement and what is bound to it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Statement {
    pub(super) text: String,
    pub(super) types: Vec<u32>,
    pub(super) values: Vec<Bytes>,
    /// See [`Step::formats`].
    pub(super) formats: &'static [i16],
}

impl Statement {
    pub(super) fn new(text: &'static str) -> Self {
        let mut statement = Self { text: String::with_capacity(512), ..Self::default() };
        statement.text.push_str(text);
        statement
    }

    /// Appends constant text. `'static`, so that nothing else can be appended by mistake.
    pub(super) fn text(&mut self, text: &'static str) -> &mut Self {
        self.text.push_str(text);
        self
    }

    /// Appends a name, quoted.
    pub(super) fn identifier(&mut self, name: &str) -> &mut Self {
        self.text.push('"');
        for part in name.split_inclusive('"') {
            self.text.push_str(part);
            if part.ends_with('"') {
                self.text.push('"');
            }
        }
        self.text.push('"');
        self
    }

    /// Appends a name with its schema, if it has one.
    pub(super) fn name(&mut self, name: &Name) -> &mut Self {
        if !name.schema.is_empty() {
            self.identifier(&name.schema).text(".");
        }
        self.identifier(&name.name)
    }

    /// Appends a column of what `table` names; a star stands for all.
    pub(super) fn column(&mut self, table: &Name, column: &str) -> &mut Self {
        self.name(table).text(".");
        if column == "*" { self.text("*") } else { self.identifier(column) }
    }

    /// Appends text that Postgres itself wrote into the catalog's answer: the name of a type, the
    /// expression of a default.
    pub(super) fn catalog_text(&mut self, text: &str) -> &mut Self {
        self.text.push_str(text);
        self
    }

    /// Appends the name of a type that a client sent. The grammar lets only letters, digits, `_`,
    /// `$` and blanks through; quoted, names such as `double precision` would mean something else.
    pub(super) fn type_name(&mut self, text: &str) -> &mut Self {
        let plain = |c: &char| c.is_alphanumeric() || matches!(c, '_' | '$' | ' ');
        self.text.extend(text.chars().filter(plain));
        self
    }

    /// Appends a parameter whose type the server takes from its context.
    pub(super) fn value(&mut self, value: impl Into<Bytes>) -> &mut Self {
        self.typed(oid::UNKNOWN, value.into())
    }

    pub(super) fn number(&mut self, value: i64) -> &mut Self {
        self.typed(oid::INT8, value.to_string().into())
    }

    /// Appends the name of a setting or the like, as a constant of the catalog's making.
    pub(super) fn literal(&mut self, text: &str) -> &mut Self {
        let escaped = text.contains('\\');
        self.text.push_str(if escaped { "E'" } else { "'" });
        for c in text.chars() {
            if c == '\'' || c == '\\' {
                self.text.push(c);
            }
            self.text.push(c);
        }
        self.text.push('\'');
        self
    }

    pub(super) fn typed(&mut self, type_oid: u32, value: Bytes) -> &mut Self {
        self.types.push(type_oid);
        self.values.push(value);
        self.text.push('$');
        push_number(&mut self.text, self.values.len());
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
        Step { scope, formats: self.formats, ..Step::kept(&self.text, &self.types, values) }
    }
}

fn push_number(text: &mut String, number: usize) {
    use std::fmt::Write;
    let _ = write!(text, "{number}");
}

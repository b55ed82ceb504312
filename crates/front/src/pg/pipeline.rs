//! One statement of a pipeline, and its bytes.

use std::io;

use bytes::{BufMut, BytesMut};
use postgres_protocol::IsNull;
use postgres_protocol::message::frontend::{self, BindError};

use super::statements::{Lookup, Statements};

/// Types of parameters that the front declares, as the catalog numbers them.
pub(crate) mod oid {
    /// Leaves the type to the server, which takes it from the context, as for a quoted literal.
    pub(crate) const UNKNOWN: u32 = 0;
    pub(crate) const INT8: u32 = 20;
    pub(crate) const BYTEA: u32 = 17;
    pub(crate) const TEXT: u32 = 25;
    pub(crate) const TEXT_ARRAY: u32 = 1009;
    pub(crate) const JSON: u32 = 114;
    pub(crate) const JSONB: u32 = 3802;
}

/// A parameter in text form; `None` is NULL.
pub(crate) type Value<'a> = Option<&'a [u8]>;

/// One statement with its parameters. Rows come back in text form.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Step<'a> {
    /// Made of constant text and quoted identifiers only.
    pub(crate) sql: &'a str,
    /// The declared types, see [`oid`]; as many as `values`.
    pub(crate) types: &'a [u32],
    pub(crate) values: &'a [Value<'a>],
    /// Keeps a prepared statement apart from those with the same text and another scope. A plan
    /// and the right to name a schema are checked for the role that prepared it; so the role goes
    /// in here.
    pub(crate) scope: u64,
    /// Whether its rows are wanted.
    pub(crate) kept: bool,
    /// For each column 0 for text form or 1 for binary, which for text and JSON is the same and for
    /// `bytea` the bytes themselves. Empty: all text.
    pub(crate) formats: &'static [i16],
}

impl<'a> Step<'a> {
    /// A statement whose rows nobody wants.
    pub(crate) fn new(sql: &'a str, types: &'a [u32], values: &'a [Value<'a>]) -> Self {
        Self { sql, types, values, scope: 0, kept: false, formats: &[] }
    }

    /// A statement whose rows are wanted.
    pub(crate) fn kept(sql: &'a str, types: &'a [u32], values: &'a [Value<'a>]) -> Self {
        Self { kept: true, ..Self::new(sql, types, values) }
    }

    /// Appends the messages of this step, and gives what the server is asked to prepare.
    pub(super) fn encode(&self, statements: &mut Statements, output: &mut BytesMut) -> io::Result<()> {
        match statements.look_up(self.sql, self.scope) {
            Lookup::Prepared(name) => self.bind(name, output)?,
            Lookup::New(name) => {
                self.parse(name, output)?;
                self.bind(name, output)?;
            }
        }
        frontend::execute("", 0, output)
    }

    fn parse(&self, name: &str, output: &mut BytesMut) -> io::Result<()> {
        frontend::parse(name, self.sql, self.types.iter().copied(), output)
    }

    fn bind(&self, name: &str, output: &mut BytesMut) -> io::Result<()> {
        let write = |value: Value<'_>, output: &mut BytesMut| match value {
            Some(bytes) => {
                output.put_slice(bytes);
                Ok(IsNull::No)
            }
            None => Ok(IsNull::Yes),
        };
        let text = std::iter::empty();
        let formats = self.formats.iter().copied();
        frontend::bind("", name, text, self.values.iter().copied(), write, formats, output).map_err(|error| {
            match error {
                BindError::Serialization(error) => io::Error::new(io::ErrorKind::InvalidInput, error),
                BindError::Conversion(error) => io::Error::new(io::ErrorKind::InvalidInput, error),
            }
        })
    }
}

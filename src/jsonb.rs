//! Claims as jsonb, written in PostgreSQL's own form.
//!
//! The other way, through JSON text and `jsonb_in`, costs more than verifying the token did. The
//! form is that of a stored jsonb, which no release may change (`utils/jsonb.h`, the same from 9.4
//! on); a test compares what is written here byte by byte with what PostgreSQL makes of the text.

use std::alloc::Layout;

use pgrx::callconv::{BoxRet, FcInfo};
use pgrx::pgrx_sql_entity_graph::metadata::{
    ArgumentError, ReturnsError, ReturnsRef, SqlMappingRef, SqlTranslatable, TypeOrigin,
};
use pgrx::{JsonB, pg_sys};
use serde_json::{Map, Number, Value};

/// What follows the length word of a jsonb. Every length in it is counted from the length word on,
/// which is as long as the alignment of all parts, so that it can be left out here.
pub(crate) struct Jsonb(Vec<u8>);

/// Type and length of a part in its entry.
type Part = (u32, usize);

impl From<&Map<String, Value>> for Jsonb {
    fn from(members: &Map<String, Value>) -> Self {
        let mut writer = Writer(Vec::with_capacity(1024));
        writer.object(members);
        Self(writer.0)
    }
}

struct Writer(Vec<u8>);

impl Writer {
    fn value(&mut self, value: &Value) -> Part {
        match value {
            Value::Null => (pg_sys::JENTRY_ISNULL, 0),
            Value::Bool(false) => (pg_sys::JENTRY_ISBOOL_FALSE, 0),
            Value::Bool(true) => (pg_sys::JENTRY_ISBOOL_TRUE, 0),
            Value::Number(number) => self.number(number),
            Value::String(text) => self.text(text),
            Value::Array(items) => self.array(items),
            Value::Object(members) => self.object(members),
        }
    }

    fn text(&mut self, text: &str) -> Part {
        self.0.extend_from_slice(text.as_bytes());
        (pg_sys::JENTRY_ISSTRING, text.len())
    }

    fn number(&mut self, number: &Number) -> Part {
        let start = self.0.len();
        self.align();
        // SAFETY: a numeric that was just made is a plain varlena and lives until it is freed.
        unsafe {
            let numeric = numeric(number);
            let bytes = std::slice::from_raw_parts(numeric.cast::<u8>(), pgrx::varsize(numeric));
            self.0.extend_from_slice(bytes);
            pg_sys::pfree(numeric.cast());
        }
        (pg_sys::JENTRY_ISNUMERIC, self.0.len() - start)
    }

    fn array(&mut self, items: &[Value]) -> Part {
        let start = self.0.len();
        let mut entries = self.head(pg_sys::JB_FARRAY, items.len(), items.len());
        for item in items {
            let part = self.value(item);
            self.enter(&mut entries, part);
        }
        (pg_sys::JENTRY_ISCONTAINER, self.0.len() - start)
    }

    /// All names, the shorter ones first, then all values in the order of their names.
    fn object(&mut self, members: &Map<String, Value>) -> Part {
        let start = self.0.len();
        let mut sorted: Vec<(&String, &Value)> = members.iter().collect();
        sorted.sort_unstable_by(|(one, _), (other, _)| (one.len(), one).cmp(&(other.len(), other)));
        let mut entries = self.head(pg_sys::JB_FOBJECT, sorted.len(), 2 * sorted.len());
        for (name, _) in &sorted {
            let part = self.text(name);
            self.enter(&mut entries, part);
        }
        for (_, value) in sorted {
            let part = self.value(value);
            self.enter(&mut entries, part);
        }
        (pg_sys::JENTRY_ISCONTAINER, self.0.len() - start)
    }

    /// The head of an array or object and room for its entries.
    fn head(&mut self, kind: u32, count: usize, entries: usize) -> Entries {
        self.align();
        self.0.extend_from_slice(&(kind | length(count)).to_ne_bytes());
        let at = self.0.len();
        self.0.resize(at + entries * ENTRY, 0);
        Entries { at, index: 0, end: 0 }
    }

    /// Fills the next entry. Each tells the part's length, and one in every so many its end
    /// instead, from where a reader need not add up all before it.
    fn enter(&mut self, entries: &mut Entries, (kind, len): Part) {
        entries.end += len;
        let entry = if entries.index.is_multiple_of(pg_sys::JB_OFFSET_STRIDE as usize) {
            kind | pg_sys::JENTRY_HAS_OFF | length(entries.end)
        } else {
            kind | length(len)
        };
        let at = entries.at + entries.index * ENTRY;
        self.0[at..at + ENTRY].copy_from_slice(&entry.to_ne_bytes());
        entries.index += 1;
    }

    fn align(&mut self) {
        self.0.resize(self.0.len().next_multiple_of(Layout::new::<u32>().align()), 0);
    }
}

const ENTRY: usize = size_of::<u32>();

/// The entries of one array or object that is being written.
struct Entries {
    at: usize,
    index: usize,
    /// End of the last part, from the end of the entries on.
    end: usize,
}

/// A length or count as entries have it. A token is a thousand times shorter than the most.
fn length(length: usize) -> u32 {
    let fits = u32::try_from(length).ok().filter(|length| *length <= pg_sys::JENTRY_OFFLENMASK);
    assert!(fits.is_some(), "a jsonb of over 256 MiB");
    fits.unwrap_or_default()
}

/// The number, allocated by PostgreSQL; one beyond 64 bits by way of its digits, as `jsonb_in`
/// takes it.
///
/// # Safety
/// May raise when memory is out.
unsafe fn numeric(number: &Number) -> *mut pg_sys::varlena {
    // SAFETY: numeric_in takes a C string, a type and a modifier, keeps none of them, and never
    // gives null for digits.
    unsafe {
        if let Some(integer) = number.as_i64() {
            return pg_sys::int64_to_numeric(integer).cast();
        }
        let digits = std::ffi::CString::new(number.to_string()).unwrap_or_default();
        let arguments = [
            Some(pg_sys::Datum::from(digits.as_ptr())),
            Some(pg_sys::Datum::from(pg_sys::InvalidOid)),
            Some(pg_sys::Datum::from(-1_i32)),
        ];
        let datum = pgrx::direct_function_call_as_datum(pg_sys::numeric_in, &arguments);
        datum.unwrap_or_else(pg_sys::Datum::null).cast_mut_ptr()
    }
}

// SAFETY: a bytea of the same bytes has the same length word before them.
unsafe impl BoxRet for Jsonb {
    unsafe fn box_into<'fcx>(self, fcinfo: &mut FcInfo<'fcx>) -> pgrx::datum::Datum<'fcx> {
        // SAFETY: the caller's promise is ours.
        unsafe { self.0.box_into(fcinfo) }
    }
}

// SAFETY: what this is in SQL, pgrx's own type is too.
unsafe impl SqlTranslatable for Jsonb {
    const TYPE_IDENT: &'static str = JsonB::TYPE_IDENT;
    const TYPE_ORIGIN: TypeOrigin = JsonB::TYPE_ORIGIN;
    const ARGUMENT_SQL: Result<SqlMappingRef, ArgumentError> = JsonB::ARGUMENT_SQL;
    const RETURN_SQL: Result<ReturnsRef, ReturnsError> = JsonB::RETURN_SQL;
}

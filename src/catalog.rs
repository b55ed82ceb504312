//! Reading the extension's own tables without SQL: no plan, no search_path, no permission and no
//! operator of the caller takes part, and what is committed at this moment is seen, whatever
//! snapshot the caller's transaction has.

use std::ffi::CStr;

use pgrx::{FromDatum, pg_sys};

use crate::report::Refusal;

/// The operator of a B-tree that stands for equality.
#[expect(clippy::cast_possible_truncation, reason = "strategies are numbered 1 to 5")]
const EQUAL: pg_sys::StrategyNumber = pg_sys::BTEqualStrategyNumber as pg_sys::StrategyNumber;

/// What a column of an index must equal.
#[derive(Clone, Copy)]
pub(crate) enum Key<'a> {
    /// A column of type bytea.
    Bytes(&'a [u8]),
    /// A column of type text with collation "C": the order of its index is that of the bytes.
    Text(&'a str),
    /// A column of type uuid.
    Uuid(&'a [u8; 16]),
}

impl Key<'_> {
    /// Points at the key, which must outlive the scan; texts and bytes are copied to the current
    /// memory context.
    fn scan_key(self, column: pg_sys::AttrNumber) -> pg_sys::ScanKeyData {
        let mut scan_key = pg_sys::ScanKeyData::default();
        let none = pg_sys::Datum::from(0);
        let (function, value) = match self {
            Self::Bytes(bytes) => (pg_sys::F_BYTEAEQ, pgrx::IntoDatum::into_datum(bytes).unwrap_or(none)),
            Self::Text(text) => (pg_sys::F_TEXTEQ, pgrx::IntoDatum::into_datum(text).unwrap_or(none)),
            Self::Uuid(id) => (pg_sys::F_UUID_EQ, pg_sys::Datum::from(id.as_ptr())),
        };
        // SAFETY: the function compares two values of the column's type.
        unsafe { pg_sys::ScanKeyInit(&raw mut scan_key, column, EQUAL, function.into(), value) };
        scan_key
    }
}

/// A table of schema `auth`, open for reading.
pub(crate) struct Table {
    relation: pg_sys::Relation,
}

/// One row of it.
pub(crate) struct Row<'a> {
    tuple: pg_sys::HeapTuple,
    table: &'a Table,
}

/// Oids that were looked up before; emptied whenever one of these relations may have changed.
static mut KNOWN: Vec<(&CStr, pg_sys::Oid)> = Vec::new();

/// Asks PostgreSQL to tell of changed relations; called once, by the postmaster.
pub(crate) fn watch() {
    // SAFETY: the callback is guarded and lives as long as the library.
    unsafe { pg_sys::CacheRegisterRelcacheCallback(Some(on_invalidation), pg_sys::Datum::from(0)) };
}

/// A relation was dropped, renamed or moved: each of these invalidates it. An invalid oid stands for
/// every relation.
#[pgrx::pg_guard]
unsafe extern "C-unwind" fn on_invalidation(_argument: pg_sys::Datum, relation: pg_sys::Oid) {
    // SAFETY: backends are single-threaded, and no borrow of KNOWN calls PostgreSQL.
    unsafe {
        let known = &mut *(&raw mut KNOWN);
        if relation == pg_sys::InvalidOid || known.iter().any(|(_, oid)| *oid == relation) {
            known.clear();
        }
    }
}

/// Hears of what others have changed, now, also in the middle of a transaction.
pub(crate) fn hear_of_changes() {
    // SAFETY: runs the callbacks of invalidation; nothing else happens.
    unsafe { pg_sys::AcceptInvalidationMessages() };
}

/// The oid of a relation of schema `auth`, if the extension is installed.
pub(crate) fn relation(name: &'static CStr) -> Result<pg_sys::Oid, Refusal> {
    hear_of_changes();
    // SAFETY: backends are single-threaded, and the borrow ends here.
    let known = unsafe { &*(&raw const KNOWN) }.iter().find(|(of, _)| *of == name).map(|(_, oid)| *oid);
    if let Some(oid) = known {
        return Ok(oid);
    }
    let oid = look_up(name)?;
    // Without the preload nobody tells of changes.
    if crate::sealed::preloaded() {
        // SAFETY: as above.
        unsafe { (*(&raw mut KNOWN)).push((name, oid)) };
    }
    Ok(oid)
}

fn look_up(name: &CStr) -> Result<pg_sys::Oid, Refusal> {
    // SAFETY: look-ups in the system caches by NUL-terminated names; missing ones give 0.
    unsafe {
        let extension = pg_sys::get_extension_oid(c"pg_gatehouse".as_ptr(), true);
        let schema = pg_sys::get_namespace_oid(c"auth".as_ptr(), true);
        if extension == pg_sys::InvalidOid || schema == pg_sys::InvalidOid {
            return Err(Refusal::ExtensionMissing);
        }
        match pg_sys::get_relname_relid(name.as_ptr(), schema) {
            pg_sys::InvalidOid => Err(Refusal::ExtensionMissing),
            oid => Ok(oid),
        }
    }
}

impl Table {
    /// Opens it, with the lock that readers take.
    pub(crate) fn open(name: &'static CStr) -> Result<Self, Refusal> {
        let oid = relation(name)?;
        // SAFETY: the oid was just looked up; table_open raises when it is gone meanwhile.
        let relation = unsafe { pg_sys::table_open(oid, lock_mode()) };
        Ok(Self { relation })
    }

    /// Its oid.
    pub(crate) fn oid(&self) -> pg_sys::Oid {
        // SAFETY: the relation is open.
        unsafe { (*self.relation).rd_id }
    }

    /// The role that owns it.
    pub(crate) fn owner(&self) -> pg_sys::Oid {
        // SAFETY: the relation is open.
        unsafe { (*(*self.relation).rd_rel).relowner }
    }

    /// Every row.
    pub(crate) fn for_each<E>(&self, mut visit: impl FnMut(&Row) -> Result<(), E>) -> Result<(), E> {
        self.scan(pg_sys::InvalidOid, &mut [], |row| visit(row).map(|()| true))
    }

    /// The first row whose columns equal the keys, in the order of the columns of the index;
    /// none when `read` is not called.
    pub(crate) fn find<T>(
        &self,
        index: &'static CStr,
        keys: &[(&CStr, Key<'_>)],
        read: impl FnOnce(&Row) -> T,
    ) -> Result<Option<T>, Refusal> {
        let index = relation(index)?;
        let mut scan_keys: Vec<_> =
            keys.iter().map(|(column, key)| key.scan_key(self.column(column))).collect();
        let (mut found, mut read) = (None, Some(read));
        self.scan(index, &mut scan_keys, |row| {
            found = read.take().map(|read| read(row));
            Ok::<_, Refusal>(false)
        })?;
        Ok(found)
    }

    fn scan<E>(
        &self,
        index: pg_sys::Oid,
        keys: &mut [pg_sys::ScanKeyData],
        mut visit: impl FnMut(&Row) -> Result<bool, E>,
    ) -> Result<(), E> {
        // SAFETY: the snapshot is registered for as long as the scan runs; systable scans work on
        // any heap. On an error PostgreSQL cleans both up with the transaction.
        unsafe {
            let snapshot = pg_sys::RegisterSnapshot(pg_sys::GetLatestSnapshot());
            let count = i32::try_from(keys.len()).unwrap_or(0);
            let scan = pg_sys::systable_beginscan(
                self.relation,
                index,
                index != pg_sys::InvalidOid,
                snapshot,
                count,
                keys.as_mut_ptr(),
            );
            let mut result = Ok(());
            loop {
                let tuple = pg_sys::systable_getnext(scan);
                if tuple.is_null() {
                    break;
                }
                match visit(&Row { tuple, table: self }) {
                    Ok(true) => {}
                    Ok(false) => break,
                    Err(error) => {
                        result = Err(error);
                        break;
                    }
                }
            }
            pg_sys::systable_endscan(scan);
            pg_sys::UnregisterSnapshot(snapshot);
            result
        }
    }

    fn column(&self, name: &CStr) -> pg_sys::AttrNumber {
        // SAFETY: a look-up in the system cache; 0 when there is no such column.
        unsafe { pg_sys::get_attnum(self.oid(), name.as_ptr()) }
    }
}

impl Drop for Table {
    fn drop(&mut self) {
        // While an error unwinds, PostgreSQL closes what is open by itself.
        if !std::thread::panicking() {
            // SAFETY: opened in `open`, with the same lock.
            unsafe { pg_sys::table_close(self.relation, lock_mode()) };
        }
    }
}

impl Row<'_> {
    /// The value of a column, copied; none when null.
    pub(crate) fn get<T: FromDatum>(&self, column: &CStr) -> Option<T> {
        let number = self.table.column(column);
        let mut is_null = true;
        // SAFETY: the tuple belongs to the open relation, and the caller names the column's type.
        unsafe {
            if number <= 0 {
                return None;
            }
            let datum =
                pg_sys::heap_getattr(self.tuple, number.into(), (*self.table.relation).rd_att, &mut is_null);
            T::from_datum(datum, is_null)
        }
    }
}

fn lock_mode() -> pg_sys::LOCKMODE {
    pg_sys::AccessShareLock.cast_signed()
}

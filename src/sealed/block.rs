//! The claims as one flat block of memory, ready to be returned to PostgreSQL as they lie there.
//!
//! Values that are longer than a register lie in the block as finished varlenas, and the accessors
//! return pointers to them: no copy, no allocation, per row. That is sound because a block is
//! freed only when a transaction ends or a savepoint older than it is rolled back, and a statement
//! that holds such a pointer can not live through either: what outlives it (variables, cursors,
//! tuples) is copied by PostgreSQL.

use gatehouse_core::claims::Claims;
use pgrx::pg_sys;
use uuid::Uuid;

/// Stamp of a block in a parallel worker: it lives for one transaction of its leader.
pub(super) const WORKER: u32 = u32::MAX;
/// Stamp of a block that counts in no transaction (0 is never a local transaction id).
pub(super) const NEVER: u32 = 0;

const HAS_USER: u32 = 1;
const HAS_TENANT: u32 = 2;
const HAS_SESSION: u32 = 4;

/// Offset of a varlena from the start of the block; 0 for none.
type Offset = u32;

/// Varlenas one after the other, each on a 4-byte boundary.
#[derive(Clone, Copy, Default)]
#[repr(C)]
struct List {
    at: Offset,
    count: u32,
}

/// Head of the block; the varlenas follow it in the same allocation.
#[derive(Clone, Copy, Default)]
#[repr(C, align(8))]
pub(crate) struct Block {
    transaction: u32,
    has: u32,
    user_id: [u8; 16],
    tenant_id: [u8; 16],
    session_id: [u8; 16],
    subject: Offset,
    role: Offset,
    email: Offset,
    aal: Offset,
    claims: Offset,
    roles: List,
    permissions: List,
}

impl Block {
    /// Whether the claims count in the running transaction.
    #[inline]
    pub(crate) fn counts(&self) -> bool {
        self.transaction == WORKER || self.locks()
    }

    /// Whether the running transaction is the one that was sealed with this block.
    #[inline]
    pub(crate) fn locks(&self) -> bool {
        self.transaction != NEVER && self.transaction == transaction()
    }

    /// `sub` as a UUID.
    #[inline]
    pub(crate) fn user_id(&self) -> Option<&[u8; 16]> {
        (self.has & HAS_USER != 0).then_some(&self.user_id)
    }

    /// The active tenant.
    #[inline]
    pub(crate) fn tenant_id(&self) -> Option<&[u8; 16]> {
        (self.has & HAS_TENANT != 0).then_some(&self.tenant_id)
    }

    /// The session.
    #[inline]
    pub(crate) fn session_id(&self) -> Option<&[u8; 16]> {
        (self.has & HAS_SESSION != 0).then_some(&self.session_id)
    }

    /// `sub` as a varlena.
    #[inline]
    pub(crate) fn subject(&self) -> Option<*const u8> {
        self.varlena(self.subject)
    }

    /// The role that the token names.
    #[inline]
    pub(crate) fn role(&self) -> Option<*const u8> {
        self.varlena(self.role)
    }

    /// `email`.
    #[inline]
    pub(crate) fn email(&self) -> Option<*const u8> {
        self.varlena(self.email)
    }

    /// `aal`.
    #[inline]
    pub(crate) fn aal(&self) -> Option<*const u8> {
        self.varlena(self.aal)
    }

    /// All claims, as jsonb.
    #[inline]
    pub(crate) fn claims(&self) -> Option<*const u8> {
        self.varlena(self.claims)
    }

    /// The roles in the active tenant.
    pub(crate) fn roles(&self) -> impl Iterator<Item = &str> {
        self.names(self.roles)
    }

    /// The permissions in the active tenant.
    pub(crate) fn permissions(&self) -> impl Iterator<Item = &str> {
        self.names(self.permissions)
    }

    #[inline]
    fn varlena(&self, offset: Offset) -> Option<*const u8> {
        // SAFETY: `build` wrote a varlena at every offset that is not 0.
        (offset != 0).then(|| unsafe { std::ptr::from_ref(self).cast::<u8>().add(offset as usize) })
    }

    fn names(&self, list: List) -> impl Iterator<Item = &str> {
        let mut at = self.varlena(list.at);
        (0..list.count).filter_map(move |_| {
            let here = at?;
            // SAFETY: `build` wrote `count` texts from `list.at` on, each of valid UTF-8.
            unsafe {
                let size = pgrx::varsize(here.cast());
                at = Some(here.add(aligned(size)));
                let text = std::slice::from_raw_parts(here.add(pg_sys::VARHDRSZ), size - pg_sys::VARHDRSZ);
                Some(std::str::from_utf8_unchecked(text))
            }
        })
    }
}

const fn aligned(size: usize) -> usize {
    size.next_multiple_of(4)
}

/// The running transaction, as this backend counts them; never 0 inside a transaction.
#[inline]
pub(crate) fn transaction() -> u32 {
    // SAFETY: a backend has its PGPROC for as long as it runs SQL.
    unsafe { of(pg_sys::MyProc) }
}

/// In a parallel worker: the leader's running transaction.
pub(super) fn leader_transaction() -> Option<u32> {
    // SAFETY: a worker has joined its leader's lock group before it restores settings.
    unsafe {
        let leader = (*pg_sys::MyProc).lockGroupLeader;
        (!leader.is_null()).then(|| of(leader))
    }
}

#[inline]
unsafe fn of(process: *const pg_sys::PGPROC) -> u32 {
    // SAFETY: the caller's pointer is good.
    unsafe {
        #[cfg(any(feature = "pg14", feature = "pg15", feature = "pg16"))]
        return (*process).lxid;
        #[cfg(not(any(feature = "pg14", feature = "pg15", feature = "pg16")))]
        return (*process).vxid.lxid;
    }
}

/// Builds the block. It must be copied to memory that is aligned to 8 bytes.
///
/// May raise when PostgreSQL refuses the claims as jsonb, for example a number beyond numeric.
pub(super) fn build(claims: &Claims, transaction: u32) -> Vec<u8> {
    let mut rest = Rest { bytes: Vec::with_capacity(512 + 2 * claims.json.len()) };
    let mut head = Block { transaction, ..Block::default() };
    head.put_id(HAS_USER, claims.user_id());
    head.put_id(HAS_TENANT, claims.tenant_id);
    head.put_id(HAS_SESSION, claims.session_id);
    head.subject = rest.text(claims.subject.as_deref());
    head.role = rest.text(claims.role.as_deref());
    head.email = rest.text(claims.email.as_deref());
    head.aal = rest.text(claims.aal.as_deref());
    head.roles = rest.list(&claims.roles);
    head.permissions = rest.list(&claims.permissions);
    head.claims = rest.jsonb(&claims.json);
    // SAFETY: Block is plain data without pointers.
    let head =
        unsafe { std::slice::from_raw_parts(std::ptr::from_ref(&head).cast::<u8>(), size_of::<Block>()) };
    [head, &rest.bytes].concat()
}

/// The same block for another transaction.
pub(super) fn stamped(block: &[u8], transaction: u32) -> Vec<u8> {
    let mut block = block.to_vec();
    let stamp = std::mem::offset_of!(Block, transaction);
    block[stamp..stamp + size_of::<u32>()].copy_from_slice(&transaction.to_ne_bytes());
    block
}

impl Block {
    fn put_id(&mut self, which: u32, id: Option<Uuid>) {
        let Some(id) = id else { return };
        self.has |= which;
        let place = match which {
            HAS_USER => &mut self.user_id,
            HAS_TENANT => &mut self.tenant_id,
            _ => &mut self.session_id,
        };
        *place = id.into_bytes();
    }
}

/// What follows the head.
struct Rest {
    bytes: Vec<u8>,
}

impl Rest {
    fn text(&mut self, text: Option<&str>) -> Offset {
        text.map_or(0, |text| self.varlena(text.as_bytes()))
    }

    fn list(&mut self, names: &[String]) -> List {
        let offsets: Vec<_> = names.iter().map(|name| self.varlena(name.as_bytes())).collect();
        List { at: offsets.first().copied().unwrap_or(0), count: u32::try_from(offsets.len()).unwrap_or(0) }
    }

    fn jsonb(&mut self, json: &str) -> Offset {
        let Ok(text) = std::ffi::CString::new(json) else { return 0 };
        // SAFETY: jsonb_in takes a C string and gives a plain (not toasted) varlena.
        unsafe {
            let datum =
                pgrx::direct_function_call_as_datum(pg_sys::jsonb_in, &[text.as_c_str().into_datum_ptr()]);
            let Some(datum) = datum else { return 0 };
            let varlena = datum.cast_mut_ptr::<pg_sys::varlena>();
            let size = pgrx::varsize(varlena);
            self.raw(std::slice::from_raw_parts(varlena.cast::<u8>(), size))
        }
    }

    /// A 4-byte length word (PostgreSQL's varatt_4b of the host's byte order), then the data.
    fn varlena(&mut self, data: &[u8]) -> Offset {
        let size = u32::try_from(data.len() + pg_sys::VARHDRSZ).unwrap_or(0);
        let word = if cfg!(target_endian = "little") { size << 2 } else { size };
        self.raw(&[&word.to_ne_bytes(), data].concat())
    }

    fn raw(&mut self, bytes: &[u8]) -> Offset {
        self.bytes.resize(aligned(self.bytes.len()), 0);
        let offset = size_of::<Block>() + self.bytes.len();
        self.bytes.extend_from_slice(bytes);
        u32::try_from(offset).unwrap_or(0)
    }
}

/// A C string as an argument of a direct function call.
trait IntoDatumPtr {
    fn into_datum_ptr(self) -> Option<pg_sys::Datum>;
}

impl IntoDatumPtr for &std::ffi::CStr {
    fn into_datum_ptr(self) -> Option<pg_sys::Datum> {
        Some(pg_sys::Datum::from(self.as_ptr()))
    }
}

//! Finding the function that a setting names, and calling it as its owner.

use std::ffi::CString;

use gatehouse_core::hook::FunctionName;
use pgrx::pg_catalog::pg_proc::{PgProc, ProKind};
use pgrx::pg_sys;

use super::{Failure, Place};

/// The column that holds a function's oid.
#[expect(clippy::cast_possible_truncation, reason = "columns are numbered from 1")]
const OID: pg_sys::AttrNumber = pg_sys::Anum_pg_proc_oid as pg_sys::AttrNumber;
static ARGUMENT: pg_sys::Oid = pg_sys::JSONBOID;

/// A hook that was found and may be called.
pub(super) struct Function {
    oid: pg_sys::Oid,
    pub(super) owner: pg_sys::Oid,
}

impl Function {
    /// The function of that name, schema.function, if it can be the hook of that place.
    pub(super) fn find(place: Place, name: &str) -> Result<Self, Failure> {
        let name = FunctionName::parse(name)?;
        let broken = |why: &str| Failure::Broken(why.to_owned());
        let oid = look_up(&name)
            .ok_or_else(|| broken("there is no such function with one argument of type jsonb"))?;
        let entry = PgProc::new(oid).ok_or_else(|| broken("there is no such function"))?;
        if !matches!(entry.prokind(), ProKind::Function)
            || entry.proretset()
            || entry.prorettype() != place.returns()
        {
            let wanted = if place == Place::Event { "void" } else { "jsonb" };
            return Err(Failure::Broken(format!("it must be a function that returns {wanted}")));
        }
        if clients_are(entry.proowner()) {
            return Err(broken("it belongs to a role that clients have; give it another owner"));
        }
        Ok(Self { oid, owner: entry.proowner() })
    }

    /// # Safety
    /// The function must take one argument of the datum's type.
    pub(super) unsafe fn run(&self, argument: pg_sys::Datum) -> pg_sys::NullableDatum {
        let size = size_of::<pg_sys::FunctionCallInfoBaseData>() + size_of::<pg_sys::NullableDatum>();
        // SAFETY: the call's frame is zeroed, with room for one argument; both live until it returns.
        unsafe {
            let mut info = pg_sys::FmgrInfo::default();
            pg_sys::fmgr_info(self.oid, &raw mut info);
            let frame = pg_sys::palloc0(size).cast::<pg_sys::FunctionCallInfoBaseData>();
            (*frame).flinfo = &raw mut info;
            (*frame).nargs = 1;
            (*frame).args.as_mut_slice(1)[0] = pg_sys::NullableDatum { value: argument, isnull: false };
            let Some(entry) = info.fn_addr else {
                return pg_sys::NullableDatum { value: pg_sys::Datum::from(0), isnull: true };
            };
            let value = pg_sys::ffi::pg_guard_ffi_boundary(|| entry(frame));
            pg_sys::NullableDatum { value, isnull: (*frame).isnull }
        }
    }
}

/// By schema, name and argument, without any path; a temporary schema is none.
fn look_up(name: &FunctionName) -> Option<pg_sys::Oid> {
    let schema = CString::new(name.schema.as_str()).ok()?;
    let function = CString::new(name.name.as_str()).ok()?;
    // SAFETY: look-ups in the system caches, of NUL-terminated names.
    unsafe {
        let schema = pg_sys::get_namespace_oid(schema.as_ptr(), true);
        if schema == pg_sys::InvalidOid || pg_sys::isAnyTempNamespace(schema) {
            return None;
        }
        let arguments = pg_sys::buildoidvector(&raw const ARGUMENT, 1);
        let oid = pg_sys::GetSysCacheOid(
            pg_sys::SysCacheIdentifier::PROCNAMEARGSNSP.cast_signed(),
            OID,
            pg_sys::Datum::from(function.as_ptr()),
            pg_sys::Datum::from(arguments),
            pg_sys::Datum::from(schema),
            pg_sys::Datum::from(0),
        );
        (oid != pg_sys::InvalidOid).then_some(oid)
    }
}

/// Whether the role is the login role of clients, or one that it can take on: then a function that
/// they make where the hook once was would be believed.
fn clients_are(role: pg_sys::Oid) -> bool {
    // SAFETY: look-ups in the system caches; a missing role gives 0.
    unsafe {
        let login = pg_sys::get_role_oid(c"authenticator".as_ptr(), true);
        login != pg_sys::InvalidOid && pg_sys::is_member_of_role(login, role)
    }
}

/// What the session's statements run as and under, to be put back.
pub(super) struct Caller {
    user: pg_sys::Oid,
    context: i32,
    settings: i32,
}

impl Caller {
    /// Becomes the owner as PostgreSQL does it for the functions of an index: no `set role` leads out
    /// of it, and nothing is left for later to run as whoever called: no deferred trigger, no
    /// temporary object.
    pub(super) fn become_owner(owner: pg_sys::Oid) -> Self {
        let mut caller = Self { user: pg_sys::InvalidOid, context: 0, settings: 0 };
        let confined = pg_sys::SECURITY_LOCAL_USERID_CHANGE | pg_sys::SECURITY_RESTRICTED_OPERATION;
        // SAFETY: put back by `come_back`, or by PostgreSQL when the transaction or savepoint ends.
        unsafe {
            pg_sys::GetUserIdAndSecContext(&raw mut caller.user, &raw mut caller.context);
            pg_sys::SetUserIdAndSecContext(owner, caller.context | confined.cast_signed());
            caller.settings = pg_sys::NewGUCNestLevel();
        }
        caller
    }

    /// Also takes back what settings were changed: our functions go on, with their owner's rights,
    /// and must not do so under a `search_path` of the hook's.
    pub(super) fn come_back(self) {
        // SAFETY: what was there before; the level is the one that was begun.
        unsafe {
            pg_sys::AtEOXact_GUC(false, self.settings);
            pg_sys::SetUserIdAndSecContext(self.user, self.context);
        }
    }
}

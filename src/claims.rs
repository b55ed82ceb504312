//! `auth.uid()` and its kin: what row-level security reads, once per row.
//!
//! These are plain C functions: no decoding of arguments, no allocation, no copy. They return
//! pointers into the block of claims (`sealed::block` says why that is sound).

use pgrx::pg_sys;

use crate::report;
use crate::sealed;
use crate::sealed::block::Block;

/// Defines an SQL-callable function and the record that tells PostgreSQL its calling convention.
macro_rules! accessor {
    ($(#[$about:meta])* $name:ident, $info:ident, $read:expr) => {
        $(#[$about])*
        #[unsafe(no_mangle)]
        unsafe extern "C-unwind" fn $name(call: pg_sys::FunctionCallInfo) -> pg_sys::Datum {
            let read: fn(&'static Block) -> Option<*const u8> = $read;
            // SAFETY: PostgreSQL gives a valid call frame.
            unsafe { pointer(call, sealed::current().and_then(read)) }
        }

        /// Version 1 calling convention.
        #[unsafe(no_mangle)]
        extern "C-unwind" fn $info() -> &'static pg_sys::Pg_finfo_record {
            &VERSION_1
        }
    };
}

const VERSION_1: pg_sys::Pg_finfo_record = pg_sys::Pg_finfo_record { api_version: 1 };

accessor!(
    /// `auth.uid()`
    gatehouse_uid,
    pg_finfo_gatehouse_uid,
    |block| block.user_id().map(|id| id.as_ptr())
);
accessor!(
    /// `auth.tenant_id()`
    gatehouse_tenant_id,
    pg_finfo_gatehouse_tenant_id,
    |block| block.tenant_id().map(|id| id.as_ptr())
);
accessor!(
    /// `auth.session_id()`
    gatehouse_session_id,
    pg_finfo_gatehouse_session_id,
    |block| block.session_id().map(|id| id.as_ptr())
);
accessor!(
    /// `auth.user_id()`
    gatehouse_user_id,
    pg_finfo_gatehouse_user_id,
    Block::subject
);
accessor!(
    /// `auth.role()`
    gatehouse_role,
    pg_finfo_gatehouse_role,
    Block::role
);
accessor!(
    /// `auth.email()`
    gatehouse_email,
    pg_finfo_gatehouse_email,
    Block::email
);
accessor!(
    /// `auth.aal()`
    gatehouse_aal,
    pg_finfo_gatehouse_aal,
    Block::aal
);
accessor!(
    /// `auth.jwt()` and `auth.claims()`
    gatehouse_claims,
    pg_finfo_gatehouse_claims,
    Block::claims
);

#[inline]
unsafe fn pointer(call: pg_sys::FunctionCallInfo, value: Option<*const u8>) -> pg_sys::Datum {
    match value {
        Some(pointer) => pg_sys::Datum::from(pointer),
        None => {
            // SAFETY: the caller's call frame is valid.
            unsafe { (*call).isnull = true };
            pg_sys::Datum::from(0_usize)
        }
    }
}

/// `auth.has_role(role)`; false when anonymous.
#[unsafe(no_mangle)]
unsafe extern "C-unwind" fn gatehouse_has_role(call: pg_sys::FunctionCallInfo) -> pg_sys::Datum {
    // SAFETY: declared strict with one text argument.
    unsafe { ask(call, |block, wanted| block.roles().any(|role| role == wanted)) }
}

/// Version 1 calling convention.
#[unsafe(no_mangle)]
extern "C-unwind" fn pg_finfo_gatehouse_has_role() -> &'static pg_sys::Pg_finfo_record {
    &VERSION_1
}

/// `auth.has_permission(permission)`; false when anonymous.
#[unsafe(no_mangle)]
unsafe extern "C-unwind" fn gatehouse_has_permission(call: pg_sys::FunctionCallInfo) -> pg_sys::Datum {
    // SAFETY: declared strict with one text argument.
    unsafe {
        ask(call, |block, wanted| {
            block.permissions().any(|granted| gatehouse_core::permission::covers(granted, wanted))
        })
    }
}

/// Version 1 calling convention.
#[unsafe(no_mangle)]
extern "C-unwind" fn pg_finfo_gatehouse_has_permission() -> &'static pg_sys::Pg_finfo_record {
    &VERSION_1
}

/// The last question of one call site and its answer. Policies ask the same one for every row.
#[derive(Clone, Copy)]
struct Asked {
    /// Which claims were asked: see [`sealed::generation`].
    generation: u64,
    len: usize,
    text: [u8; Self::ROOM],
    answer: bool,
}

impl Asked {
    const ROOM: usize = 104;

    fn is(&self, generation: u64, text: &[u8]) -> bool {
        self.generation == generation && self.text.get(..self.len) == Some(text)
    }
}

/// Answers a question about the claims and one text argument.
unsafe fn ask(
    call: pg_sys::FunctionCallInfo,
    question: impl FnOnce(&'static Block, &str) -> bool,
) -> pg_sys::Datum {
    let Some(block) = sealed::current() else { return pg_sys::Datum::from(false) };
    // SAFETY: the function is strict, so its one argument is there, and it is a text. What the call
    // site keeps was put there below and lives as long as the site.
    unsafe {
        let argument = (*call).args.as_slice(1)[0].value.cast_mut_ptr::<pg_sys::varlena>();
        let generation = sealed::generation();
        let site = (*call).flinfo;
        if let Some(asked) = site.as_ref().and_then(|site| site.fn_extra.cast::<Asked>().as_ref())
            && !pgrx::varatt_is_1b_e(argument)
            && !pgrx::varatt_is_4b_c(argument)
            && asked.is(generation, plain(argument))
        {
            return pg_sys::Datum::from(asked.answer);
        }
        let (answer, text) = report::guard(|| {
            let text = pg_sys::pg_detoast_datum_packed(argument);
            let answer = pgrx::text_to_rust_str(text).is_ok_and(|wanted| question(block, wanted));
            (answer, plain(text))
        });
        remember(site, generation, text, answer);
        pg_sys::Datum::from(answer)
    }
}

/// The bytes of a varlena that is neither compressed nor stored elsewhere.
#[inline]
unsafe fn plain<'a>(text: *const pg_sys::varlena) -> &'a [u8] {
    // SAFETY: the caller's varlena is plain.
    unsafe { std::slice::from_raw_parts(pgrx::vardata_any(text).cast(), pgrx::varsize_any_exhdr(text)) }
}

unsafe fn remember(site: *mut pg_sys::FmgrInfo, generation: u64, text: &[u8], answer: bool) {
    // SAFETY: the site's memory context lives as long as the site.
    unsafe {
        if site.is_null() || text.len() > Asked::ROOM {
            return;
        }
        if (*site).fn_extra.is_null() {
            (*site).fn_extra = pg_sys::MemoryContextAllocZero((*site).fn_mcxt, size_of::<Asked>()).cast();
        }
        let mut asked = Asked { generation, len: text.len(), text: [0; Asked::ROOM], answer };
        asked.text[..text.len()].copy_from_slice(text);
        (*site).fn_extra.cast::<Asked>().write(asked);
    }
}

//! Memory that PostgreSQL's settings own: plain `malloc` up to 15, `guc_malloc` from 16 on.

use std::ffi::{CStr, c_char, c_void};

use pgrx::pg_sys;

/// Puts the envelope and the block in PostgreSQL's hands; false when memory is out.
///
/// # Safety
/// `new` and `extra` must be the out parameters of a check hook.
pub(super) unsafe fn hand_over(
    new: *mut *mut c_char,
    extra: *mut *mut c_void,
    envelope: &CStr,
    block: &[u8],
) -> bool {
    // SAFETY: the sizes are those of the sources, and the targets are checked for null.
    unsafe {
        let value = allocate(envelope.to_bytes_with_nul());
        let data = allocate(block);
        if value.is_null() || data.is_null() {
            return false;
        }
        release((*new).cast());
        *new = value.cast();
        *extra = data;
    }
    true
}

/// A string in the current memory context.
///
/// # Safety
/// May raise when memory is out.
pub(super) unsafe fn text(text: &str) -> *mut c_char {
    // SAFETY: pnstrdup copies exactly the bytes given and ends them with NUL.
    unsafe { pg_sys::pnstrdup(text.as_ptr().cast(), text.len()) }
}

unsafe fn allocate(bytes: &[u8]) -> *mut c_void {
    // SAFETY: a fresh allocation of the right size, or null. malloc aligns for any type.
    unsafe {
        #[cfg(any(feature = "pg14", feature = "pg15"))]
        let target = libc::malloc(bytes.len());
        #[cfg(not(any(feature = "pg14", feature = "pg15")))]
        let target = pg_sys::guc_malloc(i32::try_from(pg_sys::LOG).unwrap_or(15), bytes.len());
        if !target.is_null() {
            std::ptr::copy_nonoverlapping(bytes.as_ptr(), target.cast(), bytes.len());
        }
        target
    }
}

unsafe fn release(pointer: *mut c_void) {
    // SAFETY: the pointer came from the same allocator, or is null.
    unsafe {
        #[cfg(any(feature = "pg14", feature = "pg15"))]
        libc::free(pointer);
        #[cfg(not(any(feature = "pg14", feature = "pg15")))]
        pg_sys::guc_free(pointer);
    }
}

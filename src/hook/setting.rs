//! The settings that name hooks.

use std::ffi::{CStr, CString};

use gatehouse_core::hook::FunctionName;
use pgrx::guc::{GucContext, GucFlags, GucRegistry, GucSetting};
use pgrx::pg_sys;

use super::Place;

static BEFORE_SIGN_UP_HOOK: GucSetting<Option<CString>> = GucSetting::<Option<CString>>::new(Some(c""));
static CUSTOM_CLAIMS_HOOK: GucSetting<Option<CString>> = GucSetting::<Option<CString>>::new(Some(c""));
static EVENT_HOOK: GucSetting<Option<CString>> = GucSetting::<Option<CString>>::new(Some(c""));

/// Defines them.
pub(crate) fn define() {
    name(
        c"pg_gatehouse.before_sign_up_hook",
        c"Function (user jsonb) returns jsonb that is asked before a user is made.",
        &BEFORE_SIGN_UP_HOOK,
    );
    name(
        c"pg_gatehouse.custom_claims_hook",
        c"Function (claims jsonb) returns jsonb that adds claims to access tokens.",
        &CUSTOM_CLAIMS_HOOK,
    );
    name(
        c"pg_gatehouse.event_hook",
        c"Function (event jsonb) returns void that is told of what has happened, in its transaction.",
        &EVENT_HOOK,
    );
}

fn name(name: &'static CStr, about: &'static CStr, setting: &'static GucSetting<Option<CString>>) {
    // SAFETY: the hook only reads the new value.
    unsafe {
        GucRegistry::define_string_guc_with_hooks(
            name,
            about,
            c"schema.function in lower case; empty for none. It runs as its owner, and what goes wrong in it fails the request.",
            setting,
            GucContext::Suset,
            GucFlags::default(),
            Some(check_function),
            None,
            None,
        );
    }
}

#[pgrx::pg_guard]
unsafe extern "C-unwind" fn check_function(
    new: *mut *mut std::ffi::c_char,
    _extra: *mut *mut std::ffi::c_void,
    _source: pg_sys::GucSource::Type,
) -> bool {
    // SAFETY: PostgreSQL gives a NUL-terminated string or none.
    let function = unsafe { if (*new).is_null() { c"" } else { CStr::from_ptr(*new) } };
    let why = match function.to_str() {
        Ok(text) if text.is_empty() || FunctionName::parse(text).is_ok() => return true,
        _ => c"A hook is named schema.function, both in lower case and without quotes; empty for none.",
    };
    // SAFETY: the global takes a string of the current memory context and is used at once.
    unsafe { pg_sys::GUC_check_errdetail_string = pg_sys::pstrdup(why.as_ptr()) };
    false
}

impl Place {
    /// The setting's name.
    pub(super) const fn setting(self) -> &'static str {
        match self {
            Self::BeforeSignUp => "pg_gatehouse.before_sign_up_hook",
            Self::CustomClaims => "pg_gatehouse.custom_claims_hook",
            Self::Event => "pg_gatehouse.event_hook",
        }
    }

    /// The setting's value: the function; empty for none.
    pub(super) fn function(self) -> String {
        let value = match self {
            Self::BeforeSignUp => &BEFORE_SIGN_UP_HOOK,
            Self::CustomClaims => &CUSTOM_CLAIMS_HOOK,
            Self::Event => &EVENT_HOOK,
        };
        value.get().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
    }
}

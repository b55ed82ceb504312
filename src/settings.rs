//! Every `pg_gatehouse.*` setting with context, range and unit, but for the token itself
//! (`sealed.rs`).
//!
//! All are superuser-only: who may set a cost or a claim path decides who gets in.

use std::ffi::{CStr, CString};

use gatehouse_core::claims::{ClaimPaths, path_is_trustworthy};
use pgrx::guc::{GucContext, GucFlags, GucRegistry, GucSetting, PostgresGucEnum};
use pgrx::pg_sys;

mod password;

pub(crate) use password::{hash_niceness, hashing, policy, product_name};

#[derive(Clone, Copy, PostgresGucEnum)]
#[expect(non_camel_case_types, reason = "pgrx makes the values of the setting from these names")]
enum PasswordChange {
    session,
    recent_sign_in,
    current_password,
}

static ISSUER: GucSetting<Option<CString>> = GucSetting::<Option<CString>>::new(Some(c"pg_gatehouse"));
static AUDIENCE: GucSetting<Option<CString>> = GucSetting::<Option<CString>>::new(Some(c"authenticated"));
static ACCESS_TOKEN_TTL: GucSetting<i32> = GucSetting::<i32>::new(900);
static SESSION_LIFETIME: GucSetting<i32> = GucSetting::<i32>::new(30 * DAY);
static SESSION_IDLE_TIMEOUT: GucSetting<i32> = GucSetting::<i32>::new(7 * DAY);
static REFRESH_REUSE_INTERVAL: GucSetting<i32> = GucSetting::<i32>::new(10);
static SINGLE_SESSION_PER_USER: GucSetting<bool> = GucSetting::<bool>::new(false);
static PASSWORD_CHANGE_REQUIRES: GucSetting<PasswordChange> =
    GucSetting::<PasswordChange>::new(PasswordChange::recent_sign_in);
static AUTOCONFIRM: GucSetting<bool> = GucSetting::<bool>::new(true);
static SIGN_UP: GucSetting<bool> = GucSetting::<bool>::new(true);
static ANONYMOUS_SIGN_INS: GucSetting<bool> = GucSetting::<bool>::new(false);
static ONE_TIME_CODE_TTL: GucSetting<i32> = GucSetting::<i32>::new(600);
static ONE_TIME_LINK_TTL: GucSetting<i32> = GucSetting::<i32>::new(3600);
static MASTER_KEY_FILE: GucSetting<Option<CString>> = GucSetting::<Option<CString>>::new(Some(c""));
static NEXT_MASTER_KEY_FILE: GucSetting<Option<CString>> = GucSetting::<Option<CString>>::new(Some(c""));
static CLIENT_ADDRESS_HEADER: GucSetting<Option<CString>> = GucSetting::<Option<CString>>::new(Some(c""));
static TENANT_CLAIM: GucSetting<Option<CString>> = GucSetting::<Option<CString>>::new(Some(c""));
static ROLE_CLAIM: GucSetting<Option<CString>> = GucSetting::<Option<CString>>::new(Some(c""));
static PERMISSIONS_CLAIM: GucSetting<Option<CString>> = GucSetting::<Option<CString>>::new(Some(c""));
static AUDIT_LOG: GucSetting<bool> = GucSetting::<bool>::new(true);
static AUDIT_RETENTION: GucSetting<i32> = GucSetting::<i32>::new(0);
static TRUST_REQUEST_CLAIMS: GucSetting<bool> = GucSetting::<bool>::new(false);

/// Seconds.
const DAY: i32 = 86_400;

/// Defines them all.
pub(crate) fn define() {
    password::define();
    define_tokens();
    define_sessions();
    define_claims();
    define_sign_up();
    define_audit();
    string(
        c"pg_gatehouse.client_address_header",
        c"Request header in which the HTTP front tells the client's address; empty for the connection's own.",
        &CLIENT_ADDRESS_HEADER,
        GucContext::Suset,
    );
}

fn define_tokens() {
    string(c"pg_gatehouse.issuer", c"The iss claim of this database's tokens.", &ISSUER, GucContext::Suset);
    string(
        c"pg_gatehouse.audience",
        c"The aud claim of this database's tokens.",
        &AUDIENCE,
        GucContext::Suset,
    );
    define_int(
        c"pg_gatehouse.access_token_ttl",
        c"Life of an access token, 1 minute to 1 day.",
        &ACCESS_TOKEN_TTL,
        (60, 86_400),
        GucFlags::UNIT_S,
    );
    GucRegistry::define_string_guc(
        c"pg_gatehouse.master_key_file",
        c"File with the 256-bit master key as 64 hexadecimal digits.",
        c"Private keys are encrypted under it. Only the server's user may read the file.",
        &MASTER_KEY_FILE,
        GucContext::Sighup,
        GucFlags::SUPERUSER_ONLY,
    );
    GucRegistry::define_string_guc(
        c"pg_gatehouse.next_master_key_file",
        c"File with the master key that is to replace the present one; empty when none is.",
        c"While it is set, both open and this one seals. See auth.rotate_master_key.",
        &NEXT_MASTER_KEY_FILE,
        GucContext::Sighup,
        GucFlags::SUPERUSER_ONLY,
    );
}

fn define_sessions() {
    define_int(
        c"pg_gatehouse.session_lifetime",
        c"Life of a session from its sign-in on, 5 minutes to 400 days; a tenant's own value wins.",
        &SESSION_LIFETIME,
        (300, 400 * DAY),
        GucFlags::UNIT_S,
    );
    define_int(
        c"pg_gatehouse.session_idle_timeout",
        c"How long a session may go without a refresh, 1 minute to 400 days; a tenant's own value wins.",
        &SESSION_IDLE_TIMEOUT,
        (60, 400 * DAY),
        GucFlags::UNIT_S,
    );
    define_int(
        c"pg_gatehouse.refresh_reuse_interval",
        c"How long a used refresh token is answered with its successor instead of ending the session, 0 to 5 minutes.",
        &REFRESH_REUSE_INTERVAL,
        (0, 300),
        GucFlags::UNIT_S,
    );
    GucRegistry::define_bool_guc(
        c"pg_gatehouse.single_session_per_user",
        c"Whether a sign-in ends the user's other sessions.",
        c"",
        &SINGLE_SESSION_PER_USER,
        GucContext::Suset,
        GucFlags::default(),
    );
    GucRegistry::define_enum_guc(
        c"pg_gatehouse.password_change_requires",
        c"What a user must show to change the own password: session, recent_sign_in or current_password.",
        c"recent_sign_in is one of the last 15 minutes. Where more than the session is asked for, a reauthentication code does as well.",
        &PASSWORD_CHANGE_REQUIRES,
        GucContext::Suset,
        GucFlags::default(),
    );
}

fn define_sign_up() {
    GucRegistry::define_bool_guc(
        c"pg_gatehouse.sign_up",
        c"Whether people may sign up by themselves.",
        c"Off: users are made by the operator, by invitation or by a trusted issuer.",
        &SIGN_UP,
        GucContext::Suset,
        GucFlags::default(),
    );
    GucRegistry::define_bool_guc(
        c"pg_gatehouse.anonymous_sign_ins",
        c"Whether anybody may become a user without an address.",
        c"Such users have is_anonymous in their token, until they prove an address.",
        &ANONYMOUS_SIGN_INS,
        GucContext::Suset,
        GucFlags::default(),
    );
    GucRegistry::define_bool_guc(
        c"pg_gatehouse.autoconfirm",
        c"Whether the e-mail address given at sign-up counts as confirmed at once.",
        c"Off: sign-up answers without a session and mails a link; turn it off as soon as mail is sent.",
        &AUTOCONFIRM,
        GucContext::Suset,
        GucFlags::default(),
    );
    define_int(
        c"pg_gatehouse.one_time_code_ttl",
        c"Life of a mailed code of six digits, 1 to 10 minutes.",
        &ONE_TIME_CODE_TTL,
        (60, 600),
        GucFlags::UNIT_S,
    );
    define_int(
        c"pg_gatehouse.one_time_link_ttl",
        c"Life of a mailed link, 1 minute to 7 days.",
        &ONE_TIME_LINK_TTL,
        (60, 604_800),
        GucFlags::UNIT_S,
    );
}

fn define_audit() {
    GucRegistry::define_bool_guc(
        c"pg_gatehouse.audit_log",
        c"Write each audit event also as a line of the server's log.",
        c"The line is JSON after the words pg_gatehouse audit. Successes are told once they have committed.",
        &AUDIT_LOG,
        GucContext::Suset,
        GucFlags::default(),
    );
    int(
        c"pg_gatehouse.audit_retention",
        c"Days that audit events are kept, 0 to 36500; 0 keeps them for ever. Whole months are dropped.",
        &AUDIT_RETENTION,
        0,
        36_500,
    );
}

fn define_claims() {
    claim(c"pg_gatehouse.tenant_claim", c"Path of the claim that names the active tenant.", &TENANT_CLAIM);
    claim(c"pg_gatehouse.role_claim", c"Path of the claim that names the database role.", &ROLE_CLAIM);
    claim(
        c"pg_gatehouse.permissions_claim",
        c"Path of the claim that lists permissions.",
        &PERMISSIONS_CLAIM,
    );
    GucRegistry::define_bool_guc(
        c"pg_gatehouse.trust_request_claims",
        c"Without a sealed session, believe request.jwt.claims as PostgREST sets it.",
        c"Any SQL in the session can then forge claims: leave it off unless nobody but PostgREST can send SQL.",
        &TRUST_REQUEST_CLAIMS,
        GucContext::Suset,
        GucFlags::default(),
    );
}

fn int(name: &'static CStr, about: &'static CStr, setting: &'static GucSetting<i32>, min: i32, max: i32) {
    define_int(name, about, setting, (min, max), GucFlags::default());
}

fn define_int(
    name: &'static CStr,
    about: &'static CStr,
    setting: &'static GucSetting<i32>,
    (min, max): (i32, i32),
    flags: GucFlags,
) {
    GucRegistry::define_int_guc(name, about, c"", setting, min, max, GucContext::Suset, flags);
}

fn string(
    name: &'static CStr,
    about: &'static CStr,
    setting: &'static GucSetting<Option<CString>>,
    context: GucContext,
) {
    GucRegistry::define_string_guc(name, about, c"", setting, context, GucFlags::default());
}

fn claim(name: &'static CStr, about: &'static CStr, setting: &'static GucSetting<Option<CString>>) {
    // SAFETY: the hook only reads the new value.
    unsafe {
        GucRegistry::define_string_guc_with_hooks(
            name,
            about,
            c"Names separated by dots; empty means the default. user_metadata never counts.",
            setting,
            GucContext::Suset,
            GucFlags::default(),
            Some(check_claim_path),
            None,
            None,
        );
    }
}

#[pgrx::pg_guard]
unsafe extern "C-unwind" fn check_claim_path(
    new: *mut *mut std::ffi::c_char,
    _extra: *mut *mut std::ffi::c_void,
    _source: pg_sys::GucSource::Type,
) -> bool {
    // SAFETY: PostgreSQL gives a NUL-terminated string or none.
    let path = unsafe { if (*new).is_null() { c"" } else { CStr::from_ptr(*new) } };
    path.to_str().is_ok_and(path_is_trustworthy)
}

fn text(setting: &GucSetting<Option<CString>>) -> String {
    setting.get().map(|value| value.to_string_lossy().into_owned()).unwrap_or_default()
}

fn number(setting: &GucSetting<i32>) -> u32 {
    u32::try_from(setting.get()).unwrap_or(0)
}

/// The `iss` of this database's tokens.
pub(crate) fn issuer() -> String {
    text(&ISSUER)
}

/// The `aud` of this database's tokens.
pub(crate) fn audience() -> String {
    text(&AUDIENCE)
}

/// Life of an access token, seconds.
pub(crate) fn access_token_ttl() -> i64 {
    ACCESS_TOKEN_TTL.get().into()
}

/// Path of the master key file; empty when not set.
pub(crate) fn master_key_file() -> String {
    text(&MASTER_KEY_FILE)
}

/// Name of the header with the client's address; empty when the connection's own counts.
pub(crate) fn client_address_header() -> String {
    text(&CLIENT_ADDRESS_HEADER)
}

/// Path of the file of the master key to come; empty when none is.
pub(crate) fn next_master_key_file() -> String {
    text(&NEXT_MASTER_KEY_FILE)
}

/// Where claims are found.
pub(crate) fn claim_paths() -> ClaimPaths {
    ClaimPaths::from_settings(&text(&TENANT_CLAIM), &text(&ROLE_CLAIM), &text(&PERMISSIONS_CLAIM))
}

/// The settings by which this database's tokens are judged and read.
#[derive(PartialEq, Eq)]
pub(crate) struct TokenRules([Option<CString>; 5]);

/// What they are now.
pub(crate) fn token_rules() -> TokenRules {
    TokenRules([&ISSUER, &AUDIENCE, &TENANT_CLAIM, &ROLE_CLAIM, &PERMISSIONS_CLAIM].map(GucSetting::get))
}

/// Whether audit events are told in the log.
pub(crate) fn audit_log() -> bool {
    AUDIT_LOG.get()
}

/// Whether `request.jwt.claims` is believed.
#[inline]
pub(crate) fn trust_request_claims() -> bool {
    TRUST_REQUEST_CLAIMS.get()
}

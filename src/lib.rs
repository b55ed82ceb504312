//! pg_gatehouse, the PostgreSQL extension: glue between PostgreSQL and `gatehouse-core`.
//!
//! No policy and no cryptography lives here. A file for each thing PostgreSQL lends us:
//!
//! | module | what |
//! | --- | --- |
//! | [`settings`] | every `pg_gatehouse.*` setting |
//! | [`sealed`] | the sealed session: the token setting, its block of claims, the role lock |
//! | [`authenticate`] | `auth.authenticate`, `auth.pre_request` |
//! | [`claims`] | `auth.uid()` and its kin: what policies read |
//! | [`keyring`] | keys, cached in shared memory and in the backend |
//! | [`catalog`] | reading the extension's own tables without SQL |
//! | [`secret`] | keys for hashing and sealing |
//! | [`session_state`] | what a pooled client must not leave behind |
//! | [`password`], [`jwt`] | the pure functions |
//! | [`lint`] | what the isolation tools can not do in SQL |
//! | [`jsonb`] | claims in PostgreSQL's own form |
//! | [`transaction`] | what happens when a transaction ends |
//! | [`report`] | the only place that raises |
//!
//! The SQL side is in `sql/`, in reading order.

use pgrx::prelude::*;
use pgrx::{pg_shmem_init, pg_sys};

mod authenticate;
mod catalog;
mod claims;
#[cfg(feature = "fault_injection")]
mod fault;
mod jsonb;
mod jwt;
mod keyring;
mod lint;
mod password;
mod report;
mod sealed;
mod secret;
mod session_state;
mod settings;
mod transaction;

pgrx::pg_module_magic!(name, version);

extension_sql_file!("../sql/00_schema.sql", name = "00_schema", bootstrap);
extension_sql_file!("../sql/10_password.sql", name = "10_password", requires = ["00_schema"]);
extension_sql_file!("../sql/20_jwt.sql", name = "20_jwt", requires = ["10_password"]);
extension_sql_file!("../sql/30_sealed.sql", name = "30_sealed", requires = ["20_jwt"]);
extension_sql_file!("../sql/38_request.sql", name = "38_request", requires = ["30_sealed"]);
extension_sql_file!("../sql/39_secret.sql", name = "39_secret", requires = ["38_request"]);
extension_sql_file!("../sql/40_tenant.sql", name = "40_tenant", requires = ["39_secret"]);
extension_sql_file!("../sql/41_user.sql", name = "41_user", requires = ["40_tenant"]);
extension_sql_file!("../sql/42_membership.sql", name = "42_membership", requires = ["41_user"]);
extension_sql_file!("../sql/43_session.sql", name = "43_session", requires = ["42_membership"]);
extension_sql_file!("../sql/44_signing_key.sql", name = "44_signing_key", requires = ["43_session"]);
extension_sql_file!("../sql/45_audit_event.sql", name = "45_audit_event", requires = ["44_signing_key"]);
extension_sql_file!("../sql/46_throttle.sql", name = "46_throttle", requires = ["45_audit_event"]);
extension_sql_file!("../sql/49_interim.sql", name = "49_interim", requires = ["46_throttle"]);
extension_sql_file!("../sql/50_sign_up.sql", name = "50_sign_up", requires = ["49_interim"]);
extension_sql_file!("../sql/51_sign_in.sql", name = "51_sign_in", requires = ["50_sign_up"]);
extension_sql_file!("../sql/52_create_tenant.sql", name = "52_create_tenant", requires = ["51_sign_in"]);
extension_sql_file!("../sql/80_protect.sql", name = "80_protect", requires = ["52_create_tenant"]);
extension_sql_file!("../sql/81_lint_catalog.sql", name = "81_lint_catalog", requires = ["80_protect"]);
extension_sql_file!("../sql/82_lint_table.sql", name = "82_lint_table", requires = ["81_lint_catalog"]);
extension_sql_file!("../sql/83_lint_policy.sql", name = "83_lint_policy", requires = ["82_lint_table"]);
extension_sql_file!("../sql/84_lint_access.sql", name = "84_lint_access", requires = ["83_lint_policy"]);
extension_sql_file!("../sql/85_lint_server.sql", name = "85_lint_server", requires = ["84_lint_access"]);
extension_sql_file!("../sql/86_lint.sql", name = "86_lint", requires = ["85_lint_server"]);
extension_sql_file!("../sql/87_explain_access.sql", name = "87_explain_access", requires = ["86_lint"]);
extension_sql_file!("../sql/90_pgjwt.sql", name = "90_pgjwt", requires = ["87_explain_access"]);
#[cfg(feature = "fault_injection")]
extension_sql_file!("../sql/99_fault_injection.sql", name = "99_fault_injection", requires = ["90_pgjwt"]);

/// Called when the library is loaded: by the postmaster (preloaded) or by one backend.
#[pg_guard]
pub extern "C-unwind" fn _PG_init() {
    report::silence_backtraces();
    settings::define();
    session_state::define();
    // SAFETY: PostgreSQL sets the flag before it calls us, and nothing else runs.
    let preloaded = unsafe { pg_sys::process_shared_preload_libraries_in_progress };
    sealed::define(preloaded);
    if preloaded {
        // Once, before the server forks: all backends share the dictionaries.
        gatehouse_core::password::warm_up();
        pg_shmem_init!(KEYRING);
        transaction::watch();
        keyring::watch();
        session_state::watch();
    }
    reserve_prefix();
}

use keyring::shared::KEYRING;

/// Misspelt `pg_gatehouse.*` settings are errors instead of placeholders.
fn reserve_prefix() {
    // SAFETY: the argument is a NUL-terminated literal.
    #[cfg(not(feature = "pg14"))]
    unsafe {
        pg_sys::MarkGUCPrefixReserved(c"pg_gatehouse".as_ptr());
    }
    // SAFETY: as above.
    #[cfg(feature = "pg14")]
    unsafe {
        pg_sys::EmitWarningsOnPlaceholders(c"pg_gatehouse".as_ptr());
    }
}

//! pg_gatehouse, the PostgreSQL extension: glue between PostgreSQL and `gatehouse-core`.
//!
//! No policy and no cryptography lives here. A file for each thing PostgreSQL lends us:
//!
//! | module | what |
//! | --- | --- |
//! | [`settings`] | every `pg_gatehouse.*` setting |
//! | [`sealed`] | the sealed session: the token setting, its block of claims, the role lock |
//! | [`authenticate`] | `auth.authenticate`, `auth.pre_request` |
//! | [`verified`] | tokens that were verified a while ago |
//! | [`api_key`] | API keys in the place of tokens |
//! | [`issuer`] | tokens of other identity providers |
//! | [`claims`] | `auth.uid()` and its kin: what policies read |
//! | [`keyring`] | keys, cached in shared memory and in the backend |
//! | [`membership`] | what a user may do in a tenant now |
//! | [`catalog`] | reading the extension's own tables without SQL |
//! | [`membership`], [`permission`] | what a user may do in a tenant now |
//! | [`invitation`] | tokens of invitations |
//! | [`hook`] | the deployment's own functions |
//! | [`secret`] | keys for hashing and sealing |
//! | [`session`] | whether the session of an access token lives, and the token's id |
//! | [`refresh_token`] | making, hashing and following refresh tokens |
//! | [`audit`], [`ring`], [`worker`] | audit events and what else outlives a rollback |
//! | [`redact`] | no secret in the log |
//! | [`session_state`] | what a pooled client must not leave behind |
//! | [`throttle`] | counters in shared memory |
//! | [`factor`], [`attempts`] | one-time codes, TOTP, and how often they were tried |
//! | [`password`], [`jwt`], [`pkce`] | the pure functions |
//! | [`apart`] | hashing gives way to whoever asks for data |
//! | [`jsonb`] | claims in PostgreSQL's own form |
//! | [`lint`] | what the isolation tools can not do in SQL |
//! | [`transaction`] | what happens when a transaction ends |
//! | [`report`] | the only place that raises |
//!
//! The SQL side is in `sql/`, in reading order.

use pgrx::prelude::*;
use pgrx::{pg_shmem_init, pg_sys};

mod apart;
mod api_key;
mod attempts;
mod audit;
mod authenticate;
mod catalog;
mod claims;
mod factor;
#[cfg(feature = "fault_injection")]
mod fault;
mod hook;
mod invitation;
mod issuer;
mod jsonb;
mod jwt;
mod keyring;
mod lint;
mod membership;
mod password;
mod permission;
mod pkce;
mod redact;
mod refresh_token;
mod report;
mod ring;
mod sealed;
mod secret;
mod session;
mod session_state;
mod settings;
mod throttle;
mod transaction;
mod verified;
mod worker;

pgrx::pg_module_magic!(name, version);

extension_sql_file!("../sql/00_schema.sql", name = "00_schema", bootstrap);
extension_sql_file!("../sql/10_password.sql", name = "10_password", requires = ["00_schema"]);
extension_sql_file!("../sql/20_jwt.sql", name = "20_jwt", requires = ["10_password"]);
extension_sql_file!("../sql/30_sealed.sql", name = "30_sealed", requires = ["20_jwt"]);
extension_sql_file!("../sql/38_request.sql", name = "38_request", requires = ["30_sealed"]);
extension_sql_file!("../sql/39_hook.sql", name = "39_hook", requires = ["38_request"]);
extension_sql_file!("../sql/39_secret.sql", name = "39_secret", requires = ["39_hook"]);
extension_sql_file!("../sql/40_tenant.sql", name = "40_tenant", requires = ["39_secret"]);
extension_sql_file!("../sql/41_user.sql", name = "41_user", requires = ["40_tenant"]);
extension_sql_file!("../sql/42_membership.sql", name = "42_membership", requires = ["41_user"]);
extension_sql_file!("../sql/43_session.sql", name = "43_session", requires = ["42_membership"]);
extension_sql_file!("../sql/43_sign_in_result.sql", name = "43_sign_in_result", requires = ["43_session"]);
extension_sql_file!("../sql/44_signing_key.sql", name = "44_signing_key", requires = ["43_sign_in_result"]);
extension_sql_file!("../sql/45_audit_event.sql", name = "45_audit_event", requires = ["44_signing_key"]);
extension_sql_file!("../sql/45_audit_read.sql", name = "45_audit_read", requires = ["45_audit_event"]);
extension_sql_file!("../sql/45_audit_seal.sql", name = "45_audit_seal", requires = ["45_audit_read"]);
extension_sql_file!("../sql/45_audit_upkeep.sql", name = "45_audit_upkeep", requires = ["45_audit_seal"]);
extension_sql_file!("../sql/46_throttle.sql", name = "46_throttle", requires = ["45_audit_upkeep"]);
extension_sql_file!("../sql/47_role.sql", name = "47_role", requires = ["46_throttle"]);
extension_sql_file!("../sql/48_access.sql", name = "48_access", requires = ["47_role"]);
extension_sql_file!("../sql/48_invitation.sql", name = "48_invitation", requires = ["48_access"]);
extension_sql_file!("../sql/49_refresh_token.sql", name = "49_refresh_token", requires = ["48_invitation"]);
extension_sql_file!(
    "../sql/49_session_token.sql",
    name = "49_session_token",
    requires = ["49_refresh_token"]
);
extension_sql_file!("../sql/50_sign_up.sql", name = "50_sign_up", requires = ["49_session_token"]);
extension_sql_file!("../sql/51_sign_in.sql", name = "51_sign_in", requires = ["50_sign_up"]);
extension_sql_file!("../sql/52_actor.sql", name = "52_actor", requires = ["51_sign_in"]);
extension_sql_file!("../sql/52_create_tenant.sql", name = "52_create_tenant", requires = ["52_actor"]);
extension_sql_file!("../sql/52_tenant.sql", name = "52_tenant", requires = ["52_create_tenant"]);
extension_sql_file!("../sql/53_invite.sql", name = "53_invite", requires = ["52_tenant"]);
extension_sql_file!("../sql/53_member.sql", name = "53_member", requires = ["53_invite"]);
extension_sql_file!("../sql/53_role.sql", name = "53_role", requires = ["53_member"]);
extension_sql_file!("../sql/53_switch_tenant.sql", name = "53_switch_tenant", requires = ["53_role"]);
extension_sql_file!("../sql/54_refresh.sql", name = "54_refresh", requires = ["53_switch_tenant"]);
extension_sql_file!("../sql/55_session.sql", name = "55_session", requires = ["54_refresh"]);
extension_sql_file!("../sql/56_update_user.sql", name = "56_update_user", requires = ["55_session"]);
extension_sql_file!(
    "../sql/60_one_time_token.sql",
    name = "60_one_time_token",
    requires = ["56_update_user"]
);
extension_sql_file!("../sql/61_mail_outbox.sql", name = "61_mail_outbox", requires = ["60_one_time_token"]);
extension_sql_file!("../sql/62_request_mail.sql", name = "62_request_mail", requires = ["61_mail_outbox"]);
extension_sql_file!("../sql/63_proved_user.sql", name = "63_proved_user", requires = ["62_request_mail"]);
extension_sql_file!("../sql/63_verify_otp.sql", name = "63_verify_otp", requires = ["63_proved_user"]);
extension_sql_file!("../sql/64_mfa_factor.sql", name = "64_mfa_factor", requires = ["63_verify_otp"]);
extension_sql_file!("../sql/65_verify_factor.sql", name = "65_verify_factor", requires = ["64_mfa_factor"]);
extension_sql_file!(
    "../sql/65_recovery_code.sql",
    name = "65_recovery_code",
    requires = ["65_verify_factor"]
);
extension_sql_file!(
    "../sql/66_second_factor.sql",
    name = "66_second_factor",
    requires = ["65_recovery_code"]
);
extension_sql_file!("../sql/67_email_change.sql", name = "67_email_change", requires = ["66_second_factor"]);
extension_sql_file!("../sql/68_pkce.sql", name = "68_pkce", requires = ["67_email_change"]);
extension_sql_file!("../sql/69_anonymous.sql", name = "69_anonymous", requires = ["68_pkce"]);
extension_sql_file!("../sql/70_api_key.sql", name = "70_api_key", requires = ["69_anonymous"]);
extension_sql_file!(
    "../sql/71_external_identity.sql",
    name = "71_external_identity",
    requires = ["70_api_key"]
);
extension_sql_file!(
    "../sql/71_trusted_issuer.sql",
    name = "71_trusted_issuer",
    requires = ["71_external_identity"]
);
extension_sql_file!("../sql/72_admin.sql", name = "72_admin", requires = ["71_trusted_issuer"]);
extension_sql_file!("../sql/72_admin_ban.sql", name = "72_admin_ban", requires = ["72_admin"]);
extension_sql_file!("../sql/72_admin_link.sql", name = "72_admin_link", requires = ["72_admin_ban"]);
extension_sql_file!("../sql/72_admin_factor.sql", name = "72_admin_factor", requires = ["72_admin_link"]);
extension_sql_file!("../sql/72_admin_read.sql", name = "72_admin_read", requires = ["72_admin_factor"]);
extension_sql_file!("../sql/73_master_key.sql", name = "73_master_key", requires = ["72_admin_read"]);
extension_sql_file!(
    "../sql/75_public_settings.sql",
    name = "75_public_settings",
    requires = ["73_master_key"]
);
extension_sql_file!("../sql/80_protect.sql", name = "80_protect", requires = ["75_public_settings"]);
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
    apart::hush();
    settings::define();
    hook::define();
    session_state::define();
    // SAFETY: PostgreSQL sets the flag before it calls us, and nothing else runs.
    let preloaded = unsafe { pg_sys::process_shared_preload_libraries_in_progress };
    sealed::define(preloaded);
    if preloaded {
        // Once, before the server forks: all backends share the dictionaries.
        gatehouse_core::password::warm_up();
        pg_shmem_init!(KEYRING);
        pg_shmem_init!(THROTTLE = ());
        pg_shmem_init!(ATTEMPTS);
        pg_shmem_init!(RING);
        redact::install();
        pg_shmem_init!(USES);
        transaction::watch();
        keyring::watch();
        catalog::watch();
        issuer::watch();
        session_state::watch();
        throttle::limits::watch();
    }
    reserve_prefix();
}

use api_key::uses::USES;
use attempts::ATTEMPTS;
use keyring::shared::KEYRING;
use ring::RING;
use throttle::memory::THROTTLE;

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

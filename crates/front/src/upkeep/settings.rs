//! The configuration that the database has: `alter role authenticator set pgrst.…`.

use std::collections::BTreeMap;

use crate::config::Qualified;
use crate::pg::{Pool, Step, Value, oid};
use crate::schema_cache::LoadError;
use crate::sql;

/// The names that count there.
const NAMES: [&str; 24] = [
    "client_error_verbosity",
    "db_aggregates_enabled",
    "db_anon_role",
    "db_extra_search_path",
    "db_hoisted_tx_settings",
    "db_max_rows",
    "db_plan_enabled",
    "db_pre_request",
    "db_prepared_statements",
    "db_root_spec",
    "db_schemas",
    "db_tx_end",
    "jwt_aud",
    "jwt_cache_max_entries",
    "jwt_role_claim_key",
    "jwt_secret",
    "jwt_secret_is_base64",
    "openapi_mode",
    "openapi_security_active",
    "openapi_server_proxy_uri",
    "server_cors_allowed_origins",
    "server_timing_enabled",
    "server_trace_header",
    "url_use_legacy_target_names",
];

/// Reads them, after the operator's function has had its say if there is one.
pub(super) async fn read(
    pool: &Pool,
    pre_config: Option<&Qualified>,
) -> Result<BTreeMap<String, String>, LoadError> {
    let names = serde_json::to_vec(&NAMES)?;
    let values: [Value<'_>; 1] = [Some(&names)];
    let call = pre_config.map(sql::pre_request);
    let mut steps: Vec<Step<'_>> = call.iter().map(|sql| Step::new(sql, &[], &[])).collect();
    steps.push(Step::kept(include_str!("settings.sql"), &[oid::JSON], &values));
    let rows = pool.run(&steps).await?;
    let [json] = rows.first().map(|row| row.columns()).unwrap_or_default();
    Ok(serde_json::from_slice(&json.unwrap_or_default())?)
}

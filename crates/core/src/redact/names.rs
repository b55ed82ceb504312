//! The one table of what carries secrets, and whether a text speaks of it.
//!
//! Whatever is in schema `auth` and not known to be harmless counts, so that a new function is
//! covered before anybody thinks of this table.

/// Functions of schema `auth` that take and give nothing secret: policies and views are full of
/// them, and what they are compared with may stay in the log.
const HARMLESS: [&str; 28] = [
    "aal",
    "admin_list_events",
    "claims",
    "deny",
    "email",
    "explain_access",
    "has_permission",
    "has_role",
    "is_operator",
    "jwks",
    "jwt",
    "lint",
    "maintain_audit",
    "my_events",
    "my_factors",
    "my_sessions",
    "my_tenants",
    "protect",
    "public_settings",
    "request_ip",
    "role",
    "seal_audit",
    "session_id",
    "tenant_events",
    "tenant_id",
    "uid",
    "user_id",
    "verify_audit",
];

/// Functions that take or give secrets, for calls without the schema in front.
pub const SECRET: [&str; 102] = [
    "accept_invitation",
    "account_of",
    "address_subject",
    "admin_check",
    "admin_create_user",
    "admin_generate_link",
    "admin_update_user",
    "authenticate",
    "challenge_factor",
    "challenge_mac",
    "check_password",
    "check_password_for",
    "check_password_of_length",
    "code_challenge_met",
    "code_hash",
    "code_matches",
    "confirm_email",
    "create_api_key",
    "describe_api_key",
    "enqueue_mail",
    "enroll_totp",
    "exchange_code",
    "follow_link",
    "follow_refresh_chain",
    "generate_recovery_codes",
    "generate_signing_key",
    "hash_password",
    "import_signing_key",
    "import_user",
    "invitation_token_hash",
    "invite",
    "issue_access_token",
    "issue_one_time_token",
    "judge_password",
    "jwk_thumbprint",
    "jwt_decode_unverified",
    "jwt_sign",
    "jwt_verify",
    "keyed_hash",
    "let_in",
    "link_identity",
    "mail_token",
    "make_api_key",
    "make_invitation_token",
    "match_new_address",
    "match_totp",
    "mint_session_token",
    "mint_token",
    "new_one_time_secret",
    "new_recovery_codes",
    "new_refresh_token",
    "new_totp",
    "next_refresh_token",
    "open_link",
    "open_session",
    "password_needs_rehash",
    "password_refusal",
    "password_words",
    "read_code",
    "read_link_token",
    "read_recovery_code",
    "read_signing_key",
    "reauthenticate",
    "recovery_code_hash",
    "redeem",
    "redeem_email_change",
    "refresh",
    "refresh_access",
    "refresh_token_hash",
    "request_email_change",
    "request_otp",
    "request_recovery",
    "resend",
    "revoke_api_key",
    "rotate_master_key",
    "rotate_refresh_token",
    "seal",
    "sign",
    "sign_access_token",
    "sign_in",
    "sign_in_external",
    "sign_up",
    "sign_up_unconfirmed",
    "spend_one_time_token",
    "spend_reauthentication",
    "switch_tenant",
    "test_totp_code",
    "trust_issuer",
    "unconfirmed_user",
    "unenroll_factor",
    "unseal",
    "update_jwks",
    "update_refusal",
    "update_user",
    "verify",
    "verify_credential",
    "verify_external",
    "verify_factor",
    "verify_link",
    "verify_otp",
    "verify_password",
    "verify_recovery_code",
];

/// Settings whose value is a secret or holds one: prefix and name.
const SETTINGS: [(&str, &str); 3] =
    [("pg_gatehouse", "token"), ("request", "headers"), ("request", "cookies")];

/// Whether the text speaks of something that carries secrets. In SQL also passwords of roles, and
/// arguments of prepared statements, for which nobody can tell what they are.
pub(super) fn mentions(text: &str, is_sql: bool) -> bool {
    let mut rest = text;
    while let Some((word, after)) = next_word(rest) {
        rest = after;
        let following = skip_filler(after);
        if word.eq_ignore_ascii_case("u") && after.starts_with("&\"") {
            // A name in Unicode escapes: it may be any.
            return true;
        }
        if let Some(member) = following.strip_prefix('.') {
            if speaks_of_secrets(word, skip_filler(member)) {
                return true;
            }
        } else if following.starts_with('(') && is_one_of(&SECRET, word) {
            return true;
        }
        if is_sql && (word.eq_ignore_ascii_case("password") || executes(word, following)) {
            return true;
        }
    }
    false
}

fn speaks_of_secrets(schema: &str, member: &str) -> bool {
    let name = match next_word(member) {
        Some((name, _)) if member.starts_with(name) => name,
        _ => return schema.eq_ignore_ascii_case("auth"),
    };
    if schema.eq_ignore_ascii_case("auth") {
        return !is_one_of(&HARMLESS, name);
    }
    SETTINGS
        .iter()
        .any(|(prefix, setting)| schema.eq_ignore_ascii_case(prefix) && name.eq_ignore_ascii_case(setting))
}

/// `execute name (…)`.
fn executes(word: &str, following: &str) -> bool {
    word.eq_ignore_ascii_case("execute")
        && next_word(following)
            .is_some_and(|(name, after)| following.starts_with(name) && skip_filler(after).starts_with('('))
}

fn is_one_of(names: &[&str], word: &str) -> bool {
    names.iter().any(|name| name.eq_ignore_ascii_case(word))
}

/// The next identifier, with or without quotes around it, and what comes after it.
fn next_word(text: &str) -> Option<(&str, &str)> {
    let start = text.find(is_word)?;
    let word = &text[start..];
    let end = word.find(|symbol| !is_word(symbol)).unwrap_or(word.len());
    Some(word.split_at(end))
}

pub(super) fn is_word(symbol: char) -> bool {
    symbol.is_ascii_alphanumeric() || symbol == '_' || !symbol.is_ascii()
}

/// Skips white space, quotes around names, and comments.
fn skip_filler(mut text: &str) -> &str {
    loop {
        let trimmed =
            text.trim_start_matches(|symbol: char| symbol.is_whitespace() || symbol == '"' || symbol == '\\');
        let after = if let Some(comment) = trimmed.strip_prefix("--") {
            comment.split_once('\n').map_or("", |(_, after)| after)
        } else if let Some(comment) = trimmed.strip_prefix("/*") {
            comment.split_once("*/").map_or("", |(_, after)| after)
        } else {
            return trimmed;
        };
        text = after;
    }
}

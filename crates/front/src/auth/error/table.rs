//! The one table of refusals: what the database calls it, and what HTTP says. The names are statuses
//! of result rows and codes in the DETAIL of errors; codes and statuses are Supabase Auth's where it
//! has them.
//!
//! No refusal is a 5xx: clients take those for an outage and try again. A hook of the operator that
//! fails is one: a client that was refused would sign its user out.

/// How a refusal is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) status: u16,
    /// Stable and published.
    pub(super) code: &'static str,
    /// For whoever reads it, where the database gives no text of its own.
    pub(super) text: &'static str,
}

/// The refusal of this name.
pub(super) fn find(name: &str) -> Option<Refusal> {
    let at = TABLE.binary_search_by_key(&name, |row| row.0).ok()?;
    TABLE.get(at).map(|&(name, status, code, text)| {
        let code = if code.is_empty() { name } else { code };
        Refusal { status, code, text }
    })
}

const INVALID: &str = "validation_failed";
const NO_USER: &str = "This token belongs to no session of a user";
const NOT_ADMIN: &str = "User not allowed";

/// Name, HTTP status, code (empty: the name), text. Sorted by name.
#[rustfmt::skip]
pub(super) const TABLE: &[(&str, u16, &str, &str)] = &[
    ("already_member", 422, "", "A user with this address is a member already"),
    ("anonymous_provider_disabled", 422, "", "Anonymous sign-ins are disabled"),
    ("api_key_expiry_invalid", 400, INVALID, "expires_at must be in the future"),
    ("api_key_name_invalid", 400, INVALID, "name must have 1 to 100 characters"),
    ("api_key_permissions_malformed", 400, INVALID, "permissions must be up to 100 texts of the form resource:action"),
    ("bad_code_verifier", 400, "", "The code verifier does not match the code challenge"),
    ("ban_duration_invalid", 400, INVALID, "ban_duration must be none, infinity or a length of time such as 24h"),
    ("confirmation_mismatch", 400, INVALID, "confirm_slug must be the tenant's slug"),
    ("description_invalid", 400, INVALID, "description must have at most 500 characters"),
    ("device_name_invalid", 400, INVALID, "device_name must have at most 100 characters and no control characters"),
    ("email_address_invalid", 400, INVALID, "Unable to validate email address: invalid format"),
    ("email_address_not_authorized", 400, "", "This email address can not be used here"),
    ("email_exists", 422, "", "A user with this email address has already been registered"),
    ("email_not_confirmed", 400, "", "Email not confirmed"),
    ("flow_state_expired", 422, "", "The auth code has expired"),
    ("flow_state_not_found", 404, "", "The auth code is not known"),
    ("hash_malformed", 400, INVALID, "password_hash is malformed"),
    ("hash_parameters_out_of_range", 400, INVALID, "password_hash asks for more work than is accepted"),
    ("hash_unknown_format", 400, INVALID, "password_hash is in no supported format"),
    ("hook_failed", 500, "", "A hook of the operator failed"),
    ("hook_rejected", 422, "", "The operator does not allow this"),
    ("identity_already_exists", 422, "", "This identity is linked to another user"),
    ("identity_not_linked", 400, "", "This identity belongs to no user here"),
    ("insufficient_aal", 403, "", "AAL2 session is required"),
    ("invalid_credentials", 400, "", "Invalid login credentials"),
    ("invite_not_found", 404, "", "The invitation does not exist or does not count any more"),
    ("last_owner", 422, "", "The tenant's last owner stays: make somebody else an owner first"),
    ("member_not_found", 404, "", "The user is no member of this tenant"),
    ("mfa_challenge_expired", 422, "", "Challenge has expired, create a new one"),
    ("mfa_factor_name_conflict", 422, "", "A factor with this friendly name exists"),
    ("mfa_factor_not_found", 404, "", "Factor not found"),
    ("mfa_required", 401, "", "Verify a second factor to continue"),
    ("mfa_verification_failed", 422, "", "Invalid TOTP code entered"),
    ("not_authenticated", 403, "bad_jwt", NO_USER),
    ("operator_required", 403, "not_admin", NOT_ADMIN),
    ("otp_disabled", 422, "", "Signups not allowed for otp"),
    ("otp_expired", 403, "", "Token has expired or is invalid"),
    ("owner_required", 403, "", "Only an owner of the tenant may do this"),
    ("owner_role_is_fixed", 422, "", "The role \"owner\" can not be changed or deleted"),
    ("page_invalid", 400, INVALID, "page must be 1 or more, per_page 1 to 1000"),
    ("password_empty", 400, INVALID, "password is empty"),
    ("password_has_nul", 400, INVALID, "password holds a NUL character"),
    ("password_too_long", 400, INVALID, "Password cannot be longer than 1024 bytes"),
    ("password_too_long_for_bcrypt", 400, INVALID, "Password cannot be longer than 72 bytes"),
    ("permission_denied", 403, "permission_missing", "You do not have the permission to do this"),
    ("permission_malformed", 400, INVALID, "permissions must be up to 200 texts of the form resource:action, * for any"),
    ("permission_missing", 403, "", "You do not have the permission to do this"),
    ("permission_not_held", 403, "", "Nobody gives or takes permissions that they do not hold"),
    ("reauthentication_needed", 400, "", "Password update requires reauthentication"),
    ("reauthentication_not_valid", 422, "", "Nonce has expired or is invalid"),
    ("refresh_token_already_used", 400, "", "Invalid Refresh Token: Already Used"),
    ("refresh_token_not_found", 400, "", "Invalid Refresh Token: Refresh Token Not Found"),
    ("role_name_invalid", 400, INVALID, "name must be a lower-case letter and up to 62 more letters, digits, \"_\" and \"-\""),
    ("role_name_taken", 422, "", "There is a role of this name"),
    ("role_not_found", 404, "", "There is no such role in this tenant"),
    ("role_not_held", 403, "", "A key can not have roles that its maker does not hold"),
    ("same_password", 422, "", "New password should be different from the old password."),
    ("scope_unknown", 400, INVALID, "scope must be global, local or others"),
    ("session_expired", 400, "", "Invalid Refresh Token: Session Expired"),
    ("session_not_found", 403, "", "Session from session_id claim in JWT does not exist"),
    ("session_required", 403, "", "This needs a token that belongs to a session, not an API key"),
    ("signup_disabled", 422, "", "Signups not allowed for this instance"),
    ("single_identity_not_deletable", 422, "", "This is the only way to sign in"),
    ("tenant_name_invalid", 400, INVALID, "name must have 1 to 200 characters"),
    ("tenant_not_active", 403, "", "This is not the active tenant; switch to it first"),
    ("tenant_not_found", 404, "", "You are in no such tenant"),
    ("tenant_required", 400, INVALID, "tenant_id is missing"),
    ("tenant_setting_invalid", 400, INVALID, "A setting of the tenant has a wrong type or value"),
    ("tenant_setting_unknown", 400, INVALID, "There is no such setting of a tenant"),
    ("tenant_slug_invalid", 400, INVALID, "slug must be 1 to 63 lower-case letters, digits and inner hyphens"),
    ("tenant_slug_taken", 422, "", "This tenant slug is taken"),
    ("throttled", 429, "over_request_rate_limit", "Request rate limit reached"),
    ("too_many_enrolled_mfa_factors", 422, "", "Maximum number of verified factors reached, unenroll to continue"),
    ("too_many_roles", 422, "", "A tenant has at most 200 roles"),
    ("user_already_exists", 422, "", "User already registered"),
    ("user_banned", 400, "", "User is banned"),
    ("user_not_found", 404, "", "User not found"),
    ("user_of_another_pool", 403, "", "Users of an isolated tenant can not do this"),
    ("validation_failed", 400, "", "The request is not valid"),
    ("weak_password", 422, "", "The password is too weak"),
];

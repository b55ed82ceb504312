//! The one table that maps each error to what the outside is told.

use crate::Error;

/// How an error is told: stable code, SQLSTATE, HTTP status and public text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wire {
    /// Stable snake_case code; SQL puts it in DETAIL, HTTP in the body.
    pub code: &'static str,
    /// Five characters of SQLSTATE.
    pub sqlstate: &'static str,
    /// HTTP status.
    pub http: u16,
    /// What anybody may read. The same text for all token errors, so that it teaches nothing.
    pub public: &'static str,
}

const TOKEN: &str = "invalid token";
const PASSWORD: &str = "the password is not acceptable";
const HASH: &str = "the password hash is not acceptable";
const KEY: &str = "the key is not acceptable";
const THROTTLE: &str = "the throttle does not know what is asked";
const INTERNAL: &str = "internal error";

const fn token(code: &'static str) -> Wire {
    Wire { code, sqlstate: "28000", http: 401, public: TOKEN }
}

const fn input(code: &'static str, public: &'static str) -> Wire {
    Wire { code, sqlstate: "22023", http: 400, public }
}

/// Class 38: what somebody else's routine did.
const fn hook(code: &'static str, http: u16, public: &'static str) -> Wire {
    Wire { code, sqlstate: "38000", http, public }
}

const fn internal(code: &'static str) -> Wire {
    Wire { code, sqlstate: "58000", http: 500, public: INTERNAL }
}

impl From<&Error> for Wire {
    fn from(error: &Error) -> Self {
        match error {
            Error::ApiKeyInvalid => token("api_key_invalid"),
            Error::ApiKeyMalformed => token("api_key_malformed"),
            Error::AlgorithmUnknown => input("algorithm_unknown", KEY),
            Error::HashAlgorithmUnknown => input("hash_algorithm_unknown", HASH),
            Error::HashCostOutOfRange { .. } => input("hash_cost_out_of_range", HASH),
            Error::HashMalformed => input("hash_malformed", HASH),
            Error::HashOutOfMemory => internal("hash_out_of_memory"),
            Error::HashParametersOutOfRange => input("hash_parameters_out_of_range", HASH),
            Error::HashUnknownFormat => input("hash_unknown_format", HASH),
            Error::HeaderMemberRefused { .. } => input("header_member_refused", KEY),
            Error::HookFailed => hook("hook_failed", 500, "a hook of this deployment failed"),
            Error::HookRejected { .. } => hook("hook_rejected", 422, "the sign-up was refused"),
            Error::KeyAlgorithmMismatch => input("key_algorithm_mismatch", KEY),
            Error::KeyMalformed => input("key_malformed", KEY),
            Error::KeyOperationFailed => internal("key_operation_failed"),
            Error::KeyNotPrivate => input("key_not_private", KEY),
            Error::KeyTooWeak { .. } => input("key_too_weak", KEY),
            Error::KeyUnsupported => input("key_unsupported", KEY),
            Error::LeewayOutOfRange => input("leeway_out_of_range", KEY),
            Error::MasterKeyMalformed => internal("master_key_malformed"),
            Error::PasswordEmpty => input("password_empty", PASSWORD),
            Error::PasswordHasNul => input("password_has_nul", PASSWORD),
            Error::PasswordTooLong => input("password_too_long", PASSWORD),
            Error::PasswordTooLongForBcrypt => input("password_too_long_for_bcrypt", PASSWORD),
            Error::SealBroken => internal("seal_broken"),
            Error::ThrottleActUnknown => input("throttle_act_unknown", THROTTLE),
            Error::ThrottleLimitOutOfRange => input("throttle_limit_out_of_range", THROTTLE),
            Error::TokenAlgorithmNotAllowed => token("token_algorithm_not_allowed"),
            Error::TokenAlgorithmUnknown => token("token_algorithm_unknown"),
            Error::TokenAudienceMismatch => token("token_audience_mismatch"),
            Error::TokenClaimInvalid { .. } => token("token_claim_invalid"),
            Error::TokenClaimMissing { .. } => token("token_claim_missing"),
            Error::TokenCriticalHeader => token("token_critical_header"),
            Error::TokenDuplicateMember => token("token_duplicate_member"),
            Error::TokenEmbeddedKey => token("token_embedded_key"),
            Error::TokenExpired => token("token_expired"),
            Error::TokenIssuerMismatch => token("token_issuer_mismatch"),
            Error::TokenKeyUnknown => token("token_key_unknown"),
            Error::TokenMalformed => token("token_malformed"),
            Error::TokenNotYetValid => token("token_not_yet_valid"),
            Error::TokenRoleNotAllowed => token("token_role_not_allowed"),
            Error::TokenRevoked => token("token_revoked"),
            Error::TokenSignatureInvalid => token("token_signature_invalid"),
            Error::TokenTooLarge => token("token_too_large"),
            Error::TokenTypeMismatch => token("token_type_mismatch"),
        }
    }
}

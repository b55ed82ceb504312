//! What can go wrong, and who erred.

/// The result of a decision.
pub type Result<T> = std::result::Result<T, Error>;

/// Every way in which the core refuses. No variant carries a secret, a password, a token or a key.
///
/// The `Display` text is for the log and for SQL; what HTTP clients are told is in [`crate::wire`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Begins like an API key and is none: a typo, or cut.
    #[error("the API key is malformed")]
    ApiKeyMalformed,
    /// No such API key, or it is revoked or expired, or its user or tenant may not act.
    #[error("the API key is not valid")]
    ApiKeyInvalid,
    /// The name is none of the supported password hash algorithms.
    #[error("unknown password hash algorithm; use \"bcrypt\" or \"argon2id\"")]
    HashAlgorithmUnknown,
    /// The hash begins like a known format but does not parse.
    #[error("the password hash is malformed")]
    HashMalformed,
    /// The memory that the hash needs could not be allocated.
    #[error("not enough memory to compute the password hash")]
    HashOutOfMemory,
    /// The hash asks for more work or memory than this server is willing to spend on it.
    #[error("the password hash has parameters beyond the accepted limits")]
    HashParametersOutOfRange,
    /// The hash is in none of the supported formats.
    #[error(
        "unknown password hash format; supported are bcrypt, argon2id, argon2i, scrypt, fbscrypt and pbkdf2-sha256/sha512"
    )]
    HashUnknownFormat,
    /// The cost is outside the accepted range of the algorithm.
    #[error("password hash cost {cost} is out of range: {allowed}")]
    HashCostOutOfRange {
        /// What was asked for.
        cost: i64,
        /// The accepted range, in words.
        allowed: &'static str,
    },
    /// A function that the operator has put in failed, or gave what can not be used; the log says why.
    #[error("a hook of this deployment failed")]
    HookFailed,
    /// A function that the operator has put in refuses a sign-up, in words for the user.
    #[error("{message}")]
    HookRejected {
        /// What the user is told.
        message: Box<str>,
    },
    /// The name is none of the supported signature algorithms; `none` is not one.
    #[error(
        "unknown signature algorithm; supported are HS256, HS384, HS512, RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384 and EdDSA"
    )]
    AlgorithmUnknown,
    /// The header to sign sets what only the signer may set, or what is never understood here.
    #[error("the header member \"{member}\" can not be given")]
    HeaderMemberRefused {
        /// The member's name.
        member: Box<str>,
    },
    /// The key's own algorithm or type does not fit the algorithm asked for.
    #[error("the key does not fit the algorithm")]
    KeyAlgorithmMismatch,
    /// The key is neither a usable secret, PEM, JWK nor JWKS.
    #[error("the key is malformed: expected a secret, a PEM block, a JWK or a JWKS")]
    KeyMalformed,
    /// The cryptographic library or its random generator failed.
    #[error("the cryptographic library failed")]
    KeyOperationFailed,
    /// A public key was given where a private one is needed.
    #[error("the key can not sign: it holds no private part")]
    KeyNotPrivate,
    /// The key is of a type, curve or use that is not supported.
    #[error("the key type, curve or use is not supported")]
    KeyUnsupported,
    /// HMAC secrets shorter than the hash, RSA moduli under 2048 bits.
    #[error("the key is too weak: {need}")]
    KeyTooWeak {
        /// What would be accepted.
        need: &'static str,
    },
    /// Beyond [`crate::jwt::MAX_LEEWAY`], or negative.
    #[error("the leeway must be 0 to 300 seconds")]
    LeewayOutOfRange,
    /// The master key file holds something that is no 256-bit key.
    #[error("the master key must be 32 bytes, written as 64 hexadecimal digits")]
    MasterKeyMalformed,
    /// The empty password.
    #[error("the password is empty")]
    PasswordEmpty,
    /// A password with a NUL byte; bcrypt implementations cut there.
    #[error("the password holds a NUL byte")]
    PasswordHasNul,
    /// Over [`crate::password::MAX_PASSWORD_BYTES`].
    #[error("the password is longer than 1024 bytes")]
    PasswordTooLong,
    /// Over 72 bytes with bcrypt, which would silently ignore the rest.
    #[error("the password is longer than 72 bytes, the limit of bcrypt; use argon2id for longer ones")]
    PasswordTooLongForBcrypt,
    /// The sealed value was changed, or was sealed under another master key or for another purpose.
    #[error("the encrypted value can not be opened with this master key")]
    SealBroken,
    /// The name is none of the acts that are throttled.
    #[error("unknown act; throttled are sign_in, sign_up, refresh, recovery, code, factor and invite")]
    ThrottleActUnknown,
    /// A limit or delay outside its range, or of an unknown scope.
    #[error("the throttle's limit is out of range")]
    ThrottleLimitOutOfRange,
    /// The signature, or the key that should have made it, is not right.
    #[error("the token's signature does not verify")]
    TokenSignatureInvalid,
    /// The token's algorithm is not in the caller's list.
    #[error("the token's algorithm is not allowed here")]
    TokenAlgorithmNotAllowed,
    /// The `alg` is `none` in any spelling, missing, or not one that exists here.
    #[error("the token's algorithm is none or unknown")]
    TokenAlgorithmUnknown,
    /// The `aud` is missing or names somebody else.
    #[error("the token is for another audience")]
    TokenAudienceMismatch,
    /// A registered claim has the wrong type or an impossible value.
    #[error("the claim \"{claim}\" has a wrong type or value")]
    TokenClaimInvalid {
        /// The claim's name.
        claim: Box<str>,
    },
    /// A required claim is not there.
    #[error("the claim \"{claim}\" is required and missing")]
    TokenClaimMissing {
        /// The claim's name.
        claim: Box<str>,
    },
    /// The header has `crit`; no extension is understood here, so it must be refused (RFC 7515 §4.1.11).
    #[error("the token's header has a critical extension that is not understood")]
    TokenCriticalHeader,
    /// Header or claims name a member twice.
    #[error("the token has a member twice")]
    TokenDuplicateMember,
    /// The header brings its own key (`jwk`, `jku`, `x5u`, `x5c`).
    #[error("the token's header brings its own key")]
    TokenEmbeddedKey,
    /// `exp` has passed.
    #[error("the token has expired")]
    TokenExpired,
    /// The `iss` is missing or names somebody else.
    #[error("the token is from another issuer")]
    TokenIssuerMismatch,
    /// The `kid` names no key that is trusted here.
    #[error("the token's key is not known here")]
    TokenKeyUnknown,
    /// Not three segments of canonical base64url with JSON objects in them.
    #[error("the token is malformed")]
    TokenMalformed,
    /// `nbf` or `iat` lies in the future.
    #[error("the token is not yet valid")]
    TokenNotYetValid,
    /// The token names a database role that its issuer may not name, or none where one is needed.
    #[error("the token's issuer may not name this role")]
    TokenRoleNotAllowed,
    /// The session that the token belongs to has ended, or its user or tenant may not act.
    #[error("the token's session has ended")]
    TokenRevoked,
    /// Over [`crate::jwt::MAX_TOKEN_BYTES`].
    #[error("the token is longer than 16 KiB")]
    TokenTooLarge,
    /// Another kind of token (`typ`), such as a refresh or recovery token.
    #[error("the token is of another kind")]
    TokenTypeMismatch,
}

//! `jwt-*`: how the front verifies tokens where the database can not.

use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use super::reader::{ConfigError, Reader};
use super::{ClaimPath, Secret};

/// Everything about tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TokenSettings {
    /// A secret, a JWK or a JWKS, as text that the core reads.
    pub(crate) keys: Secret,
    /// Whether they were given in base64.
    pub(crate) is_base64: bool,
    /// As given, for showing that it is there.
    pub(crate) audience: Option<String>,
    pub(crate) role_claim: ClaimPath,
    /// The most verified tokens that are remembered; 0 for none.
    pub(crate) cache_size: usize,
}

const SECRET: &str = "PGRST_JWT_SECRET";
const SECRET_ALLOWED: &str =
    "at least 32 bytes, a JWK or a JWKS, or @ and the path of a readable file that holds one";

pub(super) fn read(reader: &Reader<'_>) -> Result<Option<TokenSettings>, ConfigError> {
    let role_claim = role_claim(reader)?;
    let audience = audience(reader)?;
    let cache_size = reader.number("PGRST_JWT_CACHE_MAX_ENTRIES", 1000, 0..=1_000_000)?;
    let Some(text) = reader.secret(SECRET, SECRET_ALLOWED)? else { return Ok(None) };
    let alias = "PGRST_SECRET_IS_BASE64";
    let is_base64 = reader.boolean("PGRST_JWT_SECRET_IS_BASE64", reader.boolean(alias, false)?)?;
    let keys = Secret::new(if is_base64 { decode(reader, &text)? } else { text });
    gatehouse_core::jwt::KeySet::parse(keys.expose())
        .map_err(|_| reader.secret_error(SECRET, SECRET_ALLOWED))?;
    Ok(Some(TokenSettings { keys, is_base64, audience, role_claim, cache_size }))
}

/// Base64 in either alphabet; what is inside may be any bytes, so it becomes the key of a JWK.
fn decode(reader: &Reader<'_>, text: &str) -> Result<String, ConfigError> {
    const LENIENT: GeneralPurposeConfig =
        GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    const STANDARD: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, LENIENT);
    let plain = text.trim().replace('_', "/").replace('-', "+").replace('.', "=");
    let bytes = STANDARD.decode(plain).map_err(|_| reader.secret_error(SECRET, "base64"))?;
    // A key set may be encoded too.
    match std::str::from_utf8(&bytes) {
        Ok(text) if text.trim_start().starts_with('{') => Ok(text.to_owned()),
        _ => {
            let key = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(&bytes);
            Ok(format!("{{\"kty\":\"oct\",\"k\":\"{key}\"}}"))
        }
    }
}

fn audience(reader: &Reader<'_>) -> Result<Option<String>, ConfigError> {
    const KEY: &str = "PGRST_JWT_AUD";
    let audience = reader.text(KEY);
    // RFC 7519 §2, StringOrURI: what has a colon must be a URI.
    let is_uri = |text: &str| {
        let scheme = text.split(':').next().unwrap_or_default();
        let mut letters = scheme.chars();
        letters.next().is_some_and(|c| c.is_ascii_alphabetic())
            && letters.all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'))
            && !text.contains([' ', '\t'])
    };
    match audience {
        Some(text) if text.contains(':') && !is_uri(&text) => Err(reader.error(KEY, "a string or a URI")),
        audience => Ok(audience),
    }
}

fn role_claim(reader: &Reader<'_>) -> Result<ClaimPath, ConfigError> {
    const KEY: &str = "PGRST_JWT_ROLE_CLAIM_KEY";
    let text = reader.text(KEY).or_else(|| reader.text("PGRST_ROLE_CLAIM_KEY"));
    text.map_or_else(
        || Ok(ClaimPath::default()),
        |text| {
            ClaimPath::parse(&text).ok_or_else(|| {
                reader.error(KEY, "a path such as $.role, .app.roles[0] or $.roles[?(@ == \"x\")]")
            })
        },
    )
}

//! The SQL functions around keys; `sql/44_signing_key.sql` declares and grants them.

use gatehouse_core::jwt::{Algorithm, ImportedKey, SigningKey};
use pgrx::JsonB;
use pgrx::prelude::*;
use serde_json::{Map, Value};

use super::master;
use crate::authenticate::now;
use crate::report::{Refusal, answer};
use crate::settings;

/// `auth.generate_signing_key(algorithm)`: a fresh key, its private half already sealed.
#[pg_extern(sql = false)]
fn generate_signing_key(
    algorithm: &str,
) -> TableIterator<'static, (name!(kid, String), name!(public_jwk, Option<JsonB>), name!(private_key, Vec<u8>))>
{
    answer(|| {
        let algorithm: Algorithm = algorithm.parse()?;
        let key = SigningKey::generate(algorithm)?;
        let private = master::seal(&key.private, &master::purpose(&key.kid))?;
        let public = (!algorithm.is_symmetric()).then_some(JsonB(Value::Object(key.public_jwk)));
        Ok(TableIterator::once((key.kid, public, private)))
    })
}

/// `auth.read_signing_key(key, algorithm, kid, verify_only)`: a key from elsewhere in the form of a
/// row. A secret that brings no name gets a random one.
#[pg_extern(sql = false)]
fn read_signing_key(
    key: &str,
    algorithm: &str,
    kid: Option<&str>,
    verify_only: bool,
) -> TableIterator<
    'static,
    (name!(kid, String), name!(public_jwk, Option<JsonB>), name!(private_key, Option<Vec<u8>>)),
> {
    answer(|| {
        let key = ImportedKey::parse(key, algorithm.parse()?, kid)?;
        let kid =
            key.kid.unwrap_or_else(|| uuid::Builder::from_random_bytes(random()).into_uuid().to_string());
        // Of a secret the private half is all there is.
        let keep = !verify_only || key.public_jwk.is_none();
        let private = match key.private.filter(|_| keep) {
            Some(private) => Some(master::seal(&private, &master::purpose(&kid))?),
            None => None,
        };
        Ok(TableIterator::once((kid, key.public_jwk.map(|jwk| JsonB(Value::Object(jwk))), private)))
    })
}

/// `auth.reseal(sealed, purpose, key_file)`: the same value sealed under the next master key; none
/// when it is already.
#[pg_extern(sql = false)]
fn reseal(sealed: &[u8], purpose: &str, key_file: &str) -> Option<Vec<u8>> {
    answer(|| master::reseal(sealed, purpose, std::path::Path::new(key_file)))
}

/// `auth.sign_access_token(claims)`: signs with the active key. `iss`, `aud`, `iat`, `nbf`, `exp`
/// and `jti` are added where they are missing.
#[pg_extern(sql = false)]
fn sign_access_token(claims: JsonB) -> String {
    answer(|| {
        let Value::Object(mut claims) = claims.0 else {
            return Err(gatehouse_core::Error::TokenMalformed.into());
        };
        complete(&mut claims);
        super::sign(&claims)
    })
}

fn complete(claims: &mut Map<String, Value>) {
    let now = now();
    let mut add = |name: &str, value: Value| {
        claims.entry(name).or_insert(value);
    };
    add("iss", settings::issuer().into());
    add("aud", settings::audience().into());
    add("iat", now.into());
    add("nbf", now.into());
    add("exp", now.saturating_add(settings::access_token_ttl()).into());
    add("jti", uuid::Builder::from_random_bytes(random()).into_uuid().to_string().into());
}

/// `auth.keyring_changed()`: the trigger on `auth.signing_key`.
///
/// # Safety
/// Called by PostgreSQL only.
#[unsafe(no_mangle)]
unsafe extern "C-unwind" fn gatehouse_keyring_changed(_: pg_sys::FunctionCallInfo) -> pg_sys::Datum {
    answer(|| {
        super::changed(crate::catalog::relation(c"signing_key")?);
        Ok::<_, Refusal>(pg_sys::Datum::from(0_usize))
    })
}

/// Version 1 calling convention.
#[unsafe(no_mangle)]
extern "C-unwind" fn pg_finfo_gatehouse_keyring_changed() -> &'static pg_sys::Pg_finfo_record {
    const VERSION_1: pg_sys::Pg_finfo_record = pg_sys::Pg_finfo_record { api_version: 1 };
    &VERSION_1
}

/// Bytes of the server's strong random source.
pub(crate) fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    // SAFETY: the buffer has that length.
    let good = unsafe { pg_sys::pg_strong_random(bytes.as_mut_ptr().cast(), N) };
    assert!(good, "the server's random source failed");
    bytes
}

//! `auth.jwt_sign` and its kin: arguments → core → result.

use gatehouse_core::Error;
use gatehouse_core::jwt::{self, Algorithm, Expectations, KeySet, SigningKey};
use pgrx::prelude::*;
use pgrx::{JsonB, datum::Interval};
use serde_json::{Map, Value};

use crate::authenticate::now;
use crate::jsonb::Jsonb;
use crate::report::{Refusal, answer};

/// `auth.jwt_sign(claims, key, algorithm, header)`
#[pg_extern(sql = false)]
fn jwt_sign(claims: JsonB, key: &str, algorithm: &str, header: JsonB) -> String {
    answer(|| {
        let algorithm: Algorithm = algorithm.parse()?;
        let key = SigningKey::parse(key, algorithm)?;
        Ok(jwt::sign(&object(claims)?, &key, algorithm, &object(header)?)?)
    })
}

/// `auth.jwt_verify(token, key, algorithms, audience, issuer, leeway, required)`
#[pg_extern(sql = false)]
fn jwt_verify(
    token: &str,
    key: &str,
    algorithms: Vec<Option<String>>,
    audience: Option<&str>,
    issuer: Option<&str>,
    leeway: Interval,
    required: Vec<Option<String>>,
) -> Jsonb {
    answer(|| {
        let algorithms = algorithms
            .iter()
            .flatten()
            .map(|name| name.parse())
            .collect::<Result<Vec<Algorithm>, Error>>()?;
        let required: Vec<&str> = required.iter().flatten().map(String::as_str).collect();
        let expectations = Expectations {
            algorithms: &algorithms,
            audience,
            issuer,
            leeway: seconds(leeway),
            required: &required,
            types: &[],
            now: now(),
        };
        let verified = jwt::verify(token, &KeySet::parse(key)?, &expectations)?;
        Ok(Jsonb::from(verified.claims()))
    })
}

/// `auth.jwt_decode_unverified(token)`
#[pg_extern(sql = false)]
fn jwt_decode_unverified(
    token: &str,
) -> TableIterator<'static, (name!(header, JsonB), name!(claims, JsonB))> {
    answer(|| {
        let (header, claims) = jwt::decode_unverified(token)?;
        Ok(TableIterator::once((JsonB(Value::Object(header)), JsonB(Value::Object(claims)))))
    })
}

/// `auth.jwk_thumbprint(jwk)`
#[pg_extern(sql = false)]
fn jwk_thumbprint(jwk: JsonB) -> String {
    answer(|| Ok(jwt::thumbprint(&object(jwk)?)?))
}

fn object(value: JsonB) -> Result<Map<String, Value>, Refusal> {
    match value.0 {
        Value::Object(object) => Ok(object),
        _ => Err(Refusal::NotAnObject),
    }
}

/// Whole seconds of an interval; a month counts 30 days.
fn seconds(interval: Interval) -> i64 {
    i64::try_from(interval.as_micros() / 1_000_000).unwrap_or(i64::MAX)
}

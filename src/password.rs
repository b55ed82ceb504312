//! `auth.hash_password` and its kin: arguments → core → result.

use gatehouse_core::password::{self, Policy};
use pgrx::prelude::*;

use crate::apart;
use crate::keyring::random;
use crate::report::answer;
use crate::settings;

/// `auth.hash_password(password, algorithm, cost)`
#[pg_extern(sql = false)]
fn hash_password(password: &str, algorithm: Option<&str>, cost: Option<i32>) -> String {
    answer(|| {
        let settings = settings::hashing().overridden(algorithm, cost)?;
        let salt = random();
        Ok(apart::run(|| password::hash(password, &settings, &salt))?)
    })
}

/// `auth.verify_password(password, hash)`
#[pg_extern(sql = false)]
fn verify_password(password: &str, hash: &str) -> bool {
    answer(|| Ok(apart::run(|| password::verify(password, hash))?))
}

/// `auth.verify_credential(password, hash)`: for sign-in. Without a hash, and whatever is wrong
/// with it, the work is that of a real one and the answer is no.
#[pg_extern(sql = false)]
fn verify_credential(password: Option<&str>, hash: Option<&str>) -> bool {
    answer(|| {
        let password = password.unwrap_or_default();
        let dummy = password::dummy_hash(&settings::hashing());
        Ok(apart::run(|| match hash.map(|hash| password::verify(password, hash)) {
            Some(Ok(answer)) => Ok(answer),
            _ => password::verify(password, &dummy).map(|_| false),
        })?)
    })
}

/// `auth.password_needs_rehash(hash)`
#[pg_extern(sql = false)]
fn password_needs_rehash(hash: &str) -> bool {
    answer(|| Ok(password::needs_rehash(hash, &settings::hashing())?))
}

type AssessmentRow =
    TableIterator<'static, (name!(ok, bool), name!(score, i32), name!(reasons, Vec<String>))>;

/// `auth.check_password(password, context)`
#[pg_extern(sql = false)]
fn check_password(
    password: &str,
    context: Vec<Option<String>>,
) -> TableIterator<'static, (name!(ok, bool), name!(score, i32), name!(reasons, Vec<String>))> {
    assess(password, &context, &settings::policy())
}

/// `auth.check_password_of_length(password, context, min_length)`
#[pg_extern(sql = false)]
fn check_password_of_length(
    password: &str,
    context: Vec<Option<String>>,
    min_length: i32,
) -> TableIterator<'static, (name!(ok, bool), name!(score, i32), name!(reasons, Vec<String>))> {
    let min_length = u32::try_from(min_length).unwrap_or(u32::MAX);
    assess(password, &context, &Policy { min_length, ..settings::policy() })
}

fn assess(password: &str, context: &[Option<String>], policy: &Policy) -> AssessmentRow {
    answer(|| {
        let product = settings::product_name();
        let mut words: Vec<&str> = context.iter().flatten().map(String::as_str).collect();
        words.push(&product);
        let assessment = password::check(password, &words, policy);
        let reasons = assessment.reasons.iter().map(ToString::to_string).collect();
        Ok(TableIterator::once((assessment.ok, assessment.score.into(), reasons)))
    })
}

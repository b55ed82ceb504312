//! One-time secrets, TOTP and recovery codes: arguments → core → result. `sql/60_one_time_token.sql`
//! and `sql/64_mfa_factor.sql` declare the functions.

use gatehouse_core::one_time::{CODE_RANDOM_BYTES, Code, LinkToken, TOKEN_BYTES};
use gatehouse_core::recovery_code::{self, RecoveryCode};
use gatehouse_core::secret::Secret;
use gatehouse_core::totp::{Hash, SECRET_BYTES, Totp};
use pgrx::prelude::*;

use crate::keyring::random;
use crate::report::answer;

/// `auth.new_one_time_secret()`
#[pg_extern(sql = false)]
fn new_one_time_secret() -> TableIterator<'static, (name!(token, String), name!(code, String))> {
    answer(|| {
        let token = LinkToken::new(&random::<TOKEN_BYTES>());
        let code = Code::draw(&random::<CODE_RANDOM_BYTES>());
        Ok(TableIterator::once((token.expose().to_owned(), code.expose().to_owned())))
    })
}

/// `auth.read_link_token(token)`: the token, or null when it can be none.
#[pg_extern(sql = false)]
fn read_link_token(token: &str) -> Option<String> {
    answer(|| Ok(LinkToken::parse(token).map(|token| token.expose().to_owned())))
}

/// `auth.read_code(code)`: the six digits, or null.
#[pg_extern(sql = false)]
fn read_code(code: &str) -> Option<String> {
    answer(|| Ok(Code::parse(code).map(|code| code.expose().to_owned())))
}

/// `auth.new_totp(issuer, account)`
#[pg_extern(sql = false)]
fn new_totp(
    issuer: &str,
    account: &str,
) -> TableIterator<'static, (name!(secret, Vec<u8>), name!(secret_text, String), name!(uri, String))> {
    answer(|| {
        let secret = Secret::new(random::<SECRET_BYTES>().to_vec());
        let totp = Totp::new(secret.clone(), Hash::default());
        Ok(TableIterator::once((secret.expose().to_vec(), totp.secret_text(), totp.uri(issuer, account))))
    })
}

/// `auth.match_totp(secret, code, at, used)`: the step that the code is right for, or null.
#[pg_extern(sql = false)]
fn match_totp(secret: &[u8], code: Option<&str>, at: i64, used: Option<i64>) -> Option<i64> {
    answer(|| {
        let totp = Totp::new(Secret::new(secret.to_vec()), Hash::default());
        let at = u64::try_from(at).unwrap_or(0);
        let used = used.and_then(|step| u64::try_from(step).ok());
        let step = totp.matching_step(code.unwrap_or_default(), at, used);
        Ok(step.and_then(|step| i64::try_from(step).ok()))
    })
}

/// `auth.new_recovery_codes()`: as they are shown.
#[pg_extern(sql = false)]
fn new_recovery_codes() -> Vec<String> {
    answer(|| {
        let code = |_| RecoveryCode::new(&random::<{ recovery_code::BYTES }>()).show();
        Ok((0..recovery_code::COUNT).map(code).collect())
    })
}

/// `auth.read_recovery_code(code)`: its one normal form, or null.
#[pg_extern(sql = false)]
fn read_recovery_code(code: &str) -> Option<String> {
    answer(|| Ok(RecoveryCode::parse(code).map(|code| code.expose().to_owned())))
}

//! The deployment's own functions, which settings name; `sql/74_hook.sql` declares the callers.
//!
//! A hook runs as the role that owns it, whoever signs in and whatever it was declared as: its owner
//! answers for it, and nobody's rights but the owner's are in its reach. It is called under the
//! `search_path` of our functions (`pg_catalog, pg_temp`), which no client chooses. The function is
//! found by schema, name and the one argument of type jsonb, and never along a path.
//!
//! It fails closed: whatever goes wrong ends the caller's statement with a fixed text, and the
//! server's log has the name and the cause.

use gatehouse_core::Error;
use gatehouse_core::claims::ClaimPaths;
use gatehouse_core::hook::{self, Fault};
use pgrx::datum::JsonB;
use pgrx::pg_sys::panic::CaughtError;
use pgrx::prelude::*;
use pgrx::{IntoDatum, PgTryBuilder, pg_sys};
use serde_json::{Map, Value};

use crate::report::{self, Refusal, answer};
use crate::{settings, worker};
use function::{Caller, Function};

mod function;
mod setting;

pub(crate) use setting::define;

/// Longest text that a refusal shows to a user, characters.
const MESSAGE_CHARS: usize = 500;
/// What a user is told when the hook says nothing.
const REFUSED: &str = "Sign-up was refused";

/// A place where a hook is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    BeforeSignUp,
    CustomClaims,
    Event,
}

impl Place {
    const ALL: [Self; 3] = [Self::BeforeSignUp, Self::CustomClaims, Self::Event];

    /// By the name of its setting.
    fn of(setting: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|place| place.setting() == setting)
    }

    const fn returns(self) -> pg_sys::Oid {
        match self {
            Self::BeforeSignUp | Self::CustomClaims => pg_sys::JSONBOID,
            Self::Event => pg_sys::VOIDOID,
        }
    }
}

/// Why a hook gave nothing that can be used.
enum Failure {
    /// What the log is told.
    Broken(String),
    /// It raised an exception of its own making: in the words for the user.
    Raised(String),
}

impl From<Fault> for Failure {
    fn from(fault: Fault) -> Self {
        Self::Broken(fault.to_string())
    }
}

/// `auth.call_before_sign_up_hook(user)`
#[pg_extern(sql = false)]
fn call_before_sign_up_hook(user: JsonB) -> JsonB {
    answer(|| {
        let given = object(&user)?;
        let judged = call(Place::BeforeSignUp, user).and_then(|kept| Ok(hook::newcomer(&given, kept)?));
        match judged {
            Ok(Some(newcomer)) => Ok(JsonB(serde_json::json!({
                "user_metadata": newcomer.user_metadata, "app_metadata": newcomer.app_metadata,
            }))),
            Ok(None) => Err(Error::HookRejected { message: REFUSED.into() }.into()),
            Err(Failure::Raised(message)) => Err(Error::HookRejected { message: message.into() }.into()),
            Err(Failure::Broken(why)) => Err(broken(Place::BeforeSignUp, &why)),
        }
    })
}

/// `auth.call_custom_claims_hook(claims)`: the claims to sign.
#[pg_extern(sql = false)]
fn call_custom_claims_hook(claims: JsonB) -> JsonB {
    answer(|| {
        let own = object(&claims)?;
        let paths: ClaimPaths = settings::claim_paths();
        let all = call(Place::CustomClaims, claims)
            .and_then(|returned| Ok(hook::add_claims(&own, returned, &paths)?))
            .map_err(|failure| failed(Place::CustomClaims, failure))?;
        Ok(JsonB(Value::Object(all)))
    })
}

/// Whether an event is being told: what its hook does is not told in turn.
static mut TELLING: bool = false;

/// Ends the telling, also when an error passes by.
struct Telling;

impl Drop for Telling {
    fn drop(&mut self) {
        // SAFETY: backends are single-threaded.
        unsafe { TELLING = false };
    }
}

/// `auth.call_event_hook(event)`; in the background worker no code of anybody else runs.
#[pg_extern(sql = false)]
fn call_event_hook(event: JsonB) {
    answer(|| {
        // SAFETY: backends are single-threaded.
        if worker::is_this() || unsafe { std::mem::replace(&mut *(&raw mut TELLING), true) } {
            return Ok(());
        }
        let _end = Telling;
        call(Place::Event, event).map(|_| ()).map_err(|failure| failed(Place::Event, failure))
    })
}

/// `auth.hook_problem(setting, function)`: why the function can not be called; null when it can.
#[pg_extern(sql = false)]
fn hook_problem(setting: &str, function: &str) -> Option<String> {
    answer(|| {
        if function.is_empty() {
            return Ok(None);
        }
        let Some(place) = Place::of(setting) else {
            return Ok(Some("there is no such setting".into()));
        };
        Ok(match Function::find(place, function) {
            Ok(_) => None,
            Err(Failure::Broken(why) | Failure::Raised(why)) => Some(why),
        })
    })
}

fn object(argument: &JsonB) -> Result<Map<String, Value>, Refusal> {
    match &argument.0 {
        Value::Object(object) => Ok(object.clone()),
        _ => Err(Refusal::NotAnObject),
    }
}

fn failed(place: Place, failure: Failure) -> Refusal {
    match failure {
        Failure::Broken(why) | Failure::Raised(why) => broken(place, &why),
    }
}

/// Outside it is one text; the cause is for the log.
fn broken(place: Place, why: &str) -> Refusal {
    report::log(&format!("{} failed: {}: {why}", place.setting(), place.function()));
    Error::HookFailed.into()
}

/// Calls the function that the setting names, as its owner; none when it gives null.
fn call(place: Place, argument: JsonB) -> Result<Option<Value>, Failure> {
    let function = Function::find(place, &place.function())?;
    let argument = argument.into_datum().unwrap_or(pg_sys::Datum::from(0));
    let caller = Caller::become_owner(function.owner);
    // SAFETY: the function takes one jsonb and returns what was asked for.
    let run = || Ok(unsafe { function.run(argument) });
    // An error is raised again, so that PostgreSQL puts back what it finds changed.
    let given = PgTryBuilder::new(std::panic::AssertUnwindSafe(run))
        .catch_others(|cause| Err(judge(cause)))
        .execute()?;
    caller.come_back();
    if place == Place::Event {
        return Ok(None);
    }
    // SAFETY: a jsonb, or nothing.
    Ok(unsafe { JsonB::from_datum(given.value, given.isnull) }.map(|json| json.0))
}

/// What an error of the hook's means. A statement that is cancelled, or that its client may try
/// again, is that still.
fn judge(cause: CaughtError) -> Failure {
    use PgSqlErrorCode::{
        ERRCODE_ADMIN_SHUTDOWN, ERRCODE_QUERY_CANCELED, ERRCODE_RAISE_EXCEPTION,
        ERRCODE_T_R_DEADLOCK_DETECTED, ERRCODE_T_R_SERIALIZATION_FAILURE,
    };
    let (CaughtError::PostgresError(report)
    | CaughtError::ErrorReport(report)
    | CaughtError::RustPanic { ereport: report, .. }) = &cause;
    match report.sql_error_code() {
        ERRCODE_ADMIN_SHUTDOWN
        | ERRCODE_QUERY_CANCELED
        | ERRCODE_T_R_DEADLOCK_DETECTED
        | ERRCODE_T_R_SERIALIZATION_FAILURE => cause.rethrow(),
        ERRCODE_RAISE_EXCEPTION => Failure::Raised(shown(report.message())),
        code => Failure::Broken(format!("{}: {}", condition(code), report.message())),
    }
}

/// The condition in words: numbers do not come through to the log, where they could be codes.
fn condition(code: PgSqlErrorCode) -> String {
    format!("{code:?}").trim_start_matches("ERRCODE_").to_ascii_lowercase()
}

fn shown(message: &str) -> String {
    message.chars().map(|c| if c.is_control() { ' ' } else { c }).take(MESSAGE_CHARS).collect()
}

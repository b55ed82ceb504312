//! One typed function for each SQL function of the auth API: an input, one call in one flight, an
//! outcome or a refusal. Routes and pages use the same ones.
//!
//! Nothing is decided here, and nothing is known of HTTP but what SQL may see of the request.

mod admin;
mod api_key;
mod factor;
mod invitation;
mod link;
mod mail;
mod member;
mod options;
mod outcome;
mod public;
mod role;
mod session;
mod sign_in;
mod tenant;
mod user;

pub(crate) use admin::*;
pub(crate) use api_key::*;
pub(crate) use factor::*;
pub(crate) use invitation::*;
pub(crate) use link::*;
pub(crate) use mail::*;
pub(crate) use member::*;
pub(crate) use options::Options;
pub(crate) use outcome::{Followed, Session, SignedUp, UserJson, Verified};
pub(crate) use public::*;
pub(crate) use role::*;
pub(crate) use session::*;
pub(crate) use sign_in::*;
pub(crate) use tenant::*;
pub(crate) use user::*;

use bytes::Bytes;

use super::error::{AuthError, Denied};
use crate::app::App;
use crate::pg::{Row, Step, Value};
use crate::request::{Bearer, Variables};
use crate::tx::{Identity, Work};

/// Who calls, and on account of which request.
#[derive(Debug)]
pub(crate) struct Call<'a> {
    app: &'a App,
    variables: &'a Variables,
    /// `None`: whoever it is makes no difference, and is not looked at.
    caller: Option<Caller<'a>>,
}

#[derive(Debug)]
struct Caller<'a> {
    identity: Identity<'a>,
    denied: Denied,
}

/// JSON of the database, passed on as it is.
pub(crate) type Json = Bytes;

impl<'a> Call<'a> {
    /// For what anybody may call.
    pub(crate) fn public(app: &'a App, variables: &'a Variables) -> Self {
        Self { app, variables, caller: None }
    }

    /// For what the user may call whose access token this is.
    pub(crate) fn user(app: &'a App, variables: &'a Variables, token: &'a str) -> Self {
        Self::shown(app, variables, token, Denied::NoUser)
    }

    /// For what the operator may call: a token of `service_role`.
    pub(crate) fn operator(app: &'a App, variables: &'a Variables, token: &'a str) -> Self {
        Self::shown(app, variables, token, Denied::NotAdmin)
    }

    fn shown(app: &'a App, variables: &'a Variables, token: &'a str, denied: Denied) -> Self {
        let identity = Identity::sealed(&Bearer::new(token));
        Self { app, variables, caller: Some(Caller { identity, denied }) }
    }

    async fn rows(&self, sql: &str, values: &[Value<'_>]) -> Result<Vec<Row>, AuthError> {
        self.rows_by(Work::Quick, sql, values).await
    }

    async fn rows_by(&self, work: Work, sql: &str, values: &[Value<'_>]) -> Result<Vec<Row>, AuthError> {
        // The types of the parameters are those of the function's.
        let step = Step::kept(sql, &[], values);
        let database = &self.app.database;
        let rows = match &self.caller {
            None => database.run_public(self.variables, work, step).await,
            Some(caller) => database.run_as(&caller.identity, self.variables, work, step).await,
        };
        rows.map_err(|error| AuthError::of_database(error, self.caller.as_ref().map(|caller| caller.denied)))
    }

    /// The first column of the one row; `None` for NULL.
    async fn value(&self, sql: &str, values: &[Value<'_>]) -> Result<Option<Bytes>, AuthError> {
        let rows = self.rows(sql, values).await?;
        let [value] = rows.first().map(Row::columns).unwrap_or_default();
        Ok(value)
    }

    async fn json(&self, sql: &str, values: &[Value<'_>]) -> Result<Json, AuthError> {
        self.value(sql, values).await?.ok_or_else(|| AuthError::internal("a function gave no JSON"))
    }

    /// Whether the function says that there was something to do it to.
    async fn done(&self, sql: &str, values: &[Value<'_>]) -> Result<bool, AuthError> {
        Ok(self.value(sql, values).await?.as_deref() == Some(b"t"))
    }
}

/// A text as a parameter.
fn text(text: &str) -> Value<'_> {
    Some(text.as_bytes())
}

/// A text that may be missing.
fn maybe(text: Option<&str>) -> Value<'_> {
    text.map(str::as_bytes)
}

/// A truth value that may be missing.
fn truth(value: Option<bool>) -> Value<'static> {
    value.map(|value| if value { &b"true"[..] } else { &b"false"[..] })
}

/// A list as JSON; SQL takes it apart with [`list_of!`].
fn list(items: &[String]) -> String {
    serde_json::Value::from(items).to_string()
}

/// An array of texts of the JSON in a parameter; NULL for NULL.
macro_rules! list_of {
    ($parameter:literal) => {
        concat!(
            "case when ",
            $parameter,
            "::jsonb is not null then ",
            "array(select jsonb_array_elements_text(",
            $parameter,
            "::jsonb)) end"
        )
    };
}

/// All rows of a function that gives a set, as a JSON array in their order.
macro_rules! rows_of {
    ($function:literal) => {
        concat!("select coalesce(jsonb_agg(to_jsonb(r)), '[]')::text from ", $function, " as r")
    };
}
use {list_of, rows_of};

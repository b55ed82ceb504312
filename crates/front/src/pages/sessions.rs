//! `/auth/sessions`: where the user is signed in, and an end to it.

use minijinja::{Value, context};
use serde::Deserialize;

use super::device;
use super::moment::Moment;
use super::notice::Notice;
use super::visit::{Outcome, Reply, Visit};
use crate::auth::calls::{self, SignOutScope};
use crate::auth::error::AuthError;
use crate::data::now;

#[derive(Deserialize)]
struct Session {
    id: String,
    created_at: String,
    refreshed_at: String,
    device_name: Option<String>,
    ip: Option<String>,
    user_agent: Option<String>,
    current: bool,
}

pub(super) async fn show(visit: &mut Visit) -> Outcome {
    if let Err(reply) = visit.member().await? {
        return Ok(reply);
    }
    let json = calls::my_sessions(&visit.call()).await?;
    let sessions: Vec<Session> =
        serde_json::from_slice(&json).map_err(|_| AuthError::internal("the sessions can not be read"))?;
    let now = now();
    let sessions: Vec<Value> = sessions.iter().map(|session| session.values(now)).collect();
    Ok(Reply::page("sessions", context! { section => "sessions", sessions }))
}

pub(super) async fn end(visit: &mut Visit) -> Outcome {
    if let Err(reply) = visit.member().await? {
        return Ok(reply);
    }
    // False where it had ended before: the user has what they wanted.
    calls::end_session(&visit.call(), visit.form.text("session")).await?;
    Notice::SessionEnded.keep(visit);
    Ok(Reply::Goto("/auth/sessions".to_owned()))
}

pub(super) async fn end_others(visit: &mut Visit) -> Outcome {
    if let Err(reply) = visit.member().await? {
        return Ok(reply);
    }
    calls::sign_out(&visit.call(), SignOutScope::Others).await?;
    Notice::SessionsEnded.keep(visit);
    Ok(Reply::Goto("/auth/sessions".to_owned()))
}

impl Session {
    fn values(&self, now: i64) -> Value {
        let told = |text: &str| Moment::parse(text).map(|moment| moment.told(now));
        let device = device::name(self.user_agent.as_deref().unwrap_or_default());
        context! {
            id => &self.id,
            device => self.device_name.clone().unwrap_or(device),
            ip => &self.ip,
            used => told(&self.refreshed_at),
            used_at => &self.refreshed_at,
            begun => told(&self.created_at),
            begun_at => &self.created_at,
            current => self.current,
        }
    }
}

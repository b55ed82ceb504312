//! One attempt to send one mail, and what is told of it.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::time::{Instant, sleep};

use super::MARK_PATIENCE;
use crate::app::App;
use crate::config::{Config, SmtpServer};
use crate::mail::compose::{compose, secrets};
use crate::mail::outbox::{self, Mail};
use crate::mail::relay::Relay;
use crate::mail::text::{one_line, shortened};

/// Between attempts to tell the database.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(4);
/// The database keeps no more.
const LONGEST_PROBLEM: usize = 500;

/// Sends it at most once, and only while the lease is ours: `until` is its end. No mail is put back:
/// one whose lease ended is due again by itself.
pub(super) async fn deliver(
    app: Arc<App>,
    config: Arc<Config>,
    relay: Arc<Relay>,
    mail: Mail,
    until: Instant,
) {
    let (id, kind, attempt) = (mail.id.as_str(), mail.kind.as_str(), mail.attempt);
    // The process was stopped for a while, or the machine was: another front may have it by now.
    if Instant::now() + MARK_PATIENCE > until {
        tracing::warn!(id, kind, attempt, "the lease was over before the mail was sent");
        return;
    }
    let Some(settings) = &config.mail else { return };
    let sent = match compose(&mail, settings, &config.site, SystemTime::now()) {
        Ok(message) => relay.send(&message).await.map_err(|error| error.to_string()),
        Err(error) => Err(error.to_string()),
    };
    match sent {
        Ok(()) => {
            app.metrics.mails.sent(kind);
            tracing::info!(id, kind, attempt, "mail sent");
            mark_sent(&app, &mail, until).await;
        }
        Err(problem) => {
            let problem = without_secrets(&problem, &mail, relay.server());
            mark_failed(&app, &mail, &problem).await;
        }
    }
}

/// A mail that the database does not know to be sent is sent again: it is told until the lease ends.
async fn mark_sent(app: &App, mail: &Mail, until: Instant) {
    let (id, kind, attempt) = (mail.id.as_str(), mail.kind.as_str(), mail.attempt);
    let mut pause = FIRST_PAUSE;
    while let Err(error) = outbox::sent(&app.database, id).await {
        if Instant::now() + pause > until {
            tracing::error!(id, kind, attempt, %error, "the database does not know that a mail was sent: it will be sent again");
            return;
        }
        sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

/// If the database can not be told, the mail is due again when its lease ends.
async fn mark_failed(app: &App, mail: &Mail, problem: &str) {
    let (id, kind, attempt) = (mail.id.as_str(), mail.kind.as_str(), mail.attempt);
    app.metrics.mails.failed(kind);
    match outbox::failed(&app.database, id, problem).await {
        Ok(true) => {
            tracing::warn!(id, kind, attempt, problem, "a mail could not be sent; it will be tried again")
        }
        Ok(false) => {
            app.metrics.mails.dead(kind);
            tracing::error!(id, kind, attempt, problem, "a mail could not be sent and is given up");
        }
        Err(error) => tracing::warn!(id, kind, attempt, problem, %error, "a mail could not be sent"),
    }
}

/// A server's answer may say again what it was told.
fn without_secrets(problem: &str, mail: &Mail, server: &SmtpServer) -> String {
    let password = server.credentials.as_ref().map(|(_, password)| password.expose());
    let mut text = one_line(problem);
    for secret in secrets(mail).chain(password).filter(|secret| !secret.is_empty()) {
        text = text.replace(secret, "(hidden)");
    }
    shortened(&text, LONGEST_PROBLEM)
}

//! Takes what is due and sends it, a few mails at a time, until told to stop.

mod deliver;

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

use super::outbox;
use super::relay::{OPEN_PATIENCE, Relay, RelayError};
use super::wake;
use crate::app::App;
use crate::config::{Delivery, MailSettings, Site, SmtpServer};

/// Mails that are sent at the same time.
const SLOTS: usize = 4;
/// How long mail waits that nobody told us of: that of a retry, or behind a pooler.
const POLL: Duration = Duration::from_secs(5);
/// How long mails under way may take once the process is told to stop.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a lease is beyond what an attempt may take: to tell the database.
const MARK_PATIENCE: Duration = Duration::from_secs(30);

struct Worker {
    app: Arc<App>,
    relay: Option<Arc<Relay>>,
    sending: JoinSet<()>,
    /// Whether the database could not be asked the last time; said once.
    is_cut_off: bool,
}

/// Ends after `stopped`.
pub(super) async fn run(app: Arc<App>, mut stopped: watch::Receiver<bool>) {
    let mut worker = Worker { app, relay: None, sending: JoinSet::new(), is_cut_off: false };
    let wake = Arc::new(Notify::new());
    let mut listening = false;
    if worker.app.config().mail.is_none() {
        tracing::info!("no mail is sent: GATEHOUSE_SMTP_URL is not set");
    }
    while !*stopped.borrow() {
        if !listening && worker.app.config().mail.is_some() {
            listening = true;
            tokio::spawn(wake::run(Arc::clone(&worker.app), Arc::clone(&wake)));
        }
        let more = worker.take().await;
        worker.wait(more, &wake, &mut stopped).await;
    }
    worker.finish().await;
}

impl Worker {
    /// Fills the free slots. Gives whether there may be more.
    async fn take(&mut self) -> bool {
        let config = self.app.config();
        let Some(settings) = &config.mail else { return false };
        let free = SLOTS.saturating_sub(self.sending.len());
        let Some(relay) = self.relay(settings, &config.site) else { return false };
        let lease = OPEN_PATIENCE + relay.server().patience + MARK_PATIENCE;
        let until = Instant::now() + lease;
        let mails = match outbox::take(&self.app.database, free, lease).await {
            Ok(mails) => mails,
            Err(error) => {
                if !std::mem::replace(&mut self.is_cut_off, true) {
                    tracing::warn!(%error, "the mails to be sent can not be read; trying again");
                }
                return false;
            }
        };
        self.is_cut_off = false;
        let more = mails.len() == free;
        for mail in mails {
            let (app, config, relay) = (Arc::clone(&self.app), Arc::clone(&config), Arc::clone(&relay));
            self.sending.spawn(deliver::deliver(app, config, relay, mail, until));
        }
        more
    }

    /// Until there is something to do. With `more`, that is as soon as a slot is free.
    async fn wait(&mut self, more: bool, wake: &Notify, stopped: &mut watch::Receiver<bool>) {
        let mut poll = pin!(sleep(POLL));
        loop {
            let is_full = self.sending.len() >= SLOTS;
            if more && !is_full {
                return;
            }
            tokio::select! {
                _ = stopped.changed() => return,
                Some(_) = self.sending.join_next(), if !self.sending.is_empty() => {}
                () = wake.notified(), if !is_full => return,
                () = &mut poll, if !is_full => {
                    if let Some(relay) = &self.relay {
                        relay.close(false).await;
                    }
                    return;
                }
            }
        }
    }

    /// The way to the server as it is configured now.
    fn relay(&mut self, settings: &MailSettings, site: &Site) -> Option<Arc<Relay>> {
        let server = match &settings.delivery {
            Delivery::Smtp(server) => server.clone(),
            Delivery::Mailbox => SmtpServer::local(self.app.mailbox.as_ref()?.port()?),
        };
        if let Some(relay) = self.relay.as_ref().filter(|relay| *relay.server() == server) {
            return Some(Arc::clone(relay));
        }
        let host = url::Url::parse(&site.external_url).ok();
        let name = host.as_ref().and_then(url::Url::domain);
        let relay: Result<_, RelayError> = Relay::new(&server, name);
        match relay {
            Ok(relay) => self.relay = Some(Arc::new(relay)),
            Err(error) => {
                tracing::error!(%error, "no mail is sent: TLS can not be used");
                self.relay = None;
            }
        }
        self.relay.clone()
    }

    async fn finish(mut self) {
        let all = async { while self.sending.join_next().await.is_some() {} };
        if timeout(DRAIN_TIMEOUT, all).await.is_err() {
            tracing::warn!("mails were under way; they are due again when their leases end");
        }
        if let Some(relay) = self.relay {
            relay.close(true).await;
        }
    }
}

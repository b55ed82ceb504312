//! `NOTIFY pgrst`: the database says that something changed.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::time::sleep;

use super::{FIRST_PAUSE, LONGEST_PAUSE, Reload};
use crate::app::App;
use crate::pg::{Listener, PgError};
use crate::sql::quote_identifier;

/// Listens as long as the process lives, where the configuration says; `tried` is told when the first
/// attempt is over.
pub(super) async fn run(app: Arc<App>, ask: mpsc::Sender<Reload>, tried: oneshot::Sender<()>) {
    let mut channel = app.channel();
    let mut ear = Ear { app, ask, tried: Some(tried), missed: false, is_warned: false };
    loop {
        let name = channel.borrow_and_update().clone();
        let ended = async {
            match name {
                Some(name) => ear.listen(&name).await,
                None => ear.tried(),
            }
            // Nothing more to do until there is another channel.
            std::future::pending::<()>().await;
        };
        tokio::select! {
            () = ended => {}
            changed = channel.changed() => if changed.is_err() { return },
        }
        ear.missed = true;
    }
}

struct Ear {
    app: Arc<App>,
    ask: mpsc::Sender<Reload>,
    tried: Option<oneshot::Sender<()>>,
    /// Something may have changed unheard.
    missed: bool,
    is_warned: bool,
}

impl Ear {
    /// Ends when the database will never let us, or nobody wants to know any more.
    async fn listen(&mut self, channel: &str) {
        let sql = format!("listen {}", quote_identifier(channel));
        let mut pause = FIRST_PAUSE;
        loop {
            let opened = Listener::open(self.app.database.pool().uri(), &sql).await;
            self.tried();
            match opened {
                Ok(listener) => {
                    pause = FIRST_PAUSE;
                    if !self.catch_up().await || !self.follow(listener).await {
                        return;
                    }
                    self.lose().await;
                }
                Err(error) if error.is_permanent() => {
                    tracing::warn!(%error, channel, "not listening");
                    return;
                }
                Err(error) => pause = self.fail(&error, pause).await,
            }
            sleep(jittered(pause)).await;
        }
    }

    fn tried(&mut self) {
        let _ = self.tried.take().map(|tried| tried.send(()));
    }

    /// The next pause.
    async fn fail(&mut self, error: &PgError, pause: Duration) -> Duration {
        if !error.is_of_standby() {
            self.lose().await;
            return (pause * 2).min(LONGEST_PAUSE);
        }
        if !std::mem::replace(&mut self.is_warned, true) {
            tracing::warn!("a standby notifies nobody: not listening before there is a primary");
        }
        self.missed = self.app.is_stale();
        self.catch_up().await;
        self.missed = true;
        LONGEST_PAUSE
    }

    async fn lose(&mut self) {
        self.missed = true;
        self.app.mark_stale();
        if !self.app.config().automatic_recovery {
            self.send(Reload::Lost).await;
        }
    }

    /// Asks for all that may have changed; false when nobody wants to know any more.
    async fn catch_up(&mut self) -> bool {
        let missed = std::mem::replace(&mut self.missed, false);
        !missed || (self.send(Reload::Config).await && self.send(Reload::Schema).await)
    }

    /// Passes notifications on until the connection breaks; false when nobody wants them any more.
    async fn follow(&self, mut listener: Listener) -> bool {
        while let Ok(payload) = listener.next().await {
            let reload = match payload.as_str() {
                "" | "reload schema" => Reload::Schema,
                "reload config" => Reload::Config,
                _ => continue,
            };
            if !self.send(reload).await {
                return false;
            }
        }
        true
    }

    async fn send(&self, reload: Reload) -> bool {
        self.ask.send(reload).await.is_ok()
    }
}

/// Several fronts do not come back in the same moment.
fn jittered(pause: Duration) -> Duration {
    pause + pause.mul_f64(f64::from(std::process::id() % 16) / 32.0)
}

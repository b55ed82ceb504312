//! `NOTIFY pgrst`: the database says that something changed.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::sleep;

use super::{FIRST_PAUSE, LONGEST_PAUSE, Reload};
use crate::app::App;
use crate::pg::Listener;
use crate::sql::quote_identifier;

/// Listens as long as the process lives. After the connection was lost, everything may have
/// changed.
pub(super) async fn run(app: Arc<App>, ask: mpsc::Sender<Reload>) {
    let Some(channel) = app.config().channel.clone() else { return };
    let sql = format!("listen {}", quote_identifier(&channel));
    let (mut pause, mut lost) = (FIRST_PAUSE, false);
    loop {
        match Listener::open(app.database.pool().uri(), &sql).await {
            Ok(listener) => {
                pause = FIRST_PAUSE;
                let missed = lost && !(send(&ask, Reload::Config).await && send(&ask, Reload::Schema).await);
                if missed || !follow(listener, &ask).await {
                    return;
                }
                lost = true;
            }
            Err(error) if error.is_permanent() => {
                tracing::warn!(%error, channel, "not listening");
                return;
            }
            Err(_) => {
                pause = (pause * 2).min(LONGEST_PAUSE);
                lost = true;
            }
        }
        app.mark_stale();
        sleep(jittered(pause)).await;
    }
}

/// Passes notifications on until the connection breaks; false when nobody wants them any more.
async fn follow(mut listener: Listener, ask: &mpsc::Sender<Reload>) -> bool {
    while let Ok(payload) = listener.next().await {
        let reload = match payload.as_str() {
            "" | "reload schema" => Reload::Schema,
            "reload config" => Reload::Config,
            _ => continue,
        };
        if !send(ask, reload).await {
            return false;
        }
    }
    true
}

async fn send(ask: &mpsc::Sender<Reload>, reload: Reload) -> bool {
    ask.send(reload).await.is_ok()
}

/// Several fronts do not come back in the same moment.
fn jittered(pause: Duration) -> Duration {
    pause + pause.mul_f64(f64::from(std::process::id() % 16) / 32.0)
}

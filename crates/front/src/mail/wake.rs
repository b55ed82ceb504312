//! `NOTIFY pg_gatehouse_mail`: the database says that there is mail.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::sleep;

use crate::app::App;
use crate::pg::Listener;

const LISTEN: &str = "listen pg_gatehouse_mail";
const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// Passes notifications on as long as the process lives. Where listening is not possible, as behind
/// a pooler, mail waits for the next look.
pub(super) async fn run(app: Arc<App>, wake: Arc<Notify>) {
    let Some(pool) = app.database.service_pool() else { return };
    let mut pause = FIRST_PAUSE;
    loop {
        match Listener::open(pool.uri(), LISTEN).await {
            Ok(mut listener) => {
                pause = FIRST_PAUSE;
                // What was written before it listened.
                wake.notify_one();
                while listener.next().await.is_ok() {
                    wake.notify_one();
                }
            }
            Err(error) if error.is_permanent() => {
                tracing::warn!(%error, "not listening for mail");
                return;
            }
            Err(_) => pause = (pause * 2).min(LONGEST_PAUSE),
        }
        sleep(pause).await;
    }
}

//! Mail: takes from the database's outbox what is to be sent, renders it and hands it to an SMTP
//! server. Backoff, the number of attempts and what becomes of a mail that can not be sent are the
//! database's.
//!
//! What holds: a mail whose transaction was committed is handed over **at least once**, unless all
//! of its attempts fail; and **at most once per attempt**. The two differ only where what became of
//! an attempt was lost on the way: the process died after the server took the mail and before the
//! database knew, or the server's last word did not arrive. Then the mail is sent again, with the
//! same `Message-ID`, when its lease is over.
//!
//! ```text
//! wake ─▶ worker ─▶ outbox (take) ─▶ compose (variables, link, templates) ─▶ relay ─▶ outbox (mark)
//! ```

mod compose;
mod lifetime;
mod link;
mod mailbox;
mod outbox;
mod relay;
mod sender;
mod templates;
mod text;
mod variables;
mod wake;
mod worker;

use std::io;
use std::sync::Arc;

use tokio::sync::watch;
use tokio::task::JoinHandle;

pub(crate) use mailbox::{DevMailbox, routes as mailbox_routes};
pub(crate) use sender::parse as parse_sender;
pub(crate) use templates::{KINDS, Templates};

use crate::app::App;

/// Starts to send mail, and the mailbox for development if there is one. Ends after `stopped`, when
/// what was under way is done.
///
/// # Errors
/// The mailbox can not listen.
pub(crate) async fn start(app: Arc<App>, stopped: watch::Receiver<bool>) -> io::Result<JoinHandle<()>> {
    if let Some(mailbox) = &app.mailbox {
        mailbox::listen(Arc::clone(mailbox)).await?;
        tracing::warn!(
            "development: mails go to /dev/mail and their links to this log; whoever reads either signs in as anybody"
        );
    }
    Ok(tokio::spawn(worker::run(app, stopped)))
}

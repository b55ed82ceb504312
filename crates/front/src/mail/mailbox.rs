//! The mailbox for development: an SMTP server on loopback that keeps the last mails in memory, and
//! pages that show them. Not for anything else: a mail lets its reader in.

mod guard;
mod pages;
mod received;
mod sink;

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

pub(crate) use pages::routes;
use received::Received;

/// Mails that are kept.
const MOST_MAILS: usize = 100;

/// The last mails, in the order in which they came.
#[derive(Debug, Default)]
pub(crate) struct DevMailbox {
    mails: Mutex<Mails>,
    port: OnceLock<u16>,
}

#[derive(Debug, Default)]
struct Mails {
    last_id: u64,
    kept: VecDeque<Arc<Received>>,
}

/// Takes mail from now on.
///
/// # Errors
/// The system gives no port on loopback.
pub(super) async fn listen(mailbox: Arc<DevMailbox>) -> io::Result<()> {
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await?;
    let _ = mailbox.port.set(listener.local_addr()?.port());
    tokio::spawn(sink::run(listener, mailbox));
    Ok(())
}

impl DevMailbox {
    /// Of the SMTP server; `None` before it listens.
    pub(super) fn port(&self) -> Option<u16> {
        self.port.get().copied()
    }

    fn receive(&self, recipients: Vec<String>, raw: Vec<u8>) {
        let mut mails = self.mails.lock().unwrap_or_else(PoisonError::into_inner);
        mails.last_id += 1;
        let mail = Received::read(mails.last_id, recipients, raw);
        let (to, subject) = (mail.recipients.join(", "), mail.subject.as_str());
        let link = mail.links().next().unwrap_or_default();
        tracing::info!(target: "gatehouse::mailbox", to, subject, link, "mail received");
        mails.kept.push_back(Arc::new(mail));
        if mails.kept.len() > MOST_MAILS {
            mails.kept.pop_front();
        }
    }

    /// The newest first.
    fn list(&self) -> Vec<Arc<Received>> {
        let mails = self.mails.lock().unwrap_or_else(PoisonError::into_inner);
        mails.kept.iter().rev().cloned().collect()
    }

    fn find(&self, id: u64) -> Option<Arc<Received>> {
        let mails = self.mails.lock().unwrap_or_else(PoisonError::into_inner);
        mails.kept.iter().find(|mail| mail.id == id).cloned()
    }
}

#[cfg(test)]
mod tests {
    use super::DevMailbox;

    #[test]
    fn the_last_hundred_mails_are_kept() {
        let mailbox = DevMailbox::default();
        for number in 0..105 {
            let raw = format!("Subject: {number}\r\n\r\ntext\r\n");
            mailbox.receive(vec!["a@example.com".to_owned()], raw.into_bytes());
        }
        let list = mailbox.list();
        assert_eq!((list.len(), list[0].subject.as_str(), list[99].subject.as_str()), (100, "104", "5"));
        assert!(mailbox.find(5).is_none());
        assert_eq!(mailbox.find(6).unwrap().subject, "5");
    }
}

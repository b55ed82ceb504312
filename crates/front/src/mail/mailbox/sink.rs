//! An SMTP server (RFC 5321) that takes every mail and passes none on.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use smtp_proto::request::receiver::{DataReceiver, RequestReceiver};
use smtp_proto::{Error, Request};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};

use super::DevMailbox;

const MOST_CONNECTIONS: usize = 32;
const LARGEST_MAIL: usize = 1024 * 1024;
const MOST_RECIPIENTS: usize = 100;
/// RFC 5321 §4.5.3.2.7.
const LONGEST_SILENCE: Duration = Duration::from_secs(300);
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Accepts as long as the process lives.
pub(super) async fn run(listener: TcpListener, mailbox: Arc<DevMailbox>) {
    let places = Arc::new(Semaphore::new(MOST_CONNECTIONS));
    while let Ok(place) = Arc::clone(&places).acquire_owned().await {
        let Ok((stream, _)) = listener.accept().await else {
            sleep(ACCEPT_PAUSE).await;
            continue;
        };
        let session =
            Session { stream, mailbox: Arc::clone(&mailbox), recipients: Vec::new(), has_sender: false };
        tokio::spawn(async move {
            // What goes wrong here is the client's to tell.
            let _ = session.run().await;
            drop(place);
        });
    }
}

struct Session {
    stream: TcpStream,
    mailbox: Arc<DevMailbox>,
    has_sender: bool,
    recipients: Vec<String>,
}

impl Session {
    async fn run(mut self) -> io::Result<()> {
        self.reply("220 localhost ESMTP development mailbox").await?;
        let mut requests = RequestReceiver::default();
        let mut data: Option<(DataReceiver, Vec<u8>)> = None;
        let mut buffer = [0; 8192];
        loop {
            let read = timeout(LONGEST_SILENCE, self.stream.read(&mut buffer)).await??;
            if read == 0 {
                return Ok(());
            }
            let mut bytes = buffer[..read].iter();
            while !bytes.as_slice().is_empty() || data.is_some() {
                if let Some((receiver, mail)) = &mut data {
                    let is_over = receiver.ingest(&mut bytes, mail);
                    if mail.len() > LARGEST_MAIL {
                        return self.reply("552 5.3.4 Too large").await;
                    }
                    if !is_over {
                        break;
                    }
                    let mail = std::mem::take(mail);
                    data = None;
                    self.take(mail).await?;
                    continue;
                }
                match requests.ingest(&mut bytes) {
                    Ok(Request::Quit) => return self.reply("221 2.0.0 Bye").await,
                    Ok(Request::Data) if !self.recipients.is_empty() => {
                        data = Some((DataReceiver::new(), Vec::new()));
                        self.reply("354 End with a line of one dot").await?;
                    }
                    Ok(request) => self.answer(request).await?,
                    Err(Error::NeedsMoreData { .. }) => break,
                    Err(Error::ResponseTooLong) => return self.reply("500 5.5.2 Line too long").await,
                    Err(_) => self.reply("501 5.5.2 Syntax error").await?,
                }
            }
        }
    }

    async fn answer<T: Into<String> + AsRef<str>>(&mut self, request: Request<T>) -> io::Result<()> {
        let reply = match request {
            Request::Ehlo { .. } => "250-localhost\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250 SIZE 1048576",
            Request::Helo { .. } => "250 localhost",
            Request::Mail { .. } => {
                self.has_sender = true;
                self.recipients.clear();
                "250 2.1.0 Ok"
            }
            Request::Rcpt { .. } if self.recipients.len() >= MOST_RECIPIENTS => {
                "452 4.5.3 Too many recipients"
            }
            Request::Rcpt { to } if self.has_sender => {
                self.recipients.push(to.address.into());
                "250 2.1.5 Ok"
            }
            Request::Rcpt { .. } | Request::Data => "503 5.5.1 Wrong order",
            Request::Rset => {
                self.reset();
                "250 2.0.0 Ok"
            }
            Request::Noop { .. } => "250 2.0.0 Ok",
            _ => "502 5.5.1 Not implemented",
        };
        self.reply(reply).await
    }

    async fn take(&mut self, mail: Vec<u8>) -> io::Result<()> {
        self.mailbox.receive(std::mem::take(&mut self.recipients), mail);
        self.reset();
        self.reply("250 2.0.0 Ok").await
    }

    fn reset(&mut self) {
        self.has_sender = false;
        self.recipients.clear();
    }

    async fn reply(&mut self, line: &str) -> io::Result<()> {
        self.stream.write_all(format!("{line}\r\n").as_bytes()).await
    }
}

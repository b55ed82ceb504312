//! `--ready`: asks the admin port.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::process::ExitCode;
use std::time::Duration;

use crate::config::{BindHost, Config, Listen};

/// How long the server may take to say that it is ready.
const PATIENCE: Duration = Duration::from_secs(5);

const REQUEST: &[u8] = b"GET /ready HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";

/// Success when it is ready; otherwise a line that says why not.
pub(super) fn ask(config: &Config) -> ExitCode {
    let Some(admin) = &config.admin else {
        return say("the admin server is not configured: set PGRST_ADMIN_SERVER_PORT", false);
    };
    match status(admin) {
        Ok(200) => say("ready", true),
        Ok(status) => say(&format!("not ready: {status}"), false),
        Err(error) => say(&format!("the admin server can not be reached: {error}"), false),
    }
}

fn status(admin: &Listen) -> std::io::Result<u16> {
    let answer = match admin {
        Listen::Unix { path, .. } => exchange(UnixStream::connect(path)?)?,
        Listen::Tcp { host, port, .. } => {
            let host = match host {
                BindHost::Any(_) => "localhost",
                BindHost::Named(name) => name,
            };
            let stream = TcpStream::connect((host, *port))?;
            stream.set_read_timeout(Some(PATIENCE))?;
            exchange(stream)?
        }
    };
    let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok());
    status.ok_or_else(|| std::io::Error::other("it does not speak HTTP"))
}

fn exchange(mut stream: impl Read + Write) -> std::io::Result<String> {
    stream.write_all(REQUEST)?;
    let mut answer = String::new();
    stream.take(4096).read_to_string(&mut answer)?;
    Ok(answer)
}

fn say(text: &str, ready: bool) -> ExitCode {
    let line = format!("{text}\n");
    let written = if ready {
        std::io::stdout().write_all(line.as_bytes())
    } else {
        std::io::stderr().write_all(format!("gatehouse: {line}").as_bytes())
    };
    if ready && written.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

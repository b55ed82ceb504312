//! How a connection whose other end says nothing any more is found out: libpq's `keepalives…` and
//! `tcp_user_timeout`.
//!
//! Source: PostgreSQL documentation, "Parameter Key Words" (libpq).

use std::time::Duration;

use super::Options;

pub(super) const OPTIONS: [&str; 5] =
    ["keepalives", "keepalives_count", "keepalives_idle", "keepalives_interval", "tcp_user_timeout"];

/// Of a connection over TCP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Keepalive {
    /// Silence before the first probe; `None`: there are no probes.
    pub(crate) idle: Option<Duration>,
    /// Between probes.
    pub(crate) interval: Duration,
    /// Probes without an answer until the connection is taken for lost.
    pub(crate) count: u32,
    /// How long what was sent may stay unacknowledged; `None`: as the system has it.
    pub(crate) user_timeout: Option<Duration>,
}

/// Linux waits two hours: a request would, too.
const IDLE: u32 = 60;
const INTERVAL: u32 = 10;
const COUNT: u32 = 3;
/// What Linux takes, in seconds and in probes.
const MOST_SECONDS: u32 = 32_767;
const MOST_PROBES: u32 = 127;

impl Keepalive {
    pub(super) fn read(options: &Options) -> Result<Self, String> {
        let is_on = match options.find("keepalives") {
            None | Some("1") => true,
            Some("0") => false,
            Some(_) => return Err("keepalives 0 or 1".into()),
        };
        let idle = number(options, "keepalives_idle", MOST_SECONDS, IDLE)?;
        let interval = number(options, "keepalives_interval", MOST_SECONDS, INTERVAL)?;
        let count = number(options, "keepalives_count", MOST_PROBES, COUNT)?;
        let timeout = number(options, "tcp_user_timeout", u32::MAX, 0)?;
        Ok(Self {
            idle: is_on.then(|| Duration::from_secs(idle.into())),
            interval: Duration::from_secs(interval.into()),
            count,
            user_timeout: (timeout > 0).then(|| Duration::from_millis(timeout.into())),
        })
    }
}

/// 0 stands for the default, as in libpq.
fn number(options: &Options, name: &str, most: u32, default: u32) -> Result<u32, String> {
    let Some(text) = options.find(name) else { return Ok(default) };
    match text.parse() {
        Ok(0) => Ok(default),
        Ok(number) if number <= most => Ok(number),
        _ => Err(format!("{name} from 0 to {most}")),
    }
}

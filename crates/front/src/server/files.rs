//! Each connection takes a file descriptor, and systems give a process few unless it asks.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// What the database's connections, sockets, logs and libraries may take besides.
const OTHERS: u64 = 256;

/// Raises the limit of this process as far as it may, and gives how many of `connections` fit in.
pub(super) fn room_for(connections: usize) -> usize {
    let limit = getrlimit(Resource::Nofile);
    // The value of `maximum` is none where there is no limit.
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    let most = if setrlimit(Resource::Nofile, raised).is_ok() { limit.maximum } else { limit.current };
    let Some(most) = most else { return connections };
    let room = usize::try_from(most.saturating_sub(OTHERS).max(1)).unwrap_or(usize::MAX);
    if room < connections {
        tracing::warn!(
            "GATEHOUSE_MAX_CONNECTIONS: {connections} do not fit into this process's limit of {most} open \
             files (ulimit -Hn, LimitNOFILE): it serves {room}"
        );
    }
    room.min(connections)
}

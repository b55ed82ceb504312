//! What a connection is doing: whoever holds one and does nothing with it is sent away, by time, or
//! earlier where there is no more room. The same for HTTP/1.1, HTTP/2 and a handshake without end.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::Notify;
use tokio::time::Instant;

/// A write of more bytes is part of an answer. HTTP/2 keeps itself alive by smaller ones (RFC 9113
/// §6.5 to §6.9), which any client can ask for without end.
const LARGEST_CHATTER: usize = 32;

/// Shared by a connection, its requests and the crowd that it is part of.
#[derive(Debug)]
pub(super) struct Activity {
    /// The crowd's.
    epoch: Instant,
    /// When something was last done, in milliseconds since `epoch`.
    last: AtomicU64,
    under_way: AtomicUsize,
    /// A head has begun, or a handshake, and has not ended.
    in_head: AtomicBool,
    /// HTTP/2: what is read between requests need not be a head.
    multiplexed: AtomicBool,
    end: Notify,
}

/// How long a connection may stay silent.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience {
    pub(super) in_head: Duration,
    pub(super) idle: Duration,
}

/// A request that is being answered, until it is dropped.
#[derive(Debug)]
pub(super) struct UnderWay(Arc<Activity>);

impl Activity {
    /// A new connection owes a head.
    pub(super) fn new(epoch: Instant) -> Self {
        let activity = Self {
            epoch,
            last: AtomicU64::new(0),
            under_way: AtomicUsize::new(0),
            in_head: AtomicBool::new(true),
            multiplexed: AtomicBool::new(false),
            end: Notify::new(),
        };
        activity.touch();
        activity
    }

    pub(super) fn request(self: &Arc<Self>, multiplexed: bool) -> UnderWay {
        self.under_way.fetch_add(1, Ordering::Relaxed);
        self.in_head.store(false, Ordering::Relaxed);
        self.multiplexed.store(multiplexed, Ordering::Relaxed);
        UnderWay(Arc::clone(self))
    }

    /// For how long nothing has been done; `None` while a request is being answered.
    pub(super) fn silence(&self) -> Option<Duration> {
        let is_quiet = self.under_way.load(Ordering::Relaxed) == 0;
        is_quiet.then(|| {
            self.epoch.elapsed().saturating_sub(Duration::from_millis(self.last.load(Ordering::Relaxed)))
        })
    }

    pub(super) fn is_over(&self, patience: Patience) -> bool {
        let most = if self.in_head.load(Ordering::Relaxed) { patience.in_head } else { patience.idle };
        self.silence().is_some_and(|silence| silence >= most)
    }

    pub(super) fn end(&self) {
        self.end.notify_one();
    }

    pub(super) async fn ended(&self) {
        self.end.notified().await;
    }

    fn touch(&self) {
        let now = u64::try_from(self.epoch.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.last.store(now, Ordering::Relaxed);
    }

    fn has_read(&self) {
        let is_answering = self.under_way.load(Ordering::Relaxed) > 0;
        if is_answering || self.multiplexed.load(Ordering::Relaxed) {
            return;
        }
        // Only the first byte: one more byte now and then buys no time.
        if !self.in_head.swap(true, Ordering::Relaxed) {
            self.touch();
        }
    }

    fn has_written(&self, bytes: usize) {
        if bytes > LARGEST_CHATTER {
            self.touch();
        }
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.touch();
        self.0.under_way.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A stream that tells what passes.
#[derive(Debug)]
pub(super) struct Observed<S> {
    stream: S,
    activity: Arc<Activity>,
}

impl<S> Observed<S> {
    pub(super) fn new(stream: S, activity: Arc<Activity>) -> Self {
        Self { stream, activity }
    }

    pub(super) fn activity(&self) -> &Arc<Activity> {
        &self.activity
    }

    fn wrote(&self, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if let Poll::Ready(Ok(bytes)) = written {
            self.activity.has_written(bytes);
        }
        written
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Observed<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(cx, buf);
        if buf.filled().len() > before {
            self.activity.has_read();
        }
        read
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Observed<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.wrote(written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, slices);
        self.wrote(written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use tokio::time::Instant;

    use super::{Activity, Patience};

    const PATIENCE: Patience = Patience { in_head: Duration::from_secs(10), idle: Duration::from_secs(60) };

    /// A connection that has last done something so many seconds ago.
    fn silent_for(seconds: u64) -> Arc<Activity> {
        let now = Instant::now();
        Arc::new(Activity { epoch: now - Duration::from_secs(seconds), last: 0.into(), ..Activity::new(now) })
    }

    #[test]
    fn a_new_connection_owes_a_head_and_a_used_one_may_rest() {
        let new = silent_for(11);
        assert!(new.is_over(PATIENCE) && !silent_for(9).is_over(PATIENCE));
        drop(new.request(false));
        assert!(!new.is_over(PATIENCE));
        new.last.store(0, super::Ordering::Relaxed);
        assert!(!new.is_over(PATIENCE));
    }

    #[test]
    fn the_first_byte_of_a_head_counts_and_no_later_one() {
        let used = silent_for(30);
        drop(used.request(false));
        used.last.store(0, super::Ordering::Relaxed);
        used.has_read();
        assert!(used.silence() < Some(Duration::from_secs(1)));
        used.last.store(0, super::Ordering::Relaxed);
        used.has_read();
        assert!(used.is_over(PATIENCE));
    }

    #[test]
    fn a_request_is_never_cut_off_and_chatter_is_no_request() {
        let connection = silent_for(100);
        let request = connection.request(true);
        assert!(!connection.is_over(PATIENCE) && connection.silence().is_none());
        drop(request);
        connection.last.store(0, super::Ordering::Relaxed);
        connection.has_read();
        connection.has_written(17);
        assert!(connection.is_over(PATIENCE));
        connection.has_written(1_000);
        assert!(!connection.is_over(PATIENCE));
    }
}

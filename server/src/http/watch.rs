//! Connections that nobody uses, and answers that nobody takes, of HTTP/1 and HTTP/2 alike (reliability.md S-80).
//!
//! HTTP/2 answers pings for a client that never asks, and holds answers for one that opens no window; neither shows in reads and writes. So each connection
//! knows its open requests, and of each whether it waits for us or for the client.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use tokio::time::Instant;

use super::serve::Deadlines;

/// Longest write that is no part of an answer, bytes: pings and settings of HTTP/2.
const CHATTER_BYTES_MAX: usize = 128;

/// What a connection does.
pub struct Watch {
    deadlines: Deadlines,
    state: Mutex<State>,
}

struct State {
    next: u64,
    /// Since when there is no request, and how long that may last.
    idle: (Instant, Duration),
    /// When a part of an answer left last, to a client that takes it slowly perhaps.
    moved: Instant,
    /// Open requests; since when the client lets its answer wait, if it does.
    open: HashMap<u64, Option<Instant>>,
}

/// An open request; its end is its drop.
pub struct Open {
    watch: Arc<Watch>,
    id: u64,
}

impl Watch {
    /// Begins with the connection.
    #[must_use]
    pub fn new(deadlines: Deadlines) -> Arc<Self> {
        let now = Instant::now();
        let state = State { next: 0, idle: (now, deadlines.first_byte + deadlines.headers), moved: now, open: HashMap::new() };
        Arc::new(Self { deadlines, state: Mutex::new(state) })
    }

    fn state<T>(&self, act: impl FnOnce(&mut State) -> T) -> T {
        act(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// A request came.
    #[must_use]
    pub fn open(self: &Arc<Self>) -> Open {
        let id = self.state(|state| {
            state.next += 1;
            state.open.insert(state.next, None);
            state.next
        });
        Open { watch: Arc::clone(self), id }
    }

    /// So many bytes left in one write.
    pub fn wrote(&self, bytes: usize) {
        if bytes > CHATTER_BYTES_MAX {
            self.state(|state| state.moved = Instant::now());
        }
    }

    /// Ends when the connection should.
    pub async fn overdue(&self) {
        let untaken = self.deadlines.untaken;
        loop {
            let until = self.state(|state| match state.open.len() {
                0 => state.idle.0.max(state.moved) + state.idle.1,
                // While we work, nothing is due; what the client does next is seen after a while.
                _ => state
                    .open
                    .values()
                    .flatten()
                    .min()
                    .map_or_else(|| Instant::now() + untaken, |since| (*since).max(state.moved) + untaken),
            });
            if until <= Instant::now() {
                return;
            }
            tokio::time::sleep_until(until).await;
        }
    }
}

impl Open {
    fn waits_since(&self, since: Option<Instant>) {
        self.watch.state(|state| state.open.insert(self.id, since));
    }

    /// The body of its answer.
    pub fn answer<B>(self, body: B) -> Watched<B> {
        self.waits_since(Some(Instant::now()));
        Watched { body, open: self }
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        let idle = self.watch.deadlines.idle;
        self.watch.state(|state| {
            state.open.remove(&self.id);
            if state.open.is_empty() {
                state.idle = (Instant::now(), idle);
            }
        });
    }
}

/// A body that tells whom it waits for.
pub struct Watched<B> {
    body: B,
    open: Open,
}

impl<B: Body<Data = Bytes> + Unpin> Body for Watched<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let frame = Pin::new(&mut self.body).poll_frame(cx);
        self.open.waits_since(frame.is_ready().then(Instant::now));
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::{BodyExt as _, Full};

    use super::*;

    const SOON: Duration = Duration::from_millis(5);
    const NEVER: Duration = Duration::from_secs(3600);

    /// All but what a test is about take for ever.
    fn watch(change: impl FnOnce(&mut Deadlines)) -> Arc<Watch> {
        let mut deadlines = Deadlines { first_byte: NEVER, headers: NEVER, idle: NEVER, untaken: NEVER, ..Deadlines::default() };
        change(&mut deadlines);
        Watch::new(deadlines)
    }

    async fn ends(watch: &Watch) -> bool {
        tokio::time::timeout(SOON * 10, watch.overdue()).await.is_ok()
    }

    #[tokio::test]
    async fn a_connection_without_a_request_ends_and_so_does_one_after_its_last() {
        let never_asked = watch(|d| (d.first_byte, d.headers) = (SOON, Duration::ZERO));
        never_asked.overdue().await;
        let asked = watch(|d| d.idle = SOON);
        assert!(!ends(&asked).await, "it has its time for the first request");
        drop(asked.open());
        asked.overdue().await;
    }

    #[tokio::test]
    async fn our_own_work_is_no_idleness_and_an_untaken_answer_is_the_clients() {
        let watch = watch(|d| d.untaken = SOON);
        let open = watch.open();
        assert!(!ends(&watch).await, "a handler has its own limit");
        let mut body = open.answer(Full::new(Bytes::from_static(b"page")));
        watch.overdue().await;
        body.frame().await.unwrap().unwrap();
        watch.overdue().await;
        drop(body);
        assert!(!ends(&watch).await, "taken whole");
    }

    #[tokio::test]
    async fn an_answer_that_leaves_slowly_keeps_its_connection_and_pings_do_not() {
        let watch = watch(|d| (d.idle, d.untaken) = (SOON * 10, SOON * 10));
        drop(watch.open());
        for (bytes, kept) in [(4_096, true), (17, false)] {
            for _ in 0..30 {
                tokio::time::sleep(SOON / 5).await;
                watch.wrote(bytes);
            }
            let due = futures::FutureExt::now_or_never(watch.overdue()).is_some();
            assert!(!(kept && due), "written to a moment ago");
        }
        watch.overdue().await;
    }

    #[tokio::test]
    async fn a_stream_of_events_that_has_nothing_to_tell_is_kept() {
        let watch = watch(|d| d.untaken = SOON);
        let quiet = http_body_util::StreamBody::new(futures::stream::pending::<Result<Frame<Bytes>, std::convert::Infallible>>());
        let mut body = watch.open().answer(quiet);
        assert!(futures::FutureExt::now_or_never(body.frame()).is_none());
        assert!(!ends(&watch).await);
    }
}

//! A connection that does not wait for ever: for its first byte, or for a client that takes nothing of what it asked for (reliability.md S-80).
//!
//! What comes after the first byte is watched by others: headers by hyper, bodies by [`super::min_rate`], connections nobody uses by [`super::watch`].

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Sleep;

use super::serve::Deadlines;
use super::watch::Watch;

/// What counts as taking something, bytes within [`Deadlines::stall`].
const TAKEN_MIN: usize = 16 * 1024;

/// The connection.
pub struct Wire<S> {
    stream: S,
    /// Until the first byte came.
    first: Option<Pin<Box<Sleep>>>,
    stall: Option<Stall>,
    stall_max: Duration,
    watch: Arc<Watch>,
}

/// A client that does not take what is there, since when, and what it took meanwhile.
struct Stall {
    ends: Pin<Box<Sleep>>,
    taken: usize,
}

impl<S> Wire<S> {
    /// Begins the wait for the first byte.
    pub fn new(stream: S, deadlines: &Deadlines, watch: Arc<Watch>) -> Self {
        Self { stream, first: Some(Box::pin(tokio::time::sleep(deadlines.first_byte))), stall: None, stall_max: deadlines.stall, watch }
    }

    /// Judges what a write came to.
    fn took(&mut self, cx: &mut Context<'_>, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        match &written {
            Poll::Pending => {
                let stall_max = self.stall_max;
                let fresh = || Stall { ends: Box::pin(tokio::time::sleep(stall_max)), taken: 0 };
                let stall = self.stall.get_or_insert_with(fresh);
                if stall.ends.as_mut().poll(cx).is_ready() {
                    return Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the client takes nothing")));
                }
            }
            Poll::Ready(Ok(bytes)) => {
                self.watch.wrote(*bytes);
                if let Some(stall) = &mut self.stall {
                    stall.taken += bytes;
                    if stall.taken >= TAKEN_MIN {
                        self.stall = None;
                    }
                }
            }
            Poll::Ready(Err(_)) => {}
        }
        written
    }

    /// Everything there was has left.
    fn left<T>(&mut self, cx: &mut Context<'_>, flushed: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        match flushed {
            Poll::Pending => match self.took(cx, Poll::Pending) {
                Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
                _ => Poll::Pending,
            },
            ready => {
                self.stall = None;
                ready
            }
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Wire<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let read = Pin::new(&mut self.stream).poll_read(cx, buf);
        if read.is_ready() {
            self.first = None;
        } else if let Some(first) = &mut self.first
            && first.as_mut().poll(cx).is_ready()
        {
            return Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the client said nothing")));
        }
        read
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Wire<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, buf);
        self.took(cx, written)
    }

    fn poll_write_vectored(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bufs: &[io::IoSlice<'_>]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, bufs);
        self.took(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.stream).poll_flush(cx);
        self.left(cx, flushed)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let shut = Pin::new(&mut self.stream).poll_shutdown(cx);
        self.left(cx, shut)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    /// Deadlines that end soon, and one that does not.
    fn quick() -> Deadlines {
        Deadlines { first_byte: Duration::from_millis(10), stall: Duration::from_millis(20), ..Deadlines::default() }
    }

    fn wire<S>(stream: S, deadlines: &Deadlines) -> Wire<S> {
        Wire::new(stream, deadlines, Watch::new(*deadlines))
    }

    #[tokio::test]
    async fn a_client_that_says_nothing_is_left() {
        let (_client, server) = tokio::io::duplex(64);
        let error = wire(server, &quick()).read_u8().await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }

    #[tokio::test]
    async fn after_the_first_byte_others_judge() {
        let (mut client, server) = tokio::io::duplex(64);
        let mut open = wire(server, &quick());
        client.write_u8(7).await.unwrap();
        assert_eq!(open.read_u8().await.unwrap(), 7);
        assert!(open.first.is_none());
        client.write_u8(8).await.unwrap();
        assert_eq!(open.read_u8().await.unwrap(), 8);
    }

    #[tokio::test]
    async fn a_client_that_takes_nothing_or_drips_is_left() {
        for drips in [false, true] {
            let (mut client, server) = tokio::io::duplex(64 * 1024);
            let mut open = wire(server, &quick());
            let reader = tokio::spawn(async move {
                let mut one = [0; 1];
                while !drips || client.read_exact(&mut one).await.is_ok() {
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
            });
            let error = open.write_all(&vec![0; 1024 * 1024]).await.unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::TimedOut, "drips: {drips}");
            reader.abort();
        }
    }

    #[tokio::test]
    async fn a_client_that_takes_what_there_is_has_all_the_time() {
        let (mut client, server) = tokio::io::duplex(TAKEN_MIN);
        let mut open = wire(server, &Deadlines { stall: Duration::from_secs(3600), ..quick() });
        let reader = tokio::spawn(async move {
            let mut all = Vec::new();
            client.read_to_end(&mut all).await.unwrap();
            all.len()
        });
        open.write_all(&vec![0; 64 * TAKEN_MIN]).await.unwrap();
        open.flush().await.unwrap();
        assert!(open.stall.is_none(), "nothing waits");
        drop(open);
        assert_eq!(reader.await.unwrap(), 64 * TAKEN_MIN);
    }
}

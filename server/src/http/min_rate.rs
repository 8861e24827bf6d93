//! The body of a request, which must come with some speed: a client that drips holds a place and a handler for nothing (reliability.md S-80).

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use tokio::time::{Instant, Sleep};

/// Slowest a body may come after that, bytes per second.
const BYTES_PER_S_MIN: u32 = 1024;

/// It came too slowly.
#[derive(Debug, thiserror::Error)]
#[error("the body of the request came too slowly")]
pub struct TooSlow;

/// A body held to its least rate.
pub struct MinRate<B> {
    body: B,
    began: Option<Instant>,
    bytes: u32,
    grace: Duration,
    ends: Option<Pin<Box<Sleep>>>,
}

impl<B> MinRate<B> {
    /// The time begins when the body is first asked for. `grace` every body has, however small.
    pub const fn new(body: B, grace: Duration) -> Self {
        Self { body, began: None, bytes: 0, grace, ends: None }
    }
}

impl<B> Body for MinRate<B>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: Into<axum::BoxError>,
{
    type Data = Bytes;
    type Error = axum::BoxError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::BoxError>>> {
        let began = *self.began.get_or_insert_with(Instant::now);
        match Pin::new(&mut self.body).poll_frame(cx) {
            Poll::Pending => {
                let until = began + self.grace + Duration::from_secs(1) * (self.bytes / BYTES_PER_S_MIN);
                let ends = self.ends.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(until)));
                if ends.deadline() != until {
                    ends.as_mut().reset(until);
                }
                ready!(ends.as_mut().poll(cx));
                Poll::Ready(Some(Err(TooSlow.into())))
            }
            Poll::Ready(frame) => {
                if let Some(Ok(frame)) = &frame {
                    let bytes = frame.data_ref().map_or(0, |data| u32::try_from(data.len()).unwrap_or(u32::MAX));
                    self.bytes = self.bytes.saturating_add(bytes);
                }
                Poll::Ready(frame.map(|frame| frame.map_err(Into::into)))
            }
        }
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
    use futures::StreamExt as _;
    use http_body_util::{BodyExt as _, StreamBody};

    use super::*;

    fn held(
        frames: impl futures::Stream<Item = Bytes> + Send + 'static,
        grace: Duration,
    ) -> MinRate<impl Body<Data = Bytes, Error = axum::BoxError> + Unpin> {
        let frames = frames.map(|bytes| Ok::<_, axum::BoxError>(Frame::data(bytes)));
        MinRate::new(StreamBody::new(Box::pin(frames)), grace)
    }

    #[tokio::test]
    async fn a_body_that_drips_or_stops_ends_and_one_that_comes_is_read() {
        let grace = Duration::from_millis(20);
        let drip = futures::stream::repeat_with(|| Bytes::from_static(b"x")).then(|byte| async move {
            tokio::time::sleep(Duration::from_millis(1)).await;
            byte
        });
        let error = held(drip, grace).collect().await.unwrap_err();
        assert!(error.is::<TooSlow>(), "{error}");
        let stops = futures::stream::iter([Bytes::from_static(b"begun")]).chain(futures::stream::pending());
        assert!(held(stops, grace).collect().await.unwrap_err().is::<TooSlow>());
        let whole = futures::stream::iter((0..20).map(|_| Bytes::from(vec![0; 4096])));
        assert_eq!(held(whole, Duration::ZERO).collect().await.unwrap().to_bytes().len(), 20 * 4096);
    }

    #[tokio::test]
    async fn what_came_earns_time() {
        let lots = futures::stream::iter([Bytes::from(vec![0; 3600 * 1024])]).chain(futures::stream::pending());
        let mut body = held(lots, Duration::ZERO);
        body.frame().await.unwrap().unwrap();
        assert!(tokio::time::timeout(Duration::from_millis(5), body.frame()).await.is_err(), "an hour at the slowest pace");
    }
}

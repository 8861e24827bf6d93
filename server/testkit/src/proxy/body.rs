//! Answers on their way back, broken as ordered.

use std::pin::Pin;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures::{Stream, StreamExt};
use http::{HeaderName, HeaderValue, Method, Response, header};
use http_body_util::{BodyExt, Empty, Full, StreamBody};
use hyper::body::Frame;

use super::{Act, Cut, is_hop_by_hop};

/// Time for the bytes before a cut to leave.
const FLUSH: Duration = Duration::from_millis(20);

/// The body of an answer.
pub(super) type Outgoing = http_body_util::combinators::UnsyncBoxBody<Bytes, Cut>;
type Pieces = Pin<Box<dyn Stream<Item = Result<Bytes, Cut>> + Send>>;

pub(super) fn full(bytes: Bytes) -> Outgoing {
    Full::new(bytes).map_err(|never| match never {}).boxed_unsync()
}

pub(super) fn empty() -> Outgoing {
    Empty::new().map_err(|never| match never {}).boxed_unsync()
}

/// Turns the registry's answer into ours.
pub(super) fn answer(
    answer: reqwest::Response,
    method: &Method,
    act: Option<Act>,
    count: impl Fn(usize) + Send + Sync + 'static,
) -> Response<Outgoing> {
    let mut response = Response::new(super::nothing());
    *response.status_mut() = answer.status();
    for (name, value) in answer.headers() {
        if !is_hop_by_hop(name) {
            response.headers_mut().append(name.clone(), value.clone());
        }
    }
    let body: Pieces = Box::pin(answer.bytes_stream().map(|piece| piece.map_err(|_| Cut)));
    let body = match act {
        // Not by a reset: that would also throw away what was sent before.
        Some(Act::Truncate(after)) => cut(body, after),
        Some(Act::ShortenQuietly(after)) => {
            set(&mut response, header::CONTENT_LENGTH, HeaderValue::from(after));
            until(body, after)
        }
        Some(Act::Stall(after)) => Box::pin(until(body, after).chain(futures::stream::pending())),
        Some(Act::Append(more)) => {
            response.headers_mut().remove(header::CONTENT_LENGTH);
            Box::pin(body.chain(futures::stream::iter([Ok(more)])))
        }
        Some(Act::WrongBytes) => Box::pin(body.map(|piece| piece.map(flipped))),
        Some(Act::DropHeader(name)) => {
            response.headers_mut().remove(name);
            body
        }
        Some(Act::SetHeader(name, value)) => {
            set(&mut response, name, value);
            body
        }
        _ => body,
    };
    if *method != Method::HEAD {
        let counted = body.inspect(move |piece| {
            if let Ok(piece) = piece {
                count(piece.len());
            }
        });
        *response.body_mut() = StreamBody::new(counted.map(|piece| piece.map(Frame::data))).boxed_unsync();
    }
    response
}

fn set(response: &mut Response<Outgoing>, name: HeaderName, value: HeaderValue) {
    response.headers_mut().insert(name, value);
}

fn flipped(piece: Bytes) -> Bytes {
    let mut bytes = BytesMut::from(&piece[..]);
    if let Some(last) = bytes.last_mut() {
        *last ^= 1;
    }
    bytes.freeze()
}

/// The first `after` bytes, then a clean end.
fn until(body: Pieces, after: u64) -> Pieces {
    Box::pin(futures::stream::unfold((body, after), |(mut body, left)| async move {
        if left == 0 {
            return None;
        }
        let piece = body.next().await?;
        Some(match piece {
            Ok(piece) => {
                let take = usize::try_from(left).unwrap_or(usize::MAX).min(piece.len());
                (Ok(piece.slice(..take)), (body, left - take as u64))
            }
            Err(error) => (Err(error), (body, 0)),
        })
    }))
}

/// The first `after` bytes, then the end of the connection.
fn cut(body: Pieces, after: u64) -> Pieces {
    let end = futures::stream::once(async {
        // An error at once would make hyper throw away what it has not written yet, and the fault would be another one than ordered.
        tokio::time::sleep(FLUSH).await;
        Err(Cut)
    });
    Box::pin(until(body, after).chain(end))
}

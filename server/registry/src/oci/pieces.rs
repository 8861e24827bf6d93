//! A body cut into pieces, each made when it is sent, so that none is held in memory.
//!
//! Pieces that follow one another go on reading where the one before ended; a piece that has to be sent again begins its source anew and skips
//! to its place.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use futures::stream::BoxStream;
use futures::{Stream, StreamExt};

use crate::error::BoxError;
use crate::transport::BodyMaker;

/// The bytes of one blob.
pub(super) struct Source {
    make: BodyMaker,
    pub size_bytes: u64,
    open: Mutex<Option<Open>>,
}

/// A source that was read up to a place.
struct Open {
    at: u64,
    rest: Bytes,
    stream: BoxStream<'static, Result<Bytes, BoxError>>,
}

impl Open {
    /// The next bytes, at most `most`.
    async fn next(&mut self, most: u64) -> Option<Result<Bytes, BoxError>> {
        while self.rest.is_empty() {
            match self.stream.next().await? {
                Ok(bytes) => self.rest = bytes,
                Err(error) => return Some(Err(error)),
            }
        }
        let take = usize::try_from(most).unwrap_or(usize::MAX).min(self.rest.len());
        self.at += take as u64;
        Some(Ok(self.rest.split_to(take)))
    }
}

impl Source {
    pub fn new(make: BodyMaker, size_bytes: u64) -> Arc<Self> {
        Arc::new(Self { make, size_bytes, open: Mutex::default() })
    }

    /// All of it.
    pub fn whole(&self) -> BodyMaker {
        Arc::clone(&self.make)
    }

    /// `size_bytes` from `at` on.
    pub fn piece(self: &Arc<Self>, at: u64, size_bytes: u64) -> BodyMaker {
        let source = Arc::clone(self);
        Arc::new(move || Arc::clone(&source).cut(at, size_bytes).boxed())
    }

    fn cut(self: Arc<Self>, at: u64, size_bytes: u64) -> impl Stream<Item = Result<Bytes, BoxError>> + Send + 'static {
        async_stream::try_stream! {
            let mut open = self.open_at(at).await?;
            let mut left = size_bytes;
            while left > 0 {
                let bytes = self.due(open.next(left).await)?;
                left -= bytes.len() as u64;
                if left > 0 {
                    yield bytes;
                    continue;
                }
                if open.at == self.size_bytes {
                    // The last bytes leave only after the source ended well: a vault hashes what it hands out.
                    if let Some(more) = open.next(1).await {
                        more?;
                        Err(format!("more than {} bytes", self.size_bytes))?;
                    }
                } else {
                    // Before the last bytes leave: whoever sends them does not come back for the end.
                    *self.open.lock().unwrap_or_else(PoisonError::into_inner) = Some(open);
                }
                yield bytes;
                return;
            }
        }
    }

    fn due(&self, next: Option<Result<Bytes, BoxError>>) -> Result<Bytes, BoxError> {
        next.unwrap_or_else(|| Err(format!("fewer than {} bytes", self.size_bytes).into()))
    }

    async fn open_at(&self, at: u64) -> Result<Open, BoxError> {
        let kept = self.open.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(open) = kept.filter(|open| open.at == at) {
            return Ok(open);
        }
        let mut open = Open { at: 0, rest: Bytes::new(), stream: (self.make)() };
        while open.at < at {
            self.due(open.next(at - open.at).await)?;
        }
        Ok(open)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    fn source(bytes: &'static [u8], size_bytes: u64) -> (Arc<Source>, Arc<AtomicUsize>) {
        let made = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&made);
        let make: BodyMaker = Arc::new(move || {
            count.fetch_add(1, Ordering::SeqCst);
            futures::stream::iter(bytes.chunks(3).map(|part| Ok(Bytes::from_static(part)))).boxed()
        });
        (Source::new(make, size_bytes), made)
    }

    async fn read(source: &Arc<Source>, at: u64, size_bytes: u64) -> Result<String, String> {
        let parts: Vec<_> = source.piece(at, size_bytes)().collect().await;
        let parts: Result<Vec<Bytes>, BoxError> = parts.into_iter().collect();
        parts.map(|parts| String::from_utf8(parts.concat()).unwrap()).map_err(|error| error.to_string())
    }

    #[tokio::test]
    async fn pieces_in_order_read_the_source_once_and_a_piece_again_reads_it_anew() {
        let (source, made) = source(b"abcdefghij", 10);
        assert_eq!(read(&source, 0, 4).await.unwrap(), "abcd");
        assert_eq!(read(&source, 4, 4).await.unwrap(), "efgh");
        assert_eq!(read(&source, 8, 2).await.unwrap(), "ij");
        assert_eq!(made.load(Ordering::SeqCst), 1);
        assert_eq!(read(&source, 4, 2).await.unwrap(), "ef");
        assert_eq!(read(&source, 6, 4).await.unwrap(), "ghij");
        assert_eq!(made.load(Ordering::SeqCst), 2);
        assert_eq!(read(&source, 1, 9).await.unwrap(), "bcdefghij");
    }

    #[tokio::test]
    async fn a_source_of_another_length_than_announced_fails_before_its_last_bytes() {
        let (long, _) = source(b"abcdefghij", 8);
        assert_eq!(read(&long, 0, 4).await.unwrap(), "abcd");
        assert!(read(&long, 4, 4).await.unwrap_err().contains("more than 8"));
        let (short, _) = source(b"abc", 8);
        assert!(read(&short, 0, 4).await.unwrap_err().contains("fewer than 8"));
        assert!(read(&short, 4, 4).await.unwrap_err().contains("fewer than 8"));
    }
}

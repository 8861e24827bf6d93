//! Order among what is done side by side: a turnstile lets the works of a list pass one after another, in the order of the list.

use tokio::sync::watch;

/// Passed by each of a list of works exactly once, in order. A work that has nothing to do passes all the same.
pub(crate) struct Turnstile {
    next: watch::Sender<usize>,
}

/// One work is passing; the next may once this is dropped.
pub(crate) struct Passing<'a> {
    turnstile: &'a Turnstile,
    place: usize,
}

impl Turnstile {
    pub(crate) fn new() -> Self {
        Self { next: watch::channel(0).0 }
    }

    /// Waits until all before `place` have passed. Works are begun in order, so the one that is next is always under way.
    pub(crate) async fn enter(&self, place: usize) -> Passing<'_> {
        // The sender lives as long as `self`, so the wait ends with the turn and in no other way.
        let _ = self.next.subscribe().wait_for(|next| *next >= place).await;
        Passing { turnstile: self, place }
    }
}

impl Drop for Passing<'_> {
    fn drop(&mut self) {
        self.turnstile.next.send_replace(self.place + 1);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use futures::{StreamExt, stream};

    use super::*;

    #[tokio::test]
    async fn works_side_by_side_pass_in_their_order() {
        let (turnstile, passed) = (Turnstile::new(), Mutex::new(Vec::new()));
        let (turnstile, passed) = (&turnstile, &passed);
        stream::iter(0..50_usize)
            .map(|place| async move {
                // Earlier ones take longer to get there.
                for _ in 0..(50 - place) {
                    tokio::task::yield_now().await;
                }
                let _pass = turnstile.enter(place).await;
                passed.lock().unwrap().push(place);
            })
            .buffer_unordered(8)
            .collect::<Vec<()>>()
            .await;
        assert_eq!(*passed.lock().unwrap(), (0..50).collect::<Vec<_>>());
    }
}

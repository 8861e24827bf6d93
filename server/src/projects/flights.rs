//! What Harbor says now, asked once for all who ask at the same time, and kept for a few seconds.
//!
//! A page is answered without it; many open pages ask for it at once, and again whenever something changes. So the same question to a Harbor goes
//! out once at a time and its answer, a failure too, serves whoever asks within [`LIFE`]. Who may know it is settled before it is asked for here.

use std::collections::HashMap;
use std::future::Future;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::OnceCell;

/// How long an answer serves.
pub const LIFE: Duration = Duration::from_secs(10);
/// Answers kept at a time. Beyond, the oldest makes room.
const KEPT_MAX: usize = 64;

struct Flight<V> {
    begun: Instant,
    answer: Arc<OnceCell<V>>,
}

/// Answers by question.
pub struct Flights<K, V>(Mutex<HashMap<K, Flight<V>>>);

impl<K, V> Default for Flights<K, V> {
    fn default() -> Self {
        Self(Mutex::new(HashMap::new()))
    }
}

impl<K: Hash + Eq + Clone, V: Clone> Flights<K, V> {
    /// The answer to `key`: one that is young enough, one that is on its way, or that of `ask`. Where whoever asked is gone before it came, the next one asks.
    pub async fn get<F: Future<Output = V>>(&self, key: K, ask: impl FnOnce() -> F) -> V {
        self.at(Instant::now(), key).get_or_init(ask).await.clone()
    }

    /// Asks everything anew from now on.
    pub fn forget(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// The flight for `key` that somebody joins at `now`.
    fn at(&self, now: Instant, key: K) -> Arc<OnceCell<V>> {
        let mut flights = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        flights.retain(|_, flight| now.duration_since(flight.begun) < LIFE);
        if let Some(flight) = flights.get(&key) {
            return Arc::clone(&flight.answer);
        }
        if flights.len() >= KEPT_MAX
            && let Some(oldest) = flights.iter().min_by_key(|(_, flight)| flight.begun).map(|(key, _)| key.clone())
        {
            flights.remove(&oldest);
        }
        let answer = Arc::new(OnceCell::new());
        flights.insert(key, Flight { begun: now, answer: Arc::clone(&answer) });
        answer
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use futures::FutureExt as _;

    use super::*;

    #[tokio::test]
    async fn many_who_ask_at_once_ask_once_and_an_old_answer_is_asked_anew() {
        let (flights, asked) = (Flights::<i64, usize>::default(), AtomicUsize::new(0));
        let ask = || async {
            tokio::task::yield_now().await;
            asked.fetch_add(1, Ordering::SeqCst)
        };
        assert_eq!(futures::future::join_all((0..50).map(|_| flights.get(1, ask))).await, vec![0; 50]);
        assert_eq!(flights.get(2, ask).await, 1, "another question is another flight");
        assert_eq!(flights.get(1, ask).await, 0);
        let begun = flights.0.lock().unwrap()[&1].begun;
        assert!(flights.at(begun + LIFE - Duration::from_millis(1), 1).initialized(), "it is young");
        assert!(!flights.at(begun + LIFE, 1).initialized(), "it is over");
    }

    #[tokio::test]
    async fn who_leaves_before_the_answer_leaves_no_hole() {
        let flights = Flights::<i64, usize>::default();
        assert!(flights.get(1, std::future::pending).now_or_never().is_none());
        assert_eq!(flights.get(1, || async { 7 }).await, 7);
    }

    #[test]
    fn no_more_are_kept_than_there_is_room_for() {
        let (flights, now) = (Flights::<usize, usize>::default(), Instant::now());
        for key in 0..KEPT_MAX * 3 {
            flights.at(now + Duration::from_nanos(u64::try_from(key).unwrap()), key);
        }
        let kept = flights.0.lock().unwrap();
        assert!(kept.len() == KEPT_MAX && kept.contains_key(&(KEPT_MAX * 3 - 1)) && !kept.contains_key(&0));
    }
}

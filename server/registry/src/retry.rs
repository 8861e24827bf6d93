//! When to try again, and how long to wait (reliability.md F-14, F-15).
//!
//! Bounded, with jitter, and `Retry-After` obeyed up to a cap. A registry that asks for a pause asks it of the whole client: all its
//! requests wait, so that a hundred of them do not come back at the same moment.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use rand::Rng;
use reqwest::StatusCode;
use reqwest::header::{HeaderMap, RETRY_AFTER};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc2822;
use tokio::time::Instant;

use crate::limits::{Bandwidth, Limits};

/// `Retry-After` as seconds from `now`; `None` if absent or unreadable. RFC 9110 §10.2.3: seconds or an HTTP date.
pub(crate) fn retry_after(headers: &HeaderMap, now: OffsetDateTime) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse::<u64>() {
        return Some(Duration::from_secs(seconds));
    }
    if text.len() > 20 && text.bytes().all(|b| b.is_ascii_digit()) {
        return Some(Duration::MAX);
    }
    let moment = OffsetDateTime::parse(&text.replace("GMT", "+0000"), &Rfc2822).ok()?;
    Some(Duration::try_from(moment - now).unwrap_or(Duration::ZERO))
}

/// Whether an answer with this status may be a passing trouble. 429 and 503 say that nothing was done, so any request may be sent again;
/// after the others only one that does no harm twice.
pub(crate) fn may_repeat(status: StatusCode, idempotent: bool) -> bool {
    match status.as_u16() {
        429 | 503 => true,
        408 | 500 | 502 | 504 => idempotent,
        _ => false,
    }
}

/// Counts tries of one request.
pub(crate) struct Tries {
    done: u32,
    max: u32,
    pause: Duration,
    pause_max: Duration,
    asked_max: Duration,
}

impl Tries {
    pub fn new(limits: &Limits) -> Self {
        Self {
            done: 0,
            max: limits.retry_max,
            pause: limits.retry_pause,
            pause_max: limits.retry_pause_max,
            asked_max: limits.retry_after_max,
        }
    }

    /// How long to wait before the next try; `None` when there is none left.
    pub fn next(&mut self, asked: Option<Duration>) -> Option<Duration> {
        if self.done >= self.max {
            return None;
        }
        let own = self.pause.saturating_mul(1 << self.done.min(16)).min(self.pause_max);
        self.done += 1;
        let jitter = rand::rng().random_range(0.5..=1.0);
        let own = own.mul_f64(jitter);
        Some(asked.map_or(own, |asked| asked.min(self.asked_max).saturating_add(own.min(self.asked_max))))
    }

    /// Starts anew after progress was made.
    pub fn reset(&mut self) {
        self.done = 0;
    }
}

/// A pause the registry asked of the whole client.
#[derive(Default)]
pub(crate) struct Calm(Mutex<Option<Instant>>);

impl Calm {
    pub fn ask(&self, pause: Duration) {
        let until = Instant::now() + pause;
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *held = Some(held.map_or(until, |old| old.max(until)));
    }

    pub async fn wait(&self) {
        let until = { *self.0.lock().unwrap_or_else(PoisonError::into_inner) };
        if let Some(until) = until
            && until > Instant::now()
        {
            tokio::time::sleep_until(until).await;
        }
    }
}

/// Shares a number of bytes per second among all transfers of a client.
pub(crate) struct Throttle {
    bandwidth: Bandwidth,
    free_at: Mutex<Option<Instant>>,
}

impl Throttle {
    pub fn new(bandwidth: Bandwidth) -> Self {
        Self { bandwidth, free_at: Mutex::new(None) }
    }

    /// Books `bytes` and says when they may pass.
    fn book(&self, bytes: usize, (now, clock): (Instant, OffsetDateTime)) -> Option<Instant> {
        let rate = self.bandwidth.at(clock)?;
        let nanos = u128::try_from(bytes).unwrap_or(u128::MAX).saturating_mul(1_000_000_000) / u128::from(rate);
        let cost = Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX));
        let mut free_at = self.free_at.lock().unwrap_or_else(PoisonError::into_inner);
        let start = free_at.map_or(now, |at| at.max(now));
        *free_at = Some(start + cost);
        Some(start)
    }

    pub async fn pass(&self, bytes: usize) {
        if let Some(at) = self.book(bytes, (Instant::now(), OffsetDateTime::now_utc())) {
            tokio::time::sleep_until(at).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::datetime;

    fn header(text: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(RETRY_AFTER, text.parse().unwrap());
        headers
    }

    #[test]
    fn every_form_of_retry_after_is_read_and_garbage_is_none() {
        let now = datetime!(2026-11-23 19:03:50 UTC);
        assert_eq!(retry_after(&header("7"), now), Some(Duration::from_secs(7)));
        assert_eq!(retry_after(&header("Mon, 23 Nov 2026 19:04:50 GMT"), now), Some(Duration::from_secs(60)));
        assert_eq!(retry_after(&header("Mon, 23 Nov 2020 19:04:50 GMT"), now), Some(Duration::ZERO), "past");
        assert_eq!(retry_after(&header("315360000"), now), Some(Duration::from_secs(315_360_000)), "ten years");
        assert!(retry_after(&header("99999999999999999999999"), now).is_some(), "longer than a number");
        for garbage in ["soon", "-5", "1.5", "", "Mon, 99 Nov"] {
            assert_eq!(retry_after(&header(garbage), now), None, "{garbage:?}");
        }
        assert_eq!(retry_after(&HeaderMap::new(), now), None);
    }

    #[test]
    fn pauses_grow_are_capped_and_end() {
        let limits =
            Limits { retry_max: 4, retry_pause: Duration::from_secs(1), retry_pause_max: Duration::from_secs(3), ..Limits::default() };
        let mut tries = Tries::new(&limits);
        let pauses: Vec<_> = std::iter::from_fn(|| tries.next(None)).collect();
        assert_eq!(pauses.len(), 4);
        assert!(pauses.iter().all(|p| *p <= Duration::from_secs(3) && *p >= Duration::from_millis(500)), "{pauses:?}");
        let mut tries = Tries::new(&limits);
        let asked = tries.next(Some(Duration::from_secs(315_360_000))).unwrap();
        assert!(asked <= limits.retry_after_max + Duration::from_secs(3), "{asked:?}");
        assert!(asked >= limits.retry_after_max);
    }

    #[test]
    fn only_answers_that_say_nothing_was_done_are_repeated_for_every_request() {
        for status in [429, 503] {
            assert!(may_repeat(StatusCode::from_u16(status).unwrap(), false));
        }
        for status in [500, 502, 504] {
            assert!(may_repeat(StatusCode::from_u16(status).unwrap(), true));
            assert!(!may_repeat(StatusCode::from_u16(status).unwrap(), false));
        }
        assert!(!may_repeat(StatusCode::FORBIDDEN, true));
    }

    #[test]
    fn the_bandwidth_cap_books_bytes_one_after_the_other() {
        let noon = datetime!(2026-11-23 12:00 UTC);
        let throttle = Throttle::new(Bandwidth::by_time(move |clock| (clock >= noon).then_some(1_000)));
        let now = Instant::now();
        assert_eq!(throttle.book(1 << 30, (now, noon - Duration::from_secs(1))), None, "before noon there is no cap");
        assert_eq!(throttle.book(500, (now, noon)), Some(now));
        assert_eq!(throttle.book(500, (now, noon)), Some(now + Duration::from_millis(500)));
        assert_eq!(throttle.book(1, (now, noon)), Some(now + Duration::from_secs(1)));
        assert_eq!(Throttle::new(Bandwidth::default()).book(1 << 30, (now, noon)), None);
    }
}

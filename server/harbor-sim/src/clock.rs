//! Times as Harbor writes them: UTC with milliseconds, and `0001-01-01T00:00:00.000Z` for "never".
//!
//! Invariant: [`now_us`] never returns the same value twice in one process and never goes back, so that "newest first"
//! listings are stable even when two pushes fall into the same microsecond.

use std::sync::atomic::{AtomicI64, Ordering};

use time::OffsetDateTime;
use time::macros::format_description;

/// The moment that means "never": Go's zero time, as every Harbor answer shows it.
pub const NEVER: &str = "0001-01-01T00:00:00.000Z";

/// Microseconds in a second.
pub const SECOND_US: i64 = 1_000_000;

static LAST_US: AtomicI64 = AtomicI64::new(0);

/// Microseconds since 1970, strictly increasing within the process.
pub fn now_us() -> i64 {
    let wall = OffsetDateTime::now_utc().unix_timestamp_nanos() / 1_000;
    let wall = i64::try_from(wall).unwrap_or(i64::MAX - 1);
    let mut last = LAST_US.load(Ordering::Relaxed);
    loop {
        let next = wall.max(last.saturating_add(1));
        match LAST_US.compare_exchange_weak(last, next, Ordering::Relaxed, Ordering::Relaxed) {
            Ok(_) => return next,
            Err(seen) => last = seen,
        }
    }
}

/// Seconds since 1970.
pub fn now_s() -> i64 {
    now_us() / SECOND_US
}

/// `2026-11-23T18:57:10.861Z`; zero is "never".
pub fn text(us: i64) -> String {
    if us == 0 {
        return NEVER.to_owned();
    }
    let moment = OffsetDateTime::from_unix_timestamp_nanos(i128::from(us) * 1_000).unwrap_or(OffsetDateTime::UNIX_EPOCH);
    let shape = format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z");
    moment.format(&shape).unwrap_or_else(|_| NEVER.to_owned())
}

/// `2026-11-23T18:57:10Z`, the form of the token service.
pub fn text_seconds(us: i64) -> String {
    let text = text(us);
    format!("{}Z", text.get(..19).unwrap_or("0001-01-01T00:00:00"))
}

/// Reads the times a `q=` filter may hold: `2026-01-31T10:00:00`, with or without fraction and `Z`.
pub fn parse(text: &str) -> Option<i64> {
    let text = text.trim_end_matches('Z');
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let shape = format_description!("[year]-[month]-[day]T[hour]:[minute]:[second]");
    let moment = time::PrimitiveDateTime::parse(&whole.replace(' ', "T"), &shape).ok()?.assume_utc();
    let micros: i64 = format!("{fraction:0<6}").get(..6)?.parse().ok()?;
    Some(moment.unix_timestamp() * SECOND_US + micros)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_written_and_read_back() {
        let us = 1_795_460_230_861_000;
        assert_eq!(text(us), "2026-11-23T18:57:10.861Z");
        assert_eq!(text_seconds(us), "2026-11-23T18:57:10Z");
        assert_eq!(parse("2026-11-23T18:57:10.861Z"), Some(us));
        assert_eq!(text(0), NEVER);
    }

    #[test]
    fn the_clock_never_repeats_itself() {
        let first = now_us();
        assert!(now_us() > first);
    }
}

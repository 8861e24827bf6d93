//! Moments, byte counts and durations: how they travel and how they read.

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use time::macros::format_description;
use utoipa::ToSchema;

use crate::text::Lang;

/// A point in time, UTC, to the microsecond. RFC 3339 on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(transparent)]
#[schema(value_type = String, format = DateTime)]
pub struct Moment(#[serde(with = "time::serde::rfc3339")] pub OffsetDateTime);

impl Moment {
    /// `2026-11-23 09:30:05 UTC`: in records, and as the title of what a page shows by the reader's clocks.
    #[must_use]
    pub fn long(self) -> String {
        let form = format_description!("[year]-[month]-[day] [hour]:[minute]:[second] UTC");
        self.0.to_offset(time::UtcOffset::UTC).format(&form).unwrap_or_default()
    }

    /// `2026-11-23T09:30:05Z` with as many digits of a second as there are: the form in URLs.
    #[must_use]
    pub fn url(self) -> String {
        self.0.to_offset(time::UtcOffset::UTC).format(&time::format_description::well_known::Rfc3339).unwrap_or_default()
    }

    /// Reads the form in URLs.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        OffsetDateTime::parse(text, &time::format_description::well_known::Rfc3339).ok().map(Self)
    }

    /// Seconds from `self` to `later`; negative if `later` is earlier.
    #[must_use]
    pub fn seconds_until(self, later: Self) -> i64 {
        (later.0 - self.0).whole_seconds()
    }
}

/// `1.4 GiB`: binary units, one decimal below ten.
#[must_use]
pub fn bytes(count: i64) -> String {
    const UNITS: [&str; 6] = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
    let mut scaled = count.unsigned_abs();
    let mut tenths = 0;
    let mut unit = 0;
    while scaled >= 1024 && unit + 1 < UNITS.len() {
        tenths = (scaled % 1024) * 10 / 1024;
        scaled /= 1024;
        unit += 1;
    }
    if unit == 0 || scaled >= 10 { format!("{scaled} {}", UNITS[unit]) } else { format!("{scaled}.{tenths} {}", UNITS[unit]) }
}

/// `6 min`, `3 h`, `12 d`: the largest unit only.
#[must_use]
pub fn duration(seconds: i64) -> String {
    match seconds.unsigned_abs() {
        s @ 0..=119 => format!("{s} s"),
        s @ 120..=7_199 => format!("{} min", s / 60),
        s @ 7_200..=172_799 => format!("{} h", s / 3_600),
        s => format!("{} d", s / 86_400),
    }
}

/// The same in words of a language: `6 min`, `6 分钟`.
#[must_use]
pub fn lasting(lang: Lang, seconds: i64) -> String {
    let words = duration(seconds);
    match (lang, words.split_once(' ')) {
        (Lang::ZhCn, Some((number, "s"))) => format!("{number} 秒"),
        (Lang::ZhCn, Some((number, "min"))) => format!("{number} 分钟"),
        (Lang::ZhCn, Some((number, "h"))) => format!("{number} 小时"),
        (Lang::ZhCn, Some((number, _))) => format!("{number} 天"),
        _ => words,
    }
}

/// A number as the figure of a sentence; one too large for that is the largest there is.
pub fn figure(number: impl TryInto<i64>) -> i64 {
    number.try_into().unwrap_or(i64::MAX)
}

/// `1,204`: digits in groups of three.
#[must_use]
pub fn count(number: i64) -> String {
    let digits = number.unsigned_abs().to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, c) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(c);
    }
    if number < 0 { format!("-{out}") } else { out }
}

/// `1 tag`, `1,204 tags`: English.
#[must_use]
pub fn some(number: i64, one: &str, many: &str) -> String {
    if number == 1 { format!("1 {one}") } else { format!("{} {many}", count(number)) }
}

/// `a`, `a and b`, `a, b and c`; in Chinese `a、b、c`.
#[must_use]
pub fn listed(lang: Lang, parts: &[impl AsRef<str>]) -> String {
    let parts: Vec<&str> = parts.iter().map(AsRef::as_ref).collect();
    match (lang, parts.as_slice()) {
        (Lang::En, [first @ .., before, last]) => {
            let first: String = first.iter().map(|part| format!("{part}, ")).collect();
            format!("{first}{before} and {last}")
        }
        (Lang::En, few) => few.concat(),
        (Lang::ZhCn, all) => all.join("\u{3001}"),
    }
}

/// `sha256:9f2c…1b7e`.
#[must_use]
pub fn short_digest(digest: &str) -> String {
    match digest.strip_prefix("sha256:") {
        Some(hex) if hex.len() == 64 && hex.is_ascii() => format!("sha256:{}…{}", &hex[..4], &hex[60..]),
        _ => digest.to_owned(),
    }
}

/// A tag as it is shown: one that carries a whole digest, as signatures do (`sha256-….sig`), with that digest shortened.
#[must_use]
pub fn short_tag(tag: &str) -> String {
    match tag.strip_prefix("sha256-") {
        Some(rest) if rest.len() >= 64 && rest.is_ascii() => format!("sha256-{}…{}", &rest[..4], &rest[60..]),
        _ => tag.to_owned(),
    }
}

/// One page of a listing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Page<T> {
    /// The rows of this page.
    pub items: Vec<T>,
    /// Cursor of the next page, if there is one; opaque.
    pub next: Option<String>,
    /// How many rows match in all, where that is cheap to know.
    pub total: Option<i64>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_as_people_write_them() {
        assert_eq!(bytes(0), "0 B");
        assert_eq!(bytes(1_536), "1.5 KiB");
        assert_eq!(bytes(44 * 1024 * 1024 * 1024), "44 GiB");
        assert_eq!(count(1_284_331), "1,284,331");
        assert_eq!(duration(7_300), "2 h");
        assert_eq!((some(1, "tag", "tags"), some(1_204, "tag", "tags")), ("1 tag".to_owned(), "1,204 tags".to_owned()));
        let in_english = |parts: &[&str]| listed(Lang::En, parts);
        assert_eq!(
            ["", "a", "a and b", "a, b and c"],
            [in_english(&[]), in_english(&["a"]), in_english(&["a", "b"]), in_english(&["a", "b", "c"])].each_ref().map(String::as_str)
        );
        assert_eq!(listed(Lang::ZhCn, &["a", "b", "c"]), "a、b、c");
        assert_eq!(short_digest("x"), "x");
        assert_eq!(short_tag(&format!("sha256-{}beef.sig", "a".repeat(60))), "sha256-aaaa…beef.sig");
        assert_eq!(short_tag("sha256-beef"), "sha256-beef");
    }
}

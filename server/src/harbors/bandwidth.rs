//! How fast backups may read from a harbor, by the clock of the people who work there.
//!
//! One line a cap: `08:00-18:00 20 MiB/s`. Where several hold at once, the lowest counts; where none holds there is no cap. Restores are
//! not slowed: somebody waits for them.

use app::error::ApiError;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use registry::Bandwidth;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

/// Most caps of one harbor.
const CAPS_MAX: usize = 24;
/// Lowest cap. Below it a client would take a slowed body for a stalled one.
const BYTES_PER_S_MIN: u64 = 64 * 1024;
/// Highest that is worth a line: 100 Gbit/s.
const BYTES_PER_S_MAX: u64 = 12_500_000_000;
/// Minutes of a day.
const DAY_MIN: u16 = 1_440;
/// Units that are read, with what they multiply by and divide by.
const UNITS: [(&str, u64, u64); 7] = [
    ("KiB/s", 1 << 10, 1),
    ("MiB/s", 1 << 20, 1),
    ("GiB/s", 1 << 30, 1),
    ("MB/s", 1_000_000, 1),
    ("GB/s", 1_000_000_000, 1),
    ("Mbit/s", 1_000_000, 8),
    ("Gbit/s", 1_000_000_000, 8),
];

/// One cap. From the end of a day it goes on into the next: 22:00-06:00.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cap {
    /// First minute of the day it holds in.
    from: u16,
    /// First minute it no longer holds in; the same as `from` is the whole day.
    to: u16,
    /// Bytes per second.
    bytes_per_s: u64,
}

impl Cap {
    const fn holds(&self, minute: u16) -> bool {
        if self.from < self.to { self.from <= minute && minute < self.to } else { minute >= self.from || minute < self.to }
    }

    fn line(&self) -> String {
        let clock = |minute: u16| format!("{:02}:{:02}", minute / 60, minute % 60);
        let end = if self.to == 0 { DAY_MIN } else { self.to };
        // The largest unit that says it in full; every cap that was read can be said in one of them.
        let said = UNITS.iter().rev().find(|(_, times, by)| self.bytes_per_s.saturating_mul(*by).is_multiple_of(*times));
        let amount = match said {
            Some((unit, times, by)) => format!("{} {unit}", self.bytes_per_s * by / times),
            None => format!("{} KiB/s", self.bytes_per_s >> 10),
        };
        format!("{}-{} {amount}", clock(self.from), clock(end))
    }
}

/// The lines of a form.
pub fn read(text: &str) -> Result<Vec<Cap>, ApiError> {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let caps = lines
        .map(|line| {
            cap(line).ok_or_else(|| ApiError::field("bandwidth", app::harbors::refusals::Refusal::CapForm { line: line.to_owned() }))
        })
        .collect::<Result<Vec<_>, _>>()?;
    if caps.len() > CAPS_MAX {
        return Err(ApiError::field("bandwidth", app::refusals::General::AtMostLines { most: app::units::figure(CAPS_MAX) }));
    }
    if caps.iter().any(|cap| !(BYTES_PER_S_MIN..=BYTES_PER_S_MAX).contains(&cap.bytes_per_s)) {
        return Err(ApiError::field("bandwidth", app::harbors::refusals::Refusal::CapRange));
    }
    Ok(caps)
}

fn cap(line: &str) -> Option<Cap> {
    let (span, amount) = line.split_once(char::is_whitespace)?;
    let (from, to) = span.split_once('-')?;
    let amount = amount.trim();
    let digits = amount.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = amount.split_at(digits);
    let (_, times, by) = UNITS.iter().find(|(name, ..)| name.eq_ignore_ascii_case(unit.trim()))?;
    let bytes_per_s = number.parse::<u64>().ok()?.checked_mul(*times)? / by;
    Some(Cap { from: minute(from)?, to: minute(to)?, bytes_per_s })
}

/// `24:00` is the end of the day.
fn minute(text: &str) -> Option<u16> {
    let (hour, minute) = text.trim().split_once(':')?;
    let two = |text: &str| (text.len() == 2).then(|| text.parse::<u16>().ok()).flatten();
    let (hour, minute) = (two(hour)?, two(minute)?);
    let at = hour * 60 + minute;
    (minute < 60 && at <= DAY_MIN).then_some(at % DAY_MIN)
}

/// The zone of a form; UTC where it says none.
pub fn zone(name: &str) -> Result<String, ApiError> {
    let name = if name.trim().is_empty() { "UTC" } else { name.trim() };
    match TimeZone::get(name) {
        Ok(_) => Ok(name.to_owned()),
        Err(_) => Err(ApiError::field("bandwidth_zone", app::plans::refusals::Refusal::ZoneForm)),
    }
}

/// The caps as the form shows them.
#[must_use]
pub fn lines(caps: &[Cap]) -> Vec<String> {
    caps.iter().map(Cap::line).collect()
}

/// The caps as a client obeys them.
#[must_use]
pub fn obeyed(caps: Vec<Cap>, zone: &str) -> Bandwidth {
    if caps.is_empty() {
        return Bandwidth::default();
    }
    // A zone that is gone from the database since it was stored: better the wrong hours than none.
    let zone = TimeZone::get(zone).unwrap_or(TimeZone::UTC);
    Bandwidth::by_time(move |now| lowest(&caps, &zone, now))
}

fn lowest(caps: &[Cap], zone: &TimeZone, now: OffsetDateTime) -> Option<u64> {
    let local = Timestamp::from_second(now.unix_timestamp()).ok()?.to_zoned(zone.clone());
    let minute = u16::from(local.hour().unsigned_abs()) * 60 + u16::from(local.minute().unsigned_abs());
    caps.iter().filter(|cap| cap.holds(minute)).map(|cap| cap.bytes_per_s).min()
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    #[test]
    fn lines_are_read_and_said_again_the_same() {
        let text = "08:00-18:00 20 MiB/s\n\n 22:00-06:00   1 Gbit/s \n00:00-24:00 300 KiB/s";
        let caps = read(text).unwrap();
        assert_eq!(lines(&caps), ["08:00-18:00 20 MiB/s", "22:00-06:00 1 Gbit/s", "00:00-24:00 300 KiB/s"]);
        assert_eq!(read(&lines(&caps).join("\n")).unwrap(), caps);
        assert!(read("").unwrap().is_empty());
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        for line in [
            "8-18 20 MiB/s",
            "08:00-25:00 1 MiB/s",
            "08:61-09:00 1 MiB/s",
            "08:00-18:00 20",
            "08:00-18:00 fast",
            "20 MiB/s",
            "08:00-18:00 -1 MiB/s",
        ] {
            assert!(read(line).is_err(), "{line}");
        }
        assert!(read("08:00-18:00 1 KiB/s").is_err(), "a body that slow looks stalled");
        assert!(read("08:00-18:00 99999999999999999999 GiB/s").is_err());
        assert!(read(&"00:00-24:00 1 MiB/s\n".repeat(25)).is_err());
    }

    #[test]
    fn a_cap_follows_the_clock_of_its_zone_through_midnight_and_summer_time() {
        let caps = read("08:00-18:00 20 MiB/s\n22:00-06:00 5 MiB/s\n09:00-10:00 1 MiB/s").unwrap();
        let berlin = TimeZone::get("Europe/Berlin").unwrap();
        let mib = |now| lowest(&caps, &berlin, now).map(|bytes| bytes >> 20);
        assert_eq!(mib(datetime!(2026-01-15 07:00 UTC)), Some(20));
        assert_eq!(mib(datetime!(2026-07-15 07:00 UTC)), Some(1), "nine o'clock in summer, and the lowest counts");
        assert_eq!(mib(datetime!(2026-01-15 17:00 UTC)), None, "the end is not part of it");
        assert_eq!(mib(datetime!(2026-01-15 22:30 UTC)), Some(5));
        assert_eq!(mib(datetime!(2026-01-15 04:59 UTC)), Some(5));
        assert_eq!(mib(datetime!(2026-01-15 05:00 UTC)), None);
    }
}

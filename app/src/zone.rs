//! The reader's time zone: its name and when its clocks change, worked out by the server.
//!
//! Moments are written with the changes of its clocks, which the server finds before a page is made. Stored moments, addresses and the audit
//! history stay UTC.

use time::macros::format_description;
use time::{OffsetDateTime, PrimitiveDateTime, UtcOffset};

use crate::units::Moment;

/// A time zone of the IANA database, for the years a console shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Zone {
    /// `Asia/Shanghai`.
    pub name: String,
    /// Seconds east of UTC before the first change.
    pub first: i32,
    /// Changes of the clock, oldest first: since when (Unix seconds), seconds east of UTC.
    pub changes: Vec<(i64, i32)>,
}

impl Default for Zone {
    fn default() -> Self {
        Self { name: "UTC".to_owned(), first: 0, changes: Vec::new() }
    }
}

impl Zone {
    fn offset(&self, unix_s: i64) -> UtcOffset {
        let passed = self.changes.partition_point(|(since, _)| *since <= unix_s);
        let seconds = passed.checked_sub(1).map_or(self.first, |last| self.changes[last].1);
        UtcOffset::from_whole_seconds(seconds).unwrap_or(UtcOffset::UTC)
    }

    /// Seconds east of UTC at a moment.
    #[must_use]
    pub fn east_s(&self, at: Moment) -> i32 {
        self.offset(at.0.unix_timestamp()).whole_seconds()
    }

    fn here(&self, at: Moment) -> OffsetDateTime {
        at.0.to_offset(self.offset(at.0.unix_timestamp()))
    }

    /// `UTC+8`, `UTC-3:30`, `UTC`: the distance at a moment.
    #[must_use]
    pub fn distance(&self, at: Moment) -> String {
        match self.offset(at.0.unix_timestamp()).as_hms() {
            (0, 0, _) => "UTC".to_owned(),
            (h, m, _) => {
                let sign = if h < 0 || m < 0 { '-' } else { '+' };
                let minutes = if m == 0 { String::new() } else { format!(":{:02}", m.unsigned_abs()) };
                format!("UTC{sign}{}{minutes}", h.unsigned_abs())
            }
        }
    }

    /// `2026-11-23 17:30:05 UTC+8`.
    #[must_use]
    pub fn long(&self, at: Moment) -> String {
        let form = format_description!("[year]-[month]-[day] [hour]:[minute]:[second]");
        format!("{} {}", self.here(at).format(&form).unwrap_or_default(), self.distance(at))
    }

    /// `2026-11-23 17:30 UTC+8`.
    #[must_use]
    pub fn minute(&self, at: Moment) -> String {
        format!("{} {}", self.bare(at), self.distance(at))
    }

    /// `2026-11-23 17:30`: where the zone is said beside it.
    #[must_use]
    pub fn bare(&self, at: Moment) -> String {
        let form = format_description!("[year]-[month]-[day] [hour]:[minute]");
        self.here(at).format(&form).unwrap_or_default()
    }

    /// `2026-11-23T17:30:05`: the value of a field for date and time.
    #[must_use]
    pub fn field(&self, at: Moment) -> String {
        let form = format_description!("[year]-[month]-[day]T[hour]:[minute]:[second]");
        self.here(at).format(&form).unwrap_or_default()
    }

    /// The last instant of what a field for date and time says: 09:30:05 means through that second, 09:30 through that minute. In
    /// an hour the clocks skip it is as if they had not been changed yet; in one they repeat, the second time.
    #[must_use]
    pub fn of_field(&self, text: &str) -> Option<Moment> {
        let seconds = format_description!("[year]-[month]-[day]T[hour]:[minute]:[second]");
        let minutes = format_description!("[year]-[month]-[day]T[hour]:[minute]");
        let (local, within) = PrimitiveDateTime::parse(text, &seconds)
            .map(|local| (local, time::Duration::SECOND))
            .or_else(|_| PrimitiveDateTime::parse(text, &minutes).map(|local| (local, time::Duration::MINUTE)))
            .ok()?;
        let fits = |offset: &UtcOffset| self.offset(local.assume_offset(*offset).unix_timestamp()) == *offset;
        // A zone is never further than a day from UTC, so the right offset is in force a day before or after.
        let near = |days: i64| self.offset(local.assume_utc().unix_timestamp() + days * 86_400);
        let offset = [near(1), near(-1)].into_iter().find(fits).unwrap_or_else(|| near(-1));
        local.assume_offset(offset).to_offset(UtcOffset::UTC).checked_add(within - time::Duration::MICROSECOND).map(Moment)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Moment {
        Moment::parse(text).unwrap()
    }

    fn berlin() -> Zone {
        Zone { name: "Europe/Berlin".to_owned(), first: 3_600, changes: vec![(1_774_746_000, 7_200), (1_792_890_000, 3_600)] }
    }

    #[test]
    fn a_moment_reads_by_the_clocks_of_its_day() {
        let zone = berlin();
        assert_eq!(zone.long(at("2026-03-29T00:59:59Z")), "2026-03-29 01:59:59 UTC+1");
        assert_eq!(zone.long(at("2026-03-29T01:00:00Z")), "2026-03-29 03:00:00 UTC+2");
        assert_eq!(zone.minute(at("2026-10-25T01:00:00Z")), "2026-10-25 02:00 UTC+1");
        assert_eq!(Zone { name: "x".to_owned(), first: -12_600, changes: Vec::new() }.distance(at("2026-01-01T00:00:00Z")), "UTC-3:30");
        assert_eq!(Zone::default().long(at("2026-01-01T00:00:00Z")), "2026-01-01 00:00:00 UTC");
    }

    #[test]
    fn a_field_is_read_by_the_same_clocks_and_through_its_last_instant() {
        let zone = berlin();
        assert_eq!(zone.of_field("2026-07-01T12:00:05"), Some(at("2026-07-01T10:00:05.999999Z")));
        assert_eq!(zone.of_field("2026-12-01T12:00"), Some(at("2026-12-01T11:00:59.999999Z")));
        assert_eq!(zone.of_field("2026-03-29T02:30:00"), Some(at("2026-03-29T01:30:00.999999Z")), "skipped");
        assert_eq!(zone.of_field("2026-10-25T02:30:00"), Some(at("2026-10-25T01:30:00.999999Z")), "repeated");
        assert_eq!(zone.of_field("yesterday"), None);
    }
}

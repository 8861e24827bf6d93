//! When a plan runs: five cron fields in a named time zone. Pure; the moment "now" is always given.
//!
//! Source: crontab(5); zones of the IANA database. In a gap of the clock a run happens after it, in a repeated hour once
//! (as `cronexpr` on `jiff` does it), and [`next_runs`] marks runs after a change of the clock.

use app::error::ApiError;
use app::plans::sentences::Schedule as Words;
use app::plans::types::NextRun;
use app::units::Moment;
use cronexpr::{Crontab, MakeTimestamp};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use time::OffsetDateTime;

/// Shortest time between two runs, seconds.
pub const INTERVAL_MIN_S: i64 = 300;
/// Runs looked at to judge an interval.
const LOOK_AHEAD: usize = 50;

/// A checked schedule.
pub struct Schedule {
    crontab: Crontab,
    zone: TimeZone,
}

impl Schedule {
    /// Reads and checks the fields.
    pub fn parse(cron: &str, zone: &str) -> Result<Self, ApiError> {
        let cron = cron.trim();
        if cron.split_whitespace().count() != 5 {
            return Err(ApiError::field("cron", app::plans::refusals::Refusal::CronFields));
        }
        let tz = TimeZone::get(zone.trim()).map_err(|_| ApiError::field("zone", app::plans::refusals::Refusal::ZoneForm))?;
        let crontab = cronexpr::parse_crontab(&format!("{cron} {}", zone.trim())).map_err(|error| {
            ApiError::field("cron", app::plans::refusals::Refusal::CronUnreadable { why: first_line(&error.to_string()).to_owned() })
        })?;
        Ok(Self { crontab, zone: tz })
    }

    /// The first run strictly after `after`; none if there is none in the years to come.
    #[must_use]
    pub fn next_after(&self, after: OffsetDateTime) -> Option<OffsetDateTime> {
        let stamp = Timestamp::from_second(after.unix_timestamp()).ok()?;
        let next = self.crontab.find_next(MakeTimestamp(stamp)).ok()?;
        OffsetDateTime::from_unix_timestamp(next.timestamp().as_second()).ok()
    }

    /// The next `count` runs after `after`.
    #[must_use]
    pub fn next_runs(&self, after: OffsetDateTime, count: usize) -> Vec<NextRun> {
        let mut runs = Vec::with_capacity(count);
        let mut at = after;
        let mut offset = self.offset_s(after);
        while let Some(next) = self.next_after(at).filter(|_| runs.len() < count) {
            let now_offset = self.offset_s(next);
            runs.push(NextRun { at: Moment(next), local: self.local(next), clock_change: now_offset != offset });
            offset = now_offset;
            at = next;
        }
        runs
    }

    /// Shortest and longest time between the next runs, seconds.
    #[must_use]
    pub fn interval_s(&self, after: OffsetDateTime) -> Option<(i64, i64)> {
        let runs = self.next_runs(after, LOOK_AHEAD);
        let gaps = || runs.windows(2).map(|pair| pair[0].at.seconds_until(pair[1].at));
        gaps().min().zip(gaps().max())
    }

    fn zoned(&self, at: OffsetDateTime) -> Option<jiff::Zoned> {
        Timestamp::from_second(at.unix_timestamp()).ok().map(|t| t.to_zoned(self.zone.clone()))
    }

    fn offset_s(&self, at: OffsetDateTime) -> Option<i32> {
        self.zoned(at).map(|z| z.offset().seconds())
    }

    fn local(&self, at: OffsetDateTime) -> String {
        self.zoned(at).map_or_else(String::new, |z| z.strftime("%a %Y-%m-%d %H:%M %:z").to_string())
    }
}

/// The schedule in words, for the common shapes; else the fields themselves.
#[must_use]
pub fn words(cron: &str, zone: &str) -> Words {
    let fields: Vec<&str> = cron.split_whitespace().collect();
    let number = |text: &str| text.parse::<i64>().ok();
    let every = |text: &str| text.strip_prefix("*/").and_then(number);
    let at = |minute: &str, hour: &str| Some(format!("{:02}:{:02}", number(hour)?, number(minute)?));
    let zone = zone.to_owned();
    let [minute, hour, "*", "*", days] = fields[..] else { return Words::Fields { cron: cron.to_owned(), zone } };
    match (number(minute), every(minute), hour, every(hour), at(minute, hour), days) {
        (Some(minute), _, "*", .., "*") => Words::Hourly { minute, zone },
        (_, Some(minutes), "*", .., "*") => Words::EveryMinutes { minutes, zone },
        (Some(minute), _, _, Some(hours), _, "*") => Words::EveryHours { hours, minute, zone },
        (.., Some(time), "*") => Words::Daily { time, zone },
        (.., Some(time), days) => Words::Weekly { time, days: days.to_owned(), zone },
        _ => Words::Fields { cron: cron.to_owned(), zone },
    }
}

fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().chars().take(120).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::datetime;

    #[test]
    fn a_daily_plan_runs_in_its_own_zone() {
        let plan = Schedule::parse("0 3 * * *", "Asia/Shanghai").unwrap();
        assert_eq!(plan.next_after(datetime!(2026-11-23 12:00 UTC)), Some(datetime!(2026-11-23 19:00 UTC)));
        assert_eq!(plan.next_after(datetime!(2026-11-23 19:00 UTC)), Some(datetime!(2026-11-24 19:00 UTC)));
    }

    #[test]
    fn a_change_of_the_clock_is_marked_and_skips_no_day() {
        let plan = Schedule::parse("30 2 * * *", "Europe/Berlin").unwrap();
        let runs = plan.next_runs(datetime!(2026-03-27 12:00 UTC), 3);
        assert_eq!(runs.len(), 3);
        assert_eq!(runs.iter().filter(|r| r.clock_change).count(), 1, "{runs:?}");
        let days: std::collections::BTreeSet<_> = runs.iter().map(|r| r.at.0.date()).collect();
        assert_eq!(days.len(), 3, "one run a day: {runs:?}");
    }

    #[test]
    fn bad_schedules_are_refused_with_their_field() {
        for (cron, zone, field) in [
            ("", "UTC", "cron"),
            ("* * * *", "UTC", "cron"),
            ("61 * * * *", "UTC", "cron"),
            ("0 3 * * *", "Mars/Base", "zone"),
            ("0 3 * * * *", "UTC", "cron"),
        ] {
            let error = Schedule::parse(cron, zone).err().expect(cron);
            assert!(error.of_field(field).is_some(), "{cron} {zone}");
        }
    }

    #[test]
    fn common_schedules_are_said_in_words() {
        for (cron, said) in [
            ("5 * * * *", "every hour at minute 5, UTC"),
            ("*/15 * * * *", "every 15 minutes, UTC"),
            ("5 */6 * * *", "every 6 hours at minute 5, UTC"),
            ("5 3 * * *", "every day at 03:05, UTC"),
            ("5 3 * * 1-5", "at 03:05 on day of week 1-5, UTC"),
            ("5 3 1 * *", "by 5 3 1 * *, UTC"),
            ("5,9 3 * * *", "by 5,9 3 * * *, UTC"),
        ] {
            assert_eq!(words(cron, "UTC").to_string(), said);
        }
    }

    #[test]
    fn intervals_are_seen_ahead() {
        let at = datetime!(2026-11-23 12:00 UTC);
        assert_eq!(Schedule::parse("*/2 * * * *", "UTC").unwrap().interval_s(at), Some((120, 120)));
        assert_eq!(Schedule::parse("0 0,1 * * *", "UTC").unwrap().interval_s(at), Some((3_600, 82_800)));
    }
}

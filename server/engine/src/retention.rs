//! Which snapshots of one project are kept, and why.
//!
//! Rules are joined by *or*, as restic's `forget` has them: newest first, each rule keeps the newest snapshot of each of its periods
//! until it has kept as many as it says, and a rule that could keep more keeps the oldest snapshot too, so that a young history grows
//! to its full length. Periods are those of the calendar in a named time zone; a week belongs to the ISO year (ISO 8601). A period
//! without a snapshot costs nothing, so a harbor that was off for a month loses nothing.
//!
//! A snapshot that later runs confirmed stands for every hour, day … from its moment to its last confirmation: it is the one that stands for
//! a period where it stood in it. Runs that each found something new make the histories restic knows.
//!
//! Ours on top: in a period with a complete snapshot it is a complete one that stays; the newest complete snapshot is always kept, and
//! so are held ones, those a vault has under a lock, and those dated in the future, which count for nothing; `within` is measured from the newest complete snapshot, not
//! from now. A rule that says nothing keeps everything (I-14, I-35).

use std::collections::HashSet;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan as _, Zoned};
use serde::{Deserialize, Serialize};

const NANOSECOND: SignedDuration = SignedDuration::from_nanos(1);
/// Most a counter may say.
pub const COUNT_MAX: u32 = 10_000;
/// Longest `within`, days.
pub const WITHIN_DAYS_MAX: u32 = 36_500;

/// How much is kept. Zero everywhere keeps everything.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Rule {
    /// The newest, whatever their age.
    pub last: u32,
    /// One for each of so many hours that have one.
    pub hourly: u32,
    /// Days.
    pub daily: u32,
    /// ISO weeks.
    pub weekly: u32,
    /// Months.
    pub monthly: u32,
    /// Years.
    pub yearly: u32,
    /// All that are at most so many days older than the newest complete one.
    pub within_days: u32,
}

impl Rule {
    /// Whether it says nothing, and so keeps everything.
    #[must_use]
    pub fn keeps_all(&self) -> bool {
        *self == Self::default()
    }

    /// Whether every figure is within its limit.
    #[must_use]
    pub fn is_valid(&self) -> bool {
        [self.last, self.hourly, self.daily, self.weekly, self.monthly, self.yearly].iter().all(|count| *count <= COUNT_MAX)
            && self.within_days <= WITHIN_DAYS_MAX
    }
}

/// A snapshot a rule is asked about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// Its moment.
    pub at: Timestamp,
    /// From when to when runs found it to hold still, the earliest first. None: it stood at its moment alone.
    pub stood: Vec<(Timestamp, Timestamp)>,
    /// No gaps but accepted ones, and nothing of it is known to be damaged.
    pub good: bool,
    /// Somebody holds it, or a restore from it is asked for.
    pub held: bool,
    /// Until when a vault keeps it from everybody.
    pub locked_until: Option<Timestamp>,
}

impl Candidate {
    /// Until when it is known to have stood.
    fn until(&self) -> Timestamp {
        self.stood.iter().map(|(_, to)| *to).fold(self.at, Timestamp::max)
    }

    /// The last moment before `end` at which it stood.
    fn last_before(&self, end: Timestamp) -> Option<Timestamp> {
        let spans = self.stood.iter().copied().chain([(self.at, self.at)]);
        let just_before = end.checked_sub(NANOSECOND).unwrap_or(Timestamp::MIN);
        spans.filter(|(from, _)| *from < end).map(|(_, to)| to.min(just_before)).max()
    }
}

/// Why one is kept. The text of a period is the calendar's: `2026-11-24`, `2026-W48`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "why")]
pub enum Reason {
    /// The rule says nothing.
    NoRule,
    /// Held, or needed by an open request.
    Held,
    /// A vault it is in lets nobody take it away before.
    Locked {
        /// Until when, in Unix seconds.
        until_s: i64,
    },
    /// The newest good one.
    LastGood,
    /// The newest without any gap, where a newer one counts as good because its gaps were accepted. Said by whoever knows of acceptances.
    LastComplete,
    /// Dated in the future: no rule applies to it.
    Future,
    /// Among the newest; so many more may be kept.
    Last {
        /// More.
        left: u32,
    },
    /// The one of its period.
    Period {
        /// `hour`, `day`, `week`, `month`, `year`.
        unit: String,
        /// Which.
        period: String,
        /// More periods that may be kept.
        left: u32,
    },
    /// The oldest there is, while a rule could keep more.
    Oldest {
        /// The rule.
        unit: String,
    },
    /// Young enough.
    Within {
        /// The rule's days.
        days: u32,
    },
}

/// Asks the rule about the snapshots of one project, in any order. Answers the reasons of each, in the same order; none = it may go.
#[must_use]
pub fn decide(rule: &Rule, zone: &TimeZone, now: Timestamp, candidates: &[Candidate]) -> Vec<Vec<Reason>> {
    let mut reasons: Vec<Vec<Reason>> = vec![Vec::new(); candidates.len()];
    for (place, candidate) in candidates.iter().enumerate() {
        if rule.keeps_all() {
            reasons[place].push(Reason::NoRule);
        }
        if candidate.held {
            reasons[place].push(Reason::Held);
        }
        if let Some(until) = candidate.locked_until.filter(|until| *until > now) {
            reasons[place].push(Reason::Locked { until_s: until.as_second() });
        }
        if candidate.at > now {
            reasons[place].push(Reason::Future);
        }
    }
    // Newest first; what claims to be from the future neither anchors nor counts.
    let mut order: Vec<usize> = (0..candidates.len()).filter(|place| candidates[*place].at <= now).collect();
    order.sort_by_key(|place| std::cmp::Reverse((candidates[*place].at, *place)));
    let newest_good = order.iter().copied().find(|place| candidates[*place].good);
    if let Some(place) = newest_good {
        reasons[place].push(Reason::LastGood);
    }
    last(rule.last, &order, &mut reasons);
    let history = History::new(candidates, &order, now);
    for (unit, count) in [
        (Unit::Hour, rule.hourly),
        (Unit::Day, rule.daily),
        (Unit::Week, rule.weekly),
        (Unit::Month, rule.monthly),
        (Unit::Year, rule.yearly),
    ] {
        history.periods(unit, count, zone, &mut reasons);
    }
    within(rule.within_days, zone, newest_good, candidates, &order, &mut reasons);
    reasons
}

fn last(count: u32, order: &[usize], reasons: &mut [Vec<Reason>]) {
    for (left, place) in (0..count).rev().zip(order) {
        reasons[*place].push(Reason::Last { left });
    }
}

/// The snapshots of a project by when they stood.
struct History<'a> {
    candidates: &'a [Candidate],
    /// The newest first.
    order: &'a [usize],
    /// Until when those from a place of the order on stood, the longest of them: what is before that need not be looked through.
    until: Vec<Timestamp>,
    now: Timestamp,
}

impl<'a> History<'a> {
    fn new(candidates: &'a [Candidate], order: &'a [usize], now: Timestamp) -> Self {
        let mut until: Vec<Timestamp> = order.iter().map(|place| candidates[*place].until()).collect();
        for at in (1..until.len()).rev() {
            until[at - 1] = until[at - 1].max(until[at]);
        }
        Self { candidates, order, until, now }
    }

    /// The last moment before `end` at which any stood.
    fn last_before(&self, end: Timestamp) -> Option<Timestamp> {
        let mut last = None;
        for (place, until) in self.order.iter().zip(&self.until) {
            if last.is_some_and(|last| last >= *until) {
                break;
            }
            last = last.max(self.candidates[*place].last_before(end));
        }
        last
    }

    /// Of those that stood between two moments, both included, the newest complete one, else the newest.
    fn best(&self, start: Timestamp, end: Timestamp) -> Option<usize> {
        let beyond = end.checked_add(NANOSECOND).unwrap_or(Timestamp::MAX);
        let mut newest = None;
        for (place, until) in self.order.iter().zip(&self.until) {
            if *until < start {
                break;
            }
            if self.candidates[*place].last_before(beyond).is_some_and(|last| last >= start) {
                if self.candidates[*place].good {
                    return Some(*place);
                }
                newest = newest.or(Some(*place));
            }
        }
        newest
    }

    /// Of each period in which any stood, as many periods as are counted.
    fn periods(&self, unit: Unit, count: u32, zone: &TimeZone, reasons: &mut [Vec<Reason>]) {
        if count == 0 {
            return;
        }
        let mut chosen = HashSet::new();
        let mut left = count;
        let mut stood = self.last_before(self.now.checked_add(NANOSECOND).unwrap_or(Timestamp::MAX));
        while let Some(at) = stood
            && left > 0
        {
            let local = at.to_zoned(zone.clone());
            let start = unit.start(&local).min(at);
            let Some(place) = self.best(start, at) else { return };
            left -= 1;
            chosen.insert(place);
            reasons[place].push(Reason::Period { unit: unit.name().to_owned(), period: unit.of(&local).to_string(), left });
            stood = self.last_before(start);
        }
        if let Some(oldest) = self.order.last().filter(|oldest| left > 0 && !chosen.contains(*oldest)) {
            reasons[*oldest].push(Reason::Oldest { unit: unit.name().to_owned() });
        }
    }
}

fn within(days: u32, zone: &TimeZone, anchor: Option<usize>, candidates: &[Candidate], order: &[usize], reasons: &mut [Vec<Reason>]) {
    // Without a complete one the newest is all there is to measure from.
    let Some(anchor) = anchor.or_else(|| order.first().copied()).filter(|_| days > 0) else { return };
    let anchor = candidates[anchor].until().to_zoned(zone.clone());
    let Ok(from) = anchor.checked_sub(i64::from(days).days()) else { return };
    for place in order.iter().filter(|place| candidates[**place].until() >= from.timestamp()) {
        reasons[*place].push(Reason::Within { days });
    }
}

#[derive(Clone, Copy)]
enum Unit {
    Hour,
    Day,
    Week,
    Month,
    Year,
}

/// A period of the calendar.
enum Period {
    Hour(Date, i8),
    Day(Date),
    Week(i16, i8),
    Month(i16, i8),
    Year(i16),
}

impl Unit {
    const fn name(self) -> &'static str {
        match self {
            Self::Hour => "hour",
            Self::Day => "day",
            Self::Week => "week",
            Self::Month => "month",
            Self::Year => "year",
        }
    }

    /// When the period of a moment began. Of an hour the instant, so that the repeated hour of a clock change counts twice.
    fn start(self, at: &Zoned) -> Timestamp {
        let day = |date: Date| at.time_zone().to_timestamp(date.at(0, 0, 0, 0)).unwrap_or(Timestamp::MIN);
        match self {
            Self::Hour => {
                let into = i64::from(at.minute()) * 60 + i64::from(at.second());
                Timestamp::from_second(at.timestamp().as_second() - into).unwrap_or(Timestamp::MIN)
            }
            Self::Day => day(at.date()),
            Self::Week => day(at.date().saturating_sub(i64::from(at.date().weekday().to_monday_zero_offset()).days())),
            Self::Month => day(at.date().first_of_month()),
            Self::Year => day(at.date().first_of_year()),
        }
    }

    fn of(self, at: &Zoned) -> Period {
        match self {
            Self::Hour => Period::Hour(at.date(), at.hour()),
            Self::Day => Period::Day(at.date()),
            Self::Week => {
                let week = at.date().iso_week_date();
                Period::Week(week.year(), week.week())
            }
            Self::Month => Period::Month(at.year(), at.month()),
            Self::Year => Period::Year(at.year()),
        }
    }
}

impl std::fmt::Display for Period {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Hour(date, hour) => write!(f, "{date} {hour:02}h"),
            Self::Day(date) => write!(f, "{date}"),
            Self::Week(year, week) => write!(f, "{year}-W{week:02}"),
            Self::Month(year, month) => write!(f, "{year}-{month:02}"),
            Self::Year(year) => write!(f, "{year}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: &str = "2030-01-01T00:00:00Z";

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn good(at: Timestamp) -> Candidate {
        Candidate { at, stood: Vec::new(), good: true, held: false, locked_until: None }
    }

    fn dailies(first: &str, count: i64) -> Vec<Candidate> {
        (0..count).map(|day| good(at(first) + (day * 24).hours())).collect()
    }

    fn kept(rule: &Rule, candidates: &[Candidate]) -> Vec<Timestamp> {
        kept_at(rule, "UTC", NOW, candidates)
    }

    fn kept_at(rule: &Rule, zone: &str, now: &str, candidates: &[Candidate]) -> Vec<Timestamp> {
        let reasons = decide(rule, &TimeZone::get(zone).unwrap(), at(now), candidates);
        candidates.iter().zip(reasons).filter(|(_, why)| !why.is_empty()).map(|(candidate, _)| candidate.at).collect()
    }

    fn stood(from: &str, to: &str) -> Candidate {
        Candidate { stood: vec![(at(from), at(to))], ..good(at(from)) }
    }

    /// A project that changes seldom keeps what it would keep if every run had made a snapshot of its own.
    #[test]
    fn a_confirmed_snapshot_stands_for_every_period_it_stood_in() {
        let changed = ["2025-01-03T03:00:00Z", "2025-03-20T03:00:00Z", "2025-03-21T03:00:00Z", "2025-06-30T03:00:00Z"].map(at);
        let each: Vec<Candidate> = (0..400).map(|day| good(at("2025-01-01T03:00:00Z") + (day * 24).hours())).collect();
        let mut spans: Vec<Candidate> = Vec::new();
        for candidate in &each {
            match spans.last_mut() {
                Some(last) if !changed.contains(&candidate.at) => last.stood = vec![(last.at, candidate.at)],
                _ => spans.push(candidate.clone()),
            }
        }
        assert_eq!(spans.len(), 5);
        for rule in [
            Rule { daily: 7, weekly: 4, monthly: 12, ..Rule::default() },
            Rule { daily: 320, ..Rule::default() },
            Rule { daily: 321, ..Rule::default() },
            Rule { weekly: 40, ..Rule::default() },
            Rule { monthly: 11, ..Rule::default() },
            Rule { yearly: 2, ..Rule::default() },
            Rule { within_days: 200, ..Rule::default() },
            Rule { within_days: 319, ..Rule::default() },
        ] {
            let state = |at: &Timestamp| changed.iter().filter(|change| *change <= at).count();
            let every: HashSet<usize> = kept(&rule, &each).iter().map(state).collect();
            let spanned: HashSet<usize> = kept(&rule, &spans).iter().map(state).collect();
            assert_eq!(spanned, every, "{rule:?}");
        }
        // States are counted, not looks.
        assert_eq!(kept(&Rule { last: 2, ..Rule::default() }, &spans), [changed[2], changed[3]]);
    }

    #[test]
    fn what_ended_does_not_stand_for_the_time_after() {
        let old = Candidate {
            stood: vec![(at("2025-01-01T00:00:00Z"), at("2025-01-02T00:00:00Z")), (at("2025-01-09T00:00:00Z"), at("2025-01-09T12:00:00Z"))],
            ..good(at("2025-01-01T00:00:00Z"))
        };
        let new = good(at("2025-01-10T00:00:00Z"));
        let reasons = decide(&Rule { daily: 4, ..Rule::default() }, &TimeZone::UTC, at(NOW), &[old, new]);
        let days: Vec<&str> = reasons
            .iter()
            .flatten()
            .filter_map(|why| match why {
                Reason::Period { period, .. } => Some(period.as_str()),
                _ => None,
            })
            .collect();
        assert_eq!(days, ["2025-01-09", "2025-01-02", "2025-01-01", "2025-01-10"]);
    }

    #[test]
    fn a_complete_one_that_stood_in_a_period_goes_before_a_newer_one_with_gaps() {
        let newer = Candidate { good: false, ..good(at("2025-01-03T15:00:00Z")) };
        let both = [stood("2025-01-01T03:00:00Z", "2025-01-03T09:00:00Z"), newer];
        assert_eq!(kept(&Rule { daily: 1, ..Rule::default() }, &both), [both[0].at]);
        assert_eq!(kept(&Rule { hourly: 1, ..Rule::default() }, &both), [both[0].at, both[1].at], "and the last good one stays");
    }

    /// What restic's `forget` keeps of the same histories.
    #[test]
    fn the_counts_are_those_of_restic() {
        let gfs = Rule { daily: 7, weekly: 4, monthly: 12, yearly: 3, ..Rule::default() };
        let a = dailies("2025-01-01T03:00:00Z", 400);
        let all = kept(&gfs, &a);
        assert_eq!((all.len(), all[0]), (20, a[0].at), "A");
        let b: Vec<Candidate> = a.iter().cloned().enumerate().filter(|(i, _)| !(389..399).contains(i)).map(|(_, c)| c).collect();
        let all = kept(&gfs, &b);
        assert_eq!((all.len(), all[0]), (20, a[0].at), "B: a hole of ten days costs nothing");
        let c: Vec<Candidate> = (0..120).map(|hour| good(at("2025-06-01T00:00:00Z") + hour.hours())).collect();
        let all = kept(&Rule { hourly: 24, daily: 7, ..Rule::default() }, &c);
        assert_eq!((all.len(), all[0]), (29, c[0].at), "C");
        let d = dailies("2025-01-01T03:00:00Z", 365);
        let all = kept(&Rule { daily: 7, weekly: 52, monthly: 24, yearly: 3, ..Rule::default() }, &d);
        assert_eq!((all.len(), all[0]), (67, d[0].at), "D");
        assert_eq!(kept(&Rule { daily: 1, ..Rule::default() }, &dailies("2001-01-01T03:00:00Z", 3)).len(), 1, "E");
        let f = dailies("2025-12-28T03:00:00Z", 9);
        let all = kept(&Rule { weekly: 2, yearly: 2, ..Rule::default() }, &f);
        assert_eq!((all.len(), all[0]), (3, at("2025-12-31T03:00:00Z")), "F: the ISO year");
    }

    #[test]
    fn a_rule_that_says_nothing_keeps_everything() {
        let a = dailies("2025-01-01T03:00:00Z", 40);
        let reasons = decide(&Rule::default(), &TimeZone::UTC, at(NOW), &a);
        assert!(reasons.iter().all(|why| why.contains(&Reason::NoRule)));
    }

    #[test]
    fn the_newest_good_one_stays_and_gaps_do_not_take_its_place() {
        let mut a = dailies("2025-01-01T03:00:00Z", 10);
        for broken in &mut a[4..] {
            broken.good = false;
        }
        let all = kept(&Rule { last: 1, ..Rule::default() }, &a);
        assert_eq!(all, [a[3].at, a[9].at]);
        // Two on one day: the complete one stands for the day, although the other is newer.
        let day = [good(at("2025-01-01T03:00:00Z")), Candidate { good: false, ..good(at("2025-01-01T15:00:00Z")) }];
        assert_eq!(kept(&Rule { daily: 3, ..Rule::default() }, &day), [day[0].at]);
    }

    #[test]
    fn holds_outrank_rules_and_count_for_nothing() {
        let mut a = dailies("2025-01-01T03:00:00Z", 10);
        a[2].held = true;
        assert_eq!(kept(&Rule { last: 2, ..Rule::default() }, &a), [a[2].at, a[8].at, a[9].at]);
    }

    #[test]
    fn what_is_locked_stays_until_its_lock_has_passed() {
        let mut a = dailies("2025-01-01T03:00:00Z", 10);
        a[2].locked_until = Some(at("2030-01-01T00:00:01Z"));
        a[3].locked_until = Some(at(NOW));
        let rule = Rule { last: 2, ..Rule::default() };
        assert_eq!(kept(&rule, &a), [a[2].at, a[8].at, a[9].at]);
        let reasons = decide(&rule, &TimeZone::UTC, at(NOW), &a);
        assert_eq!(reasons[2], [Reason::Locked { until_s: at("2030-01-01T00:00:01Z").as_second() }]);
    }

    #[test]
    fn the_future_neither_anchors_nor_expires() {
        let a = dailies("2025-01-01T03:00:00Z", 10);
        let all = kept_at(&Rule { last: 1, within_days: 1, ..Rule::default() }, "UTC", "2025-01-05T04:00:00Z", &a);
        assert_eq!(all, [a[3].at, a[4].at, a[5].at, a[6].at, a[7].at, a[8].at, a[9].at]);
    }

    #[test]
    fn within_is_measured_from_the_newest_good_one() {
        let mut a = dailies("2025-01-01T03:00:00Z", 10);
        a[9].good = false;
        assert_eq!(kept(&Rule { within_days: 3, ..Rule::default() }, &a), [a[5].at, a[6].at, a[7].at, a[8].at, a[9].at]);
    }

    #[test]
    fn a_day_is_a_day_of_the_plans_zone_and_a_repeated_hour_is_two() {
        let a = [good(at("2025-01-01T15:00:00Z")), good(at("2025-01-01T17:00:00Z"))];
        let days = Rule { daily: 5, ..Rule::default() };
        assert_eq!(kept_at(&days, "Asia/Shanghai", NOW, &a).len(), 2);
        assert_eq!(kept_at(&days, "UTC", NOW, &a[..]).len(), 2, "the oldest is kept while the rule could keep more");
        let three = [good(at("2025-01-01T14:00:00Z")), a[0].clone(), a[1].clone()];
        assert_eq!(kept_at(&Rule { daily: 1, ..Rule::default() }, "Asia/Shanghai", NOW, &three), [a[1].at]);
        // 2025-10-26 in Berlin: 02:30 comes twice.
        let twice = [good(at("2025-10-26T00:30:00Z")), good(at("2025-10-26T01:30:00Z"))];
        assert_eq!(kept_at(&Rule { hourly: 2, ..Rule::default() }, "Europe/Berlin", NOW, &twice).len(), 2);
    }

    #[test]
    fn every_reason_says_how_many_more_it_would_keep() {
        let a = dailies("2025-01-01T03:00:00Z", 3);
        let reasons = decide(&Rule { daily: 5, ..Rule::default() }, &TimeZone::UTC, at(NOW), &a);
        let day = |period: &str, left| Reason::Period { unit: "day".to_owned(), period: period.to_owned(), left };
        assert_eq!(reasons[2], [Reason::LastGood, day("2025-01-03", 4)]);
        assert_eq!(reasons[0], [day("2025-01-01", 2)]);
    }
}

//! What a plan keeps: the rule asked about the snapshots there are, about those to come, and letting go of the rest.
//!
//! Letting go has three steps, in this order: the row (with its audit record, in one transaction that looks once more for holds and open
//! requests), the pointer in the vault, the bytes (by a sweep, later). A crash between them leaves something for the next run to finish,
//! never a snapshot offered whose bytes may be gone.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use app::audit::events::ProjectEvent;
use app::jobs::lines::Line;
use app::plans::sentences::{KeepReason, Unit};
use app::plans::types::{Keep, Kept, Retention};
use app::sentence::Said;
use app::units::{Moment, figure};
use engine::retention::{self, Candidate, Reason, Rule};
use futures::TryStreamExt as _;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use sqlx::PgConnection;
use sqlx::types::Json;
use time::OffsetDateTime;
use vault::{HarborName, PointerName, Vault, VaultError};
use vocab::ProjectName;

use super::queries;
use super::schedule::Schedule;
use crate::access::Caller;
use crate::audit::{self, Actor, Event};
use crate::error::Error;
use crate::events::{self, Topic};
use crate::jobs::{JobContext, JobError};
use crate::state::AppState;
use crate::troubles;

/// For how long a changed rule lets nothing go: time to notice a mistake.
pub const COOLING: time::Duration = time::Duration::hours(24);
/// Snapshots made up at most to say what a rule comes to.
const CANDIDATES_MAX: usize = 10_000;
/// A day, seconds.
const DAY_S: i64 = 86_400;
/// Snapshots shown of each sort.
const SHOWN: usize = 30;

/// The rule in the engine's words.
#[must_use]
pub const fn rule(keep: &Keep) -> Rule {
    Rule {
        last: keep.last,
        hourly: keep.hourly,
        daily: keep.daily,
        weekly: keep.weekly,
        monthly: keep.monthly,
        yearly: keep.yearly,
        within_days: keep.within_days,
    }
}

/// A snapshot of a plan, as retention sees it.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct Row {
    pub snapshot_id: i64,
    pub project: String,
    pub moment: OffsetDateTime,
    /// From when to when runs of the plan found it to hold still.
    pub spans: Json<Vec<(Moment, Moment)>>,
    pub digest: Vec<u8>,
    pub pointer_id: uuid::Uuid,
    pub vault_id: i64,
    pub good: bool,
    /// Good, and without any gap.
    pub complete: bool,
    pub held: bool,
    pub locked_until: Option<OffsetDateTime>,
}

fn stamp(at: OffsetDateTime) -> Timestamp {
    Timestamp::from_nanosecond(at.unix_timestamp_nanos()).unwrap_or(Timestamp::UNIX_EPOCH)
}

fn candidate(row: &Row) -> Candidate {
    let stood = row.spans.0.iter().map(|(from, until)| (stamp(from.0), stamp(until.0))).collect();
    Candidate { at: stamp(row.moment), stood, good: row.good, held: row.held, locked_until: row.locked_until.map(stamp) }
}

fn zone(name: &str) -> Result<TimeZone, Error> {
    TimeZone::get(name).map_err(|_| Error::defect("a stored time zone cannot be read"))
}

/// Each snapshot of a plan with the reasons to keep it, project by project.
fn decide(rule: &Rule, zone: &TimeZone, now: OffsetDateTime, rows: Vec<Row>) -> Vec<(Row, Vec<Reason>)> {
    let mut projects: BTreeMap<String, Vec<Row>> = BTreeMap::new();
    for row in rows {
        projects.entry(row.project.clone()).or_default().push(row);
    }
    let mut decided = Vec::new();
    for rows in projects.into_values() {
        let candidates: Vec<Candidate> = rows.iter().map(candidate).collect();
        let mut reasons = retention::decide(rule, zone, stamp(now), &candidates);
        // An owner who accepts a gap does not thereby give up what the last snapshot without it has.
        let complete = rows.iter().enumerate().filter(|(_, row)| row.complete && row.moment <= now).max_by_key(|(_, row)| row.moment);
        if let Some((place, _)) = complete
            && !reasons[place].contains(&Reason::LastGood)
        {
            reasons[place].push(Reason::LastComplete);
        }
        decided.extend(rows.into_iter().zip(reasons));
    }
    decided
}

fn unit(name: &str) -> Unit {
    match name {
        "hour" => Unit::Hour,
        "day" => Unit::Day,
        "week" => Unit::Week,
        "month" => Unit::Month,
        _ => Unit::Year,
    }
}

fn words(reason: &Reason) -> Said<KeepReason> {
    let words = match reason {
        Reason::NoRule => KeepReason::Everything,
        Reason::Held => KeepReason::Held,
        Reason::Locked { until_s } => {
            let until = OffsetDateTime::from_unix_timestamp(*until_s).unwrap_or(OffsetDateTime::UNIX_EPOCH);
            KeepReason::Locked { until: Moment(until) }
        }
        Reason::LastGood => KeepReason::NewestGood,
        Reason::LastComplete => KeepReason::NewestWhole,
        Reason::Future => KeepReason::Future,
        Reason::Last { .. } => KeepReason::Newest,
        Reason::Period { unit: name, period, .. } => KeepReason::Period { unit: unit(name), period: period.clone() },
        Reason::Oldest { unit: name } => KeepReason::Oldest { unit: unit(name) },
        Reason::Within { days } => KeepReason::Within { days: i64::from(*days) },
    };
    words.into()
}

/// What a plan keeps now, and why.
pub async fn get(state: &AppState, caller: &Caller, plan_id: i64) -> Result<Retention, Error> {
    let mut conn = state.pool.acquire().await?;
    let plan = super::ops::visible(&mut conn, caller, plan_id).await?;
    of(&mut conn, caller, &plan).await
}

/// The same of a plan that the caller is known to see.
pub(super) async fn of(conn: &mut PgConnection, caller: &Caller, plan: &queries::Row) -> Result<Retention, Error> {
    let mut retention = foresee(conn, Some(plan.plan_id), &plan.keep, &plan.cron, &plan.zone).await?;
    let acts_from = plan.keep_since + COOLING;
    retention.acts_from = (acts_from > OffsetDateTime::now_utc()).then_some(Moment(acts_from));
    // Whoever sees the plan for one project sees that project's snapshots only.
    retention.shown.retain(|kept| caller.may(crate::access::Operation::ReadEstate, None) || sees(caller, &plan.harbor, &kept.project));
    Ok(retention)
}

fn sees(caller: &Caller, harbor: &str, project: &str) -> bool {
    caller
        .roles
        .iter()
        .any(|role| role.harbor.as_ref().is_none_or(|(_, name)| name == harbor) && role.project.as_deref().is_none_or(|own| own == project))
}

/// What a rule would do, to the snapshots of a plan and in the long run.
pub async fn foresee(conn: &mut PgConnection, plan_id: Option<i64>, keep: &Keep, cron: &str, zone_name: &str) -> Result<Retention, Error> {
    let (rule, zone) = (rule(keep), zone(zone_name)?);
    let now = OffsetDateTime::now_utc();
    let rows = match plan_id {
        Some(plan_id) => queries::keepable(conn, plan_id).await?,
        None => Vec::new(),
    };
    let mut decided = decide(&rule, &zone, now, rows);
    let snapshots = whole(decided.len());
    let go = whole(decided.iter().filter(|(_, why)| why.is_empty()).count());
    decided.sort_by_key(|(row, _)| std::cmp::Reverse(row.moment));
    let (going, staying): (Vec<_>, Vec<_>) = decided.into_iter().partition(|(_, why)| why.is_empty());
    let shown = going.into_iter().take(SHOWN).chain(staying.into_iter().take(SHOWN));
    let shown = shown.map(|(row, why)| Kept { project: row.project, at: Moment(row.moment), reasons: why.iter().map(words).collect() });
    let (in_the_long_run, oldest_days) = long_run(&rule, &zone, &Schedule::parse(cron, zone_name)?, now);
    Ok(Retention { snapshots, go, shown: shown.collect(), in_the_long_run, oldest_days, acts_from: None })
}

fn whole(n: usize) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

/// How many snapshots of a project there are, and how old the oldest is, after years of runs that all went well.
///
/// Asked of a made-up history that ends now: every run as far back as the fine counters reach, then a run a day, then one a week; what
/// lies between them no rule would have kept so long.
fn long_run(rule: &Rule, zone: &TimeZone, schedule: &Schedule, now: OffsetDateTime) -> (i64, i64) {
    if rule.keeps_all() {
        return (0, 0);
    }
    let interval = schedule.interval_s(now).map_or(DAY_S, |(shortest, _)| shortest).max(1);
    let days = |count: u32, each: i64| i64::from(count).saturating_mul(each * DAY_S);
    let fine = (i64::from(rule.last) * interval).max(i64::from(rule.hourly) * 3_600).max(days(rule.within_days, 1));
    let daily = days(rule.daily, 1).max(days(rule.weekly, 7));
    let all = daily.max(fine).max(days(rule.monthly, 31)).max(days(rule.yearly, 366)) + 2 * DAY_S;
    let end = now.unix_timestamp();
    let mut candidates = Vec::new();
    let mut age = 0;
    while age <= all && candidates.len() < CANDIDATES_MAX {
        if let Ok(at) = Timestamp::from_second(end - age) {
            candidates.push(Candidate { at, stood: Vec::new(), good: true, held: false, locked_until: None });
        }
        age += match age {
            age if age < fine => interval,
            age if age < daily => interval.max(DAY_S),
            _ => interval.max(7 * DAY_S),
        };
    }
    let reasons = retention::decide(rule, zone, stamp(now), &candidates);
    let kept: Vec<Timestamp> =
        candidates.iter().zip(reasons).filter(|(_, why)| !why.is_empty()).map(|(candidate, _)| candidate.at).collect();
    let oldest = kept.iter().map(|at| at.as_second()).min().unwrap_or(end);
    (whole(kept.len()), (end - oldest) / DAY_S)
}

/// Plans that bring snapshots into a vault and keep them, in the long run, for longer than so many days.
pub async fn longer_than(conn: &mut PgConnection, vault_id: i64, days: i64) -> Result<Vec<String>, Error> {
    let now = OffsetDateTime::now_utc();
    let mut longer = Vec::new();
    for (name, keep, cron, zone_name) in queries::rules_of_vault(conn, vault_id).await? {
        let rule = rule(&keep.0);
        if outlives(&rule, long_run(&rule, &zone(&zone_name)?, &Schedule::parse(&cron, &zone_name)?, now).1, days) {
            longer.push(name);
        }
    }
    Ok(longer)
}

/// Whether snapshots are kept for longer than so many days.
#[must_use]
pub fn outlives(rule: &Rule, oldest_days: i64, days: i64) -> bool {
    rule.keeps_all() || oldest_days > days
}

/// Lets go of what the rule of a plan no longer keeps; answers how many. Part of each run, after its snapshots are sealed.
pub async fn expire(context: &JobContext, plan: &queries::Row, vault: &Vault) -> Result<u64, JobError> {
    let rule = rule(&plan.keep.0);
    if rule.keeps_all() {
        return Ok(0);
    }
    if !crate::vaults::reconcile::may_let_go(&context.state, plan.vault_id).await? {
        context.log("warn", Line::RetentionAdrift).await;
        return Ok(0);
    }
    let (rows, now, since) = {
        let mut conn = context.state.pool.acquire().await?;
        let now: OffsetDateTime = sqlx::query_scalar("select now()").fetch_one(&mut *conn).await?;
        (queries::keepable(&mut conn, plan.plan_id).await?, now, queries::keep_since(&mut conn, plan.plan_id).await?)
    };
    if since + COOLING > now {
        context.log("info", Line::RetentionCooling).await;
        return Ok(0);
    }
    let mut gone = 0;
    // A snapshot that a deleted plan left may be in another vault, which has to agree with the catalogue as well.
    let mut ready = BTreeMap::from([(plan.vault_id, true)]);
    for (row, _) in decide(&rule, &zone(&plan.zone)?, now, rows).into_iter().filter(|(_, why)| why.is_empty()) {
        context.check().await?;
        let ready = match ready.entry(row.vault_id) {
            Entry::Occupied(known) => *known.get(),
            Entry::Vacant(new) => *new.insert(crate::vaults::reconcile::may_let_go(&context.state, row.vault_id).await?),
        };
        if !ready {
            continue;
        }
        gone += u64::from(let_go(context, plan, &row).await?);
    }
    forget(context, plan.vault_id, vault).await?;
    Ok(gone)
}

/// The row and its audit record; false = somebody holds it or asked for it meanwhile, or another plan keeps it.
async fn let_go(context: &JobContext, plan: &queries::Row, row: &Row) -> Result<bool, JobError> {
    let mut tx = context.state.pool.begin().await?;
    context.fence(&mut tx).await?;
    if !queries::expire(&mut tx, row.snapshot_id, Some(plan.plan_id)).await? {
        // Where another plan keeps it, this one does not any more.
        tx.commit().await?;
        return Ok(false);
    }
    let project = format!("{}/{}", plan.harbor, row.project);
    let what = ProjectEvent::LetGo { plan: plan.name.clone(), project, moment: Moment(row.moment) };
    let event = Event::new("snapshot.expire", "snapshot", row.snapshot_id.to_string(), what)
        .project(&plan.harbor, &row.project)
        .with("digest", format!("sha256:{}", hex::encode(&row.digest)))
        .with("moment", Moment(row.moment).url())
        .with("rule", serde_json::to_value(plan.keep.0).unwrap_or_default());
    audit::record(&mut tx, &Actor::job(context.job_id), event).await?;
    events::notify(&mut tx, Topic::Snapshots).await?;
    tx.commit().await?;
    Ok(true)
}

/// Removes the pointers of snapshots that were let go, of this try and of those that broke off before.
pub async fn forget(context: &JobContext, vault_id: i64, vault: &Vault) -> Result<(), JobError> {
    let rows = {
        let mut conn = context.state.pool.acquire().await?;
        queries::to_forget(&mut conn, vault_id).await?
    };
    if rows.is_empty() || !crate::vaults::reconcile::may_let_go(&context.state, vault_id).await? {
        return Ok(());
    }
    let mut names = PointerNames::default();
    let mut locked = 0_u64;
    for (snapshot_id, harbor, project, pointer_id) in rows {
        context.check().await?;
        // One that is not there any more is gone as well.
        let mut gone = true;
        for name in names.of(vault, vault_id, &harbor, &project).await?.iter().filter(|name| name.id() == pointer_id) {
            gone = false;
            match vault.forget(name).await {
                // The bucket has the last word; the next sweep asks again.
                Err(VaultError::Locked { .. }) => locked += 1,
                forgotten => {
                    forgotten.map_err(Error::from)?;
                    gone = true;
                }
            }
        }
        if gone {
            let mut conn = context.state.pool.acquire().await?;
            queries::forgotten(&mut conn, snapshot_id, vault_id).await?;
        }
    }
    if locked > 0 {
        context.log("info", Line::StillLocked { snapshots: figure(locked) }).await;
    }
    Ok(())
}

/// Names of the pointers of projects, listed once for each vault and project.
#[derive(Default)]
pub struct PointerNames(BTreeMap<(i64, String, String), Vec<PointerName>>);

impl PointerNames {
    /// Those of one project.
    pub async fn of(&mut self, vault: &Vault, vault_id: i64, harbor: &str, project: &str) -> Result<&[PointerName], JobError> {
        Ok(match self.0.entry((vault_id, harbor.to_owned(), project.to_owned())) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(new) => new.insert(pointer_names(vault, harbor, project).await?),
        })
    }
}

/// By what lies in the vault: a catalogue's moment may differ from the pointer's by a microsecond.
async fn pointer_names(vault: &Vault, harbor: &str, project: &str) -> Result<Vec<PointerName>, JobError> {
    let unreadable = |what| JobError::from(Error::defect(format!("a stored {what} has a name the vault refuses")));
    let harbor: HarborName = harbor.parse().map_err(|_| unreadable("harbor"))?;
    let project: ProjectName = project.parse().map_err(|_| unreadable("project"))?;
    let names = vault.pointer_names_of(&harbor, &project).try_collect();
    names.await.map_err(|error: vault::VaultError| JobError::of(troubles::vault(&error).into(), true))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run_for_years(keep: Keep, cron: &str) -> (i64, i64) {
        let now = OffsetDateTime::from_unix_timestamp(1_795_000_000).unwrap();
        long_run(&rule(&keep), &TimeZone::UTC, &Schedule::parse(cron, "UTC").unwrap(), now)
    }

    #[test]
    fn the_long_run_is_what_the_counters_add_up_to() {
        let keep = Keep { daily: 7, weekly: 4, monthly: 12, ..Keep::default() };
        let (count, days) = run_for_years(keep, "0 3 * * *");
        // 7 days, 4 weeks and 12 months, some of them the same snapshot.
        assert!((20..=22).contains(&count), "{count}");
        assert!((320..=372).contains(&days), "{days}");
        assert_eq!(run_for_years(Keep { last: 10, ..Keep::default() }, "*/5 * * * *").0, 10);
        assert_eq!(run_for_years(Keep { within_days: 2, ..Keep::default() }, "0 * * * *"), (49, 2));
        assert_eq!(run_for_years(Keep { yearly: 5, ..Keep::default() }, "0 3 1 * *").0, 5);
    }
}

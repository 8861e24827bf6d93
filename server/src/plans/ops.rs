//! Making, changing, pausing and deleting plans.

use std::collections::BTreeSet;

use app::audit::events::{LeftRule, PlanEvent};
use app::error::{ApiError, ErrorKind};
use app::plans::left::DeletePlanForm;
use app::plans::sentences::PlanWarning;
use app::plans::types::{Keep, Plan, PlanForm, PlanFormPage, PlanPage, PlanPreview, ProjectMatch};
use app::units::Moment;
use engine::retention::{COUNT_MAX, WITHIN_DAYS_MAX};
use serde_json::json;
use sqlx::PgConnection;
use time::OffsetDateTime;

use super::queries::{self, Row, Shown, Stored};
use super::schedule::{INTERVAL_MIN_S, Schedule, words};
use super::scope::{self, Scope};
use super::{confirmed, left, retention, runs, view};
use crate::access::{Caller, Operation, Origin};
use crate::audit::{self, Actor, Event};
use crate::copies;
use crate::error::Error;
use crate::events::{self, Topic};
use crate::harbors;
use crate::harbors::queries::HarborProject;
use crate::state::AppState;
use crate::vaults;

/// Runs shown ahead.
const RUNS_AHEAD: usize = 5;
/// Longest pause, days; longer ones lower protection too much to be one person's choice.
const PAUSE_DAYS_MAX: i64 = 7;
/// Longest between two runs that list everything, hours: a month.
const FULL_EVERY_H_MAX: i32 = 720;
/// The same where the form says nothing.
const FULL_EVERY_H: i32 = 24;
/// Most further vaults of one plan.
const COPIES_MAX: usize = 8;
/// Longest target, hours: a year.
const RPO_HOURS_MAX: i64 = 8_784;

/// Plans the caller may see.
pub async fn list(state: &AppState, caller: &Caller) -> Result<Vec<Plan>, Error> {
    let mut conn = state.pool.acquire().await?;
    let rows = queries::shown(&mut conn, None).await?;
    seen(&mut conn, caller, rows).await
}

/// Of plans that were read, those the caller may see.
async fn seen(conn: &mut PgConnection, caller: &Caller, rows: Vec<Shown>) -> Result<Vec<Plan>, Error> {
    let mut harbors: Vec<i64> = rows.iter().map(|shown| shown.row.harbor_id).collect();
    harbors.sort_unstable();
    harbors.dedup();
    let listed = if harbors.is_empty() { Vec::new() } else { harbors::queries::projects_of(conn, &harbors).await? };
    of_listed(caller, &rows, &listed)
}

/// The same where the projects of their Harbors were read already.
pub fn of_listed(caller: &Caller, rows: &[Shown], listed: &[HarborProject]) -> Result<Vec<Plan>, Error> {
    let mut seen = Vec::with_capacity(rows.len());
    for shown in rows {
        let scope = Scope::new(&shown.row.include, &shown.row.exclude)?;
        if sees(caller, &shown.row, &scope) {
            let harbor_id = shown.row.harbor_id;
            let of_scope = listed.iter().filter(|(harbor, name, proxy)| *harbor == harbor_id && !proxy && scope.matches(name));
            let projects: Vec<&str> = of_scope.map(|(_, name, _)| name.as_str()).collect();
            seen.push(as_known(caller, harbor_id, view::plan(shown.clone()), &projects));
        }
    }
    Ok(seen)
}

/// One plan.
pub async fn get(state: &AppState, caller: &Caller, plan_id: i64) -> Result<Plan, Error> {
    let mut conn = state.pool.acquire().await?;
    let found = queries::shown(&mut conn, Some(plan_id)).await?;
    seen(&mut conn, caller, found).await?.pop().ok_or_else(|| ApiError::not_found(app::refusals::Thing::Plan).into())
}

/// One plan with all that its page shows.
pub async fn page(state: &AppState, caller: &Caller, plan_id: i64, after: Option<String>) -> Result<PlanPage, Error> {
    let mut conn = state.pool.acquire().await?;
    let found = queries::shown(&mut conn, Some(plan_id)).await?;
    let row = found.first().map(|shown| shown.row.clone()).ok_or_else(|| ApiError::not_found(app::refusals::Thing::Plan))?;
    let plan = seen(&mut conn, caller, found).await?.pop().ok_or_else(|| ApiError::not_found(app::refusals::Thing::Plan))?;
    Ok(PlanPage {
        plan,
        runs: runs::runs(&mut conn, caller, plan_id, after.as_deref()).await?,
        retention: retention::of(&mut conn, caller, &row).await?,
    })
}

/// The plan that is changed, if one is, with the harbors and vaults there are to choose from.
pub async fn form(state: &AppState, caller: &Caller, plan_id: Option<i64>) -> Result<PlanFormPage, Error> {
    let vaults = vaults::list(state, caller).await?;
    let mut conn = state.pool.acquire().await?;
    let rows = queries::shown(&mut conn, None).await?;
    let scopes = scope::Scopes::of_rows(rows.iter().map(|shown| &shown.row))?;
    let harbors = harbors::by_scopes(&mut conn, caller, &scopes).await?;
    let plan = match plan_id {
        Some(id) => {
            let one = rows.into_iter().filter(|shown| shown.row.plan_id == id).collect();
            Some(seen(&mut conn, caller, one).await?.pop().ok_or_else(|| ApiError::not_found(app::refusals::Thing::Plan))?)
        }
        None => None,
    };
    Ok(PlanFormPage { plan, harbors, vaults })
}

/// The plan as the caller may know it: patterns and vaults tell of projects and places that may not be theirs to know.
fn as_known(caller: &Caller, harbor_id: i64, plan: Plan, projects: &[&str]) -> Plan {
    if caller.may(Operation::ReadEstate, None) {
        return Plan { projects: i64::try_from(projects.len()).unwrap_or(i64::MAX), ..plan };
    }
    let theirs = |name: &&&str| caller.may(Operation::ReadProject, Some((harbor_id, **name)));
    plan.outlined(projects.iter().filter(theirs).map(|name| (*name).to_owned()).collect())
}

/// A plan that the caller may see, without what goes on with it.
pub(super) async fn visible(conn: &mut PgConnection, caller: &Caller, plan_id: i64) -> Result<Row, Error> {
    let row = row(conn, plan_id).await?;
    let scope = Scope::new(&row.include, &row.exclude)?;
    if sees(caller, &row, &scope) { Ok(row) } else { Err(ApiError::not_found(app::refusals::Thing::Plan).into()) }
}

fn sees(caller: &Caller, row: &Row, scope: &Scope) -> bool {
    caller.may(Operation::ReadEstate, None)
        || caller.roles.iter().any(|r| {
            r.harbor.as_ref().is_none_or(|(id, _)| *id == row.harbor_id)
                && r.project.as_deref().is_none_or(|project| scope.matches(project))
        })
}

pub(super) async fn row(conn: &mut PgConnection, plan_id: i64) -> Result<Row, Error> {
    Ok(queries::one(conn, plan_id).await?.ok_or_else(|| ApiError::not_found(app::refusals::Thing::Plan))?)
}

/// A form, read and checked.
struct Checked {
    name: String,
    harbor_id: i64,
    include: Vec<String>,
    exclude: Vec<String>,
    cron: String,
    zone: String,
    rpo_s: i64,
    keep: Keep,
    full_every_h: i32,
    scope: Scope,
    schedule: Schedule,
}

async fn check(conn: &mut PgConnection, form: &PlanForm) -> Result<Checked, Error> {
    let name = form.name.trim().to_owned();
    let mut faults: Option<ApiError> = None;
    let mut fault = |error: ApiError| match &mut faults {
        Some(all) => all.fields.extend(error.fields),
        None => faults = Some(error),
    };
    if name.is_empty() || name.chars().count() > 100 || name.chars().any(char::is_control) {
        fault(ApiError::field("name", app::plans::refusals::Refusal::PlanName));
    }
    if !(1..=RPO_HOURS_MAX).contains(&form.rpo_hours) {
        fault(ApiError::field("rpo_hours", app::plans::refusals::Refusal::Target));
    }
    if !(0..=FULL_EVERY_H_MAX).contains(&form.full_every_h) {
        fault(ApiError::field("full_every_h", app::plans::refusals::Refusal::FullEvery { most: app::units::figure(FULL_EVERY_H_MAX) }));
    }
    if !retention::rule(&form.keep()).is_valid() {
        let (most, days) = (COUNT_MAX, WITHIN_DAYS_MAX);
        fault(ApiError::field(
            "keep_last",
            app::plans::refusals::Refusal::RetentionFigures { most: app::units::figure(most), days: app::units::figure(days) },
        ));
    }
    let harbor = harbors::queries::reach_by_name(conn, form.harbor.trim()).await?.filter(|h| !h.removed);
    if harbor.is_none() {
        fault(ApiError::field("harbor", app::plans::refusals::Refusal::ChooseHarbor));
    }
    let (include, exclude) = (scope::lines(&form.include), scope::lines(&form.exclude));
    let scope = Scope::new(&include, &exclude).map_err(&mut fault).ok();
    let schedule = Schedule::parse(&form.cron, &form.zone).map_err(&mut fault).ok();
    if let Some((shortest, _)) = schedule.as_ref().and_then(|s| s.interval_s(OffsetDateTime::now_utc()))
        && shortest < INTERVAL_MIN_S
    {
        fault(ApiError::field("cron", app::plans::refusals::Refusal::TooOften { apart_s: shortest, least_s: INTERVAL_MIN_S }));
    }
    if schedule.as_ref().is_some_and(|s| s.next_after(OffsetDateTime::now_utc()).is_none()) {
        fault(ApiError::field("cron", app::plans::refusals::Refusal::NeverRuns));
    }
    match (faults, harbor, scope, schedule) {
        (None, Some(harbor), Some(scope), Some(schedule)) => Ok(Checked {
            name,
            harbor_id: harbor.harbor_id,
            include,
            exclude,
            cron: form.cron.split_whitespace().collect::<Vec<_>>().join(" "),
            zone: form.zone.trim().to_owned(),
            rpo_s: form.rpo_hours * 3_600,
            keep: form.keep(),
            full_every_h: if form.full_every_h == 0 { FULL_EVERY_H } else { form.full_every_h },
            scope,
            schedule,
        }),
        (faults, ..) => Err(faults.unwrap_or_else(|| ApiError::field("name", app::plans::refusals::Refusal::CheckForm)).into()),
    }
}

/// What the form would match and when it would run. `live`: Harbor is asked for its projects, else those it had last are taken.
pub async fn preview(state: &AppState, caller: &Caller, form: PlanForm, live: bool) -> Result<PlanPreview, Error> {
    caller.require(Operation::ManageEstate, None)?;
    let checked = {
        let mut conn = state.pool.acquire().await?;
        let named = PlanForm { name: if form.name.trim().is_empty() { "preview".to_owned() } else { form.name.clone() }, ..form.clone() };
        check(&mut conn, &named).await?
    };
    // A look: whoever only previews changes nothing, not even what is known of the harbor.
    let looked = match live {
        true => Some(harbors::look_at_projects(state, checked.harbor_id).await),
        false => None,
    };
    let mut conn = state.pool.acquire().await?;
    let (listed, read_at, stale) = match looked {
        Some(Ok(listed)) => (listed, Some(Moment(OffsetDateTime::now_utc())), None),
        not_now => {
            let kept = harbors::queries::projects(&mut conn, checked.harbor_id).await?;
            let read_at = harbors::queries::listed_at(&mut conn, checked.harbor_id).await?.map(Moment);
            (kept, read_at, not_now.and_then(Result::err).map(|error| *error.into_api(None).message))
        }
    };
    let others: Vec<Scope> = scopes_except(&mut conn, checked.harbor_id, form.plan_id).await?;
    let (mut matched, mut left_out, mut proxies) = (Vec::new(), Vec::new(), Vec::new());
    for (project, repositories, proxy) in listed {
        if !checked.scope.matches(&project) {
            left_out.push(project);
        } else if proxy {
            proxies.push(project);
        } else {
            let in_plans = others.iter().filter(|s| s.matches(&project)).map(|s| s.plan.clone()).collect();
            matched.push(ProjectMatch { project, repositories, in_plans });
        }
    }
    let now = OffsetDateTime::now_utc();
    let retention = retention::foresee(&mut conn, form.plan_id, &checked.keep, &checked.cron, &checked.zone).await?;
    let mut warnings = warnings(&checked, matched.is_empty(), &proxies, now);
    warnings.extend(lock_warning(&mut conn, form.vault_id, &checked, retention.oldest_days).await?);
    Ok(PlanPreview {
        repositories: matched.iter().map(|m| m.repositories).sum(),
        matched,
        left_out,
        read_at,
        stale,
        next_runs: checked.schedule.next_runs(now, RUNS_AHEAD),
        schedule_words: words(&checked.cron, &checked.zone).into(),
        retention,
        warnings: warnings.into_iter().map(Into::into).collect(),
    })
}

async fn scopes_except(conn: &mut PgConnection, harbor_id: i64, plan_id: Option<i64>) -> Result<Vec<Scope>, Error> {
    let others: Vec<Row> = queries::of_harbor(conn, harbor_id).await?.into_iter().filter(|row| Some(row.plan_id) != plan_id).collect();
    Ok(scope::Scopes::of_rows(&others)?.of(harbor_id).to_vec())
}

fn warnings(checked: &Checked, empty: bool, proxies: &[String], now: OffsetDateTime) -> Vec<PlanWarning> {
    let mut warnings = Vec::new();
    if empty {
        warnings.push(PlanWarning::NothingMatches);
    }
    if !proxies.is_empty() {
        warnings.push(PlanWarning::Caches { projects: proxies.to_vec() });
    }
    if let Some((_, longest)) = checked.schedule.interval_s(now)
        && longest > checked.rpo_s
    {
        warnings.push(PlanWarning::TooRare { apart_s: longest, target_s: checked.rpo_s });
    }
    warnings
}

/// Where the vault's locks pass before the rule lets go.
async fn lock_warning(
    conn: &mut PgConnection,
    vault_id: Option<i64>,
    checked: &Checked,
    oldest_days: i64,
) -> Result<Option<PlanWarning>, Error> {
    let Some(vault_id) = vault_id else { return Ok(None) };
    let Some(days) = crate::vaults::queries::bucket(conn, vault_id).await?.and_then(|bucket| bucket.lock_days) else { return Ok(None) };
    let outlived = retention::outlives(&retention::rule(&checked.keep), oldest_days, i64::from(days));
    Ok(outlived.then(|| PlanWarning::OutlivesLock { days: i64::from(days) }))
}

/// Stores a new or changed plan.
pub async fn save(state: &AppState, caller: &Caller, origin: &Origin, form: PlanForm) -> Result<Plan, Error> {
    caller.require(Operation::ManageEstate, None)?;
    let mut tx = state.pool.begin().await?;
    let checked = check(&mut tx, &form).await?;
    let vault_id = form.vault_id.ok_or_else(|| ApiError::field("vault_id", app::plans::refusals::Refusal::ChooseVault))?;
    if crate::vaults::queries::place(&mut tx, vault_id).await?.is_none() {
        return Err(ApiError::field("vault_id", app::plans::refusals::Refusal::NoVault).into());
    }
    let further = further_vaults(&mut tx, &form, vault_id).await?;
    let next_at = checked.schedule.next_after(crate::clock::now(&mut tx).await?);
    let stored = Stored {
        name: &checked.name,
        harbor_id: checked.harbor_id,
        vault_id,
        include: &checked.include,
        exclude: &checked.exclude,
        cron: &checked.cron,
        zone: &checked.zone,
        rpo_s: checked.rpo_s,
        keep: checked.keep,
        full_every_h: checked.full_every_h,
        next_at,
    };
    let taken = |error: sqlx::Error| {
        Error::from(error).on_constraint("plan_name", ApiError::field("name", app::plans::refusals::Refusal::PlanNameTaken))
    };
    let after = json!({ "harbor": form.harbor.trim(), "vault": vault_id, "copies": further, "include": checked.include, "exclude": checked.exclude,
        "cron": checked.cron, "zone": checked.zone, "rpo_s": checked.rpo_s, "keep": checked.keep, "full_every_h": checked.full_every_h });
    let (plan_id, event) = match form.plan_id {
        None => {
            let id = queries::insert(&mut tx, &stored, &caller.login).await.map_err(taken)?;
            (id, Event::new("plan.create", "plan", &checked.name, PlanEvent::PlanMade { plan: checked.name.clone() }))
        }
        Some(id) => {
            let before = row(&mut tx, id).await?;
            if before.harbor_id != checked.harbor_id {
                return Err(ApiError::field("harbor", app::plans::refusals::Refusal::KeepsHarbor).into());
            }
            let version = form.version.unwrap_or(before.version);
            if !queries::update(&mut tx, id, version, &stored).await.map_err(taken)? {
                let text = app::plans::refusals::Refusal::Stale;
                return Err(ApiError::new(ErrorKind::Conflict, "stale_version", text).into());
            }
            let copies = copies::queries::vaults(&mut tx, id).await?;
            let was = json!({ "vault": before.vault_id, "copies": copies, "include": before.include, "exclude": before.exclude, "cron": before.cron,
                "zone": before.zone, "rpo_s": before.rpo_s, "name": before.name, "keep": before.keep.0,
                "full_every_h": before.full_every_h });
            (
                id,
                Event::new("plan.update", "plan", &checked.name, PlanEvent::PlanChanged { plan: checked.name.clone() }).with("before", was),
            )
        }
    };
    copies::queries::set_vaults(&mut tx, plan_id, &further).await?;
    let stored = row(&mut tx, plan_id).await?;
    copies::queue(&mut tx, &stored, &caller.login, Some(caller.account_id)).await?;
    events::notify(&mut tx, Topic::Plans).await?;
    audit::record(&mut tx, &Actor::caller(caller, origin), event.with("after", after)).await?;
    tx.commit().await?;
    get(state, caller, plan_id).await
}

/// The vaults beside the plan's own, each once, in order.
async fn further_vaults(conn: &mut PgConnection, form: &PlanForm, own: i64) -> Result<Vec<i64>, Error> {
    let further: BTreeSet<i64> = form.copies.iter().copied().collect();
    if further.len() > COPIES_MAX {
        return Err(ApiError::field("copies", app::plans::refusals::Refusal::TooManyCopies { most: app::units::figure(COPIES_MAX) }).into());
    }
    for vault_id in &further {
        if *vault_id == own {
            return Err(ApiError::field("copies", app::plans::refusals::Refusal::CopiesToOwn).into());
        }
        if crate::vaults::queries::place(conn, *vault_id).await?.is_none() {
            return Err(ApiError::field("copies", app::plans::refusals::Refusal::NoVault).into());
        }
    }
    Ok(further.into_iter().collect())
}

/// Stops the schedule for some days.
pub async fn pause(state: &AppState, caller: &Caller, origin: &Origin, plan_id: i64, days: i64, reason: &str) -> Result<Plan, Error> {
    caller.require(Operation::ManageEstate, None)?;
    if !(1..=PAUSE_DAYS_MAX).contains(&days) {
        return Err(ApiError::field("days", app::plans::refusals::Refusal::PauseDays { most: PAUSE_DAYS_MAX }).into());
    }
    if reason.trim().chars().count() < 10 {
        return Err(ApiError::field("reason", app::accounts::refusals::Refusal::SayWhyTen).into());
    }
    let mut tx = state.pool.begin().await?;
    let plan = row(&mut tx, plan_id).await?;
    confirmed::end_all(&mut tx, plan_id).await?;
    queries::pause(&mut tx, plan_id, i32::try_from(days).unwrap_or(1), &caller.login, reason.trim()).await?;
    events::notify(&mut tx, Topic::Plans).await?;
    let event =
        Event::new("plan.pause", "plan", &plan.name, PlanEvent::PlanPaused { plan: plan.name.clone(), days }).with("reason", reason.trim());
    audit::record(&mut tx, &Actor::caller(caller, origin), event).await?;
    tx.commit().await?;
    get(state, caller, plan_id).await
}

/// Starts the schedule again.
pub async fn resume(state: &AppState, caller: &Caller, origin: &Origin, plan_id: i64) -> Result<Plan, Error> {
    caller.require(Operation::ManageEstate, None)?;
    let mut tx = state.pool.begin().await?;
    let plan = row(&mut tx, plan_id).await?;
    let next = Schedule::parse(&plan.cron, &plan.zone)?.next_after(crate::clock::now(&mut tx).await?);
    queries::resume(&mut tx, plan_id, next).await?;
    events::notify(&mut tx, Topic::Plans).await?;
    let event = Event::new("plan.resume", "plan", &plan.name, PlanEvent::PlanResumed { plan: plan.name.clone() });
    audit::record(&mut tx, &Actor::caller(caller, origin), event).await?;
    tx.commit().await?;
    get(state, caller, plan_id).await
}

/// Deletes a plan; what becomes of its snapshots is said with it.
pub async fn delete(state: &AppState, caller: &Caller, origin: &Origin, plan_id: i64, form: &DeletePlanForm) -> Result<(), Error> {
    caller.require(Operation::ManageEstate, None)?;
    let mut tx = state.pool.begin().await?;
    let plan = row(&mut tx, plan_id).await?;
    if form.confirm.trim() != plan.name {
        return Err(ApiError::field("confirm", app::refusals::General::Confirm { name: plan.name.clone() }).into());
    }
    if queries::is_running(&mut tx, plan_id).await? {
        return Err(ApiError::new(ErrorKind::Conflict, "plan_running", app::plans::refusals::Refusal::Running).into());
    }
    let decision = left::read(&mut tx, (plan_id, plan.harbor_id), &form.left).await?;
    let left = match &decision {
        Some(decision) => decision.said.clone(),
        None if left::has_snapshots(&mut tx, plan_id).await? => {
            return Err(ApiError::field("to", app::plans::refusals::Refusal::SayWhatBecomes).into());
        }
        None => LeftRule::NoSnapshots,
    };
    confirmed::end_all(&mut tx, plan_id).await?;
    queries::delete(&mut tx, plan_id).await?;
    if let Some(decision) = &decision {
        left::store(&mut tx, plan_id, decision, &caller.login).await?;
    }
    events::notify(&mut tx, Topic::Plans).await?;
    let event = Event::new("plan.delete", "plan", &plan.name, PlanEvent::PlanDeleted { plan: plan.name.clone(), left });
    audit::record(&mut tx, &Actor::caller(caller, origin), event).await?;
    tx.commit().await?;
    Ok(())
}

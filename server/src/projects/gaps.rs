//! Gaps of snapshots: where they are, and which of them an owner accepted (I-9).
//!
//! A gap is known again by its kind, its subject, what that points to where it is a tag, and its cause, exactly; what it is known by is
//! computed by the database (`gap_prints`), and so is which snapshots are good (`good_snapshot`). Nothing here decides that a second time.

use std::collections::HashMap;

use app::audit::events::ProjectEvent;
use app::error::{ApiError, ErrorKind};
use app::projects::gap_causes::{Consequence, GapCause, GapValues, Remedy};
use app::projects::gaps::{AcceptGap, Acceptance, Gap, ProjectGaps, Withdrawn};
use app::sentence::Said;
use app::units::{Moment, figure};
use serde::Deserialize as _;
use sqlx::PgConnection;
use time::{Duration, OffsetDateTime};

use super::{Place, ends, queries};
use crate::access::{Caller, Operation, Origin};
use crate::audit::{self, Actor, Event};
use crate::error::Error;
use crate::events::{self, Topic};
use crate::state::AppState;

/// Gaps of one snapshot that are listed; open ones come first.
const LISTED_MAX: i64 = 1_000;
/// Gaps read to say where they are; a snapshot names no more one by one.
const READ_MAX: i64 = 20_001;
/// The kind that stands for what a snapshot does not name: nobody can know what it is, so nobody can accept it.
const UNNAMED: &str = "more_gaps";
/// Acceptances listed.
const ACCEPTANCES_MAX: i64 = 200;
/// Longest an acceptance counts.
pub const ACCEPTED_MAX: Duration = Duration::days(366);
/// Gaps that one audit record names.
const NAMED_MAX: usize = 20;

/// A gap as the database answers it.
#[derive(sqlx::FromRow)]
struct Row {
    project_id: i64,
    gap: sqlx::types::Json<Stored>,
    /// None = it is only named.
    print: Option<Vec<u8>>,
    accepted_gap_id: Option<i64>,
    reason: Option<String>,
    accepted_by: Option<String>,
    accepted_at: Option<OffsetDateTime>,
    until: Option<OffsetDateTime>,
}

/// What is stored of a gap. Fields of later versions are let be.
#[derive(serde::Deserialize)]
struct Stored {
    kind: String,
    subject: String,
    cause: String,
    #[serde(default)]
    consequence: String,
    #[serde(default)]
    remedy: String,
    #[serde(default)]
    digest: Option<String>,
    #[serde(default)]
    values: Option<serde_json::Value>,
}

/// What a gap says: as values where its snapshot has them and this program knows them, else as it was said then.
pub(crate) struct GapSays {
    pub cause: Said<GapCause>,
    pub consequence: Option<Said<Consequence>>,
    pub remedy: Option<Said<Remedy>>,
}

impl GapSays {
    pub(crate) fn of(values: Option<&serde_json::Value>, cause: String, consequence: String, remedy: String) -> Self {
        if let Some(GapValues { cause, consequence, remedy }) = values.and_then(|values| GapValues::deserialize(values).ok()) {
            return Self { cause: cause.into(), consequence: Some(consequence.into()), remedy: Some(remedy.into()) };
        }
        let consequence = (!consequence.is_empty()).then_some(Said::Then(consequence));
        let remedy = (!remedy.is_empty()).then_some(Said::Then(remedy));
        Self { cause: Said::Then(cause), consequence, remedy }
    }
}

/// Why there is a gap, of a snapshot that was just sealed.
pub(crate) fn cause_of(gap: &vault::tree::Gap) -> Said<GapCause> {
    let values = gap.values.as_ref().and_then(|values| serde_json::to_value(values).ok());
    GapSays::of(values.as_ref(), gap.cause.clone(), gap.consequence.clone(), gap.remedy.clone()).cause
}

impl Row {
    fn gap(self) -> (i64, Gap) {
        let stored = self.gap.0;
        let id = self.print.as_deref().map(hex::encode).unwrap_or_default();
        let GapSays { cause, consequence, remedy } = GapSays::of(stored.values.as_ref(), stored.cause, stored.consequence, stored.remedy);
        let accepted = match (self.accepted_gap_id, self.reason, self.accepted_by, self.accepted_at, self.until) {
            (Some(number), Some(reason), Some(by), Some(at), Some(until)) => Some(Acceptance {
                id: number,
                gap: id.clone(),
                kind: stored.kind.clone(),
                subject: stored.subject.clone(),
                digest: stored.digest.clone(),
                cause: cause.clone(),
                reason,
                by,
                at: Moment(at),
                until: Moment(until),
                withdrawn: None,
            }),
            _ => None,
        };
        let gap = Gap {
            only_named: id.is_empty(),
            id,
            kind: stored.kind,
            subject: stored.subject,
            digest: stored.digest,
            cause,
            consequence,
            remedy,
            accepted,
        };
        (self.project_id, gap)
    }
}

const SELECT: &str = "
select s.project_id, g.gap, g.print, a.accepted_gap_id, a.reason, a.accepted_by, a.accepted_at, a.until
  from kept_snapshot s
       cross join lateral (select e.value as gap, (gap_prints(jsonb_build_array(e.value)))[1] as print from jsonb_array_elements(s.gaps) e) g
       left join lateral (select * from standing_acceptance a where a.project_id = s.project_id and a.print = g.print
                           order by a.until desc limit 1) a on true";
const ORDER: &str = " order by g.print is null, a.accepted_gap_id is not null, g.gap ->> 'subject', g.gap ->> 'kind'";
/// The repository a gap is about.
const REPOSITORY: &str = "split_part(split_part(g.gap ->> 'subject', '@', 1), ':', 1)";

/// Gaps of a snapshot, open ones first; at most a thousand.
pub async fn of_snapshot(conn: &mut PgConnection, snapshot_id: i64) -> Result<Vec<Gap>, Error> {
    let sql = sqlx::AssertSqlSafe(format!("{SELECT} where s.snapshot_id = $1{ORDER} limit $2"));
    let rows: Vec<Row> = sqlx::query_as(sql).bind(snapshot_id).bind(LISTED_MAX).fetch_all(conn).await?;
    Ok(rows.into_iter().map(|row| row.gap().1).collect())
}

/// Gaps of a snapshot that are about these repositories or something in them.
pub async fn of_repositories(conn: &mut PgConnection, snapshot_id: i64, repositories: &[&str]) -> Result<GapsOf, Error> {
    let sql = sqlx::AssertSqlSafe(format!("{SELECT} where s.snapshot_id = $1 and {REPOSITORY} = any($2){ORDER} limit $3"));
    let rows = sqlx::query_as(sql).bind(snapshot_id).bind(repositories).bind(READ_MAX).fetch_all(conn).await?;
    Ok(GapsOf::of(rows))
}

/// Gaps by project.
#[derive(Default)]
pub struct GapsOf(HashMap<i64, Vec<Gap>>);

impl GapsOf {
    fn of(rows: Vec<Row>) -> Self {
        let mut all = Self::default();
        for (project_id, gap) in rows.into_iter().map(Row::gap) {
            all.0.entry(project_id).or_default().push(gap);
        }
        all
    }

    /// The first that is about a tag, the artifact it points to, or all of its repository.
    #[must_use]
    pub fn about(&self, project_id: i64, repository: &str, tag: Option<&str>, digest: Option<&[u8]>) -> Option<&Gap> {
        let tag = tag.map(|tag| format!("{repository}:{tag}"));
        let digest = digest.map(|digest| format!("{repository}@{}", queries::digest_text(digest)));
        let named = |gap: &&Gap| gap.subject == repository || [&tag, &digest].into_iter().flatten().any(|name| *name == gap.subject);
        self.0.get(&project_id)?.iter().find(named)
    }

    /// The one about exactly this.
    #[must_use]
    pub fn of_subject(&self, project_id: i64, subject: &str) -> Option<&Gap> {
        self.0.get(&project_id)?.iter().find(|gap| gap.subject == subject)
    }

    /// Those about a repository or something in it.
    pub fn within<'a>(&'a self, project_id: i64, repository: &'a str) -> impl Iterator<Item = &'a Gap> {
        let inside =
            move |gap: &&Gap| gap.subject.strip_prefix(repository).is_some_and(|rest| rest.is_empty() || rest.starts_with([':', '@']));
        self.0.get(&project_id).into_iter().flatten().filter(inside)
    }
}

/// Gaps of the newest snapshot of each of these projects that are about these repositories or something in them.
pub async fn of_newest(conn: &mut PgConnection, projects: &[i64], repositories: &[&str]) -> Result<GapsOf, Error> {
    let sql = sqlx::AssertSqlSafe(format!(
        "{SELECT} where s.gap_count > 0 and {REPOSITORY} = any($2) and s.snapshot_id = any(array(
            select n.snapshot_id from unnest($1::bigint[]) p (id)
                   cross join lateral (select s.snapshot_id from snapshot s where s.project_id = p.id order by s.moment desc limit 1) n)){ORDER}
          limit $3"
    ));
    let rows = sqlx::query_as(sql).bind(projects).bind(repositories).bind(READ_MAX).fetch_all(conn).await?;
    Ok(GapsOf::of(rows))
}

/// The gaps of a project as they are now, and what was accepted.
pub async fn of_project(state: &AppState, caller: &Caller, harbor: &str, project: &str) -> Result<ProjectGaps, Error> {
    let mut conn = state.pool.acquire().await?;
    let place = Place::find(&mut conn, caller, Operation::ReadProject, harbor, project).await?;
    let may = place.may(caller);
    let Some(project_id) = place.project_id() else { return Ok(ProjectGaps { at: None, gaps: Vec::new(), acceptances: Vec::new(), may }) };
    let at = queries::snapshot_at(&mut conn, project_id, None).await?;
    let gaps = match &at {
        Some(snapshot) => of_snapshot(&mut conn, snapshot.id).await?,
        None => Vec::new(),
    };
    Ok(ProjectGaps { at, gaps, acceptances: acceptances(&mut conn, project_id).await?, may })
}

#[derive(sqlx::FromRow)]
struct Accepted {
    accepted_gap_id: i64,
    print: Vec<u8>,
    kind: String,
    subject: String,
    digest: Option<String>,
    cause: String,
    values: Option<serde_json::Value>,
    reason: String,
    until: OffsetDateTime,
    accepted_by: String,
    accepted_at: OffsetDateTime,
    revoked_at: Option<OffsetDateTime>,
    revoked_by: Option<String>,
    revoked_reason: Option<String>,
}

async fn acceptances(conn: &mut PgConnection, project_id: i64) -> Result<Vec<Acceptance>, Error> {
    let rows: Vec<Accepted> = sqlx::query_as(
        "select accepted_gap_id, print, kind, subject, digest, cause, values, reason, until, accepted_by, accepted_at, revoked_at, revoked_by,
                revoked_reason
           from accepted_gap where project_id = $1 order by accepted_gap_id desc limit $2",
    )
    .bind(project_id)
    .bind(ACCEPTANCES_MAX)
    .fetch_all(conn)
    .await?;
    let withdrawn = |row: &Accepted| {
        let (at, by, reason) = (row.revoked_at?, row.revoked_by.clone()?, row.revoked_reason.clone()?);
        Some(Withdrawn { by, at: Moment(at), reason })
    };
    let acceptance = |row: Accepted| Acceptance {
        withdrawn: withdrawn(&row),
        id: row.accepted_gap_id,
        gap: hex::encode(&row.print),
        kind: row.kind,
        subject: row.subject,
        digest: row.digest,
        cause: GapSays::of(row.values.as_ref(), row.cause, String::new(), String::new()).cause,
        reason: row.reason,
        by: row.accepted_by,
        at: Moment(row.accepted_at),
        until: Moment(row.until),
    };
    Ok(rows.into_iter().map(acceptance).collect())
}

fn reason(text: &str) -> Result<&str, ApiError> {
    let text = text.trim();
    if (10..=500).contains(&text.chars().count()) {
        Ok(text)
    } else {
        Err(ApiError::field("reason", app::projects::refusals::Refusal::GapReason))
    }
}

/// Accepts a gap of a snapshot, or all of them that nobody accepted. Owners alone; answers how many.
pub async fn accept(
    state: &AppState,
    caller: &Caller,
    origin: &Origin,
    harbor: &str,
    project: &str,
    form: AcceptGap,
) -> Result<i64, Error> {
    let mut tx = state.pool.begin().await?;
    let place = Place::find(&mut tx, caller, Operation::AcceptGap, harbor, project).await?;
    let why = reason(&form.reason)?;
    let until = ends(&mut tx, &form.until, ACCEPTED_MAX)
        .await?
        .ok_or_else(|| ApiError::field("until", app::projects::refusals::Refusal::GapUntil))?;
    let absent = || ApiError::not_found(app::refusals::Thing::Snapshot);
    let project_id = place.project_id().ok_or_else(absent)?;
    // One at a time for each project, so that no gap is accepted twice.
    sqlx::query("select 1 from project where project_id = $1 for update").bind(project_id).execute(&mut *tx).await?;
    let own: bool = sqlx::query_scalar("select exists (select from snapshot where snapshot_id = $1 and project_id = $2)")
        .bind(form.snapshot_id)
        .bind(project_id)
        .fetch_one(&mut *tx)
        .await?;
    if !own {
        return Err(absent().into());
    }
    let open = insert(&mut tx, &form, (why, until), &caller.login).await?;
    if open.is_empty() {
        return Err(not_accepted(&mut tx, &form).await?.into());
    }
    let named: Vec<serde_json::Value> = open
        .iter()
        .take(NAMED_MAX)
        .map(|gap| serde_json::json!({ "kind": gap.kind, "subject": gap.subject, "digest": gap.digest, "cause": gap.cause }))
        .collect();
    let count = figure(open.len());
    let of = format!("{harbor}/{project}");
    let what = match open.as_slice() {
        [gap] => ProjectEvent::GapAccepted { project: of, subject: gap.subject.clone() },
        _ => ProjectEvent::GapsAccepted { project: of, gaps: count },
    };
    events::notify(&mut tx, Topic::Snapshots).await?;
    let event = Event::new("backup.gap.accept", "snapshot", form.snapshot_id.to_string(), what)
        .project(harbor, project)
        .with("reason", why)
        .with("until", Moment(until).url())
        .with("gaps", count)
        .with("after", named);
    audit::record(&mut tx, &Actor::caller(caller, origin), event).await?;
    tx.commit().await?;
    Ok(count)
}

/// What was accepted.
#[derive(sqlx::FromRow)]
struct Open {
    kind: String,
    subject: String,
    digest: Option<String>,
    cause: String,
}

/// Accepts what is meant and open; answers each.
async fn insert(conn: &mut PgConnection, form: &AcceptGap, (why, until): (&str, OffsetDateTime), by: &str) -> sqlx::Result<Vec<Open>> {
    sqlx::query_as(
        "insert into accepted_gap (project_id, print, kind, subject, digest, cause, values, reason, until, accepted_by)
         select distinct on (g.print) s.project_id, g.print, g.gap ->> 'kind', g.gap ->> 'subject', g.gap ->> 'digest', g.gap ->> 'cause', g.gap -> 'values', $3, $4, $5
           from snapshot s
                cross join lateral (select e.value as gap, (gap_prints(jsonb_build_array(e.value)))[1] as print from jsonb_array_elements(s.gaps) e) g
          where s.snapshot_id = $1 and g.print is not null and ($2 = 'open' or encode(g.print, 'hex') = $2) and g.gap ->> 'kind' <> $6
            and not exists (select from standing_acceptance a where a.project_id = s.project_id and a.print = g.print)
         returning kind, subject, digest, cause",
    )
    .bind(form.snapshot_id)
    .bind(&form.gap)
    .bind(why)
    .bind(until)
    .bind(by)
    .bind(UNNAMED)
    .fetch_all(conn)
    .await
}

/// Why nothing was accepted.
async fn not_accepted(conn: &mut PgConnection, form: &AcceptGap) -> Result<ApiError, Error> {
    let sql = sqlx::AssertSqlSafe(format!("{SELECT} where s.snapshot_id = $1 and encode(g.print, 'hex') = $2"));
    let meant: Option<Row> = sqlx::query_as(sql).bind(form.snapshot_id).bind(&form.gap).fetch_optional(conn).await?;
    Ok(match meant.map(|row| row.gap().1) {
        None if form.gap != "open" => ApiError::field("gap", app::projects::refusals::Refusal::NoGap),
        Some(gap) if gap.kind == UNNAMED => ApiError::field("gap", app::projects::refusals::Refusal::GapsUnnamed),
        _ => {
            let text = app::projects::refusals::Refusal::GapAccepted;
            ApiError::new(ErrorKind::Conflict, "gap_accepted", text)
        }
    })
}

/// Takes an acceptance back.
pub async fn withdraw(
    state: &AppState,
    caller: &Caller,
    origin: &Origin,
    (harbor, project): (&str, &str),
    acceptance: i64,
    why: &str,
) -> Result<(), Error> {
    let mut tx = state.pool.begin().await?;
    let place = Place::find(&mut tx, caller, Operation::AcceptGap, harbor, project).await?;
    let why = reason(why)?;
    let subject: Option<String> = sqlx::query_scalar(
        "update accepted_gap set revoked_at = now(), revoked_by = $3, revoked_reason = $4
          where accepted_gap_id = $1 and project_id = $2 and revoked_at is null and until > now() returning subject",
    )
    .bind(acceptance)
    .bind(place.project_id())
    .bind(&caller.login)
    .bind(why)
    .fetch_optional(&mut *tx)
    .await?;
    let subject = subject.ok_or_else(|| ApiError::not_found(app::refusals::Thing::Acceptance))?;
    events::notify(&mut tx, Topic::Snapshots).await?;
    let what = ProjectEvent::GapRevoked { project: format!("{harbor}/{project}"), subject };
    let event = Event::new("backup.gap.revoke", "acceptance", acceptance.to_string(), what).project(harbor, project).with("reason", why);
    audit::record(&mut tx, &Actor::caller(caller, origin), event).await?;
    tx.commit().await?;
    Ok(())
}

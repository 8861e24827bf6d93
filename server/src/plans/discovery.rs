//! The first look of a run at its harbor: the projects there are, and which of them need not be listed.
//!
//! What a look showed of a project is kept with the snapshot it belongs to, and is of use only while that is the project's newest one in
//! the vault. The hint is compared with each full listing: where tags changed that it did not show, it is not used until a full listing
//! finds nothing of the kind. Update times are believed until they miss something. The audit log is not, since it can be switched off in whole or
//! in part without a trace: a run that lists everything has to find a push that the log names, and none that it does not.

use std::collections::{HashMap, HashSet};

use app::plans::basis::ListedWhy;
use engine::backup::SnapshotOutcome;
use engine::backup::confirm::own_print;
use engine::backup::discovery::{Basis, Discovery, KnownState, OVERLAP, Since};
use engine::backup::tail::Mark;
use sqlx::PgConnection;
use time::OffsetDateTime;
use vocab::{Digest, ProjectName};

use super::queries::Row;
use super::scope::Scope;
use super::{set_back, told};
use crate::error::Error;
use crate::harbors;
use crate::harbors::queries::Reach;
use crate::jobs::JobContext;

/// A project that was last looked at longer ago is listed: the further back, the longer the listing of changes.
const AGE_MAX: time::Duration = time::Duration::days(7);

/// The look of one run.
pub struct RunDiscovery {
    /// What the harbor shows.
    pub discovery: Discovery,
    /// What is known from before, by project.
    known: HashMap<String, Known>,
    /// What earlier listings found of its hint.
    record: Record,
}

/// What is known of a project from before.
struct Known {
    state: KnownState,
    /// The snapshot it belongs to.
    digest: Digest,
    /// The project's own row as that has it, in short.
    own: Option<Digest>,
}

/// What listings found of the hints of a harbor.
#[derive(sqlx::FromRow)]
struct Record {
    /// Update times missed something.
    times_missed: bool,
    /// The log that is known to name pushes.
    audit_proved: Option<String>,
    /// It missed something, and was not proved since.
    audit_missed: bool,
}

/// What a run found of its hint.
#[derive(Debug, Clone, Default)]
pub struct Findings {
    /// Projects that could be compared.
    pub projects: u64,
    /// Those of them that changed and the hint did not show it.
    pub missed: Vec<ProjectName>,
    /// Some were pushed to, and the audit log told it.
    pub told: bool,
}

impl RunDiscovery {
    /// Looks, and keeps the list of projects. Without `hinted` only the projects are asked for.
    pub async fn take(context: &JobContext, reach: &Reach, client: &registry::Client, plan: &Row, hinted: bool) -> Result<Self, Error> {
        let scope = Scope::new(&plan.include, &plan.exclude)?;
        let (mut known, projects, record) = {
            let mut conn = context.state.pool.acquire().await?;
            let mut known = if hinted { known(&mut conn, plan).await? } else { HashMap::new() };
            known.retain(|name, _| scope.matches(name));
            let projects = harbors::queries::projects(&mut conn, reach.harbor_id).await?.len();
            (known, projects, record(&mut conn, reach.harbor_id).await?)
        };
        let since = Since::of(known.values().map(|known| &known.state));
        let sight = set_back::sight(&mut *context.state.pool.acquire().await?, reach.harbor_id).await?;
        let taken = async {
            let discovery = Discovery::take(client, since, u64::try_from(projects).unwrap_or(0)).await?;
            match &sight {
                Some(sight) => discovery.against(client, sight).await,
                None => Ok(discovery),
            }
        };
        let taken = taken.await;
        let listed = match &taken {
            Ok(discovery) => Ok(discovery.projects.clone()),
            Err(_) => Err(()),
        };
        match (taken, listed) {
            (Ok(discovery), Ok(listed)) => {
                harbors::keep_listing(&context.state, reach, Ok(listed)).await?;
                set_back::keep(context, reach, &discovery, sight.as_ref()).await?;
                if discovery.set_back.is_some() {
                    // What was known is of a time that the harbor does not have any more.
                    known.clear();
                }
                Ok(Self { discovery, known, record })
            }
            (Err(error), _) => Err(harbors::keep_listing(&context.state, reach, Err(error)).await.err().unwrap_or_else(nothing_listed)),
            (Ok(_), Err(())) => Err(nothing_listed()),
        }
    }

    /// Whether its hint may be followed; else it is only compared.
    fn is_followed(&self) -> bool {
        match self.discovery.basis {
            Basis::AuditLog => self.discovery.audit_log().is_some_and(|log| self.record.audit_proved.as_deref() == Some(log.name())),
            _ => !self.record.times_missed,
        }
    }

    /// What it rests on.
    pub fn basis(&self) -> app::plans::basis::Basis {
        let why = match self.discovery.basis {
            Basis::UpdateTimes if !self.is_followed() => ListedWhy::TimesMissed,
            Basis::AuditLog if !self.is_followed() && self.record.audit_missed => ListedWhy::LogMissed,
            Basis::AuditLog if !self.is_followed() => ListedWhy::LogUnproved,
            _ => return told::basis(&self.discovery),
        };
        app::plans::basis::Basis::Listed { why, log: None }
    }

    /// The project as the harbor shows it.
    pub fn project(&self, name: &str) -> Option<&registry::Project> {
        self.discovery.projects.iter().find(|project| project.name.as_str() == name)
    }

    /// Of these projects those in which nothing changed since the snapshots that are answered with them: they may be confirmed.
    pub fn unchanged<'a>(&self, names: &'a [ProjectName]) -> Vec<(&'a ProjectName, Digest)> {
        if !self.is_followed() {
            return Vec::new();
        }
        let rows: HashMap<&str, &registry::Project> = self.discovery.projects.iter().map(|row| (row.name.as_str(), row)).collect();
        let is_same = |name: &&ProjectName| {
            let (known, row) = self.known.get(name.as_str()).zip(rows.get(name.as_str()))?;
            let same = self.discovery.is_unchanged(row, &known.state) && known.own == Some(own_print(row));
            same.then_some(known.digest)
        };
        names.iter().filter_map(|name| Some((name, is_same(&name)?))).collect()
    }

    fn hinted(&self, name: &str, newest: Option<Digest>) -> Option<&registry::Project> {
        let known = self.known.get(name)?;
        self.project(name).filter(|project| newest == Some(known.digest) && self.discovery.is_unchanged(project, &known.state))
    }

    /// Whether a run judges its hint: one that asks everything again, and one that listed all projects since the audit log is not known yet.
    pub fn is_judged(&self, full: bool) -> bool {
        full || self.discovery.basis == Basis::AuditLog && !self.is_followed() && !self.record.audit_missed
    }

    /// Whether the audit log tells of a push to the project since its snapshot `newest`.
    pub fn tells_of_push(&self, name: &str, newest: Option<Digest>) -> bool {
        let known = self.known.get(name).filter(|known| newest == Some(known.digest));
        known.zip(self.project(name)).is_some_and(|(known, project)| self.discovery.tells_of_push(project, &known.state))
    }

    /// Takes out of what was missed the projects that changed after the look, which no update time tells where the audit log is the hint. `false`: the
    /// log does not say, so nothing can be judged.
    pub async fn settle(&self, client: &registry::Client, found: &mut Findings) -> Result<bool, registry::RegistryError> {
        if self.discovery.basis != Basis::AuditLog || found.missed.is_empty() {
            return Ok(true);
        }
        let missed: HashSet<&ProjectName> = found.missed.iter().collect();
        let Some(meanwhile) = self.discovery.changed_meanwhile(client, &missed).await? else { return Ok(false) };
        found.missed.retain(|name| !meanwhile.contains(name));
        Ok(true)
    }

    /// Notes what the run found of the hint.
    pub async fn judge(&self, conn: &mut PgConnection, harbor_id: i64, found: &Findings) -> sqlx::Result<()> {
        let missed = !found.missed.is_empty();
        match (self.discovery.basis, self.discovery.audit_log()) {
            (Basis::UpdateTimes, _) if found.projects > 0 => {
                sqlx::query("update harbor set hint_missed_at = case when $2 then now() end where harbor_id = $1")
                    .bind(harbor_id)
                    .bind(missed)
                    .execute(conn)
                    .await?;
            }
            (Basis::AuditLog, Some(log)) if missed || found.told => {
                sqlx::query(
                    "update harbor set audit_missed_at = case when $2 then now() end, audit_proved = case when $2 then null else $3 end
                      where harbor_id = $1",
                )
                .bind(harbor_id)
                .bind(missed)
                .bind(log.name())
                .execute(conn)
                .await?;
            }
            _ => {}
        }
        Ok(())
    }

    /// Whether the hint had nothing to say of a project in which a full listing found other tags. What came after the look does not
    /// count.
    pub fn missed(&self, name: &str, newest: Option<Digest>, found: &SnapshotOutcome) -> Option<bool> {
        let project = self.hinted(name, newest)?;
        // Where the audit log is the hint, times tell nothing, and it is asked again when the run ends.
        let by_time = self.discovery.basis == Basis::UpdateTimes && found.last_change.is_some_and(|at| at >= self.discovery.at - OVERLAP);
        let meanwhile = by_time || found.index.repositories.len() as u64 != project.repo_count;
        Some(!meanwhile)
    }

    /// Keeps what the look showed of a project together with the snapshot that holds what it has.
    pub async fn keep(
        &self,
        conn: &mut PgConnection,
        (project_id, vault_id): (i64, i64),
        name: &str,
        outcome: &SnapshotOutcome,
    ) -> Result<(), Error> {
        let Some(project) = self.project(name) else { return Ok(()) };
        let known_state = self.discovery.state_of(project);
        sqlx::query(
            "insert into project_look (project_id, vault_id, digest, foreign_id, repositories, seen_at, audit_log, audit_id, own)
             values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
             on conflict (project_id, vault_id) do update set digest = excluded.digest, foreign_id = excluded.foreign_id,
                 repositories = excluded.repositories, seen_at = excluded.seen_at, audit_log = excluded.audit_log,
                 audit_id = excluded.audit_id, own = excluded.own",
        )
        .bind(project_id)
        .bind(vault_id)
        .bind(outcome.digest.as_bytes().as_slice())
        .bind(known_state.project_id)
        .bind(i64::try_from(known_state.repositories).unwrap_or(i64::MAX))
        .bind(known_state.seen_at)
        .bind(known_state.mark.map(|mark| mark.log.name()))
        .bind(known_state.mark.map(|mark| mark.id))
        .bind(outcome.own.as_ref().map(|own| own.as_bytes().as_slice()))
        .execute(conn)
        .await?;
        Ok(())
    }
}

fn nothing_listed() -> Error {
    Error::defect("a listing that failed has no error")
}

async fn record(conn: &mut PgConnection, harbor_id: i64) -> sqlx::Result<Record> {
    sqlx::query_as(
        "select hint_missed_at is not null as times_missed, audit_proved, audit_missed_at is not null as audit_missed from harbor
          where harbor_id = $1",
    )
    .bind(harbor_id)
    .fetch_one(conn)
    .await
}

/// What was kept of projects whose newest snapshot in the vault is still the one it was kept with. What the plan found unchanged is known as of
/// its newest look.
async fn known(conn: &mut PgConnection, plan: &Row) -> Result<HashMap<String, Known>, Error> {
    type Columns = (String, Vec<u8>, i64, i64, OffsetDateTime, Option<String>, Option<i64>, Option<Vec<u8>>);
    let rows: Vec<Columns> = sqlx::query_as(
        "select p.name, l.digest, l.foreign_id, l.repositories, k.seen_at, k.log, k.log_id, l.own
           from project_look l join project p using (project_id)
                left join (confirmation c join snapshot_ever s using (snapshot_id) join plan w using (plan_id))
                       on c.plan_id = $4 and c.project_id = l.project_id and c.to_at is null and s.digest = l.digest
                      and w.vault_id = l.vault_id and w.look_seen_at > l.seen_at
                cross join lateral (
                    select case when w.plan_id is null then l.seen_at else w.look_seen_at end as seen_at,
                           case when w.plan_id is null then l.audit_log else w.look_log end as log,
                           case when w.plan_id is null then l.audit_id else w.look_log_id end as log_id) k
          where p.harbor_id = $1 and l.vault_id = $2 and k.seen_at > $3",
    )
    .bind(plan.harbor_id)
    .bind(plan.vault_id)
    .bind(OffsetDateTime::now_utc() - AGE_MAX)
    .bind(plan.plan_id)
    .fetch_all(conn)
    .await?;
    let read = |bytes: &[u8]| Digest::from_bytes(bytes).map_err(|e| Error::defect(e.to_string()));
    let mut known = HashMap::with_capacity(rows.len());
    for (name, digest, project_id, repositories, seen_at, log, row, own) in rows {
        let mark = log.and_then(|log| log.parse().ok()).zip(row).map(|(log, id)| Mark { log, id });
        let state = KnownState { seen_at, project_id, repositories: u64::try_from(repositories).unwrap_or(0), mark };
        known.insert(name, Known { state, digest: read(&digest)?, own: own.as_deref().map(read).transpose()? });
    }
    Ok(known)
}

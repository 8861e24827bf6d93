//! The job that brings what a plan made into a further vault, newest first.
//!
//! Each copy is whole or has no pointer, and has its row before it has a pointer; a try that broke off goes on with what is missing. A
//! snapshot that cannot be read does not keep the others from being copied; a vault that does not take one ends the try.

use std::sync::Arc;

use app::audit::events::ProjectEvent;
use app::jobs::failures::{Failure, Help};
use app::jobs::lines::Line;
use app::jobs::sentences::{Phase, Title};
use app::units::Moment;
use engine::copy::{self, Copied, CopyContext, CopyError};
use sqlx::PgConnection;
use vault::{Pointer, Vault, VaultError};
use vocab::Digest;

use super::queries::{self, Wanted};
use crate::audit::{self, Actor, Event};
use crate::error::Error;
use crate::events::{self, Topic};
use crate::jobs::queries::End;
use crate::jobs::{self, JobContext, JobError, NewJob, Stop, Work};
use crate::plans::retention::{self, PointerNames};
use crate::plans::{self, Observer};
use crate::troubles;

/// Snapshots read from the catalogue at once.
const ROWS: i64 = 100;
/// Snapshots in the log of one job that could not be copied.
const LOGGED_MAX: usize = 50;

/// Queues a copy to each further vault that lacks something, or the lock of it, in the caller's transaction.
pub async fn queue(conn: &mut PgConnection, plan: &plans::queries::Row, trigger: &str, account_id: Option<i64>) -> Result<(), Error> {
    for (vault_id, vault) in queries::lacking(conn, plan.plan_id).await? {
        let job = NewJob {
            work: Work::Copy { plan_id: plan.plan_id, vault_id },
            title: Title::Copy { plan: plan.name.clone(), vault: vault.clone() },
            dedupe_key: format!("copy:{}:{vault_id}", plan.plan_id),
            trigger: trigger.to_owned(),
            account_id,
            harbor_id: Some(plan.harbor_id),
            project: None,
            link: Some(format!("/plans/{}", plan.plan_id)),
            after: None,
        };
        jobs::enqueue(conn, &job).await?;
    }
    Ok(())
}

/// What a run made while the job was ending: its wish was answered with the job that did not see it.
pub async fn settle(conn: &mut PgConnection, plan_id: i64, end: &End) -> Result<(), Error> {
    events::notify(conn, Topic::Plans).await?;
    // After a failure the next run asks again; here that would never end.
    if matches!(end, End::Done)
        && let Some(plan) = plans::queries::one(conn, plan_id).await?
    {
        queue(conn, &plan, "schedule", None).await?;
    }
    Ok(())
}

/// Runs it.
pub async fn copy_job(context: Arc<JobContext>, plan_id: i64, vault_id: i64) -> Result<(), JobError> {
    let (plan, to, name) = {
        let mut conn = context.state.pool.acquire().await?;
        let plan = plans::queries::one(&mut conn, plan_id).await?.ok_or_else(|| JobError::for_good(Failure::PlanGone))?;
        let row = crate::vaults::queries::one(&mut conn, vault_id).await?.ok_or_else(|| JobError::for_good(Failure::VaultGone))?;
        (plan, crate::vaults::open_to_write(&context.state, &mut conn, vault_id).await?, row.name)
    };
    let mut job = Job { context: &context, plan, to, to_id: vault_id, to_name: name, names: PointerNames::default() };
    let (copied, failed) = job.all().await?;
    job.lock().await?;
    retention::forget(&context, vault_id, &job.to).await?;
    if copied > 0
        && let Err(error) = job.to.rebuild_index().await
    {
        context.log("warn", Line::NoIndexJson { why: troubles::vault(&error) }).await;
    }
    match failed {
        None => Ok(()),
        Some((count, first)) if count > 1 => Err(widened(first, count)),
        Some((_, first)) => Err(first),
    }
}

fn widened(error: JobError, count: u64) -> JobError {
    let copies = i64::try_from(count).unwrap_or(i64::MAX);
    let more = |failure| Failure::SomeCopies { copies, why: Box::new(failure) };
    match error {
        JobError::Permanent { failure, help } => JobError::Permanent { failure: more(failure), help },
        JobError::Transient { failure, help } => JobError::Transient { failure: more(failure), help },
        other => other,
    }
}

struct Job<'a> {
    context: &'a Arc<JobContext>,
    plan: plans::queries::Row,
    to: Vault,
    to_id: i64,
    to_name: String,
    names: PointerNames,
}

impl Job<'_> {
    /// Copies what is missing; answers how many were copied, and how many could not be read with the error of the first.
    async fn all(&mut self) -> Result<(u64, Option<(u64, JobError)>), JobError> {
        let (mut copied, mut failed, mut before) = (0, None::<(u64, JobError)>, None);
        loop {
            let rows = {
                let mut conn = self.context.state.pool.acquire().await?;
                queries::wanted(&mut conn, (self.plan.plan_id, self.to_id), before, ROWS).await?
            };
            let Some(last) = rows.last() else { return Ok((copied, failed)) };
            before = Some((last.moment, last.snapshot_id));
            for row in rows {
                self.context.check().await?;
                let phase = Phase::Snapshot { project: row.project.to_string(), moment: Moment(row.moment) };
                self.context.progress(|p| p.phase = Some(phase)).await;
                match self.one(&row).await? {
                    Ok(()) => copied += 1,
                    Err(error) => {
                        let count = failed.as_ref().map_or(0, |(count, _)| *count);
                        if count < LOGGED_MAX as u64 {
                            let (project, moment, why) = (row.project.to_string(), Moment(row.moment), error.failure());
                            self.context.log("error", Line::NotCopied { project, moment, why }).await;
                        }
                        failed = Some((count + 1, failed.map_or(error, |(_, first)| first)));
                    }
                }
            }
        }
    }

    /// Copies one. The inner error is about this snapshot alone; the outer one ends the try.
    async fn one(&mut self, row: &Wanted) -> Result<Result<(), JobError>, JobError> {
        let (from, before) = {
            let mut conn = self.context.state.pool.acquire().await?;
            (
                crate::vaults::open(&self.context.state, &mut conn, row.vault_id).await?,
                queries::newest(&mut conn, row.project_id, self.to_id).await?,
            )
        };
        let Some(pointer) = self.pointer(&from, row).await? else {
            return Ok(Err(JobError::Permanent { failure: Failure::NoPointer, help: Some(Help::VerifyThat) }));
        };
        {
            let mut tx = self.context.state.pool.begin().await?;
            self.context.fence(&mut tx).await?;
            queries::begin(&mut tx, row.snapshot_id, self.to_id).await?;
            tx.commit().await?;
        }
        let before = before.as_deref().map(digest).transpose()?;
        let observer = Arc::new(Observer { context: Arc::clone(self.context) });
        let cx = CopyContext { from, to: self.to.clone(), progress: observer.clone(), control: observer };
        match copy::snapshot(&cx, &pointer, before).await {
            Ok(copied) => self.enter(row, &copied).await.map(Ok),
            Err(error @ CopyError::From(_)) => Ok(Err(failure(&error))),
            Err(error) => Err(failure(&error)),
        }
    }

    /// Locks the copies of what later runs confirmed, as if it were made then.
    async fn lock(&mut self) -> Result<(), JobError> {
        let mut after = 0;
        loop {
            let of = (self.plan.plan_id, self.to_id);
            let rows = queries::unlocked(&mut *self.context.state.pool.acquire().await?, of, after, ROWS).await?;
            let Some(last) = rows.last() else { return Ok(()) };
            after = last.snapshot_id;
            for row in rows {
                self.context.check().await?;
                let names = self.names.of(&self.to, self.to_id, &self.plan.harbor, &row.project).await?;
                let pointer = match names.iter().find(|name| name.id() == row.pointer_id) {
                    Some(name) => self.to.pointer(name).await.map_err(Error::from)?,
                    None => None,
                };
                if let Some(pointer) = &pointer {
                    self.to.lock_confirmed(pointer, row.at).await.map_err(Error::from)?;
                }
                let mut tx = self.context.state.pool.begin().await?;
                self.context.fence(&mut tx).await?;
                match pointer {
                    Some(_) => queries::locked(&mut tx, row.snapshot_id, self.to_id, row.at).await?,
                    // A copy without its pointer is none.
                    None => crate::vaults::queries::set_degraded(&mut tx, self.to_id, &[row.snapshot_id], true).await?,
                }
                tx.commit().await?;
            }
        }
    }

    async fn pointer(&mut self, from: &Vault, row: &Wanted) -> Result<Option<Pointer>, JobError> {
        let names = self.names.of(from, row.vault_id, &self.plan.harbor, &row.project).await?;
        let Some(name) = names.iter().find(|name| name.id() == row.pointer_id) else { return Ok(None) };
        from.pointer(name).await.map_err(|error| JobError::from(Error::from(error)))
    }

    async fn enter(&self, row: &Wanted, copied: &Copied) -> Result<(), JobError> {
        let (harbor, project, to) = (&self.plan.harbor, &row.project, &self.to_name);
        let bytes = i64::try_from(copied.bytes).unwrap_or(i64::MAX);
        let mut tx = self.context.state.pool.begin().await?;
        self.context.fence(&mut tx).await?;
        queries::finish(&mut tx, row.snapshot_id, self.to_id, bytes).await?;
        crate::vaults::queries::add_stored(&mut tx, self.to_id, bytes).await?;
        events::notify(&mut tx, Topic::Plans).await?;
        events::notify(&mut tx, Topic::Snapshots).await?;
        let what =
            ProjectEvent::Copied { project: format!("{harbor}/{project}"), moment: Moment(row.moment), vault: to.as_str().to_owned() };
        let event = Event::new("snapshot.copy", "snapshot", row.snapshot_id.to_string(), what)
            .project(harbor, project)
            .with("digest", format!("sha256:{}", hex::encode(&row.digest)))
            .with("vault", to.as_str())
            .with("bytes_new", bytes);
        audit::record(&mut tx, &Actor::job(self.context.job_id), event).await?;
        tx.commit().await?;
        Ok(())
    }
}

fn digest(bytes: &[u8]) -> Result<Digest, JobError> {
    Digest::from_bytes(bytes).map_err(|error| JobError::from(Error::defect(error.to_string())))
}

fn failure(error: &CopyError) -> JobError {
    let failure = troubles::copy(error);
    match error {
        CopyError::Stopped(stop) => JobError::Stopped(plans::stop_of(*stop).unwrap_or(Stop::Cancelled)),
        CopyError::To(VaultError::NoSpace { .. }) => JobError::Permanent { failure, help: Some(Help::FreeSpaceForCopies) },
        error if error.is_transient() => JobError::of(failure, true),
        CopyError::From(_) => JobError::Permanent { failure, help: Some(Help::VerifySource) },
        _ => JobError::for_good(failure),
    }
}

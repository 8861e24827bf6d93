//! How a run uses the staging project: an intent in the audit history before its first copy, one outcome when it is over (I-22).

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use app::audit::events::HarborEvent;
use app::harbors::sentences::StagingTrouble;
use app::jobs::lines::Line;
use app::units::figure;
use engine::Stop;
use engine::backup::staging::{Session, Staging, StagingGate, Unusable};
use tokio::sync::OnceCell;
use vocab::{Digest, ProjectName, RepositoryName};

use super::queries;
use super::tidy::tidy;
use crate::audit::{self, Actor, Event, Outcome};
use crate::error::{Error, chain};
use crate::harbors::clients::{Access, client};
use crate::harbors::queries::Reach;
use crate::jobs::{JobContext, JobError};
use sqlx::PgConnection;

/// The staging project during one run.
pub struct Use {
    context: Arc<JobContext>,
    run_id: i64,
    reach: Reach,
    project: ProjectName,
    unusable: Option<StagingTrouble>,
    begun: OnceCell<()>,
    copied: Mutex<BTreeMap<ProjectName, i64>>,
}

impl Use {
    /// Tidies the project and takes it into use; none where that is not allowed. Trouble with it stops no backup: the gaps say so.
    pub async fn begin(context: &Arc<JobContext>, run_id: i64, reach: &Reach) -> Result<Option<Arc<Self>>, JobError> {
        let tidied = tidy(&context.state, reach, &Actor::job(context.job_id), None).await?;
        if tidied.removed > 0 {
            context.log("info", Line::CopiesRemoved { copies: figure(tidied.removed) }).await;
        }
        let project = reach.staging_project.as_deref().and_then(|name| name.parse::<ProjectName>().ok());
        let Some(project) = project.filter(|_| reach.staging) else { return Ok(None) };
        let unusable = tidied.unusable(&project);
        if let Some(why) = &unusable {
            context.log("warn", Line::StagingUnusable { why: why.clone() }).await;
        }
        Ok(Some(Arc::new(Self {
            context: Arc::clone(context),
            run_id,
            reach: reach.clone(),
            project,
            unusable,
            begun: OnceCell::new(),
            copied: Mutex::default(),
        })))
    }

    /// For the engine.
    pub fn staging(self: &Arc<Self>) -> Result<Staging, Error> {
        Ok(Staging {
            client: client(&self.context.state, &self.reach, Access::Staging)?,
            project: self.project.clone(),
            session: self.session(),
            gate: Arc::clone(self) as Arc<dyn StagingGate>,
            unusable: self.unusable.as_ref().map(unusable).transpose()?,
        })
    }

    fn session(&self) -> Session {
        Session { job: self.context.job_id, epoch: self.context.epoch }
    }

    /// Notes what was copied of a project, whatever became of its backup.
    pub async fn note(&self, project: &ProjectName) -> Result<(), JobError> {
        let copied = self.copied.lock().unwrap_or_else(PoisonError::into_inner).remove(project);
        let Some(images) = copied else { return Ok(()) };
        let mut tx = self.context.state.pool.begin().await?;
        self.context.fence(&mut tx).await?;
        queries::add_use(&mut tx, self.run_id, project.as_str(), images).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Removes what this run left. What stays is told, and removed by the next run or look.
    pub async fn end(&self) -> Result<(), JobError> {
        if self.begun.get().is_none() {
            return Ok(());
        }
        let tidied = tidy(&self.context.state, &self.reach, &Actor::job(self.context.job_id), Some(self.session())).await?;
        if tidied.left > 0 {
            let line = Line::CopiesStay { copies: tidied.left, project: self.project.to_string(), why: tidied.trouble };
            self.context.log("warn", line).await;
        }
        Ok(())
    }

    async fn intend(&self) -> Result<(), JobError> {
        let mut tx = self.context.state.pool.begin().await?;
        self.context.fence(&mut tx).await?;
        if queries::begin_use(&mut tx, self.run_id, self.project.as_str()).await? {
            let what = HarborEvent::StagingBegun { project: self.project.to_string(), harbor: self.reach.name.clone() };
            let event = Event::new("backup.staging.start", "harbor", &self.reach.name, what).with("run", self.run_id);
            audit::record(&mut tx, &Actor::job(self.context.job_id), event).await?;
        }
        tx.commit().await?;
        Ok(())
    }
}

fn unusable(why: &StagingTrouble) -> Result<Unusable, Error> {
    let text = why.to_string();
    Ok(Unusable { why: serde_json::to_value(why).map_err(|error| Error::defect(error.to_string()))?, text })
}

#[async_trait::async_trait]
impl StagingGate for Use {
    async fn before_copy(&self, repository: &RepositoryName, _: &Digest) -> Result<(), Stop> {
        let intended = self.begun.get_or_try_init(|| async { self.intend().await }).await;
        if let Err(error) = intended {
            // What cannot be recorded does not happen (I-23).
            tracing::warn!(job.id = self.context.job_id, error = %chain(&error), "cannot record that images are copied");
            return Err(match error {
                JobError::Stopped(crate::jobs::Stop::Cancelled) => Stop::Cancelled,
                JobError::Stopped(crate::jobs::Stop::Shutdown) => Stop::Shutdown,
                _ => Stop::LeaseLost,
            });
        }
        let mut copied = self.copied.lock().unwrap_or_else(PoisonError::into_inner);
        *copied.entry(repository.project()).or_default() += 1;
        Ok(())
    }
}

/// The outcome of a run that is over, in the transaction that ends it.
pub async fn settle(conn: &mut PgConnection, actor: &Actor, run_id: i64) -> Result<(), Error> {
    let Some(used) = queries::end_use(conn, run_id).await? else { return Ok(()) };
    let what = HarborEvent::StagingUsed { images: used.images, project: used.project, harbor: used.harbor.clone() };
    let event = Event::new("backup.staging.finish", "harbor", &used.harbor, what)
        .with("run", run_id)
        .with("images", used.images)
        .with("projects", used.projects)
        .with("left", used.left);
    let event = if used.left > 0 { event.outcome(Outcome::Partial, "copies_left") } else { event };
    audit::record(conn, actor, event).await?;
    Ok(())
}

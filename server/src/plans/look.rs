//! The first look of a run at its harbor: the projects there are, and which of them need not be listed.
//!
//! What a look showed of a project is kept with the snapshot it belongs to, and is of use only while that is the project's newest one in
//! the vault. The hint is compared with each full listing: where tags changed that it did not show, it is not used until a full listing
//! finds nothing of the kind.

use std::collections::HashMap;

use engine::backup::SnapshotOutcome;
use engine::backup::glance::{Basis, Glance, OVERLAP, Standing};
use sqlx::PgConnection;
use time::OffsetDateTime;
use vocab::Digest;

use super::queries::Row;
use super::scope::Scope;
use crate::error::Error;
use crate::harbors;
use crate::harbors::queries::Reach;
use crate::jobs::JobContext;

/// A project that was last looked at longer ago is listed: the further back, the longer the listing of changes.
const AGE_MAX: time::Duration = time::Duration::days(7);

/// The look of one run.
pub struct Look {
    /// What the harbor shows.
    pub glance: Glance,
    /// What is known from before, by project.
    known: HashMap<String, (Standing, Digest)>,
    /// Whether its hint may be followed; else it is only compared.
    follow: bool,
}

impl Look {
    /// Looks, and keeps the list of projects. Without `hinted` only the projects are asked for.
    pub async fn take(context: &JobContext, reach: &Reach, client: &registry::Client, plan: &Row, hinted: bool) -> Result<Self, Error> {
        let scope = Scope::new(&plan.include, &plan.exclude)?;
        let (known, projects, missed) = {
            let mut conn = context.state.pool.acquire().await?;
            let mut known = if hinted { known(&mut conn, reach.harbor_id, plan.vault_id).await? } else { HashMap::new() };
            known.retain(|name, _| scope.matches(name));
            let projects = harbors::queries::projects(&mut conn, reach.harbor_id).await?.len();
            (known, projects, missed(&mut conn, reach.harbor_id).await?)
        };
        let since = known.values().map(|(standing, _)| standing.seen_at).min();
        let taken = Glance::take(client, since, u64::try_from(projects).unwrap_or(0)).await;
        let listed = match &taken {
            Ok(glance) => Ok(glance.projects.clone()),
            Err(_) => Err(()),
        };
        match (taken, listed) {
            (Ok(glance), Ok(listed)) => {
                harbors::keep_listing(&context.state, reach, Ok(listed)).await?;
                Ok(Self { glance, known, follow: !missed })
            }
            (Err(error), _) => Err(harbors::keep_listing(&context.state, reach, Err(error)).await.err().unwrap_or_else(nothing_listed)),
            (Ok(_), Err(())) => Err(nothing_listed()),
        }
    }

    /// One sentence for the job's log.
    pub fn sentence(&self, full: Option<OffsetDateTime>) -> String {
        let last =
            full.map_or_else(|| "never".to_owned(), |at| at.format(&time::format_description::well_known::Rfc3339).unwrap_or_default());
        let basis = match self.glance.basis {
            Basis::UpdateTimes if !self.follow => "none: the last full listing found what update times did not show",
            basis => basis.sentence(),
        };
        format!("hint: {basis}; last full listing: {last}")
    }

    /// The project as the harbor shows it.
    pub fn project(&self, name: &str) -> Option<&registry::Project> {
        self.glance.projects.iter().find(|project| project.name.as_str() == name)
    }

    /// The project if its snapshot `newest` may be sealed again.
    pub fn unchanged(&self, name: &str, newest: Option<Digest>) -> Option<&registry::Project> {
        if self.follow { self.hinted(name, newest) } else { None }
    }

    fn hinted(&self, name: &str, newest: Option<Digest>) -> Option<&registry::Project> {
        let (standing, digest) = self.known.get(name)?;
        self.project(name).filter(|project| newest == Some(*digest) && self.glance.is_unchanged(project, standing))
    }

    /// Whether the hint had nothing to say of a project in which a full listing found other tags. What came after the look does not
    /// count.
    pub fn missed(&self, name: &str, newest: Option<Digest>, found: &SnapshotOutcome) -> Option<bool> {
        let project = self.hinted(name, newest)?;
        let meanwhile = found.last_change.is_some_and(|at| at >= self.glance.at - OVERLAP)
            || found.index.repositories.len() as u64 != project.repo_count;
        Some(!meanwhile)
    }

    /// Keeps what the look showed of a project together with its new snapshot.
    pub async fn keep(&self, conn: &mut PgConnection, project_id: i64, vault_id: i64, name: &str, digest: &Digest) -> Result<(), Error> {
        let Some(project) = self.project(name) else { return Ok(()) };
        let standing = self.glance.standing(project);
        sqlx::query(
            "insert into project_look (project_id, vault_id, digest, foreign_id, repositories, seen_at) values ($1, $2, $3, $4, $5, $6)
             on conflict (project_id, vault_id) do update set digest = excluded.digest, foreign_id = excluded.foreign_id,
                 repositories = excluded.repositories, seen_at = excluded.seen_at",
        )
        .bind(project_id)
        .bind(vault_id)
        .bind(digest.as_bytes().as_slice())
        .bind(standing.project_id)
        .bind(i64::try_from(standing.repositories).unwrap_or(i64::MAX))
        .bind(standing.seen_at)
        .execute(conn)
        .await?;
        Ok(())
    }
}

fn nothing_listed() -> Error {
    Error::defect("a listing that failed has no error")
}

/// Notes that the hint missed something, or that a full listing found it right.
pub async fn judge(conn: &mut PgConnection, harbor_id: i64, missed: bool) -> sqlx::Result<()> {
    sqlx::query("update harbor set hint_missed_at = case when $2 then now() end where harbor_id = $1")
        .bind(harbor_id)
        .bind(missed)
        .execute(conn)
        .await?;
    Ok(())
}

async fn missed(conn: &mut PgConnection, harbor_id: i64) -> sqlx::Result<bool> {
    sqlx::query_scalar("select hint_missed_at is not null from harbor where harbor_id = $1").bind(harbor_id).fetch_one(conn).await
}

/// What was kept of projects whose newest snapshot in the vault is still the one it was kept with.
async fn known(conn: &mut PgConnection, harbor_id: i64, vault_id: i64) -> Result<HashMap<String, (Standing, Digest)>, Error> {
    let rows: Vec<(String, Vec<u8>, i64, i64, OffsetDateTime)> = sqlx::query_as(
        "select p.name, l.digest, l.foreign_id, l.repositories, l.seen_at from project_look l join project p using (project_id)
          where p.harbor_id = $1 and l.vault_id = $2 and l.seen_at > $3",
    )
    .bind(harbor_id)
    .bind(vault_id)
    .bind(OffsetDateTime::now_utc() - AGE_MAX)
    .fetch_all(conn)
    .await?;
    let mut known = HashMap::with_capacity(rows.len());
    for (name, digest, project_id, repositories, seen_at) in rows {
        let digest = Digest::from_bytes(&digest).map_err(|e| Error::defect(e.to_string()))?;
        let standing = Standing { seen_at, project_id, repositories: u64::try_from(repositories).unwrap_or(0) };
        known.insert(name, (standing, digest));
    }
    Ok(known)
}

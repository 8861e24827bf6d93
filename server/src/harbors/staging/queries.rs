//! The SQL of staging.

use app::harbors::sentences::StagingTrouble;
use sqlx::PgConnection;
use sqlx::types::Json;

use engine::backup::staging::Session;

/// Writes the name of the project down, before it is made or taken.
pub async fn set_project(conn: &mut PgConnection, harbor_id: i64, project: Option<&str>) -> sqlx::Result<()> {
    sqlx::query(
        "update harbor set staging_project = $2, staging_left = 0, staging_foreign = '{}', staging_trouble = null, staging_looked_at = null,
                version = version + 1
          where harbor_id = $1",
    )
    .bind(harbor_id)
    .bind(project)
    .execute(conn)
    .await?;
    Ok(())
}

/// Switches it on.
pub async fn on(conn: &mut PgConnection, harbor_id: i64, login: &str, secret: &[u8]) -> sqlx::Result<()> {
    sqlx::query("update harbor set staging = true, staging_login = $2, staging_secret = $3, version = version + 1 where harbor_id = $1")
        .bind(harbor_id)
        .bind(login)
        .bind(secret)
        .execute(conn)
        .await?;
    Ok(())
}

/// Switches it off; project and login are remembered until the project is gone.
pub async fn off(conn: &mut PgConnection, harbor_id: i64) -> sqlx::Result<()> {
    sqlx::query("update harbor set staging = false, version = version + 1 where harbor_id = $1").bind(harbor_id).execute(conn).await?;
    Ok(())
}

/// Forgets project and login, after the project is gone.
pub async fn forget(conn: &mut PgConnection, harbor_id: i64) -> sqlx::Result<()> {
    sqlx::query("update harbor set staging_login = null, staging_secret = null where harbor_id = $1 and not staging")
        .bind(harbor_id)
        .execute(&mut *conn)
        .await?;
    set_project(conn, harbor_id, None).await
}

/// What a look into the project found.
pub struct Look<'a> {
    /// Copies that stay.
    pub left: i64,
    /// Repositories of somebody else.
    pub foreign: &'a [String],
    /// What went wrong.
    pub trouble: Option<&'a StagingTrouble>,
}

/// Keeps it.
pub async fn looked(conn: &mut PgConnection, harbor_id: i64, look: &Look<'_>) -> sqlx::Result<()> {
    sqlx::query(
        "update harbor set staging_left = $2, staging_foreign = $3, staging_trouble = $4, staging_looked_at = now() where harbor_id = $1",
    )
    .bind(harbor_id)
    .bind(look.left)
    .bind(look.foreign)
    .bind(look.trouble.map(Json))
    .execute(conn)
    .await?;
    Ok(())
}

/// Keeps which replication policies would copy it on.
pub async fn replicated(conn: &mut PgConnection, harbor_id: i64, policies: &[String]) -> sqlx::Result<()> {
    sqlx::query("update harbor set staging_replicated = $2 where harbor_id = $1").bind(harbor_id).bind(policies).execute(conn).await?;
    Ok(())
}

/// Which of this work goes on.
pub async fn going_on(conn: &mut PgConnection, sessions: &[Session]) -> sqlx::Result<Vec<Session>> {
    let (jobs, epochs): (Vec<i64>, Vec<i64>) = sessions.iter().map(|session| (session.job, session.epoch)).unzip();
    let rows: Vec<(i64, i64)> = sqlx::query_as(
        "select j.job_id, j.epoch from unnest($1::bigint[], $2::bigint[]) s (job_id, epoch) join job j using (job_id, epoch)
          where j.state = 'running'",
    )
    .bind(jobs)
    .bind(epochs)
    .fetch_all(conn)
    .await?;
    Ok(rows.into_iter().map(|(job, epoch)| Session { job, epoch }).collect())
}

/// Notes that a run is about to copy; false: that was noted before and is not over.
pub async fn begin_use(conn: &mut PgConnection, run_id: i64, project: &str) -> sqlx::Result<bool> {
    let begun = sqlx::query(
        "insert into staging_use as u (run_id, project) values ($1, $2)
             on conflict (run_id) do update set ended_at = null, project = excluded.project where u.ended_at is not null",
    )
    .bind(run_id)
    .bind(project)
    .execute(conn)
    .await?;
    Ok(begun.rows_affected() > 0)
}

/// Adds images of a project to what a run copied.
pub async fn add_use(conn: &mut PgConnection, run_id: i64, project: &str, images: i64) -> sqlx::Result<()> {
    sqlx::query(
        "update staging_use set images = images + $3, projects = array(select distinct unnest(array_append(projects, $2)) order by 1)
          where run_id = $1",
    )
    .bind(run_id)
    .bind(project)
    .bind(images)
    .execute(conn)
    .await?;
    Ok(())
}

/// What a run came to.
#[derive(sqlx::FromRow)]
pub struct Used {
    pub project: String,
    pub images: i64,
    pub projects: Vec<String>,
    pub harbor: String,
    pub left: i64,
}

/// Ends the use of a run; none: it copied nothing, or this was done before.
pub async fn end_use(conn: &mut PgConnection, run_id: i64) -> sqlx::Result<Option<Used>> {
    sqlx::query_as(
        "update staging_use u set ended_at = now()
           from run r join plan p using (plan_id) join harbor h using (harbor_id)
          where u.run_id = $1 and u.ended_at is null and r.run_id = u.run_id
         returning u.project, u.images, u.projects, h.name as harbor, h.staging_left as left",
    )
    .bind(run_id)
    .fetch_optional(conn)
    .await
}

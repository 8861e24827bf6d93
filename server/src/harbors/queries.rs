//! The SQL of harbors.

use app::harbors::types::{Harbor, HarborState, LoginState, Staging, StagingUse};
use app::units::Moment;
use sqlx::postgres::PgRow;
use sqlx::types::Json;
use sqlx::{PgConnection, Row as _};
use time::OffsetDateTime;

use super::bandwidth::{self, Cap};

/// What reaching a harbor needs. Secrets are still sealed.
#[derive(Clone, sqlx::FromRow)]
pub struct Reach {
    pub harbor_id: i64,
    pub name: String,
    pub url: String,
    pub ca_pem: Option<String>,
    pub plain_http: bool,
    pub read_login: String,
    pub read_secret: Vec<u8>,
    pub write_login: Option<String>,
    pub write_secret: Option<Vec<u8>>,
    pub staging: bool,
    pub staging_project: Option<String>,
    pub staging_login: Option<String>,
    pub staging_secret: Option<Vec<u8>>,
    pub bandwidth: Json<Vec<Cap>>,
    pub bandwidth_zone: String,
    pub body_max_bytes: Option<i64>,
    pub version: i64,
    pub removed: bool,
}

const REACH: &str =
    "select harbor_id, name, url, ca_pem, plain_http, read_login, read_secret, write_login, write_secret, staging, staging_project,
       staging_login, staging_secret, bandwidth, bandwidth_zone, body_max_bytes, version, removed_at is not null as removed from harbor";

/// By id.
pub async fn reach(conn: &mut PgConnection, harbor_id: i64) -> sqlx::Result<Option<Reach>> {
    let sql = sqlx::AssertSqlSafe(format!("{REACH} where harbor_id = $1"));
    sqlx::query_as(sql).bind(harbor_id).fetch_optional(conn).await
}

/// By name.
pub async fn reach_by_name(conn: &mut PgConnection, name: &str) -> sqlx::Result<Option<Reach>> {
    let sql = sqlx::AssertSqlSafe(format!("{REACH} where name = $1"));
    sqlx::query_as(sql).bind(name).fetch_optional(conn).await
}

const VIEW: &str = "select h.harbor_id, h.name, h.url, h.product_version, h.state, h.state_detail, h.checked_at, h.read_login,
       h.write_login, h.can_restore, h.plain_http, h.secret_set_at, h.secret_set_by, h.bandwidth, h.bandwidth_zone,
       h.staging, h.staging_project, h.staging_login, h.staging_looked_at, h.staging_left, h.staging_foreign, h.staging_trouble,
       h.staging_replicated, h.logins, u.started_at as staging_used_at, u.images as staging_images, r.job_id as staging_job_id,
       (select count(*) from harbor_project p where p.harbor_id = h.harbor_id and p.gone_at is null) as projects,
       (select coalesce(array_agg(p.project), '{}') from harbor_project p where p.harbor_id = h.harbor_id and p.gone_at is null)
           as project_names
  from harbor h
       left join lateral (select u.run_id, u.started_at, u.images from staging_use u join run r using (run_id) join plan p using (plan_id)
                           where p.harbor_id = h.harbor_id order by u.started_at desc limit 1) u on true
       left join run r on r.run_id = u.run_id";

/// A harbor with the names of its projects.
pub struct View {
    /// The harbor; `projects_protected` is still 0.
    pub harbor: Harbor,
    /// Names of its projects.
    pub projects: Vec<String>,
}

fn view(row: &PgRow) -> sqlx::Result<View> {
    let state: String = row.try_get("state")?;
    let secret_at: OffsetDateTime = row.try_get("secret_set_at")?;
    Ok(View {
        projects: row.try_get("project_names")?,
        harbor: Harbor {
            id: row.try_get("harbor_id")?,
            name: row.try_get("name")?,
            url: row.try_get("url")?,
            version: row.try_get("product_version")?,
            state: match state.as_str() {
                "healthy" => HarborState::Healthy,
                "refused" => HarborState::Refused,
                "unreachable" => HarborState::Unreachable,
                _ => HarborState::Unknown,
            },
            state_detail: row.try_get::<Option<Json<_>>, _>("state_detail")?.map(|said| said.0),
            checked: row.try_get::<Option<OffsetDateTime>, _>("checked_at")?.map(Moment),
            read_login: row.try_get("read_login")?,
            write_login: row.try_get("write_login")?,
            can_restore: row.try_get("can_restore")?,
            plain_http: row.try_get("plain_http")?,
            projects: row.try_get("projects")?,
            projects_protected: 0,
            bandwidth: bandwidth::lines(&row.try_get::<Json<Vec<Cap>>, _>("bandwidth")?),
            bandwidth_zone: row.try_get("bandwidth_zone")?,
            staging: staging(row)?,
            logins: logins(row)?,
            secret_set: Some((Moment(secret_at), row.try_get("secret_set_by")?)),
            outline: false,
        },
    })
}

fn logins(row: &PgRow) -> sqlx::Result<Vec<LoginState>> {
    let now = Moment(OffsetDateTime::now_utc());
    let stored = row.try_get::<Json<Vec<LoginState>>, _>("logins")?.0;
    Ok(stored.into_iter().map(|login| login.at(now)).collect())
}

fn staging(row: &PgRow) -> sqlx::Result<Staging> {
    let used_at: Option<OffsetDateTime> = row.try_get("staging_used_at")?;
    let last_use = match used_at {
        Some(at) => Some(StagingUse { at: Moment(at), images: row.try_get("staging_images")?, job_id: row.try_get("staging_job_id")? }),
        None => None,
    };
    Ok(Staging {
        on: row.try_get("staging")?,
        project: row.try_get("staging_project")?,
        login: row.try_get("staging_login")?,
        looked: row.try_get::<Option<OffsetDateTime>, _>("staging_looked_at")?.map(Moment),
        left: row.try_get("staging_left")?,
        foreign: row.try_get("staging_foreign")?,
        trouble: row.try_get::<Option<Json<_>>, _>("staging_trouble")?.map(|said| said.0),
        replicated_by: row.try_get("staging_replicated")?,
        last_use,
    })
}

/// All that are not removed, by name.
pub async fn all(conn: &mut PgConnection) -> sqlx::Result<Vec<View>> {
    let sql = sqlx::AssertSqlSafe(format!("{VIEW} where h.removed_at is null order by h.name"));
    sqlx::query(sql).fetch_all(conn).await?.iter().map(view).collect()
}

/// One by name.
pub async fn one(conn: &mut PgConnection, name: &str) -> sqlx::Result<Option<View>> {
    let sql = sqlx::AssertSqlSafe(format!("{VIEW} where h.removed_at is null and h.name = $1"));
    sqlx::query(sql).bind(name).fetch_optional(conn).await?.map(|row| view(&row)).transpose()
}

/// What is stored of a harbor when it is made or changed. Secrets are sealed after the row has its id.
pub struct Stored<'a> {
    /// Base address.
    pub url: &'a str,
    /// CA certificate.
    pub ca_pem: Option<&'a str>,
    /// Plain http.
    pub plain_http: bool,
    /// Login for backup.
    pub read_login: &'a str,
    /// Who set it.
    pub by: &'a str,
}

/// Makes the row with an empty secret, or revives a removed one of the same name and address.
pub async fn insert(conn: &mut PgConnection, name: &str, stored: &Stored<'_>) -> sqlx::Result<Option<i64>> {
    sqlx::query_scalar(
        "insert into harbor as h (name, url, ca_pem, plain_http, read_login, read_secret, secret_set_by)
         values ($1, $2, $3, $4, $5, '', $6)
         on conflict (name) do update
            set removed_at = null, url = excluded.url, ca_pem = excluded.ca_pem, plain_http = excluded.plain_http,
                read_login = excluded.read_login, write_login = null, write_secret = null, secret_set_by = excluded.secret_set_by,
                secret_set_at = now(), version = h.version + 1
          where h.removed_at is not null and h.url = excluded.url
         returning harbor_id",
    )
    .bind(name)
    .bind(stored.url)
    .bind(stored.ca_pem)
    .bind(stored.plain_http)
    .bind(stored.read_login)
    .bind(stored.by)
    .fetch_optional(conn)
    .await
}

/// Changes address and backup login.
pub async fn update(conn: &mut PgConnection, harbor_id: i64, stored: &Stored<'_>) -> sqlx::Result<()> {
    sqlx::query(
        "update harbor set url = $2, ca_pem = $3, plain_http = $4, read_login = $5, secret_set_by = $6, secret_set_at = now(),
                version = version + 1 where harbor_id = $1",
    )
    .bind(harbor_id)
    .bind(stored.url)
    .bind(stored.ca_pem)
    .bind(stored.plain_http)
    .bind(stored.read_login)
    .bind(stored.by)
    .execute(conn)
    .await?;
    Ok(())
}

/// Sets how fast backups may read.
pub async fn set_bandwidth(conn: &mut PgConnection, harbor_id: i64, caps: &[Cap], zone: &str) -> sqlx::Result<()> {
    sqlx::query("update harbor set bandwidth = $2, bandwidth_zone = $3 where harbor_id = $1")
        .bind(harbor_id)
        .bind(Json(caps))
        .bind(zone)
        .execute(conn)
        .await?;
    Ok(())
}

/// Keeps what was learnt of the largest body that reaches the harbor.
pub async fn set_body_max(conn: &mut PgConnection, harbor_id: i64, bytes_max: Option<i64>) -> sqlx::Result<()> {
    sqlx::query("update harbor set body_max_bytes = $2 where harbor_id = $1 and body_max_bytes is distinct from $2")
        .bind(harbor_id)
        .bind(bytes_max)
        .execute(conn)
        .await?;
    Ok(())
}

/// Stores the sealed secrets.
pub async fn set_secrets(conn: &mut PgConnection, harbor_id: i64, read: &[u8], write: Option<(&str, &[u8])>) -> sqlx::Result<()> {
    sqlx::query("update harbor set read_secret = $2, write_login = $3, write_secret = $4 where harbor_id = $1")
        .bind(harbor_id)
        .bind(read)
        .bind(write.map(|w| w.0))
        .bind(write.map(|w| w.1))
        .execute(conn)
        .await?;
    Ok(())
}

/// Logins made anew, their secrets sealed.
pub struct Renewal<'a> {
    /// For backup.
    pub read: (&'a str, &'a [u8]),
    /// For restore.
    pub write: (&'a str, &'a [u8]),
    /// By whom.
    pub by: &'a str,
    /// The version of the row they were made for.
    pub version: i64,
}

/// Keeps them, unless the row was changed meanwhile.
pub async fn renew(conn: &mut PgConnection, harbor_id: i64, renewal: &Renewal<'_>) -> sqlx::Result<bool> {
    let done = sqlx::query(
        "update harbor set read_login = $2, read_secret = $3, write_login = $4, write_secret = $5, secret_set_at = now(), secret_set_by = $6,
                version = version + 1
          where harbor_id = $1 and version = $7 and removed_at is null",
    )
    .bind(harbor_id)
    .bind(renewal.read.0)
    .bind(renewal.read.1)
    .bind(renewal.write.0)
    .bind(renewal.write.1)
    .bind(renewal.by)
    .bind(renewal.version)
    .execute(conn)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Whether nobody asked of the logins in so many seconds.
pub async fn logins_are_old(conn: &mut PgConnection, harbor_id: i64, seconds: f64) -> sqlx::Result<bool> {
    sqlx::query_scalar("select logins_at is null or logins_at < now() - make_interval(secs => $2) from harbor where harbor_id = $1")
        .bind(harbor_id)
        .bind(seconds)
        .fetch_one(conn)
        .await
}

/// What was told of the logins last.
pub async fn logins_of(conn: &mut PgConnection, harbor_id: i64) -> sqlx::Result<Vec<LoginState>> {
    let stored: Json<Vec<LoginState>> =
        sqlx::query_scalar("select logins from harbor where harbor_id = $1").bind(harbor_id).fetch_one(conn).await?;
    Ok(stored.0)
}

/// Whether a job is at work that may hold a login of the harbor.
pub async fn is_at_work(conn: &mut PgConnection, harbor_id: i64) -> sqlx::Result<bool> {
    sqlx::query_scalar("select exists (select 1 from job where harbor_id = $1 and state = 'running')").bind(harbor_id).fetch_one(conn).await
}

/// Keeps what was told of the logins.
pub async fn set_logins(conn: &mut PgConnection, harbor_id: i64, logins: &[LoginState]) -> sqlx::Result<()> {
    sqlx::query("update harbor set logins = $2, logins_at = now() where harbor_id = $1")
        .bind(harbor_id)
        .bind(Json(logins))
        .execute(conn)
        .await?;
    Ok(())
}

/// What the last contact said.
pub struct Contact<'a> {
    /// State.
    pub state: &'a str,
    /// One sentence.
    pub detail: &'a app::harbors::sentences::Contact,
    /// Version.
    pub version: Option<&'a str>,
    /// Check-list, if one was run.
    pub check_list: Option<serde_json::Value>,
    /// Whether a restore can be made, if that was checked.
    pub can_restore: Option<bool>,
}

/// Keeps it; what was not asked stays. Answers with the state before.
pub async fn contact(conn: &mut PgConnection, harbor_id: i64, contact: &Contact<'_>) -> sqlx::Result<Option<String>> {
    sqlx::query_scalar(
        "with before as (select harbor_id, state from harbor where harbor_id = $1 for update)
         update harbor h
            set state = $2, state_detail = $3, product_version = coalesce($4, h.product_version), checked_at = now(),
                check_list = coalesce($5, h.check_list), can_restore = coalesce($6, h.can_restore)
           from before b
          where h.harbor_id = b.harbor_id
         returning b.state",
    )
    .bind(harbor_id)
    .bind(contact.state)
    .bind(Json(contact.detail))
    .bind(contact.version)
    .bind(&contact.check_list)
    .bind(contact.can_restore)
    .fetch_optional(conn)
    .await
}

/// Keeps the address it says it has.
pub async fn set_external_url(conn: &mut PgConnection, harbor_id: i64, url: &str) -> sqlx::Result<()> {
    sqlx::query("update harbor set external_url = $2 where harbor_id = $1 and external_url is distinct from $2")
        .bind(harbor_id)
        .bind(url)
        .execute(conn)
        .await?;
    Ok(())
}

/// A harbor by its name, and its newest kept check-list.
pub async fn check_list(conn: &mut PgConnection, name: &str) -> sqlx::Result<Option<(i64, Option<serde_json::Value>)>> {
    sqlx::query_as("select harbor_id, check_list from harbor where name = $1 and removed_at is null").bind(name).fetch_optional(conn).await
}

/// A project as a harbor lists it.
pub struct Listed {
    /// Name.
    pub name: String,
    /// Id in the harbor.
    pub foreign_id: i64,
    /// Repositories.
    pub repositories: i64,
    /// A cache of another registry.
    pub proxy_cache: bool,
}

/// Harbors whose projects were not asked for in `every_s` seconds, which are asked for now: their rows are moved on.
pub async fn inventories_due(conn: &mut PgConnection, every_s: f64, max: i64) -> sqlx::Result<Vec<(i64, String)>> {
    sqlx::query_as(
        "update harbor set inventory_at = now()
          where harbor_id in (select harbor_id from harbor
                               where removed_at is null and (inventory_at is null or inventory_at < now() - make_interval(secs => $1))
                               order by inventory_at nulls first limit $2 for update skip locked)
         returning harbor_id, name",
    )
    .bind(every_s)
    .bind(max)
    .fetch_all(conn)
    .await
}

/// Forgets the listings of a harbor that were made by themselves and are over: there is one every few minutes, and the newest tells what there is to tell.
pub async fn forget_inventories(conn: &mut PgConnection, harbor_id: i64) -> sqlx::Result<()> {
    let old = "kind = 'inventory' and trigger = 'schedule' and harbor_id = $1 and state not in ('queued', 'running')";
    let logs = sqlx::AssertSqlSafe(format!("delete from job_log where job_id in (select job_id from job where {old})"));
    sqlx::query(logs).bind(harbor_id).execute(&mut *conn).await?;
    let jobs = sqlx::AssertSqlSafe(format!("delete from job where {old}"));
    sqlx::query(jobs).bind(harbor_id).execute(conn).await?;
    Ok(())
}

/// Keeps a whole listing: new ones appear, missing ones are marked gone.
pub async fn keep_projects(conn: &mut PgConnection, harbor_id: i64, listed: &[Listed]) -> sqlx::Result<()> {
    let names: Vec<&str> = listed.iter().map(|p| p.name.as_str()).collect();
    let ids: Vec<i64> = listed.iter().map(|p| p.foreign_id).collect();
    let counts: Vec<i64> = listed.iter().map(|p| p.repositories).collect();
    let proxies: Vec<bool> = listed.iter().map(|p| p.proxy_cache).collect();
    sqlx::query(
        "insert into harbor_project (harbor_id, project, foreign_id, repositories, proxy_cache, seen_at)
         select $1, l.name, l.id, l.count, l.proxy, now()
           from unnest($2::text[], $3::bigint[], $4::bigint[], $5::boolean[]) as l (name, id, count, proxy)
         on conflict (harbor_id, project) do update
            set foreign_id = excluded.foreign_id, repositories = excluded.repositories, proxy_cache = excluded.proxy_cache,
                seen_at = excluded.seen_at, gone_at = null",
    )
    .bind(harbor_id)
    .bind(&names)
    .bind(&ids)
    .bind(&counts)
    .bind(&proxies)
    .execute(&mut *conn)
    .await?;
    sqlx::query("update harbor_project set gone_at = now() where harbor_id = $1 and gone_at is null and project <> all($2)")
        .bind(harbor_id)
        .bind(&names)
        .execute(&mut *conn)
        .await?;
    sqlx::query("update harbor set inventory_at = now() where harbor_id = $1").bind(harbor_id).execute(conn).await?;
    Ok(())
}

/// Projects of the last listing that are there: name, repositories, proxy cache.
pub async fn projects(conn: &mut PgConnection, harbor_id: i64) -> sqlx::Result<Vec<(String, i64, bool)>> {
    sqlx::query_as(
        "select project, repositories, proxy_cache from harbor_project where harbor_id = $1 and gone_at is null order by project",
    )
    .bind(harbor_id)
    .fetch_all(conn)
    .await
}

/// A project that a harbor has: harbor, name, whether it is a proxy cache.
pub type HarborProject = (i64, String, bool);

/// Projects that harbors have.
pub async fn projects_of(conn: &mut PgConnection, harbors: &[i64]) -> sqlx::Result<Vec<HarborProject>> {
    sqlx::query_as(
        "select harbor_id, project, proxy_cache from harbor_project where harbor_id = any($1) and gone_at is null order by harbor_id, project",
    )
    .bind(harbors)
    .fetch_all(conn)
    .await
}

/// When the projects were listed last.
pub async fn listed_at(conn: &mut PgConnection, harbor_id: i64) -> sqlx::Result<Option<OffsetDateTime>> {
    sqlx::query_scalar("select max(seen_at) from harbor_project where harbor_id = $1").bind(harbor_id).fetch_one(conn).await
}

/// Marks it removed.
pub async fn remove(conn: &mut PgConnection, harbor_id: i64) -> sqlx::Result<()> {
    sqlx::query(
        "update harbor set removed_at = now(), read_secret = '', write_login = null, write_secret = null, staging = false, staging_login = null,
                staging_secret = null where harbor_id = $1",
    )
        .bind(harbor_id)
        .execute(conn)
        .await?;
    Ok(())
}

/// Plans that use it.
pub async fn plans_using(conn: &mut PgConnection, harbor_id: i64) -> sqlx::Result<Vec<String>> {
    sqlx::query_scalar("select name from plan where harbor_id = $1 and deleted_at is null order by name")
        .bind(harbor_id)
        .fetch_all(conn)
        .await
}

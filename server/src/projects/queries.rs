//! The SQL of the catalogue's questions. "At T" is `from_at <= T and (to_at is null or T < to_at)`.

use app::projects::types::{HeldMoment, Hold, Snapshot, TagNow};
use app::units::Moment;
use sqlx::postgres::PgRow;
use sqlx::types::Json;
use sqlx::{PgConnection, Row as _};
use time::OffsetDateTime;

use super::holds;

/// `sha256:` and the digits of a column.
#[must_use]
pub fn digest_text(bytes: &[u8]) -> String {
    format!("sha256:{}", hex::encode(bytes))
}

/// Harbor by name, removed ones too: their snapshots can still be looked at.
pub async fn harbor_id(conn: &mut PgConnection, name: &str) -> sqlx::Result<Option<i64>> {
    sqlx::query_scalar("select harbor_id from harbor where name = $1").bind(name).fetch_optional(conn).await
}

/// Project by name.
pub async fn project_id(conn: &mut PgConnection, harbor_id: i64, project: &str) -> sqlx::Result<Option<i64>> {
    sqlx::query_scalar("select project_id from project where harbor_id = $1 and name = $2")
        .bind(harbor_id)
        .bind(project)
        .fetch_optional(conn)
        .await
}

/// A harbor by its name, removed ones too: their snapshots can still be looked at; a project of it by its name, once it was captured; and whether the harbor's last listing
/// had that.
pub async fn place(conn: &mut PgConnection, harbor: &str, project: &str) -> sqlx::Result<Option<(i64, Option<i64>, bool)>> {
    sqlx::query_as(
        "select h.harbor_id, p.project_id,
                exists (select from harbor_project l where l.harbor_id = h.harbor_id and l.project = $2 and l.gone_at is null)
           from harbor h left join project p on p.harbor_id = h.harbor_id and p.name = $2 where h.name = $1",
    )
    .bind(harbor)
    .bind(project)
    .fetch_optional(conn)
    .await
}

const SNAPSHOT: &str =
    "s.snapshot_id, s.digest, s.moment, s.until, s.started_at, s.finished_at, s.gap_count, s.tags_added, s.tags_removed, s.tags_moved,
       s.tags, s.bytes_new, s.vault_id, s.imported, s.degraded_at is not null as degraded,
       array(select v.name from snapshot_copy c join vault v using (vault_id)
              where c.snapshot_id = s.snapshot_id and c.copied_at is not null and c.forgotten_at is null order by v.name) as copies,
       exists (select from good_snapshot g where g.snapshot_id = s.snapshot_id) as good,
       (select count(*) from snapshot_ever e cross join unnest(e.gap_prints) p (print)
         where e.snapshot_id = s.snapshot_id
           and exists (select from standing_acceptance a where a.project_id = e.project_id and a.print = p.print)) as gaps_accepted,
       (select coalesce(jsonb_agg(jsonb_build_array(h.hold_id, h.reason, h.made_by, h.made_at, h.until) order by h.hold_id), '[]')
          from standing_hold h where h.snapshot_id = s.snapshot_id) as holds";

/// A hold within the row of its snapshot: number, reason, owner, when, end.
type HoldParts = (i64, String, String, Moment, Option<Moment>);

fn snapshot(row: &PgRow) -> sqlx::Result<Snapshot> {
    let started: OffsetDateTime = row.try_get("started_at")?;
    let finished: OffsetDateTime = row.try_get("finished_at")?;
    let holds: Json<Vec<HoldParts>> = row.try_get("holds")?;
    Ok(Snapshot {
        id: row.try_get("snapshot_id")?,
        digest: digest_text(row.try_get("digest")?),
        moment: Moment(row.try_get("moment")?),
        until: Moment(row.try_get("until")?),
        took_s: (finished - started).whole_seconds(),
        gaps: row.try_get("gap_count")?,
        gaps_accepted: row.try_get("gaps_accepted")?,
        good: row.try_get("good")?,
        added: row.try_get("tags_added")?,
        removed: row.try_get("tags_removed")?,
        moved: row.try_get("tags_moved")?,
        tags: row.try_get("tags")?,
        bytes_new: row.try_get("bytes_new")?,
        vault_id: row.try_get("vault_id")?,
        holds: holds.0.into_iter().map(|(id, reason, by, at, until)| Hold { id, reason, by, at, until }).collect(),
        degraded: row.try_get("degraded")?,
        imported: row.try_get("imported")?,
        copies: row.try_get("copies")?,
    })
}

/// The snapshot at or before a moment `$2` of a project `$1`; without one the newest. An import counts at its own moment, and where nothing else is.
const AT: &str = "s.snapshot_id = coalesce(
            (select snapshot_id from kept_snapshot where project_id = $1 and imported and moment = coalesce($2, '-infinity')),
            (select snapshot_id from snapshot where project_id = $1 and ($2::timestamptz is null or moment <= $2) order by moment desc limit 1),
            (select snapshot_id from kept_snapshot where project_id = $1 and imported and ($2::timestamptz is null or moment <= $2)
              order by moment desc limit 1))";

/// The snapshot at or before a moment; without one the newest.
pub async fn snapshot_at(conn: &mut PgConnection, project_id: i64, at: Option<OffsetDateTime>) -> sqlx::Result<Option<Snapshot>> {
    let sql = sqlx::AssertSqlSafe(format!("select {SNAPSHOT} from kept_snapshot s where {AT}"));
    sqlx::query(sql).bind(project_id).bind(at).fetch_optional(conn).await?.map(|row| snapshot(&row)).transpose()
}

/// What there is of a project around a moment.
pub struct Around {
    /// First and last moment, with all that was imported.
    pub known: (Option<OffsetDateTime>, Option<OffsetDateTime>),
    /// The snapshot at or before the moment.
    pub at: Option<Snapshot>,
    /// Moments of the snapshots before and after it.
    pub before: Option<OffsetDateTime>,
    pub after: Option<OffsetDateTime>,
    /// When its content was listed, if that was before it was made.
    pub listed: Option<OffsetDateTime>,
    /// Its limits as stored.
    pub limits: Option<Json<Vec<vault::tree::Limit>>>,
    /// Holds that keep snapshots of the project now.
    pub held: Vec<HeldMoment>,
    pub now: OffsetDateTime,
}

/// It, with one statement.
pub async fn around(conn: &mut PgConnection, project_id: i64, at: Option<OffsetDateTime>) -> sqlx::Result<Around> {
    let sql = sqlx::AssertSqlSafe(format!(
        "select k.first, k.last, now() as now_, ({}) as held, n.limits, c.*,
                coalesce(n.listed_at, (select max(f.seen_at) from confirmation f where f.snapshot_id = c.snapshot_id
                                       having max(f.seen_at) < c.until)) as listed_at,
                (select max(moment) from kept_snapshot where project_id = $1 and moment < c.moment) as before,
                (select min(moment) from kept_snapshot where project_id = $1 and moment > c.moment) as after
           from (select min(moment) as first,
                        greatest(max(moment), (select max(t.until) from standing t where t.project_id = $1)) as last
                   from kept_snapshot where project_id = $1) k
                left join (select {SNAPSHOT} from kept_snapshot s where {AT}) c on true
                left join snapshot_note n on n.snapshot_id = c.snapshot_id",
        holds::held()
    ));
    let row = sqlx::query(sql).bind(project_id).bind(at).fetch_one(conn).await?;
    let is_there = row.try_get::<Option<i64>, _>("snapshot_id")?.is_some();
    Ok(Around {
        known: (row.try_get("first")?, row.try_get("last")?),
        at: is_there.then(|| snapshot(&row)).transpose()?,
        before: row.try_get("before")?,
        after: row.try_get("after")?,
        listed: row.try_get("listed_at")?,
        limits: row.try_get("limits")?,
        held: holds::read(row.try_get("held")?),
        now: row.try_get("now_")?,
    })
}

/// Moment of the snapshot before one.
pub async fn moment_before(conn: &mut PgConnection, project_id: i64, at: OffsetDateTime) -> sqlx::Result<Option<OffsetDateTime>> {
    sqlx::query_scalar("select max(moment) from kept_snapshot where project_id = $1 and moment < $2")
        .bind(project_id)
        .bind(at)
        .fetch_one(conn)
        .await
}

/// Moments and digests of the snapshots before one, newest first.
pub async fn digests_before(
    conn: &mut PgConnection,
    project_id: i64,
    at: OffsetDateTime,
    limit: i64,
) -> sqlx::Result<Vec<(OffsetDateTime, Vec<u8>)>> {
    sqlx::query_as("select moment, digest from snapshot where project_id = $1 and moment < $2 order by moment desc limit $3")
        .bind(project_id)
        .bind(at)
        .bind(limit)
        .fetch_all(conn)
        .await
}

/// Snapshots of a window, oldest first, and whether they are all of it: thinned to `limit` by keeping those with most changes of each stretch.
pub async fn window(
    conn: &mut PgConnection,
    project_id: i64,
    from: OffsetDateTime,
    to: OffsetDateTime,
    limit: i64,
) -> sqlx::Result<(Vec<Snapshot>, bool)> {
    let sql = sqlx::AssertSqlSafe(format!(
        "with numbered as (
             select s.*, count(*) over () as whole, row_number() over (order by s.moment) as place
               from kept_snapshot s where s.project_id = $1 and s.moment <= $3
                and (s.moment >= $2 or s.snapshot_id in (select t.snapshot_id from standing t where t.project_id = $1 and t.until >= $2))),
         kept as (
             select distinct on (stretch) n.*
               from (select *, case when whole <= $4 then place else (place * $4 + whole - 1) / whole end as stretch from numbered) n
              order by stretch, (tags_added + tags_removed + tags_moved) desc, moment desc)
         select {SNAPSHOT}, s.whole from kept s order by s.moment"
    ));
    let rows = sqlx::query(sql).bind(project_id).bind(from).bind(to).bind(limit).fetch_all(conn).await?;
    let whole = rows.first().map_or(Ok(0), |row| row.try_get::<i64, _>("whole"))?;
    Ok((rows.iter().map(snapshot).collect::<sqlx::Result<_>>()?, whole <= limit))
}

/// What happened to a project within a window: when, what (`restore`, `run`), the number of the request or of the job, state of the request or name of the plan.
pub type Happened = (OffsetDateTime, String, i64, String);

/// Finished restores into a project, and runs of the harbor's plans that failed, by time.
pub async fn happened(
    conn: &mut PgConnection,
    harbor_id: i64,
    project: &str,
    from: OffsetDateTime,
    to: OffsetDateTime,
) -> sqlx::Result<Vec<Happened>> {
    sqlx::query_as(
        "select * from (
             (select finished_at as at, 'restore', request_id, state from request
               where harbor_id = $1 and target_project = $2 and finished_at between $3 and $4 and state in ('done', 'issues', 'failed')
               order by finished_at limit 50)
             union all
             (select r.finished_at, 'run', r.job_id, p.name from run r join plan p using (plan_id)
               where p.harbor_id = $1 and r.state = 'failed' and r.finished_at between $3 and $4
                 and (r.only_project is null or r.only_project = $2)
               order by r.finished_at limit 50)) happened
          order by at",
    )
    .bind(harbor_id)
    .bind(project)
    .bind(from)
    .bind(to)
    .fetch_all(conn)
    .await
}

/// Repositories at a moment with their counts: name, tags, artifacts, whether it is gone in the newest snapshot.
pub async fn repositories_at(
    conn: &mut PgConnection,
    project_id: i64,
    at: OffsetDateTime,
    like: Option<&str>,
    limit: i64,
) -> sqlx::Result<Vec<(String, i64, i64, bool)>> {
    // The tags of this project alone are looked through: left to itself Postgres reads those of all. Planned for each text anew: how many
    // tags it fits decides how they are found.
    sqlx::query_as(
        "with here as materialized (select repository_id, name from repository where project_id = $1)
         select h.name, s.tags, s.artifacts,
                not exists (select 1 from repository_span n where n.repository_id = h.repository_id and n.to_at is null)
           from here h
                cross join lateral (select * from repository_span s where s.repository_id = h.repository_id and s.from_at <= $2
                                     order by s.from_at desc limit 1) s
          where (s.to_at is null or s.to_at > $2)
            and ($3::text is null or h.name ilike $3
                 or h.repository_id in (select t.repository_id from here join tag_span t using (repository_id)
                                         where t.tag ilike $3 and t.from_at <= $2 and (t.to_at is null or t.to_at > $2)))
          order by h.name limit $4",
    )
    .persistent(false)
    .bind(project_id)
    .bind(at)
    .bind(like)
    .bind(limit)
    .fetch_all(conn)
    .await
}

/// One tag at a moment.
#[derive(sqlx::FromRow)]
pub struct TagRow {
    pub tag: String,
    pub digest: Vec<u8>,
    pub kind: String,
    pub size_bytes: i64,
    pub from_at: OffsetDateTime,
    pub accessories: i64,
    pub newest: Option<Vec<u8>>,
}

impl TagRow {
    /// What became of it.
    #[must_use]
    pub fn now(&self) -> TagNow {
        match &self.newest {
            None => TagNow::Gone,
            Some(digest) if *digest == self.digest => TagNow::Same,
            Some(_) => TagNow::Moved,
        }
    }
}

/// Which tags of a repository.
pub struct TagQuestion<'a> {
    pub repository_id: i64,
    pub at: OffsetDateTime,
    pub like: Option<&'a str>,
    /// `gone`, `moved` or everything.
    pub only: Option<&'a str>,
    pub after: Option<&'a str>,
    pub limit: i64,
}

const TAGS: &str = "
  from tag_span t
       left join tag_span n on n.repository_id = t.repository_id and n.tag = t.tag and n.to_at is null
 where t.repository_id = $1 and t.from_at <= $2 and (t.to_at is null or t.to_at > $2)
   and ($3::text is null or t.tag ilike $3)
   and (case $4::text when 'gone' then n.digest is null when 'moved' then n.digest <> t.digest else true end)";

/// Tags by name.
pub async fn tags_at(conn: &mut PgConnection, q: &TagQuestion<'_>) -> sqlx::Result<Vec<TagRow>> {
    let sql = sqlx::AssertSqlSafe(format!(
        "select t.tag, t.digest, a.kind, a.size_bytes, t.from_at, t.newest,
                (select count(*) from artifact_span x where x.repository_id = $1 and x.subject = t.digest
                                                        and x.from_at <= $2 and (x.to_at is null or x.to_at > $2)) as accessories
           from (select t.tag, t.digest, t.from_at, n.digest as newest {TAGS} and ($5::text is null or t.tag > $5) order by t.tag limit $6) t
                join artifact a using (digest)
          order by t.tag"
    ));
    let query = sqlx::query_as(sql).persistent(q.like.is_none());
    query.bind(q.repository_id).bind(q.at).bind(q.like).bind(q.only).bind(q.after).bind(q.limit).fetch_all(conn).await
}

/// How many tags match.
pub async fn count_tags_at(conn: &mut PgConnection, q: &TagQuestion<'_>) -> sqlx::Result<i64> {
    if q.like.is_none() && q.only.is_none() {
        let counted: Option<i64> = sqlx::query_scalar(
            "select tags from (select * from repository_span where repository_id = $1 and from_at <= $2 order by from_at desc limit 1) s
              where to_at is null or to_at > $2",
        )
        .bind(q.repository_id)
        .bind(q.at)
        .fetch_optional(conn)
        .await?;
        return Ok(counted.unwrap_or(0));
    }
    let sql = sqlx::AssertSqlSafe(format!("select count(*) {TAGS}"));
    let query = sqlx::query_scalar(sql).persistent(q.like.is_none());
    query.bind(q.repository_id).bind(q.at).bind(q.like).bind(q.only).fetch_one(conn).await
}

/// All tags of a project at a moment: repository, tag, digest.
pub async fn all_tags_at(conn: &mut PgConnection, project_id: i64, at: OffsetDateTime) -> sqlx::Result<Vec<(String, String, Vec<u8>)>> {
    sqlx::query_as(
        "select r.name, t.tag, t.digest from tag_span t join repository r using (repository_id)
          where r.project_id = $1 and t.from_at <= $2 and (t.to_at is null or t.to_at > $2)
          order by r.name, t.tag",
    )
    .bind(project_id)
    .bind(at)
    .fetch_all(conn)
    .await
}

/// Repository by name.
pub async fn repository_id(conn: &mut PgConnection, project_id: i64, name: &str) -> sqlx::Result<Option<i64>> {
    sqlx::query_scalar("select repository_id from repository where project_id = $1 and name = $2")
        .bind(project_id)
        .bind(name)
        .fetch_optional(conn)
        .await
}

/// One stretch of a tag.
#[derive(sqlx::FromRow)]
pub struct SpanRow {
    pub digest: Vec<u8>,
    pub from_at: OffsetDateTime,
    pub to_at: Option<OffsetDateTime>,
    pub kind: String,
    pub size_bytes: i64,
    pub platforms: Vec<String>,
    pub accessories: i64,
    pub snapshots: i64,
    /// Newest snapshot that holds it and is not damaged; one without a gap about it, if there is one.
    pub restore_at: Option<OffsetDateTime>,
    /// Restore that ended at the moment the stretch began, if one did.
    pub restored_by: Option<i64>,
}

/// Stretches of a tag, newest first.
pub async fn tag_spans(conn: &mut PgConnection, project_id: i64, repository_id: i64, tag: &str, limit: i64) -> sqlx::Result<Vec<SpanRow>> {
    sqlx::query_as(
        "select t.digest, t.from_at, t.to_at, a.kind, a.size_bytes, a.platforms,
                (select count(distinct x.digest) from artifact_span x where x.repository_id = t.repository_id and x.subject = t.digest) as accessories,
                (select count(*) from snapshot s where s.project_id = $1 and s.moment >= t.from_at and (t.to_at is null or s.moment < t.to_at)) as snapshots,
                coalesce(
                    (select s.moment from snapshot s where s.project_id = $1 and s.moment >= t.from_at and (t.to_at is null or s.moment < t.to_at)
                        and s.degraded_at is null and (s.gap_count = 0 or not gaps_hide(s.gaps, n.name, t.tag, t.digest)) order by s.moment desc limit 1),
                    (select max(s.moment) from snapshot s where s.project_id = $1 and s.moment >= t.from_at and (t.to_at is null or s.moment < t.to_at)
                                                            and s.degraded_at is null)) as restore_at,
                (select max(q.request_id) from restore_item i join request q using (request_id) join repository r on r.repository_id = t.repository_id
                  where i.repository = r.name and i.reference = t.tag and i.digest = t.digest and i.outcome = 'done'
                    and q.finished_at <= t.from_at
                    and q.finished_at > coalesce((select max(s.moment) from snapshot s where s.project_id = $1 and s.moment < t.from_at), '-infinity')) as restored_by
           from tag_span t join artifact a using (digest) join repository n on n.repository_id = t.repository_id
          where t.repository_id = $2 and t.tag = $3
          order by t.from_at desc limit $4",
    )
    .bind(project_id)
    .bind(repository_id)
    .bind(tag)
    .bind(limit)
    .fetch_all(conn)
    .await
}

/// First and last moment of a project as its Harbor had it; of what was imported, where there is nothing else.
pub async fn known(conn: &mut PgConnection, project_id: i64) -> sqlx::Result<(Option<OffsetDateTime>, Option<OffsetDateTime>)> {
    sqlx::query_as(
        "select coalesce(min(moment) filter (where not imported), min(moment)),
                greatest(coalesce(max(moment) filter (where not imported), max(moment)), (select max(t.until) from standing t where t.project_id = $1))
           from kept_snapshot where project_id = $1",
    )
    .bind(project_id)
    .fetch_one(conn)
    .await
}

/// The newest snapshot of a project that holds an artifact.
pub async fn snapshot_of(conn: &mut PgConnection, project_id: i64, repository_id: i64, digest: &[u8]) -> sqlx::Result<Option<i64>> {
    sqlx::query_scalar(
        "select s.snapshot_id from artifact_span a
           join snapshot s on s.project_id = $1 and s.moment >= a.from_at and (a.to_at is null or s.moment < a.to_at)
          where a.repository_id = $2 and a.digest = $3
          order by s.moment desc limit 1",
    )
    .bind(project_id)
    .bind(repository_id)
    .bind(digest)
    .fetch_optional(conn)
    .await
}

/// What the catalogue has of an artifact in a repository.
#[derive(sqlx::FromRow)]
pub struct ArtifactFacts {
    /// The newest snapshot that holds it.
    pub snapshot_id: Option<i64>,
    pub media_type: Option<String>,
    /// What was ever about it: digest, kind.
    pub accessories: Json<Vec<(String, String)>>,
    /// Tags that ever named it.
    pub tags: Vec<String>,
}

/// It, with one statement; nothing of it where there never was such a repository.
pub async fn artifact(conn: &mut PgConnection, project_id: i64, repository: &str, digest: &[u8]) -> sqlx::Result<ArtifactFacts> {
    sqlx::query_as(
        "with r as (select repository_id from repository where project_id = $1 and name = $2)
         select (select s.snapshot_id from r join artifact_span a using (repository_id)
                        join snapshot s on s.project_id = $1 and s.moment >= a.from_at and (a.to_at is null or s.moment < a.to_at)
                  where a.digest = $3 order by s.moment desc limit 1) as snapshot_id,
                (select media_type from artifact where digest = $3) as media_type,
                (select coalesce(jsonb_agg(jsonb_build_array('sha256:' || encode(x.digest, 'hex'), x.kind)), '[]')
                   from (select distinct x.digest, a.kind from r join artifact_span x using (repository_id) join artifact a using (digest)
                          where x.subject = $3 limit 200) x) as accessories,
                array(select distinct t.tag from r join tag_span t using (repository_id) where t.digest = $3 order by t.tag limit 200) as tags",
    )
    .bind(project_id)
    .bind(repository)
    .bind(digest)
    .fetch_one(conn)
    .await
}

/// A tag that is not at both moments the same: repository, tag, digest then, digest now; added, removed and moved tags in all.
pub type ChangedTag = (String, String, Option<Vec<u8>>, Option<Vec<u8>>, i64, i64, i64);

/// Tags of a project that differ between two moments, by name; the first `limit`, with the counts of all on each row.
pub async fn tags_between(
    conn: &mut PgConnection,
    project_id: i64,
    (then, now): (OffsetDateTime, OffsetDateTime),
    limit: i64,
) -> sqlx::Result<Vec<ChangedTag>> {
    sqlx::query_as(
        "with here as (select repository_id, name from repository where project_id = $1),
         was as (select t.repository_id, t.tag, t.digest from tag_span t join here using (repository_id)
                  where t.from_at <= $2 and (t.to_at is null or t.to_at > $2)),
         now_ as (select t.repository_id, t.tag, t.digest from tag_span t join here using (repository_id)
                  where t.from_at <= $3 and (t.to_at is null or t.to_at > $3)),
         changed as (select repository_id, tag, w.digest as was, n.digest as is_now
                       from was w full join now_ n using (repository_id, tag) where w.digest is distinct from n.digest)
         select here.name, c.tag, c.was, c.is_now,
                count(*) filter (where c.was is null) over (), count(*) filter (where c.is_now is null) over (),
                count(*) filter (where c.was is not null and c.is_now is not null) over ()
           from changed c join here using (repository_id) order by here.name, c.tag limit $4",
    )
    .bind(project_id)
    .bind(then)
    .bind(now)
    .bind(limit)
    .fetch_all(conn)
    .await
}

//! A vault whose bucket locks: what nobody can take away, what comes back, what is told (I-14, F-35).

use std::sync::Arc;

use app::accounts::types::Duty;
use app::error::ApiError;
use app::plans::types::Keep;
use app::vaults::types::{ChangeLock, NewVault};
use futures::TryStreamExt as _;
use http::Method;
use sqlx::PgPool;
use sqlx::types::Json;
use testkit::s3::{ACCESS_KEY, SECRET};
use testkit::{Listed, S3Server};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use vault::{PointerName, Vault};

use super::capture::Estate;
use super::world::{origin, person, recorded};
use crate::access::Caller;
use crate::copies;
use crate::error::Error;
use crate::jobs::JobContext;
use crate::plans::retention;
use crate::vaults::rebuild::{By, rebuild};
use crate::vaults::{self, Scope};

const PREFIX: &str = "team/one/";

fn form(server: &S3Server, bucket: &str, lock_days: i32, lock_mode: &str) -> NewVault {
    NewVault {
        name: "offsite".to_owned(),
        kind: "bucket".to_owned(),
        endpoint: server.url(),
        bucket: bucket.to_owned(),
        prefix: PREFIX.trim_end_matches('/').to_owned(),
        access_key: ACCESS_KEY.to_owned(),
        secret: SECRET.to_owned(),
        path_style: true,
        plain_http: true,
        lock_days,
        lock_mode: lock_mode.to_owned(),
        ..NewVault::default()
    }
}

fn refusal<T>(outcome: Result<T, Error>) -> ApiError {
    match outcome {
        Err(Error::Api(error)) => error,
        Err(other) => panic!("{}", crate::error::chain(&other)),
        Ok(_) => panic!("it was taken"),
    }
}

/// Two projects of the simulator, backed up once into a bucket that locks for thirty days.
struct Locked {
    estate: Estate,
    server: S3Server,
    bucket: String,
    vault_id: i64,
    operator: Caller,
}

impl Locked {
    async fn new(pool: PgPool) -> Option<Self> {
        let server = S3Server::start().await?;
        let estate = Estate::new(pool.clone(), &["shop", "tools"]).await;
        let operator = person(&estate.state, "olga", &[Duty::Operator], "").await;
        let bucket = server.locking_bucket().await;
        let made = vaults::create(&estate.state, &operator, &origin(), form(&server, &bucket, 30, "governance")).await.unwrap();
        sqlx::query("update plan set vault_id = $1").bind(made.id).execute(&pool).await.unwrap();
        let locked = Self { estate, server, bucket, vault_id: made.id, operator };
        assert_eq!(locked.estate.run().await.projects_done, 2);
        Some(locked)
    }

    /// Something new in each project.
    async fn change(&self) {
        self.estate.push("shop/web", "2").await;
        self.estate.push("tools/web", "2").await;
    }

    /// Has an object locked until then alone, as whoever has that right may.
    async fn lift(&self, victim: &Listed, until: OffsetDateTime) {
        let until = until.replace_nanosecond(0).unwrap().format(&Rfc3339).unwrap();
        let body = format!(
            "<Retention xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Mode>GOVERNANCE</Mode><RetainUntilDate>{until}</RetainUntilDate></Retention>"
        );
        let path = format!("/{}/{}", self.bucket, victim.key);
        let lift = [("x-amz-bypass-governance-retention", "true")];
        let said = self.server.ask(Method::PUT, &path, &[("retention", "")], &lift, body.as_bytes()).await;
        assert!(said.status.is_success(), "{said:?}");
    }

    async fn vault(&self) -> Vault {
        vaults::open(&self.estate.state, &mut self.estate.pool.acquire().await.unwrap(), self.vault_id).await.unwrap()
    }

    async fn pointers(&self) -> Vec<PointerName> {
        self.vault().await.pointer_names().try_collect().await.unwrap()
    }

    async fn claimed(&self, scope: Scope) -> Arc<JobContext> {
        self.estate.verification(self.vault_id, scope).await
    }

    async fn verify(&self, scope: Scope) {
        let context = self.claimed(scope).await;
        vaults::verify_job(context, self.vault_id, scope).await.unwrap();
    }

    /// What names stand for now, of one family.
    async fn current(&self, family: &str) -> Vec<Listed> {
        let all = self.server.versions(&self.bucket, &format!("{PREFIX}{family}")).await;
        all.into_iter().filter(|listed| listed.is_latest && !listed.is_marker).collect()
    }

    async fn delete(&self, listed: &Listed) {
        let said = self.server.ask(Method::DELETE, &format!("/{}/{}", self.bucket, listed.key), &[], &[], b"").await;
        assert!(said.status.is_success(), "{said:?}");
    }

    async fn overwrite(&self, listed: &Listed, bytes: &[u8]) {
        let said = self.server.ask(Method::PUT, &format!("/{}/{}", self.bucket, listed.key), &[], &[], bytes).await;
        assert!(said.status.is_success(), "{said:?}");
    }

    async fn until(&self, listed: &Listed) -> OffsetDateTime {
        let until = self.server.locked_until(&self.bucket, listed).await.unwrap_or_else(|| panic!("{listed:?} is not locked"));
        OffsetDateTime::parse(&until, &Rfc3339).unwrap()
    }

    /// Kind, whether it is healed, and by what.
    async fn findings(&self) -> Vec<(String, bool, String)> {
        let sql = "select kind, healed_at is not null, coalesce(healed_by->>'code', '') from finding where vault_id = $1 order by kind, finding_id";
        sqlx::query_as(sql).bind(self.vault_id).fetch_all(&self.estate.pool).await.unwrap()
    }

    async fn degraded(&self) -> i64 {
        sqlx::query_scalar("select count(*) from vault_snapshot where vault_id = $1 and degraded_at is not null")
            .bind(self.vault_id)
            .fetch_one(&self.estate.pool)
            .await
            .unwrap()
    }
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn days_of_lock_need_a_bucket_that_locks_and_are_refused_on_their_field(pool: PgPool) {
    let Some(server) = S3Server::start().await else { return };
    let state = super::world::state(pool.clone());
    let operator = person(&state, "olga", &[Duty::Operator], "").await;
    let (plain, keeps, locks) = (server.bucket(), server.versioned_bucket().await, server.locking_bucket().await);
    for (bucket, days, mode, field) in [
        (&plain, 30, "", "lock_days"),
        (&keeps, 30, "", "lock_days"),
        (&locks, -1, "", "lock_days"),
        (&locks, 3_651, "", "lock_days"),
        (&locks, 30, "iron", "lock_mode"),
    ] {
        let error = refusal(vaults::create(&state, &operator, &origin(), form(&server, bucket, days, mode)).await);
        assert!(error.of_field(field).is_some(), "{bucket} {days} {mode}: {error:?}");
    }
    let rows: i64 = sqlx::query_scalar("select count(*) from vault").fetch_one(&pool).await.unwrap();
    assert_eq!(rows, 0);
    let made = vaults::create(&state, &operator, &origin(), form(&server, &locks, 30, "compliance")).await.unwrap();
    let lock = made.lock.unwrap();
    assert_eq!((lock.days, lock.mode.as_str(), lock.snapshots), (30, "compliance", 0));
    assert!(made.bucket.unwrap().can_lock);
    let off = NewVault { name: "plain".to_owned(), ..form(&server, &plain, 0, "") };
    let off = vaults::create(&state, &operator, &origin(), off).await.unwrap();
    assert!(off.lock.is_none());
    let change = |days| ChangeLock { vault_id: off.id, lock_days: days, lock_mode: String::new() };
    assert!(refusal(vaults::lock::change(&state, &operator, &origin(), change(7)).await).of_field("lock_days").is_some());
    let reader = person(&state, "rita", &[Duty::Auditor], "").await;
    assert!(vaults::lock::change(&state, &reader, &origin(), change(0)).await.is_err(), "only operators");
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn what_is_locked_outlives_its_rule_and_the_page_says_until_when(pool: PgPool) {
    let Some(locked) = Locked::new(pool.clone()).await else { return };
    locked.change().await;
    locked.estate.run().await;
    sqlx::query("update plan set keep = $1, keep_since = now() - interval '2 days'")
        .bind(Json(Keep { last: 1, ..Keep::default() }))
        .execute(&pool)
        .await
        .unwrap();
    let kept = retention::get(&locked.estate.state, &locked.operator, locked.estate.plan_id).await.unwrap();
    assert_eq!((kept.snapshots, kept.go), (4, 0));
    assert!(kept.shown.iter().all(|kept| kept.reasons.iter().any(|why| why.to_string().starts_with("locked until"))), "{:?}", kept.shown);
    let view = vaults::get(&locked.estate.state, &locked.operator, locked.vault_id).await.unwrap();
    let lock = view.lock.unwrap();
    assert_eq!((lock.snapshots, lock.outlived_by.len()), (4, 0), "one snapshot is kept for no longer than it is locked");
    let (next, last) = (lock.next.unwrap(), lock.last.unwrap());
    assert!(next < last && next.0 > OffsetDateTime::now_utc() + time::Duration::days(29));
    // The catalogue may forget; the bucket does not.
    sqlx::query("update snapshot_ever set locked_until = null").execute(&pool).await.unwrap();
    let context = locked.claimed(Scope::Heal).await;
    let mut conn = pool.acquire().await.unwrap();
    let plan = crate::plans::queries::one(&mut conn, locked.estate.plan_id).await.unwrap().unwrap();
    drop(conn);
    let vault = locked.vault().await;
    assert_eq!(retention::expire(&context, &plan, &vault).await.unwrap(), 2);
    assert_eq!(locked.pointers().await.len(), 4, "their pointers stay, and that is no error");
    let left: i64 = sqlx::query_scalar("select count(*) from snapshot_ever where forgotten_at is not null").fetch_one(&pool).await.unwrap();
    assert_eq!(left, 0);
    sqlx::query("update plan set keep = '{}'").execute(&pool).await.unwrap();
    let view = vaults::get(&locked.estate.state, &locked.operator, locked.vault_id).await.unwrap();
    assert_eq!(view.lock.unwrap().outlived_by, ["hourly"]);
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn what_a_stranger_deleted_or_overwrote_is_back_after_one_verification(pool: PgPool) {
    let Some(locked) = Locked::new(pool.clone()).await else { return };
    // Nobody else has it.
    sqlx::query("update harbor set removed_at = now()").execute(&pool).await.unwrap();
    let (objects, pointers) = (locked.current("blobs/").await, locked.current("breakwater/snapshots/").await);
    assert!(objects.len() > 10 && pointers.len() == 2);
    for listed in objects.iter().chain(&pointers) {
        locked.delete(listed).await;
    }
    assert!(locked.pointers().await.is_empty());
    locked.verify(Scope::Heal).await;
    assert_eq!(locked.current("breakwater/snapshots/").await, pointers, "the very versions that were there");
    assert_eq!(locked.current("blobs/").await, objects);
    let findings = locked.findings().await;
    assert!(!findings.is_empty(), "{findings:?}");
    assert!(findings.iter().all(|(kind, healed, by)| kind == "missing" && *healed && by == "older_version"), "{findings:?}");
    assert_eq!(locked.degraded().await, 0);

    // Bytes of another length are seen without reading; of the same length by reading. A pointer that is none is one that is missing.
    for listed in &objects {
        locked.overwrite(listed, b"mine").await;
    }
    for listed in &pointers {
        locked.overwrite(listed, b"{}").await;
    }
    locked.verify(Scope::Due).await;
    assert_eq!(locked.degraded().await, 0, "{:?}", locked.findings().await);
    for listed in &objects {
        let path = format!("/{}/{}", locked.bucket, listed.key);
        let size = locked.server.ask(Method::GET, &path, &[], &[], b"").await.headers["content-length"].parse().unwrap();
        locked.overwrite(listed, &vec![b'x'; size]).await;
    }
    locked.verify(Scope::All).await;
    let findings = locked.findings().await;
    assert!(findings.iter().all(|(_, healed, _)| *healed), "{findings:?}");
    assert_eq!(locked.degraded().await, 0);
    let vault = locked.vault().await;
    let there: u64 = vault.objects().map_ok(|(_, size_bytes)| size_bytes).try_fold(0, async |sum, bytes| Ok(sum + bytes)).await.unwrap();
    let stored = "select stored_bytes from vault where vault_id = $1";
    let stored: i64 = sqlx::query_scalar(stored).bind(locked.vault_id).fetch_one(&pool).await.unwrap();
    assert_eq!(u64::try_from(stored).unwrap(), there, "what was healed after the reading is counted as well");
    for (digest, _) in vault.objects().try_collect::<Vec<_>>().await.unwrap() {
        vault.verify_object(&digest).await.unwrap();
    }
    assert_eq!(vault.pointers().try_collect::<Vec<_>>().await.unwrap().len(), 2);
    assert_eq!(recorded(&pool, "vault.object.heal").await, i64::try_from(findings.len() + 4).unwrap());
    // What is made anew from the vault finds them too.
    for listed in locked.current("breakwater/snapshots/").await {
        locked.delete(&listed).await;
    }
    let rebuilt = rebuild(&locked.estate.state, locked.vault_id, &By::CommandLine).await.unwrap();
    assert_eq!((rebuilt.lost, rebuilt.restored), (0, 0));
    assert_eq!(locked.pointers().await.len(), 2);
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn a_lifted_lock_is_found_and_put_again_and_a_longer_term_extends_what_is_there(pool: PgPool) {
    let Some(locked) = Locked::new(pool.clone()).await else { return };
    let objects = locked.current("blobs/").await;
    let victim = &objects[0];
    locked.lift(victim, OffsetDateTime::now_utc() + time::Duration::HOUR).await;
    let due = OffsetDateTime::now_utc() + time::Duration::days(29);
    assert!(locked.until(victim).await < due);
    locked.verify(Scope::All).await;
    assert_eq!(locked.findings().await, [("lock_short".to_owned(), true, "lock_extended".to_owned())]);
    assert!(locked.until(victim).await > due);
    assert_eq!(locked.degraded().await, 0, "nothing is lost by it");
    locked.verify(Scope::All).await;
    assert_eq!(locked.findings().await.len(), 1, "once is enough");

    let change = |days, mode: &str| ChangeLock { vault_id: locked.vault_id, lock_days: days, lock_mode: mode.to_owned() };
    vaults::lock::change(&locked.estate.state, &locked.operator, &origin(), change(60, "governance")).await.unwrap();
    let queued: i64 = sqlx::query_scalar("select count(*) from job where state = 'queued' and dedupe_key like 'verify:%:locks'")
        .fetch_one(&pool)
        .await
        .unwrap();
    assert_eq!((queued, recorded(&pool, "vault.lock.set").await), (1, 1));
    locked.verify(Scope::Locks).await;
    let far = OffsetDateTime::now_utc() + time::Duration::days(59);
    for listed in objects.iter().chain(&locked.current("breakwater/snapshots/").await) {
        assert!(locked.until(listed).await > far, "{}", listed.key);
    }
    assert_eq!(locked.findings().await.len(), 1, "what was only just asked for is no finding");
    let view = vaults::get(&locked.estate.state, &locked.operator, locked.vault_id).await.unwrap();
    assert!(view.lock.unwrap().next.unwrap().0 > far);

    // Shorter is for what is locked from then on, and is told.
    vaults::lock::change(&locked.estate.state, &locked.operator, &origin(), change(10, "governance")).await.unwrap();
    assert_eq!(recorded(&pool, "vault.lock.weaken").await, 1);
    for listed in &objects {
        assert!(locked.until(listed).await > far);
    }
    locked.change().await;
    locked.estate.run().await;
    let newest = locked.pointers().await.into_iter().max_by(|a, b| a.utc().cmp(b.utc())).unwrap();
    let until = locked.vault().await.pointer_locked_until(&newest).await.unwrap().unwrap();
    assert!(until < OffsetDateTime::now_utc() + time::Duration::days(11));
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn what_a_run_confirms_is_locked_as_if_it_were_made_then(pool: PgPool) {
    let Some(locked) = Locked::new(pool.clone()).await else { return };
    let (in_30, in_32) = (OffsetDateTime::now_utc() + time::Duration::days(30), OffsetDateTime::now_utc() + time::Duration::days(32));
    let shortest =
        || async { sqlx::query_scalar::<_, OffsetDateTime>("select min(locked_until) from snapshot").fetch_one(&pool).await.unwrap() };
    locked.estate.age().await;
    // As after a week of runs.
    sqlx::query("update snapshot_ever set locked_until = now() + interval '23 days'").execute(&pool).await.unwrap();
    assert_eq!(locked.estate.run().await.projects_unchanged, 2);
    assert!(shortest().await > in_32, "a twelfth longer than it has to be, so that not each run puts it");
    for name in locked.pointers().await {
        assert!(locked.vault().await.pointer_locked_until(&name).await.unwrap().unwrap() > in_32, "{name}");
    }
    let objects = locked.current("blobs/").await;
    for listed in &objects {
        assert!(locked.until(listed).await > in_32, "{}", listed.key);
    }
    // Who lifts a lock to where it was before the confirmation is found out.
    locked.lift(&objects[0], OffsetDateTime::now_utc() + time::Duration::days(31)).await;
    locked.verify(Scope::All).await;
    assert_eq!(locked.findings().await, [("lock_short".to_owned(), true, "lock_extended".to_owned())]);
    assert!(locked.until(&objects[0]).await > in_32);
    locked.verify(Scope::All).await;
    assert_eq!(locked.findings().await.len(), 1, "and nothing else is short");
    // The next one finds it locked for long enough.
    let before = shortest().await;
    locked.estate.age().await;
    assert_eq!(locked.estate.run().await.projects_unchanged, 2);
    assert_eq!(shortest().await, before);
    // A listing as well.
    sqlx::query("update snapshot_ever set locked_until = now() + interval '23 days'").execute(&pool).await.unwrap();
    locked.estate.full().await;
    assert!(shortest().await > in_30);
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn a_copy_of_what_a_run_confirms_is_locked_as_if_it_were_made_then(pool: PgPool) {
    let Some(locked) = Locked::new(pool.clone()).await else { return };
    let in_32 = OffsetDateTime::now_utc() + time::Duration::days(32);
    let bucket = locked.server.locking_bucket().await;
    let far = NewVault { name: "far".to_owned(), ..form(&locked.server, &bucket, 30, "governance") };
    let far = vaults::create(&locked.estate.state, &locked.operator, &origin(), far).await.unwrap().id;
    let plan_id = locked.estate.plan_id;
    sqlx::query("insert into plan_copy (plan_id, vault_id) values ($1, $2)").bind(plan_id).bind(far).execute(&pool).await.unwrap();
    let lacking = || async {
        copies::queries::lacking(&mut pool.acquire().await.unwrap(), plan_id)
            .await
            .unwrap()
            .into_iter()
            .map(|(_, name)| name)
            .collect::<Vec<_>>()
    };
    let copied = || async { copies::copy_job(locked.claimed(Scope::Heal).await, plan_id, far).await.unwrap() };
    assert_eq!(lacking().await, ["far"]);
    copied().await;
    assert_eq!(lacking().await, [""; 0]);
    // As after a week of runs.
    sqlx::query("update snapshot_copy set locked_until = now() + interval '23 days'").execute(&pool).await.unwrap();
    locked.estate.age().await;
    assert_eq!(locked.estate.run().await.projects_unchanged, 2);
    assert_eq!(lacking().await, ["far"], "nothing is to be copied, and something to be locked");
    copied().await;
    assert_eq!(lacking().await, [""; 0]);
    let vault = vaults::open(&locked.estate.state, &mut pool.acquire().await.unwrap(), far).await.unwrap();
    let names: Vec<PointerName> = vault.pointer_names().try_collect().await.unwrap();
    assert_eq!(names.len(), 2);
    for name in names {
        assert!(vault.pointer_locked_until(&name).await.unwrap().unwrap() > in_32, "{name}");
    }
    locked.estate.age().await;
    locked.estate.run().await;
    assert_eq!(lacking().await, [""; 0], "not each run locks");
    // A copy that has lost its pointer is not asked for without end.
    sqlx::query("update snapshot_copy set locked_until = null").execute(&pool).await.unwrap();
    let name = vault.pointer_names().try_next().await.unwrap().unwrap();
    let path = format!("/{bucket}/{PREFIX}breakwater/snapshots/{name}.json");
    assert!(locked.server.ask(Method::DELETE, &path, &[], &[], b"").await.status.is_success());
    copied().await;
    assert_eq!(lacking().await, [""; 0]);
    let degraded: i64 =
        sqlx::query_scalar("select count(*) from snapshot_copy where degraded_at is not null").fetch_one(&pool).await.unwrap();
    assert_eq!(degraded, 1);
}

//! After a disaster: the database is lost, or older than the vault, or the vault is older than the database (F-56, I-33).

use std::path::{Path, PathBuf};
use std::sync::Arc;

use app::accounts::types::Duty;
use app::vaults::types::{Drift, NewVault, Rebuilt, SweepForm, Vault, VaultState};
use futures::TryStreamExt as _;
use harbor_sim::images;
use sqlx::PgPool;
use time::OffsetDateTime;
use time::macros::datetime;
use uuid::Uuid;
use vault::Pointer;
use vault::tree::SnapshotIndex;

use super::capture::{Estate, make_vault};
use super::catalogue::World;
use super::world::{harbor, origin, person, recorded, state};
use crate::access::Caller;
use crate::jobs::{self, JobContext, JobError, NewJob, Work};
use crate::state::AppState;
use crate::vaults::rebuild::{By, rebuild};
use crate::vaults::{self, reconcile};

/// What the catalogue says of every kept moment: project, moment, repository, tag, digest.
pub(super) type Story = Vec<(String, OffsetDateTime, String, String, Vec<u8>)>;

pub(super) async fn story(pool: &PgPool) -> Story {
    sqlx::query_as(
        "select p.name, s.moment, r.name, t.tag, t.digest
           from snapshot s join project p using (project_id) join repository r using (project_id)
           join tag_span t on t.repository_id = r.repository_id and t.from_at <= s.moment and (t.to_at is null or s.moment < t.to_at)
          order by 1, 2, 3, 4",
    )
    .fetch_all(pool)
    .await
    .unwrap()
}

/// Snapshots with what is counted of them: digest, repositories, tags, artifacts, tags added, removed, moved.
pub(super) type Figures = Vec<(Vec<u8>, i64, i64, i64, i64, i64, i64)>;

pub(super) async fn figures(pool: &PgPool) -> Figures {
    sqlx::query_as(
        "select digest, repositories, tags, artifacts, tags_added, tags_removed, tags_moved from snapshot order by moment, digest",
    )
    .fetch_all(pool)
    .await
    .unwrap()
}

/// An empty database beside the test's own.
async fn another(pool: &PgPool) -> PgPool {
    let name = name_of_another(pool).await;
    sqlx::query(sqlx::AssertSqlSafe(format!("create database \"{name}\""))).execute(pool).await.unwrap();
    let options = (*pool.connect_options()).clone().database(&name);
    let new = sqlx::postgres::PgPoolOptions::new().max_connections(5).connect_with(options).await.unwrap();
    crate::MIGRATOR.run(&new).await.unwrap();
    new
}

async fn name_of_another(pool: &PgPool) -> String {
    sqlx::query_scalar("select 'new_' || md5(current_database())").fetch_one(pool).await.unwrap()
}

async fn gone(new: PgPool, pool: &PgPool) {
    new.close().await;
    let name = name_of_another(pool).await;
    sqlx::query(sqlx::AssertSqlSafe(format!("drop database \"{name}\""))).execute(pool).await.unwrap();
}

/// Three runs of two projects, the second and third with changes.
async fn lived_in(pool: PgPool) -> Estate {
    let estate = Estate::new(pool, &["shop", "tools"]).await;
    estate.run().await;
    let image = images::simple("second", &[300]);
    estate.sim.push_image("shop/web", "2", &image).await.unwrap();
    estate.run().await;
    estate.sim.push_image("shop/web", "1", &images::simple("third", &[400])).await.unwrap();
    estate.sim.push_image("tools/cli", "1", &image).await.unwrap();
    estate.run().await;
    estate
}

async fn claimed(state: &AppState, work: Work) -> Arc<JobContext> {
    let mut conn = state.pool.acquire().await.unwrap();
    sqlx::query("update job set state = 'done', finished_at = now() where state in ('queued', 'running')")
        .execute(&mut *conn)
        .await
        .unwrap();
    let job = NewJob {
        work,
        title: app::jobs::sentences::Title::Inventory { harbor: "sim".to_owned() },
        dedupe_key: "job".to_owned(),
        trigger: "test".to_owned(),
        account_id: None,
        harbor_id: None,
        project: None,
        link: None,
        after: None,
    };
    jobs::enqueue(&mut conn, &job).await.unwrap();
    let claimed = jobs::queries::claim(&mut conn, "test", 600.0).await.unwrap().unwrap();
    Arc::new(JobContext::new(state.clone(), &claimed))
}

pub(super) async fn rebuilt(state: &AppState, vault_id: i64) -> Rebuilt {
    let context = claimed(state, Work::Rebuild { vault_id }).await;
    rebuild(state, vault_id, &By::Job(context)).await.unwrap()
}

async fn sweep(state: &AppState, vault_id: i64) -> Result<(), JobError> {
    let form = SweepForm::default();
    let context = claimed(state, Work::Sweep { vault_id, dry_run: false, however_much: false }).await;
    vaults::sweep::sweep_job(context, vault_id, form).await
}

async fn adopted(state: &AppState, operator: &Caller, name: &str, path: &Path) -> Vault {
    let form = NewVault { name: name.to_owned(), path: path.to_str().unwrap().to_owned(), ..NewVault::default() };
    vaults::create(state, operator, &origin(), form).await.unwrap()
}

fn is_refused<T: std::fmt::Debug>(result: Result<T, JobError>, word: &str) {
    match result {
        Err(JobError::Permanent { failure, .. }) => assert!(failure.to_string().contains(word), "{failure}"),
        other => panic!("{other:?}"),
    }
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn a_lost_database_comes_back_from_the_vaults_alone(pool: PgPool) {
    let estate = lived_in(pool.clone()).await;
    let before = (story(&pool).await, figures(&pool).await);
    assert_eq!(before.1.len(), 5);
    // A second vault has some of them, as copies.
    let (far, _) = make_vault(&pool, "far", &estate.folder.path().join("far")).await;
    let pointers: Vec<Pointer> = estate.vault.pointers().try_collect().await.unwrap();
    for pointer in pointers.iter().take(2) {
        let cx = engine::copy::CopyContext {
            from: estate.vault.clone(),
            to: far.clone(),
            progress: Arc::new(engine::Silent),
            control: Arc::new(engine::Silent),
        };
        engine::copy::snapshot(&cx, pointer, None).await.unwrap();
    }

    let new = another(&pool).await;
    let state = state(new.clone());
    let olga = person(&state, "olga", &[Duty::Operator], "").await;
    let vault = adopted(&state, &olga, "old", &estate.folder.path().join("v")).await;
    assert_eq!((vault.state, vault.snapshots), (VaultState::ReadOnly, 0));
    let first = rebuilt(&state, vault.id).await;
    assert_eq!(first.entered, 0);
    assert_eq!(first.left_out.iter().map(|line| (line.what.as_str(), line.count)).collect::<Vec<_>>(), [("sim", 5)]);

    harbor(&new, "sim").await;
    let second = rebuilt(&state, vault.id).await;
    assert_eq!((second.entered, second.left_out), (5, vec![]));
    assert_eq!((story(&new).await, figures(&new).await), before);
    assert_eq!(recorded(&new, "snapshot.adopt").await, 5);
    let again = rebuilt(&state, vault.id).await;
    assert_eq!((again.entered, again.copies, again.lost), (0, 0, 0), "nothing is entered twice");

    let far_vault = adopted(&state, &olga, "far", &estate.folder.path().join("far")).await;
    let copies = rebuilt(&state, far_vault.id).await;
    assert_eq!((copies.entered, copies.copies), (0, 2));
    assert_eq!(vaults::get(&state, &olga, far_vault.id).await.unwrap().snapshots, 2);

    // Nothing is written until a person says so.
    is_refused(sweep(&state, vault.id).await, "only read");
    let opened = vaults::open(&state, &mut new.acquire().await.unwrap(), vault.id).await.unwrap();
    assert!(opened.put_bytes(b"new").await.unwrap_err().is_read_only());
    vaults::set_open(&state, &olga, &origin(), vault.id).await.unwrap();
    sweep(&state, vault.id).await.unwrap();
    assert_eq!(recorded(&new, "vault.open").await, 1);
    gone(new, &pool).await;
}

const LONG_AGO: OffsetDateTime = datetime!(2020-02-29 09:00 UTC);
/// Moment, repositories with tags and what they point to, gaps.
type Captured = (OffsetDateTime, &'static [(&'static str, &'static [(&'static str, &'static str)])], &'static [&'static str]);

const T1: OffsetDateTime = datetime!(2026-11-23 09:00 UTC);
const T2: OffsetDateTime = datetime!(2026-11-23 10:00 UTC);
const T3: OffsetDateTime = datetime!(2026-11-23 11:00 UTC);

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn what_lies_between_is_entered_in_its_place(pool: PgPool) {
    let world = World::new(pool.clone()).await;
    let moments: [Captured; 3] = [
        (T1, &[("shop/web", &[("1", "a"), ("2", "b")]), ("shop/api", &[("1", "c")])], &[]),
        (T2, &[("shop/web", &[("1", "a"), ("2", "x"), ("3", "y")])], &["shop/api"]),
        (T3, &[("shop/web", &[("1", "z"), ("2", "x")]), ("shop/api", &[("1", "c")])], &[]),
    ];
    let mut sealed = Vec::new();
    for (moment, repositories, gaps) in moments {
        let snapshot = world.snapshot(moment, repositories, gaps).await;
        let descriptor = world.vault.put_snapshot(&snapshot.index).await.unwrap();
        let (harbor, project) = (snapshot.index.harbor.clone(), snapshot.index.project.clone());
        let pointer = Pointer { harbor, project, moment, id: snapshot.pointer_id, snapshot: descriptor, signature: None };
        world.vault.put_pointer(&pointer).await.unwrap();
        sealed.push(snapshot);
    }
    // The first and the last are known; the one between is found.
    let third = sealed.pop().unwrap();
    let first = sealed.remove(0);
    world.enter(first).await;
    let known = world.enter(third).await;
    assert_eq!((known.added, known.removed, known.moved), (0, 0, 2));
    let state = state(pool.clone());
    assert_eq!(reconcile::compare(&state, world.vault_id).await.unwrap(), Some(Drift { unknown: 1, ..Drift::default() }));
    let out = rebuild(&state, world.vault_id, &By::CommandLine).await.unwrap();
    assert_eq!((out.entered, out.left_out), (1, vec![]));
    assert_eq!(reconcile::compare(&state, world.vault_id).await.unwrap(), None);

    let at = |moment| {
        let world = &world;
        async move { world.at(moment).await.into_iter().map(|(repository, tag, _)| format!("{repository}:{tag}")).collect::<Vec<_>>() }
    };
    assert_eq!(at(T1).await, ["shop/api:1", "shop/web:1", "shop/web:2"]);
    assert_eq!(at(T2).await, ["shop/api:1", "shop/web:1", "shop/web:2", "shop/web:3"], "what a gap hides is not gone");
    assert_eq!(at(T3).await, ["shop/api:1", "shop/web:1", "shop/web:2"]);
    let (before, between, after) = (world.at(T1).await, world.at(T2).await, world.at(T3).await);
    assert_eq!(before[1].2, between[1].2, "web:1 moved at the third");
    assert_ne!(between[1].2, after[1].2);
    assert_ne!(before[2].2, between[2].2, "web:2 moved at the second");
    assert_eq!(between[2].2, after[2].2);
    let counted: Vec<(i64, i64, i64)> =
        sqlx::query_as("select tags_added, tags_removed, tags_moved from snapshot order by moment").fetch_all(&pool).await.unwrap();
    assert_eq!(counted, [(3, 0, 0), (1, 0, 1), (0, 1, 1)]);
}

/// Makes the database what a dump of before the last run gives.
async fn restore_dump(pool: &PgPool, dump: &Figures) {
    let mut tx = pool.begin().await.unwrap();
    let last: i64 = sqlx::query_scalar("select max(run_id) from run").fetch_one(&mut *tx).await.unwrap();
    let since: OffsetDateTime =
        sqlx::query_scalar("select min(moment) from snapshot_ever where run_id = $1").bind(last).fetch_one(&mut *tx).await.unwrap();
    for sql in [
        "delete from project_look where $1::timestamptz is not null",
        "delete from confirmation where from_at >= $1",
        "update confirmation set to_at = null, seen_at = from_at where from_at < $1",
        "update plan set confirmed_at = null, look_seen_at = null where $1::timestamptz is not null",
        "delete from snapshot_ever where moment >= $1",
        "delete from tag_span where from_at >= $1",
        "delete from artifact_span where from_at >= $1",
        "delete from repository_span where from_at >= $1",
        "update tag_span set to_at = null where to_at >= $1",
        "update artifact_span set to_at = null where to_at >= $1",
        "update repository_span set to_at = null where to_at >= $1",
        "delete from run where started_at >= $1 - interval '1 minute'",
    ] {
        sqlx::query(sql).bind(since).execute(&mut *tx).await.unwrap();
    }
    tx.commit().await.unwrap();
    assert_eq!(&figures(pool).await, dump, "the fault fired");
}

/// Moves what happened so far into the past, so that runs of now are none of then.
async fn a_day_passes(estate: &Estate) {
    sqlx::query("update run set started_at = started_at - interval '1 day', finished_at = finished_at - interval '1 day'")
        .execute(&estate.pool)
        .await
        .unwrap();
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn a_database_older_than_the_vault_deletes_nothing_until_it_is_rebuilt(pool: PgPool) {
    let estate = Estate::new(pool.clone(), &["shop", "tools"]).await;
    let vault_id = vault_id(&pool).await;
    estate.run().await;
    a_day_passes(&estate).await;
    estate.sim.push_image("shop/web", "2", &images::simple("second", &[300])).await.unwrap();
    estate.push("tools/web", "2").await;
    let dump = figures(&pool).await;
    estate.full().await;
    let before = (story(&pool).await, figures(&pool).await);
    assert_eq!(reconcile::compare(&estate.state, vault_id).await.unwrap(), None);
    restore_dump(&pool, &dump).await;

    let drift = reconcile::compare(&estate.state, vault_id).await.unwrap().unwrap();
    assert_eq!(drift, Drift { unknown: 2, lost: 0, returned: 0 });
    assert_eq!(recorded(&pool, "vault.drift.found").await, 1);
    is_refused(sweep(&estate.state, vault_id).await, "differ");
    assert!(!reconcile::may_let_go(&estate.state, vault_id).await.unwrap());
    reconcile::compare(&estate.state, vault_id).await.unwrap();
    assert_eq!(recorded(&pool, "vault.drift.found").await, 1, "the same is not told again");

    let out = rebuilt(&estate.state, vault_id).await;
    assert_eq!((out.entered, out.left_out), (2, vec![]));
    assert_eq!(reconcile::compare(&estate.state, vault_id).await.unwrap(), None);
    assert_eq!(recorded(&pool, "vault.drift.end").await, 1);
    sweep(&estate.state, vault_id).await.unwrap();
    assert_eq!((story(&pool).await, figures(&pool).await), before);
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn a_run_goes_on_and_does_not_hide_what_a_person_is_to_look_at(pool: PgPool) {
    let estate = Estate::new(pool.clone(), &["shop"]).await;
    let vault_id = vault_id(&pool).await;
    let index = SnapshotIndex {
        limits: Vec::new(),
        listed: None,
        harbor_config: None,
        pushed: None,
        harbor: "sim".parse().unwrap(),
        project: "shop".parse().unwrap(),
        origin: vault::tree::Origin::Harbor,
        started: LONG_AGO,
        finished: LONG_AGO,
        gaps: Vec::new(),
        config: None,
        repositories: Vec::new(),
        elsewhere: Vec::new(),
        closed: true,
    };
    let snapshot = estate.vault.put_snapshot(&index).await.unwrap();
    let pointer = Pointer { harbor: index.harbor, project: index.project, moment: LONG_AGO, id: Uuid::new_v4(), snapshot, signature: None };
    estate.vault.put_pointer(&pointer).await.unwrap();
    for _ in 0..2 {
        estate.full().await;
        let drift = reconcile::compare(&estate.state, vault_id).await.unwrap().unwrap();
        assert_eq!((drift, recorded(&pool, "snapshot.adopt").await), (Drift { unknown: 1, ..Drift::default() }, 0));
    }
    assert_eq!(rebuilt(&estate.state, vault_id).await.entered, 1);
    assert_eq!(reconcile::compare(&estate.state, vault_id).await.unwrap(), None);
    let moments: Vec<OffsetDateTime> = sqlx::query_scalar("select moment from snapshot order by moment").fetch_all(&pool).await.unwrap();
    assert_eq!((moments.len(), moments[0]), (2, LONG_AGO));
    assert_eq!(story(&pool).await.len(), 2, "two tags at the second moment, none at the first");
}

pub(super) async fn vault_id(pool: &PgPool) -> i64 {
    sqlx::query_scalar("select vault_id from vault where name = 'v'").fetch_one(pool).await.unwrap()
}

fn pointer_files(folder: &Path) -> Vec<PathBuf> {
    let mut open = vec![folder.join("v/breakwater/snapshots")];
    let mut files = Vec::new();
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { open.push(path) } else { files.push(path) }
        }
    }
    files.sort();
    files
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn a_vault_older_than_the_database_gets_its_pointers_again_or_the_snapshots_are_marked(pool: PgPool) {
    let estate = Estate::new(pool.clone(), &["shop", "tools"]).await;
    let vault_id = vault_id(&pool).await;
    estate.run().await;
    let old = pointer_files(estate.folder.path());
    estate.sim.push_image("shop/web", "2", &images::simple("second", &[300])).await.unwrap();
    estate.push("tools/web", "2").await;
    estate.full().await;
    let new: Vec<PathBuf> = pointer_files(estate.folder.path()).into_iter().filter(|file| !old.contains(file)).collect();
    assert_eq!((old.len(), new.len()), (2, 2));
    for file in &new {
        std::fs::remove_file(file).unwrap();
    }
    // Of one of them not only the pointer is gone.
    let shop: Vec<u8> = sqlx::query_scalar(
        "select s.digest from snapshot s join project p using (project_id) where p.name = 'shop' order by s.moment desc limit 1",
    )
    .fetch_one(&pool)
    .await
    .unwrap();
    std::fs::remove_file(estate.folder.path().join("v/blobs/sha256").join(hex::encode(&shop))).unwrap();

    assert_eq!(reconcile::compare(&estate.state, vault_id).await.unwrap(), Some(Drift { unknown: 0, lost: 2, returned: 0 }));
    is_refused(sweep(&estate.state, vault_id).await, "differ");
    let out = rebuilt(&estate.state, vault_id).await;
    assert_eq!((out.entered, out.restored, out.lost), (0, 1, 1));
    assert_eq!(pointer_files(estate.folder.path()).len(), 3);
    let degraded: Vec<Vec<u8>> =
        sqlx::query_scalar("select digest from snapshot where degraded_at is not null").fetch_all(&pool).await.unwrap();
    assert_eq!(degraded, [shop]);
    assert_eq!(reconcile::compare(&estate.state, vault_id).await.unwrap(), None);
    sweep(&estate.state, vault_id).await.unwrap();
    let pointers: Vec<Pointer> = estate.vault.pointers().try_collect().await.unwrap();
    for pointer in pointers {
        assert!(engine::verify::snapshot(&estate.vault, &pointer.snapshot.digest).await.is_empty());
    }
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn what_was_let_go_and_came_back_is_let_go_again(pool: PgPool) {
    let estate = Estate::new(pool.clone(), &["shop"]).await;
    let vault_id = vault_id(&pool).await;
    estate.run().await;
    let file = pointer_files(estate.folder.path()).remove(0);
    let bytes = std::fs::read(&file).unwrap();
    estate.sim.push_image("shop/web", "2", &images::simple("second", &[300])).await.unwrap();
    estate.full().await;
    sqlx::query("update snapshot_ever set expired_at = now() where moment = (select min(moment) from snapshot_ever)")
        .execute(&pool)
        .await
        .unwrap();
    sweep(&estate.state, vault_id).await.unwrap();
    assert!(!file.exists(), "it was let go");
    std::fs::write(&file, bytes).unwrap();
    assert_eq!(reconcile::compare(&estate.state, vault_id).await.unwrap(), Some(Drift { unknown: 0, lost: 0, returned: 1 }));
    let out = rebuilt(&estate.state, vault_id).await;
    assert_eq!((out.entered, out.lost), (0, 0));
    sweep(&estate.state, vault_id).await.unwrap();
    assert!(!file.exists());
    assert_eq!(reconcile::compare(&estate.state, vault_id).await.unwrap(), None);
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn what_a_worker_sealed_before_it_died_is_no_difference(pool: PgPool) {
    let estate = Estate::new(pool.clone(), &["shop"]).await;
    let vault_id = vault_id(&pool).await;
    estate.run().await;
    // As if the worker had died between the vault and the catalogue.
    for sql in [
        "delete from project_look",
        "delete from confirmation",
        "delete from tag_span",
        "delete from artifact_span",
        "delete from repository_span",
        "delete from snapshot_ever",
    ] {
        sqlx::query(sql).execute(&pool).await.unwrap();
    }
    assert_eq!(reconcile::compare(&estate.state, vault_id).await.unwrap(), None);
    estate.full().await;
    let snapshots: i64 = sqlx::query_scalar("select count(*) from snapshot").fetch_one(&pool).await.unwrap();
    assert_eq!((snapshots, recorded(&pool, "snapshot.adopt").await), (1, 1));
    let kept: i64 = sqlx::query_scalar("select count(*) from standing where until > from_at").fetch_one(&pool).await.unwrap();
    assert_eq!(kept, 1, "the plan whose run found it keeps it, and confirmed it");
}

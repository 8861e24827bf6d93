//! A worker that sleeps past its lease and wakes up: it must write nothing more (F-37).

use http::Method;

use crate::people::names;
use crate::process::Process;
use crate::world::{Held, World, until};

/// Puts a worker to sleep while it waits at a gate, and proves that it sleeps.
async fn sleeps(world: &World, worker: &Process, held: &Held, job: i64) {
    world.held(held, "the worker waits for an answer").await;
    assert_eq!(world.job(job).await, ("running".to_owned(), worker.name.clone()));
    worker.pause();
    until("the worker sleeps", async || worker.is_paused().then_some(())).await;
}

/// Everything a worker could write to: the database's tables and the vault.
async fn everything(world: &World) -> (String, Vec<std::path::PathBuf>) {
    let tables: Vec<&str> = vec!["job", "job_log", "run", "snapshot", "tag_span", "request", "restore_item", "audit_record", "vault"];
    let mut sums = String::new();
    for table in tables {
        let sql = sqlx::AssertSqlSafe(format!("select coalesce(md5(string_agg(t::text, '|' order by t::text)), '') from {table} t"));
        sums += &sqlx::query_scalar::<_, String>(sql).fetch_one(&world.pool).await.unwrap();
    }
    let mut files = world.files("blobs");
    files.extend(world.files("breakwater/snapshots"));
    (sums, files)
}

/// Wakes the old worker and proves that it writes nothing more, anywhere.
async fn wakes(world: &World, old: &mut Process) {
    let (before, writes) = (everything(world).await, world.writes());
    old.go_on();
    until("the old worker notices", async || old.said().contains("lease was lost").then_some(())).await;
    assert_eq!((everything(world).await, world.writes()), (before, writes), "nothing in the database, the vault or Harbor");
    assert!(old.is_alive(), "it goes on with other work");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_that_slept_in_a_backup_writes_nothing_more() {
    let world = World::new().await;
    world.push("shop/web", 6).await;
    let mut old = world.worker("old");
    let held = world.hold(Method::GET, "/blobs/sha256:", 4);
    let job = world.queue_run().await;
    sleeps(&world, &old, &held, job).await;
    let new = world.worker("new");
    assert_eq!(world.job_over(job).await, "done");
    assert_eq!(world.job(job).await.1, "new");
    held.gate.open();
    wakes(&world, &mut old).await;
    assert!(old.terminate().success());
    assert!(new.terminate().success());
    assert_eq!((world.pointers(), world.recorded("snapshot.create").await, world.recorded("backup.job.finish").await), (1, 1, 1));
    world.doctor();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_that_slept_in_a_restore_makes_no_tag_when_it_wakes() {
    let world = World::new().await;
    world.push("shop/web", 1).await;
    world.back_up().await;
    let lost = world.lose("shop/web", 1).await;
    let asked = world.draft(&names(&lost)).await;
    let mut old = world.worker("old");
    // The manifest is there and read back; its tag is next.
    let held = world.hold(Method::GET, "/manifests/sha256:", 1);
    let job = world.approved(&asked).await;
    sleeps(&world, &old, &held, job).await;
    assert_eq!(world.request(&asked).await["state"], "running");
    let _new = world.worker("new");
    assert_eq!(world.job_over(job).await, "done");
    assert_eq!(world.job(job).await.1, "new");
    held.gate.open();
    wakes(&world, &mut old).await;
    assert_eq!(world.request(&asked).await["state"], "done");
    world.are_back(&lost).await;
    assert_eq!((world.recorded("restore.start").await, world.recorded("restore.finish").await), (1, 1));
    world.doctor();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_that_slept_in_a_transaction_does_not_keep_its_locks() {
    let world = World::new().await;
    world.push("shop/web", 1).await;
    world.back_up().await;
    let lost = world.lose("shop/web", 1).await;
    let asked = world.draft(&names(&lost)).await;
    let mut old = world.worker("old");
    // The transaction that begins the restore has locked the job's row and waits for this table.
    let mut table = world.pool.begin().await.unwrap();
    sqlx::query("lock table restore_item in share row exclusive mode").execute(&mut *table).await.unwrap();
    let job = world.approved(&asked).await;
    until("the worker is in the middle of a transaction", async || {
        let waits = "select count(*) from pg_stat_activity where wait_event_type = 'Lock' and query like 'insert into restore_item%'";
        (world.number(waits).await == 1).then_some(())
    })
    .await;
    old.pause();
    until("the worker sleeps", async || old.is_paused().then_some(())).await;
    table.rollback().await.unwrap();
    let idle = "select count(*) from pg_stat_activity where state = 'idle in transaction' and query like 'insert into restore_item%'";
    until("its transaction waits for it", async || (world.number(idle).await == 1).then_some(())).await;
    let _new = world.worker("new");
    assert_eq!(world.job_over(job).await, "done");
    assert_eq!(world.job(job).await.1, "new");
    wakes(&world, &mut old).await;
    world.are_back(&lost).await;
    assert_eq!((world.recorded("restore.start").await, world.recorded("restore.finish").await), (1, 1));
    world.doctor();
}

//! Leases, epochs, cancellation and the dead state (I-20, I-21, F-37).

use sqlx::PgPool;

use super::world::state;
use crate::jobs::queries::{self, End};
use crate::jobs::{JobContext, NewJob, Stop, Work, enqueue};

fn job(key: &str) -> NewJob {
    NewJob {
        work: Work::Inventory { harbor_id: 1 },
        title: app::jobs::sentences::Title::Inventory { harbor: "sim".to_owned() },
        dedupe_key: key.to_owned(),
        trigger: "test".to_owned(),
        account_id: None,
        harbor_id: None,
        project: None,
        link: None,
        after: None,
    }
}

async fn expire(pool: &PgPool) {
    sqlx::query("update job set lease_until = clock_timestamp() - interval '1 second' where state = 'running'")
        .execute(pool)
        .await
        .unwrap();
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn two_clicks_are_one_job(pool: PgPool) {
    let mut conn = pool.acquire().await.unwrap();
    let first = enqueue(&mut conn, &job("k")).await.unwrap();
    let second = enqueue(&mut conn, &job("k")).await.unwrap();
    assert!(first.new && !second.new);
    assert_eq!(first.job_id, second.job_id);
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn two_workers_never_have_the_same_job(pool: PgPool) {
    for n in 0..20 {
        enqueue(&mut pool.acquire().await.unwrap(), &job(&n.to_string())).await.unwrap();
    }
    let claim = |name: &'static str, pool: PgPool| async move {
        let mut mine = Vec::new();
        while let Some(claimed) = queries::claim(&mut pool.acquire().await.unwrap(), name, 30.0).await.unwrap() {
            mine.push(claimed.job_id);
        }
        mine
    };
    let (a, b) = tokio::join!(claim("a", pool.clone()), claim("b", pool.clone()));
    let mut all: Vec<i64> = a.into_iter().chain(b).collect();
    all.sort_unstable();
    all.dedup();
    assert_eq!(all.len(), 20);
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn an_expired_lease_is_taken_over_and_the_old_worker_changes_nothing_more(pool: PgPool) {
    let mut conn = pool.acquire().await.unwrap();
    enqueue(&mut conn, &job("k")).await.unwrap();
    let old = queries::claim(&mut conn, "old", 30.0).await.unwrap().unwrap();
    assert!(queries::claim(&mut conn, "new", 30.0).await.unwrap().is_none(), "the lease still holds");
    expire(&pool).await;
    let new = queries::claim(&mut conn, "new", 30.0).await.unwrap().unwrap();
    assert_eq!((new.job_id, new.attempt, new.epoch), (old.job_id, 2, old.epoch + 1));
    assert!(!queries::finish(&mut conn, old.job_id, old.epoch, &End::Done).await.unwrap(), "a late end is refused");
    assert_eq!(queries::heartbeat(&mut conn, old.job_id, old.epoch, 30.0).await.unwrap(), None);
    let context = JobContext::new(state(pool.clone()), &old);
    assert_eq!(context.check().await, Err(Stop::LeaseLost));
    let mut tx = pool.begin().await.unwrap();
    assert!(context.fence(&mut tx).await.is_err());
    drop(tx);
    assert!(queries::finish(&mut conn, new.job_id, new.epoch, &End::Done).await.unwrap());
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn a_job_that_kills_every_worker_ends_dead(pool: PgPool) {
    let mut conn = pool.acquire().await.unwrap();
    enqueue(&mut conn, &job("k")).await.unwrap();
    for _ in 0..2 {
        assert!(queries::claim(&mut conn, "w", 30.0).await.unwrap().is_some());
        expire(&pool).await;
    }
    assert!(queries::claim(&mut conn, "w", 30.0).await.unwrap().is_none(), "its tries are used up");
    assert_eq!(queries::bury(&mut conn).await.unwrap().len(), 1);
    let state: String = sqlx::query_scalar("select state from job").fetch_one(&pool).await.unwrap();
    assert_eq!(state, "dead");
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn a_cancelled_job_is_told_at_its_next_look(pool: PgPool) {
    let mut conn = pool.acquire().await.unwrap();
    enqueue(&mut conn, &job("k")).await.unwrap();
    let claimed = queries::claim(&mut conn, "w", 30.0).await.unwrap().unwrap();
    let context = JobContext::new(state(pool.clone()), &claimed);
    assert_eq!(context.check().await, Ok(()));
    assert_eq!(queries::request_cancel(&mut conn, claimed.job_id, "ops").await.unwrap().as_deref(), Some("running"));
    assert_eq!(context.check().await, Err(Stop::Cancelled));
}

//! What is said about the room of a vault.

use app::accounts::types::Duty;
use sqlx::PgPool;

use super::capture::Estate;
use super::world::person;
use crate::{plans, vaults};

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn growth_is_what_later_runs_add_and_sweeps_do_not_free(pool: PgPool) {
    let estate = Estate::new(pool.clone(), &["shop", "tools"]).await;
    let operator = person(&estate.state, "olga", &[Duty::Operator], "").await;
    estate.run().await;
    let vault_id: i64 = sqlx::query_scalar("select vault_id from vault").fetch_one(&pool).await.unwrap();
    let early = vaults::capacity::get(&estate.state, &operator, vault_id).await.unwrap();
    assert_eq!((early.per_day, early.days_left, early.days.len()), (None, None, 30), "a day is too early to say");

    // The first backup is ten days old; then 600 bytes came, and a sweep freed 100.
    let ten = "update snapshot_ever set finished_at = finished_at - interval '10 days'";
    sqlx::query(ten).execute(&pool).await.unwrap();
    estate.push("shop/web", "2").await;
    estate.push("tools/web", "2").await;
    estate.full().await;
    sqlx::query("update snapshot_ever set bytes_new = 300 where snapshot_id > 2").execute(&pool).await.unwrap();
    let swept = serde_json::json!({ "deleted": { "count": 1, "size_bytes": 100 } });
    sqlx::query("insert into sweep (vault_id, job_id, dry_run, outcome) select $1, min(job_id), false, $2 from job")
        .bind(vault_id)
        .bind(swept)
        .execute(&pool)
        .await
        .unwrap();
    let room = vaults::capacity::get(&estate.state, &operator, vault_id).await.unwrap();
    assert_eq!(room.per_day, Some(50));
    let today = room.days.last().unwrap();
    assert_eq!((today.added, today.freed), (600, 100));
    assert!(room.days.iter().map(|day| day.first).sum::<i64>() > 0, "first backups are counted apart");
    let mut shown: Vec<_> = room.projects.iter().map(|p| (p.project.as_str(), p.plan.as_deref(), p.snapshots)).collect();
    shown.sort_unstable();
    assert_eq!(shown, [("shop", Some("hourly"), 2), ("tools", Some("hourly"), 2)]);
    assert!(room.projects.iter().all(|p| p.logical_bytes > 0));

    let mut conn = pool.acquire().await.unwrap();
    assert_eq!(vaults::capacity::forecast(&mut conn, vault_id, 1_000).await.unwrap(), Some(20));
    let plan = plans::get(&estate.state, &operator, estate.plan_id).await.unwrap();
    assert_eq!(plan.logical_bytes, room.projects.iter().map(|p| p.logical_bytes).sum::<i64>());
    assert!(plan.added_bytes > 0);
}

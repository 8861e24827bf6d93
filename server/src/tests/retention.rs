//! Retention and sweep against the catalogue: what goes, what stays whatever the rule says, and in which order (I-10, I-14).

use std::sync::Arc;
use std::time::Duration;

use app::accounts::types::Duty;
use app::plans::left::{DeletePlanForm, Leave};
use app::plans::types::Keep;
use app::projects::types::HoldForm;
use futures::TryStreamExt as _;
use sqlx::PgPool;
use sqlx::types::Json;
use time::OffsetDateTime;
use time::macros::datetime;
use vault::{Pointer, Terms};
use vocab::{Descriptor, Digest};

use super::catalogue::World;
use super::world::{confirmed_by_runs, harbor, origin, person, recorded, state};
use crate::jobs::{JobContext, NewJob, Work, enqueue, queries};
use crate::plans::retention;
use crate::projects;

const FIRST: OffsetDateTime = datetime!(2026-01-01 03:00 UTC);

/// A plan with a snapshot on each of `days` days, each with an image of its own.
struct Kept {
    world: World,
    context: JobContext,
    plan_id: i64,
    snapshots: Vec<i64>,
}

impl Kept {
    async fn new(pool: PgPool, days: i64, keep: Keep) -> Self {
        let world = World::new(pool.clone()).await;
        let harbor_id = harbor_of(&pool).await;
        let plan_id: i64 = sqlx::query_scalar(
            "insert into plan (name, harbor_id, vault_id, include, exclude, cron, zone, rpo_s, created_by, keep, keep_since)
             values ('nightly', $1, $2, '{*}', '{}', '0 3 * * *', 'UTC', 93600, 'test', $3, now() - interval '2 days') returning plan_id",
        )
        .bind(harbor_id)
        .bind(world.vault_id)
        .bind(Json(keep))
        .fetch_one(&pool)
        .await
        .unwrap();
        let context = claimed(&pool).await;
        let run_id: i64 = sqlx::query_scalar("insert into run (plan_id, job_id, trigger) values ($1, $2, 'user') returning run_id")
            .bind(plan_id)
            .bind(context.job_id)
            .fetch_one(&pool)
            .await
            .unwrap();
        let mut snapshots = Vec::new();
        for day in 0..days {
            let at = FIRST + time::Duration::days(day);
            let mut sealed = world.snapshot(at, &[("shop/web", &[("1", &day.to_string())])], &[]).await;
            sealed.run_id = Some(run_id);
            world.vault.put_pointer(&pointer(&world, &sealed).await).await.unwrap();
            snapshots.push(world.enter(sealed).await.snapshot_id);
        }
        confirmed_by_runs(&world.pool).await;
        Self { world, context, plan_id, snapshots }
    }

    async fn expire(&self) -> u64 {
        let plan = crate::plans::queries::one(&mut self.world.pool.acquire().await.unwrap(), self.plan_id).await.unwrap().unwrap();
        retention::expire(&self.context, &plan, &self.world.vault).await.unwrap()
    }

    /// Which days still have a snapshot: by the catalogue, and by the vault.
    async fn days(&self) -> (Vec<i64>, Vec<i64>) {
        let day = |at: OffsetDateTime| (at - FIRST).whole_days();
        let kept: Vec<OffsetDateTime> =
            sqlx::query_scalar("select moment from snapshot order by moment").fetch_all(&self.world.pool).await.unwrap();
        let pointers: Vec<Pointer> = self.world.vault.pointers().try_collect().await.unwrap();
        (kept.into_iter().map(day).collect(), pointers.into_iter().map(|p| day(p.moment)).collect())
    }
}

async fn harbor_of(pool: &PgPool) -> i64 {
    match sqlx::query_scalar("select harbor_id from harbor where name = 'prod'").fetch_optional(pool).await.unwrap() {
        Some(id) => id,
        None => harbor(pool, "prod").await,
    }
}

pub(super) async fn claimed(pool: &PgPool) -> JobContext {
    let mut conn = pool.acquire().await.unwrap();
    let job = NewJob {
        work: Work::Backup { run_id: 1 },
        title: app::jobs::sentences::Title::Inventory { harbor: "sim".to_owned() },
        dedupe_key: "run".to_owned(),
        trigger: "test".to_owned(),
        account_id: None,
        harbor_id: None,
        project: None,
        link: None,
        after: None,
    };
    enqueue(&mut conn, &job).await.unwrap();
    let claimed = queries::claim(&mut conn, "test", 600.0).await.unwrap().unwrap();
    JobContext::new(state(pool.clone()), &claimed)
}

async fn pointer(world: &World, sealed: &projects::catalogue::Sealed) -> Pointer {
    let size = world.vault.size_of(&sealed.digest).await.unwrap().unwrap();
    Pointer {
        harbor: sealed.index.harbor.clone(),
        project: sealed.index.project.clone(),
        moment: sealed.index.started,
        id: sealed.pointer_id,
        snapshot: Descriptor {
            media_type: vocab::media::OCI_INDEX.to_owned(),
            digest: sealed.digest,
            size,
            artifact_type: None,
            annotations: Default::default(),
            platform: None,
            urls: vec![],
        },
        signature: None,
    }
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn what_no_rule_keeps_goes_from_catalogue_and_vault_and_is_recorded(pool: PgPool) {
    let kept = Kept::new(pool.clone(), 6, Keep { last: 2, ..Keep::default() }).await;
    assert_eq!(kept.expire().await, 4);
    assert_eq!(kept.days().await, (vec![4, 5], vec![4, 5]));
    assert_eq!(recorded(&pool, "snapshot.expire").await, 4);
    assert_eq!(kept.expire().await, 0, "once is enough");
    // Their bytes go with two sweeps, those of the kept ones stay.
    let terms = Terms { young: Duration::ZERO, wait: Duration::ZERO, share_max_percent: 100, ..Terms::default() };
    let later = kept.world.vault.with_clock(Arc::new(|| OffsetDateTime::now_utc() + time::Duration::days(1)));
    // Per snapshot: configuration, manifest, repository index, snapshot index.
    assert_eq!(later.sweep(&terms).await.unwrap().condemned.count, 16);
    assert_eq!(later.sweep(&terms).await.unwrap().deleted.count, 16);
    let digests: Vec<Vec<u8>> = sqlx::query_scalar("select digest from snapshot").fetch_all(&pool).await.unwrap();
    for digest in digests {
        assert_eq!(engine::verify::snapshot(&kept.world.vault, &Digest::from_bytes(&digest).unwrap()).await, []);
    }
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn holds_and_open_requests_outrank_the_rule(pool: PgPool) {
    let kept = Kept::new(pool.clone(), 5, Keep { last: 1, ..Keep::default() }).await;
    let state = state(pool.clone());
    let owner = person(&state, "lead", &[], "owner prod/shop").await;
    projects::holds::set(&state, &owner, &origin(), kept.snapshots[1], held("the auditors asked", "")).await.unwrap();
    sqlx::query(
        "insert into request (state, account_id, harbor_id, project, snapshot_id, target_project, form, plan, plan_hash, planned_at, risk, votes_needed, rule, effects)
         select 'waiting', $1, harbor_id, 'shop', $2, 'shop', '{}', '{}', sha256('p'), now(), 1, 1, '\"r\"', '{}' from harbor",
    )
    .bind(owner.account_id)
    .bind(kept.snapshots[2])
    .execute(&pool)
    .await
    .unwrap();
    assert_eq!(kept.expire().await, 2);
    assert_eq!(kept.days().await.0, [1, 2, 4]);
    sqlx::query("update request set state = 'done'").execute(&pool).await.unwrap();
    assert_eq!(kept.expire().await, 1);
    assert_eq!(kept.days().await.0, [1, 4]);
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn a_hold_and_the_expiry_of_one_moment_never_both_happen(pool: PgPool) {
    let kept = Kept::new(pool.clone(), 2, Keep { last: 1, ..Keep::default() }).await;
    let state = state(pool.clone());
    let owner = person(&state, "lead", &[], "owner prod/shop").await;
    // The expiry has the row; the hold has to wait, and then finds nothing to hold.
    let mut tx = pool.begin().await.unwrap();
    assert!(crate::plans::queries::expire(&mut tx, kept.snapshots[0], Some(kept.plan_id)).await.unwrap());
    let holding = tokio::spawn({
        let (state, owner, snapshot) = (state.clone(), owner.clone(), kept.snapshots[0]);
        async move { projects::holds::set(&state, &owner, &origin(), snapshot, held("the auditors asked", "")).await }
    });
    until_somebody_waits(&pool).await;
    tx.commit().await.unwrap();
    assert!(holding.await.unwrap().is_err());
    let holds: i64 = sqlx::query_scalar("select count(*) from hold").fetch_one(&pool).await.unwrap();
    assert_eq!(holds, 0);
    // The other way round: the hold has it, and the expiry lets it be.
    let mut tx = pool.begin().await.unwrap();
    sqlx::query("select 1 from snapshot where snapshot_id = $1 for share").bind(kept.snapshots[1]).execute(&mut *tx).await.unwrap();
    sqlx::query("insert into hold (snapshot_id, reason, made_by) values ($1, 'asked', 'lead')")
        .bind(kept.snapshots[1])
        .execute(&mut *tx)
        .await
        .unwrap();
    let expiring = tokio::spawn({
        let (pool, snapshot, plan_id) = (pool.clone(), kept.snapshots[1], kept.plan_id);
        async move { crate::plans::queries::expire(&mut pool.acquire().await.unwrap(), snapshot, Some(plan_id)).await.unwrap() }
    });
    until_somebody_waits(&pool).await;
    tx.commit().await.unwrap();
    assert!(!expiring.await.unwrap());
}

fn held(reason: &str, until: &str) -> HoldForm {
    HoldForm { reason: reason.to_owned(), until: until.to_owned() }
}

/// Until a statement of this database waits for a row.
async fn until_somebody_waits(pool: &PgPool) {
    for _ in 0..10_000 {
        let waits: bool = sqlx::query_scalar(
            "select exists (select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock')",
        )
        .fetch_one(pool)
        .await
        .unwrap();
        if waits {
            return;
        }
        tokio::task::yield_now().await;
    }
    panic!("nobody waited");
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn a_changed_rule_lets_nothing_go_for_a_day(pool: PgPool) {
    let kept = Kept::new(pool.clone(), 3, Keep { last: 1, ..Keep::default() }).await;
    sqlx::query("update plan set keep_since = now() - interval '23 hours'").execute(&pool).await.unwrap();
    assert_eq!(kept.expire().await, 0);
    sqlx::query("update plan set keep_since = now() - interval '25 hours'").execute(&pool).await.unwrap();
    assert_eq!(kept.expire().await, 2);
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn a_pointer_left_by_a_broken_off_run_is_forgotten_later(pool: PgPool) {
    let kept = Kept::new(pool.clone(), 2, Keep { last: 1, ..Keep::default() }).await;
    // The process died between the commit and the vault.
    assert!(crate::plans::queries::expire(&mut pool.acquire().await.unwrap(), kept.snapshots[0], Some(kept.plan_id)).await.unwrap());
    assert_eq!(kept.days().await, (vec![1], vec![0, 1]));
    retention::forget(&kept.context, kept.world.vault_id, &kept.world.vault).await.unwrap();
    assert_eq!(kept.days().await, (vec![1], vec![1]));
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn a_hold_that_ended_keeps_nothing_any_more(pool: PgPool) {
    let kept = Kept::new(pool.clone(), 3, Keep { last: 1, ..Keep::default() }).await;
    let state = state(pool.clone());
    let owner = person(&state, "lead", &[], "owner prod/shop").await;
    projects::holds::set(&state, &owner, &origin(), kept.snapshots[0], held("the auditors asked", "2099-01-01")).await.unwrap();
    projects::holds::set(&state, &owner, &origin(), kept.snapshots[1], held("the auditors asked", "")).await.unwrap();
    assert_eq!(kept.expire().await, 0);
    sqlx::query("update hold set until = now() - interval '1 second' where until is not null").execute(&pool).await.unwrap();
    assert_eq!(kept.expire().await, 1);
    assert_eq!(kept.days().await.0, [1, 2]);
}

/// An owner who accepts a gap does not give up the last snapshot without it.
#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn the_newest_snapshot_without_a_gap_outlives_good_ones_with_accepted_gaps(pool: PgPool) {
    let kept = Kept::new(pool.clone(), 4, Keep { last: 1, ..Keep::default() }).await;
    let gaps = r#"[{"kind": "missing", "subject": "shop/web:2", "cause": "c", "remedy": "r"}]"#;
    sqlx::query("update snapshot_ever set gaps = $1::jsonb, gap_count = 1 where moment > $2")
        .bind(gaps)
        .bind(FIRST + time::Duration::hours(36))
        .execute(&pool)
        .await
        .unwrap();
    sqlx::query(
        "insert into accepted_gap (project_id, print, kind, subject, cause, reason, until, accepted_by)
         select distinct project_id, gap_prints[1], 'missing', 'shop/web:2', 'c', 'it is not ours to keep', now() + interval '1 day', 'lead'
           from snapshot_ever where gap_count = 1",
    )
    .execute(&pool)
    .await
    .unwrap();
    assert_eq!(kept.expire().await, 2);
    assert_eq!(kept.days().await.0, [1, 3], "the newest good one, and the newest one without a gap");
}

/// What becomes of the snapshots of a deleted plan is what a person said, and nothing goes within a day of it.
#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn snapshots_of_a_deleted_plan_are_kept_as_was_said(pool: PgPool) {
    let kept = Kept::new(pool.clone(), 4, Keep { last: 2, ..Keep::default() }).await;
    let state = state(pool.clone());
    let operator = person(&state, "ops", &[Duty::Operator], "").await;
    sqlx::query("update run set state = 'good', finished_at = now()").execute(&pool).await.unwrap();
    let other: i64 = sqlx::query_scalar(
        "insert into plan (name, harbor_id, vault_id, include, exclude, cron, zone, rpo_s, created_by, keep, keep_since)
         select 'weekly', harbor_id, $1, '{*}', '{}', '0 3 * * 0', 'UTC', 93600, 'test', $2, now() - interval '2 days' from harbor returning plan_id",
    )
    .bind(kept.world.vault_id)
    .bind(Json(Keep { last: 1, ..Keep::default() }))
    .fetch_one(&pool)
    .await
    .unwrap();
    let leave = |to: &str, owner: &str, plan_id: Option<i64>| Leave { to: to.to_owned(), owner: owner.to_owned(), plan_id };
    let delete = async |left: Leave| {
        let form = DeletePlanForm { confirm: "nightly".to_owned(), left };
        crate::plans::delete(&state, &operator, &origin(), kept.plan_id, &form).await.map_err(|error| error.into_api(None))
    };
    for (left, field) in [
        (Leave::default(), "to"),
        (leave("away", "", None), "to"),
        (leave("kept", "nobody", None), "owner"),
        (leave("plan", "", Some(kept.plan_id)), "by_plan"),
        (leave("plan", "", Some(999)), "by_plan"),
    ] {
        assert!(delete(left.clone()).await.unwrap_err().of_field(field).is_some(), "{left:?}");
    }
    delete(leave("rule", "", None)).await.unwrap();
    let expire = async || crate::plans::left::expire(&kept.context, kept.world.vault_id, &kept.world.vault).await.unwrap();
    let decide = async |left: Leave| crate::plans::left::decide(&state, &operator, &origin(), kept.plan_id, left).await.unwrap();
    let later = async || {
        sqlx::query("update plan set left_since = left_since - interval '25 hours' where left_since is not null")
            .execute(&pool)
            .await
            .unwrap();
    };
    assert_eq!(expire().await, 0, "not within a day");
    decide(leave("kept", "ops", None)).await;
    later().await;
    assert_eq!(expire().await, 0, "all are kept, for somebody who is named");
    let left = crate::plans::left::list(&state, &operator).await.unwrap();
    assert_eq!((left.len(), left[0].snapshots, left[0].owner.as_deref()), (1, 4, Some("ops")));
    decide(leave("rule", "", None)).await;
    later().await;
    assert_eq!(expire().await, 2, "by the rule it had");
    assert_eq!(kept.days().await.0, [2, 3]);
    decide(leave("plan", "", Some(other))).await;
    let by_other = async || {
        let plan = crate::plans::queries::one(&mut pool.acquire().await.unwrap(), other).await.unwrap().unwrap();
        retention::expire(&kept.context, &plan, &kept.world.vault).await.unwrap()
    };
    assert_eq!((expire().await, by_other().await), (0, 0));
    later().await;
    assert_eq!(expire().await, 0, "the rule it had is no longer asked");
    assert_eq!(by_other().await, 1);
    assert_eq!(kept.days().await.0, [3]);
    assert_eq!(recorded(&pool, "plan.delete").await, 1);
    assert_eq!(recorded(&pool, "plan.left.decide").await, 3);
}

/// A plan that was deleted before anybody was asked keeps everything.
#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn without_a_word_everything_of_a_deleted_plan_is_kept(pool: PgPool) {
    let kept = Kept::new(pool.clone(), 3, Keep { last: 1, ..Keep::default() }).await;
    sqlx::query("update plan set deleted_at = now() - interval '9 days'").execute(&pool).await.unwrap();
    assert_eq!(crate::plans::left::expire(&kept.context, kept.world.vault_id, &kept.world.vault).await.unwrap(), 0);
    assert_eq!(kept.days().await.0, [0, 1, 2]);
}

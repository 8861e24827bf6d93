//! Gaps an owner accepts, and which snapshots are good by that (I-9).

use app::accounts::types::Duty;
use app::error::ErrorKind;
use app::projects::gaps::AcceptGap;
use app::projects::types::{ProjectFilter, Protection};
use sqlx::PgPool;
use time::{Duration, OffsetDateTime};

use super::catalogue::World;
use super::world::{confirmed_by_runs, origin, person, recorded, state};
use crate::access::Caller;
use crate::plans;
use crate::projects::{self, gaps};
use crate::state::AppState;

/// A project whose runs go well but for one image nobody may pull.
struct Lasting {
    world: World,
    state: AppState,
    owner: Caller,
    plan_id: i64,
    run_id: i64,
}

impl Lasting {
    async fn new(pool: PgPool) -> Self {
        let world = World::new(pool.clone()).await;
        let state = state(pool.clone());
        let owner = person(&state, "lead", &[], "owner prod/shop").await;
        sqlx::query("insert into harbor_project (harbor_id, project, foreign_id, repositories, proxy_cache, seen_at) select harbor_id, 'shop', 1, 1, false, now() from harbor")
            .execute(&pool)
            .await
            .unwrap();
        let plan_id: i64 = sqlx::query_scalar(
            "insert into plan (name, harbor_id, vault_id, include, exclude, cron, zone, rpo_s, created_by)
             select 'nightly', harbor_id, $1, '{*}', '{}', '0 3 * * *', 'UTC', 93600, 'test' from harbor returning plan_id",
        )
        .bind(world.vault_id)
        .fetch_one(&pool)
        .await
        .unwrap();
        let run_id = run(&pool, plan_id).await;
        Self { world, state, owner, plan_id, run_id }
    }

    /// A snapshot of so many minutes ago with gaps about these.
    async fn capture(&self, minutes: i64, gaps: &[&str]) -> i64 {
        let at = OffsetDateTime::now_utc() - Duration::minutes(minutes);
        let mut sealed = self.world.snapshot(at, &[("shop/web", &[("1", "a")])], gaps).await;
        sealed.run_id = Some(self.run_id);
        let snapshot_id = self.world.enter(sealed).await.snapshot_id;
        confirmed_by_runs(&self.world.pool).await;
        snapshot_id
    }

    async fn project(&self) -> app::projects::types::Project {
        projects::list(&self.state, &self.owner, ProjectFilter::default()).await.unwrap().items.remove(0)
    }

    async fn accept(&self, who: &Caller, snapshot_id: i64, gap: &str, until: &str) -> Result<i64, ErrorKind> {
        let form = AcceptGap { snapshot_id, gap: gap.to_owned(), reason: "the vendor never signs it".to_owned(), until: until.to_owned() };
        gaps::accept(&self.state, who, &origin(), "prod", "shop", form).await.map_err(|error| error.into_api(None).kind)
    }
}

async fn run(pool: &PgPool, plan_id: i64) -> i64 {
    let job_id: i64 = sqlx::query_scalar(
        "insert into job (kind, title, payload, attempt_max, trigger, state) values ('backup', '\"run\"', '{}', 1, 'test', 'done') returning job_id",
    )
    .fetch_one(pool)
    .await
    .unwrap();
    sqlx::query_scalar(
        "insert into run (plan_id, job_id, trigger, state, started_at, finished_at, gaps)
         values ($1, $2, 'user', 'gaps', now() - interval '1 hour', now(), 1) returning run_id",
    )
    .bind(plan_id)
    .bind(job_id)
    .fetch_one(pool)
    .await
    .unwrap()
}

fn in_days(days: i64) -> String {
    let day = (OffsetDateTime::now_utc() + Duration::days(days)).date();
    format!("{:04}-{:02}-{:02}", day.year(), u8::from(day.month()), day.day())
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn a_lasting_gap_counts_until_an_owner_accepts_it_and_again_after_that(pool: PgPool) {
    let lasting = Lasting::new(pool.clone()).await;
    for minutes in (1..=20).rev() {
        lasting.capture(minutes, &["shop/web:2"]).await;
    }
    let project = lasting.project().await;
    let newest = project.newest.unwrap();
    assert_eq!((project.protection, project.last_good, newest.gaps, newest.gaps_accepted), (Protection::Gaps, None, 1, 0));
    let home = crate::home::home(&lasting.state, &lasting.owner).await.unwrap();
    assert_eq!((home.gaps, home.pending, home.met, home.last_good), (1, 0, 0, None));
    let plan = async || plans::get(&lasting.state, &lasting.owner, lasting.plan_id).await.unwrap();
    assert_eq!(plan().await.last_good, None);

    let seen = gaps::of_project(&lasting.state, &lasting.owner, "prod", "shop").await.unwrap();
    let (at, gap) = (seen.at.unwrap(), &seen.gaps[0]);
    assert!(!at.good && seen.may.accept && gap.accepted.is_none());
    assert_eq!(lasting.accept(&lasting.owner, at.id, &gap.id, &in_days(30)).await, Ok(1));
    assert_eq!(recorded(&pool, "backup.gap.accept").await, 1);
    assert_eq!(lasting.accept(&lasting.owner, at.id, &gap.id, &in_days(30)).await, Err(ErrorKind::Conflict));

    // Everything that says "good" says so now.
    let project = lasting.project().await;
    assert_eq!((project.protection, project.last_good, project.last_good_accepted), (Protection::Met, Some(at.moment), 1));
    let home = crate::home::home(&lasting.state, &lasting.owner).await.unwrap();
    assert_eq!((home.gaps, home.met, home.last_good), (0, 1, Some(at.moment)));
    assert!(plan().await.last_good.is_some());
    let timeline = projects::timeline(&lasting.state, &lasting.owner, "prod", "shop", None, None).await.unwrap();
    assert!(timeline.snapshots.iter().all(|s| s.good && s.gaps == 1 && s.gaps_accepted == 1));
    assert_eq!(timeline.gaps[0].accepted.as_ref().unwrap().by, "lead");

    // Another gap, or the same one with another cause, is not covered.
    lasting.capture(0, &["shop/web:2", "shop/web:3"]).await;
    let project = lasting.project().await;
    assert_eq!((project.newest.unwrap().gaps_accepted, project.last_good), (1, Some(at.moment)));
    sqlx::query("update snapshot_ever set gaps = jsonb_set(gaps, '{0,cause}', '\"another\"') where snapshot_id = (select max(snapshot_id) from snapshot)")
        .execute(&pool)
        .await
        .unwrap();
    assert_eq!(lasting.project().await.newest.unwrap().gaps_accepted, 0);

    // Its end comes by itself.
    sqlx::query("update accepted_gap set accepted_at = now() - interval '2 days', until = now() - interval '1 second'")
        .execute(&pool)
        .await
        .unwrap();
    let project = lasting.project().await;
    assert_eq!((project.protection, project.last_good), (Protection::Gaps, None));
    assert_eq!(lasting.accept(&lasting.owner, at.id, &gap.id, &in_days(1)).await, Ok(1), "it can be accepted anew");
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn only_an_owner_accepts_with_a_reason_and_an_end_and_may_take_it_back(pool: PgPool) {
    let lasting = Lasting::new(pool.clone()).await;
    let snapshot = lasting.capture(1, &["shop/web:2", "shop/web:3"]).await;
    let gap = gaps::of_project(&lasting.state, &lasting.owner, "prod", "shop").await.unwrap().gaps.remove(0);
    for (login, duties, grants, kind) in [
        ("dev", vec![], "approver prod/shop", ErrorKind::Forbidden),
        ("ops", vec![Duty::Operator], "", ErrorKind::Forbidden),
        ("sec", vec![Duty::Secadmin], "", ErrorKind::Forbidden),
        ("aud", vec![Duty::Auditor], "", ErrorKind::Forbidden),
        ("out", vec![], "owner prod/other", ErrorKind::NotFound),
    ] {
        let who = person(&lasting.state, login, &duties, grants).await;
        assert_eq!(lasting.accept(&who, snapshot, &gap.id, &in_days(1)).await, Err(kind), "{login}");
    }
    for until in ["", "2020-01-01", "soon", &in_days(400)] {
        assert_eq!(lasting.accept(&lasting.owner, snapshot, &gap.id, until).await, Err(ErrorKind::Invalid), "{until}");
    }
    let short = AcceptGap { snapshot_id: snapshot, gap: gap.id.clone(), reason: "so what".to_owned(), until: in_days(1) };
    let refused = gaps::accept(&lasting.state, &lasting.owner, &origin(), "prod", "shop", short).await.unwrap_err().into_api(None);
    assert!(refused.of_field("reason").is_some());
    assert_eq!(lasting.accept(&lasting.owner, snapshot, "ffff", &in_days(1)).await, Err(ErrorKind::Invalid));
    assert_eq!(lasting.accept(&lasting.owner, snapshot + 1, &gap.id, &in_days(1)).await, Err(ErrorKind::NotFound));
    assert_eq!(recorded(&pool, "backup.gap.accept").await, 0);
    assert_eq!(lasting.accept(&lasting.owner, snapshot, "open", &in_days(366)).await.map_err(|_| ()), Err(()), "a year at most");
    assert_eq!(lasting.accept(&lasting.owner, snapshot, "open", &in_days(360)).await, Ok(2));
    assert!(lasting.project().await.last_good.is_some());
    let accepted = gaps::of_project(&lasting.state, &lasting.owner, "prod", "shop").await.unwrap().acceptances;
    let withdraw = async |who: &Caller| {
        let why = "it is signed by now";
        gaps::withdraw(&lasting.state, who, &origin(), ("prod", "shop"), accepted[0].id, why)
            .await
            .map_err(|error| error.into_api(None).kind)
    };
    let dev = super::world::again(&lasting.state, &lasting.owner).await.unwrap();
    assert_eq!(withdraw(&dev).await, Ok(()));
    assert_eq!(withdraw(&dev).await, Err(ErrorKind::NotFound), "once");
    assert_eq!(recorded(&pool, "backup.gap.revoke").await, 1);
    let project = lasting.project().await;
    assert_eq!((project.last_good, project.newest.unwrap().gaps_accepted), (None, 1));
    let after = gaps::of_project(&lasting.state, &lasting.owner, "prod", "shop").await.unwrap();
    assert_eq!(after.acceptances[0].withdrawn.as_ref().unwrap().reason, "it is signed by now");
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn a_gap_is_shown_where_it_is_and_what_it_hides_is_restored_from_before(pool: PgPool) {
    let lasting = Lasting::new(pool.clone()).await;
    let at = OffsetDateTime::now_utc() - Duration::minutes(10);
    let whole = lasting.world.snapshot(at, &[("shop/web", &[("1", "a"), ("2", "b")])], &[]).await;
    lasting.world.enter(whole).await;
    lasting.capture(1, &["shop/web:2", "shop/web:never"]).await;
    let first: OffsetDateTime = sqlx::query_scalar("select min(moment) from snapshot").fetch_one(&pool).await.unwrap();

    let query = app::projects::types::BrowseQuery { harbor: "prod".to_owned(), project: "shop".to_owned(), ..Default::default() };
    let browse = projects::browse(&lasting.state, &lasting.owner, query).await.unwrap();
    let gap_of = |tag: &str| browse.tags.iter().find(|t| t.tag == tag).unwrap().gap.as_ref().map(|gap| gap.subject.clone());
    assert_eq!((gap_of("1"), gap_of("2").as_deref()), (None, Some("shop/web:2")));
    assert_eq!(browse.gaps.iter().map(|gap| gap.subject.as_str()).collect::<Vec<_>>(), ["shop/web:never"], "it has no row of its own");
    assert_eq!(browse.repositories[0].gaps, 2);

    let history = projects::tag_history(&lasting.state, &lasting.owner, "prod", "shop", "shop/web", "2", true).await.unwrap();
    assert_eq!(history.gap.unwrap().subject, "shop/web:2");
    assert_eq!(history.spans[0].restore_at.0, first, "the newest snapshot does not hold it");

    let found = projects::search(&lasting.state, &lasting.owner, "shop/web:2", true).await.unwrap().hits.remove(0);
    assert_eq!((found.last_seen.0, found.restore_at.unwrap().0, found.in_harbor.at.0), (first, first, first));
    assert_eq!(found.gap.unwrap().subject, "shop/web:2");
    let never = projects::search(&lasting.state, &lasting.owner, "web:never", true).await.unwrap().hits;
    let never = never.iter().find(|hit| hit.tag == "never").unwrap();
    assert_eq!((never.role, never.restore_at), (app::projects::found::HitRole::Gap, None));
    let stranger = person(&lasting.state, "out", &[], "owner prod/other").await;
    assert_eq!(projects::search(&lasting.state, &stranger, "web:never", true).await.unwrap().hits, []);
}

/// Another image under the same blocked tag is another gap; snapshots and acceptances from before gaps said which image go together as they did.
#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn an_accepted_gap_of_a_tag_covers_the_image_it_was_accepted_for_and_no_later_one(pool: PgPool) {
    let lasting = Lasting::new(pool.clone()).await;
    let capture = async |minutes: i64, seed: Option<&str>| {
        let at = OffsetDateTime::now_utc() - Duration::minutes(minutes);
        let mut sealed = lasting.world.snapshot(at, &[("shop/web", &[("1", "a")])], &["shop/web:2"]).await;
        sealed.index.gaps[0].digest = seed.map(|seed| vocab::Digest::of(seed.as_bytes()));
        sealed.run_id = Some(lasting.run_id);
        lasting.world.enter(sealed).await.snapshot_id
    };
    let accepted = async || lasting.project().await.newest.unwrap().gaps_accepted;
    let of_before = capture(9, None).await;
    assert_eq!(lasting.accept(&lasting.owner, of_before, "open", &in_days(9)).await, Ok(1));
    capture(8, None).await;
    assert_eq!(accepted().await, 1, "what was accepted before still counts for what is known as before");
    let first = capture(7, Some("one")).await;
    assert_eq!(accepted().await, 0, "nobody accepted it of this image");
    assert_eq!(lasting.accept(&lasting.owner, first, "open", &in_days(9)).await, Ok(1));
    capture(6, Some("one")).await;
    assert_eq!(accepted().await, 1);
    capture(5, Some("two")).await;
    assert_eq!(accepted().await, 0, "the tag moved to another image");
    let seen = gaps::of_project(&lasting.state, &lasting.owner, "prod", "shop").await.unwrap();
    let digest = |seed: &str| Some(vocab::Digest::of(seed.as_bytes()).to_string());
    assert_eq!((seen.gaps[0].digest.clone(), seen.gaps[0].accepted.clone()), (digest("two"), None));
    assert_eq!(seen.acceptances.iter().map(|a| a.digest.clone()).collect::<Vec<_>>(), [digest("one"), None]);
}

/// What is not named one by one can be anything: nobody accepts that.
#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn what_a_snapshot_does_not_name_cannot_be_accepted(pool: PgPool) {
    let lasting = Lasting::new(pool.clone()).await;
    let at = OffsetDateTime::now_utc() - Duration::minutes(1);
    let mut sealed = lasting.world.snapshot(at, &[("shop/web", &[("1", "a")])], &["shop/web:2", "shop"]).await;
    sealed.index.gaps[1].kind = "more_gaps".to_owned();
    let snapshot = lasting.world.enter(sealed).await.snapshot_id;
    assert_eq!(lasting.accept(&lasting.owner, snapshot, "open", &in_days(1)).await, Ok(1));
    let gaps = gaps::of_project(&lasting.state, &lasting.owner, "prod", "shop").await.unwrap().gaps;
    let rest = gaps.iter().find(|gap| gap.kind == "more_gaps").unwrap();
    assert_eq!(lasting.accept(&lasting.owner, snapshot, &rest.id, &in_days(1)).await, Err(ErrorKind::Invalid));
    assert_eq!(lasting.project().await.last_good, None);
}

/// What can be restored although it is named is no gap: one function says which count, in the database and in the program.
#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn what_is_only_named_counts_for_nothing(pool: PgPool) {
    let lasting = Lasting::new(pool.clone()).await;
    let at = OffsetDateTime::now_utc() - Duration::minutes(1);
    let mut sealed = lasting.world.snapshot(at, &[("shop/web", &[("1", "a")])], &["shop/web:2"]).await;
    sealed.index.gaps[0].kind = "kept_elsewhere".to_owned();
    lasting.world.enter(sealed).await;
    let project = lasting.project().await;
    assert_eq!((project.protection, project.newest.unwrap().gaps), (Protection::Met, 0));
    let seen = gaps::of_project(&lasting.state, &lasting.owner, "prod", "shop").await.unwrap();
    assert!(seen.gaps[0].only_named);
    assert_eq!(lasting.accept(&lasting.owner, seen.at.unwrap().id, "open", &in_days(1)).await, Err(ErrorKind::Conflict));
}

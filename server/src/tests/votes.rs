//! Who may vote, on what, and when a vote still counts (I-17, S1..S5, F-51).

use app::accounts::types::ChangeRoles;
use app::error::ErrorKind;
use app::restores::types::{CastVote, RequestState};
use sqlx::PgPool;

use super::world::{again, harbor, origin, person, recorded, request, state};
use crate::access::Caller;
use crate::error::Error;
use crate::restores;
use crate::state::AppState;

fn ballot(id: i64, hash: vocab::Digest, version: i64, decision: &str) -> CastVote {
    CastVote { request_id: id, plan_hash: hash.hex(), version, decision: decision.to_owned(), comment: "looked at it".to_owned() }
}

fn kind(error: Error) -> ErrorKind {
    error.into_api(None).kind
}

async fn version(state: &AppState, caller: &Caller, id: i64) -> i64 {
    restores::get(state, caller, id).await.unwrap().version
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn one_vote_of_another_person_queues_the_restore(pool: PgPool) {
    let state = state(pool.clone());
    let harbor_id = harbor(&pool, "prod").await;
    let dev = person(&state, "dev", &[], "requester prod/shop").await;
    let lead = person(&state, "lead", &[], "approver prod/shop").await;
    let (id, hash) = request(&pool, &dev, harbor_id, 1, 1).await;
    let done = restores::cast(&state, &lead, &origin(), ballot(id, hash, 1, "approve")).await.unwrap();
    assert_eq!(done.state, RequestState::Queued);
    assert!(done.job_id.is_some());
    assert_eq!(recorded(&pool, "restore.vote.approve").await, 1);
}

/// S-8.
#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn nobody_votes_on_their_own_request_and_the_try_is_recorded(pool: PgPool) {
    let state = state(pool.clone());
    let harbor_id = harbor(&pool, "prod").await;
    let owner = person(&state, "owner", &[], "owner prod/shop").await;
    let (id, hash) = request(&pool, &owner, harbor_id, 1, 1).await;
    let refused = restores::cast(&state, &owner, &origin(), ballot(id, hash, 1, "approve")).await.unwrap_err();
    assert_eq!(kind(refused), ErrorKind::Forbidden);
    assert_eq!(recorded(&pool, "authz.denied").await, 1);
    let votes: i64 = sqlx::query_scalar("select count(*) from vote").fetch_one(&pool).await.unwrap();
    assert_eq!(votes, 0);
}

/// S-8.
#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn a_vote_for_another_plan_or_another_version_is_a_conflict(pool: PgPool) {
    let state = state(pool.clone());
    let harbor_id = harbor(&pool, "prod").await;
    let dev = person(&state, "dev", &[], "requester prod/shop").await;
    let lead = person(&state, "lead", &[], "approver prod/shop").await;
    let (id, hash) = request(&pool, &dev, harbor_id, 1, 1).await;
    let other = ballot(id, vocab::Digest::of(b"another plan"), 1, "approve");
    assert_eq!(kind(restores::cast(&state, &lead, &origin(), other).await.unwrap_err()), ErrorKind::Conflict);
    assert_eq!(kind(restores::cast(&state, &lead, &origin(), ballot(id, hash, 9, "approve")).await.unwrap_err()), ErrorKind::Conflict);
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn two_votes_are_two_people(pool: PgPool) {
    let state = state(pool.clone());
    let harbor_id = harbor(&pool, "prod").await;
    let dev = person(&state, "dev", &[], "requester prod/shop").await;
    let first = person(&state, "first", &[], "approver prod/shop").await;
    let second = person(&state, "second", &[], "owner prod/shop").await;
    let (id, hash) = request(&pool, &dev, harbor_id, 4, 2).await;
    let waiting = restores::cast(&state, &first, &origin(), ballot(id, hash, 1, "approve")).await.unwrap();
    assert_eq!(waiting.state, RequestState::Waiting);
    let v = version(&state, &first, id).await;
    assert_eq!(kind(restores::cast(&state, &first, &origin(), ballot(id, hash, v, "approve")).await.unwrap_err()), ErrorKind::Conflict);
    let queued = restores::cast(&state, &second, &origin(), ballot(id, hash, v, "approve")).await.unwrap();
    assert_eq!(queued.state, RequestState::Queued);
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn two_approvers_at_once_make_one_job(pool: PgPool) {
    let state = state(pool.clone());
    let harbor_id = harbor(&pool, "prod").await;
    let dev = person(&state, "dev", &[], "requester prod/shop").await;
    let first = person(&state, "first", &[], "approver prod/shop").await;
    let second = person(&state, "second", &[], "approver prod/shop").await;
    let (id, hash) = request(&pool, &dev, harbor_id, 1, 1).await;
    let at = origin();
    let (a, b) = tokio::join!(
        restores::cast(&state, &first, &at, ballot(id, hash, 1, "approve")),
        restores::cast(&state, &second, &at, ballot(id, hash, 1, "approve")),
    );
    assert_eq!(i32::from(a.is_ok()) + i32::from(b.is_ok()), 1, "the second one is told that it moved on");
    let jobs: i64 = sqlx::query_scalar("select count(*) from job").fetch_one(&pool).await.unwrap();
    assert_eq!(jobs, 1);
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn a_vote_stops_counting_when_its_voter_loses_the_right(pool: PgPool) {
    let state = state(pool.clone());
    let harbor_id = harbor(&pool, "prod").await;
    let admin = person(&state, "sec", &[app::accounts::types::Duty::Secadmin], "").await;
    let dev = person(&state, "dev", &[], "requester prod/shop").await;
    let lead = person(&state, "lead", &[], "approver prod/shop").await;
    let (id, hash) = request(&pool, &dev, harbor_id, 1, 1).await;
    restores::cast(&state, &lead, &origin(), ballot(id, hash, 1, "approve")).await.unwrap();
    let counting = |pool: PgPool| async move { restores::queries::counting(&mut pool.acquire().await.unwrap(), id).await.unwrap() };
    assert_eq!(counting(pool.clone()).await, 1);
    let change = ChangeRoles {
        user_id: lead.account_id,
        duties: vec![],
        grants: "viewer prod/shop".to_owned(),
        reason: "left the team today".to_owned(),
    };
    crate::accounts::change_roles(&state, &admin, &origin(), change).await.unwrap();
    assert_eq!(counting(pool.clone()).await, 0);
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn a_refusal_ends_it_and_needs_a_reason(pool: PgPool) {
    let state = state(pool.clone());
    let harbor_id = harbor(&pool, "prod").await;
    let dev = person(&state, "dev", &[], "requester prod/shop").await;
    let lead = person(&state, "lead", &[], "approver prod/shop").await;
    let (id, hash) = request(&pool, &dev, harbor_id, 1, 1).await;
    let silent = CastVote { comment: String::new(), ..ballot(id, hash, 1, "deny") };
    assert_eq!(kind(restores::cast(&state, &lead, &origin(), silent).await.unwrap_err()), ErrorKind::Invalid);
    let denied = restores::cast(&state, &lead, &origin(), ballot(id, hash, 1, "deny")).await.unwrap();
    assert_eq!(denied.state, RequestState::Denied);
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn a_request_nobody_decided_expires_and_a_late_vote_is_refused(pool: PgPool) {
    let state = state(pool.clone());
    let harbor_id = harbor(&pool, "prod").await;
    let dev = person(&state, "dev", &[], "requester prod/shop").await;
    let lead = person(&state, "lead", &[], "approver prod/shop").await;
    let (id, hash) = request(&pool, &dev, harbor_id, 1, 1).await;
    sqlx::query("update request set decide_before = now() - interval '1 second'").execute(&pool).await.unwrap();
    assert_eq!(kind(restores::cast(&state, &lead, &origin(), ballot(id, hash, 1, "approve")).await.unwrap_err()), ErrorKind::Conflict);
    restores::expire_due(&state).await.unwrap();
    assert_eq!(restores::get(&state, &dev, id).await.unwrap().state, RequestState::Expired);
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn a_plan_of_an_earlier_form_lapses_with_its_reason_and_stays_readable(pool: PgPool) {
    let state = state(pool.clone());
    let harbor_id = harbor(&pool, "prod").await;
    let dev = person(&state, "dev", &[], "requester prod/shop").await;
    let (old, _) = request(&pool, &dev, harbor_id, 1, 1).await;
    let (new, _) = request(&pool, &dev, harbor_id, 1, 1).await;
    sqlx::query("update request set plan = jsonb_set(plan::jsonb, '{version}', '1') where request_id = $1")
        .bind(old)
        .execute(&pool)
        .await
        .unwrap();
    restores::expire_due(&state).await.unwrap();
    let lapsed = restores::get(&state, &dev, old).await.unwrap();
    assert_eq!((lapsed.state, lapsed.plan.items.len()), (RequestState::Expired, 1));
    assert_eq!(lapsed.outcome_detail, Some(app::restores::outcomes::Outcome::OlderForm.into()));
    assert_eq!(restores::get(&state, &dev, new).await.unwrap().state, RequestState::Waiting);
    assert_eq!(recorded(&pool, "restore.expire").await, 1);
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn a_request_of_an_unseen_project_does_not_exist(pool: PgPool) {
    let state = state(pool.clone());
    let harbor_id = harbor(&pool, "prod").await;
    let dev = person(&state, "dev", &[], "requester prod/shop").await;
    let stranger = person(&state, "stranger", &[], "owner prod/other").await;
    let (id, hash) = request(&pool, &dev, harbor_id, 1, 1).await;
    assert_eq!(kind(restores::get(&state, &stranger, id).await.unwrap_err()), ErrorKind::NotFound);
    assert_eq!(kind(restores::cast(&state, &stranger, &origin(), ballot(id, hash, 1, "approve")).await.unwrap_err()), ErrorKind::NotFound);
    assert!(restores::list(&state, &stranger, app::restores::types::RequestFilter::default()).await.unwrap().items.is_empty());
    assert!(again(&state, &stranger).await.is_some());
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn two_security_administrators_alone_decide_nothing(pool: PgPool) {
    use app::accounts::types::Duty;
    let state = state(pool.clone());
    let harbor_id = harbor(&pool, "prod").await;
    let dev = person(&state, "dev", &[], "requester prod/shop").await;
    let lead = person(&state, "lead", &[], "approver prod/shop").await;
    let (one, two) = (person(&state, "sec1", &[Duty::Secadmin], "").await, person(&state, "sec2", &[Duty::Secadmin], "").await);
    let (id, hash) = request(&pool, &dev, harbor_id, 4, 2).await;
    let vote = |version| app::restores::types::CastVote { comment: "looked at it".to_owned(), ..ballot(id, hash, version, "approve") };
    let at = origin();
    let stale = crate::access::Caller { fresh: false, ..one.clone() };
    let refused = restores::cast(&state, &stale, &at, vote(1)).await.unwrap_err().into_api(None);
    assert_eq!(refused.code, "step_up", "at this risk a vote needs the password again");
    restores::cast(&state, &one, &at, vote(1)).await.unwrap();
    let after = restores::cast(&state, &two, &at, vote(1)).await.unwrap();
    assert_eq!(after.state, app::restores::types::RequestState::Waiting, "one vote of theirs counts");
    let after = restores::cast(&state, &lead, &at, vote(1)).await.unwrap();
    assert_ne!(after.state, app::restores::types::RequestState::Waiting);
}

/// The right on the source is asked for again when a restore begins: a role may have gone since.
#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn a_restore_needs_its_authors_right_on_both_projects(pool: PgPool) {
    let state = state(pool.clone());
    let harbor_id = harbor(&pool, "prod").await;
    let dev = person(&state, "dev", &[], "requester prod/shop\nrequester prod/copy").await;
    let (id, _) = request(&pool, &dev, harbor_id, 2, 1).await;
    sqlx::query("update request set target_project = 'copy'").execute(&pool).await.unwrap();
    let may = |pool: PgPool| async move { restores::queries::author_may(&mut pool.acquire().await.unwrap(), id).await.unwrap() };
    assert!(may(pool.clone()).await);
    for project in ["shop", "copy"] {
        sqlx::query("update role_grant set project = project || '-gone' where project = $1").bind(project).execute(&pool).await.unwrap();
        assert!(!may(pool.clone()).await, "without a role on {project}");
        sqlx::query("update role_grant set project = $1 where project = $1 || '-gone'").bind(project).execute(&pool).await.unwrap();
    }
    sqlx::query("update account set disabled_at = now()").execute(&pool).await.unwrap();
    assert!(!may(pool.clone()).await);
}

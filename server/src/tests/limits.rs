//! What one person may have going on: streams, open requests, drafts, searches (S-81).

use app::accounts::types::{Duty, NewToken, TokenScope};
use app::audit::types::AuditFilter;
use app::error::ErrorKind;
use app::projects::types::ProjectFilter;
use app::restores::types::{InboxFilter, RequestFilter};
use axum::body::Body;
use axum::http::{Request, StatusCode};
use sqlx::PgPool;
use tower::ServiceExt as _;

use super::fleet::{Fleet, PEOPLE};
use super::web::web;
use super::world::{effects, harbor, origin, person, plan, recorded, request, state};
use crate::access::Caller;
use crate::turns::Turn;
use crate::{audit, projects, restores};

/// S-81.
#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn one_person_has_so_many_streams_and_others_have_theirs(pool: PgPool) {
    let state = state(pool);
    let router = web(&state);
    let mut tokens = Vec::new();
    for login in ["one", "two"] {
        let caller = person(&state, login, &[], "").await;
        let new = NewToken { name: "t".to_owned(), scope: TokenScope::Read, days: 1, ..NewToken::default() };
        tokens.push(crate::accounts::create_token(&state, &caller, &origin(), new).await.unwrap().secret);
    }
    let open = |token: &str| {
        let request = Request::get("/events").header("authorization", format!("Bearer {token}")).body(Body::empty()).unwrap();
        router.clone().oneshot(request)
    };
    let mut streams = Vec::new();
    for _ in 0..Turn::Stream.most() {
        let stream = open(&tokens[0]).await.unwrap();
        assert_eq!(stream.status(), StatusCode::OK);
        streams.push(stream);
    }
    assert_eq!(open(&tokens[0]).await.unwrap().status(), StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(open(&tokens[1]).await.unwrap().status(), StatusCode::OK, "of somebody else");
    drop(streams);
    for _ in 0..10_000 {
        tokio::task::yield_now().await;
        if state.turns.try_take(1, Turn::Stream).is_some() {
            break;
        }
    }
    assert_eq!(open(&tokens[0]).await.unwrap().status(), StatusCode::OK, "one that ended makes room");
}

/// Drafts of so many days ago, one a day.
async fn drafts(pool: &PgPool, author: &Caller, harbor_id: i64, many: i32) {
    let (open, _) = request(pool, author, harbor_id, 1, 1).await;
    let (plan, hash) = plan(false);
    sqlx::query(
        "insert into request (state, account_id, harbor_id, project, snapshot_id, target_project, form, plan, plan_hash, planned_at, risk, votes_needed, rule, effects)
         select 'draft', account_id, harbor_id, 'shop', snapshot_id, 'shop', form, $2, $3, now() - make_interval(days => n), 1, 1, '\"rule\"', $4
           from request, generate_series(0, $5 - 1) n where request_id = $1",
    )
    .bind(open)
    .bind(plan)
    .bind(hash.as_bytes().as_slice())
    .bind(serde_json::to_value(effects()).unwrap())
    .bind(many)
    .execute(pool)
    .await
    .unwrap();
}

/// S-81.
#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn drafts_are_few_and_go_after_two_weeks(pool: PgPool) {
    let state = state(pool.clone());
    let harbor_id = harbor(&pool, "prod").await;
    let dev = person(&state, "dev", &[], "requester prod/shop").await;
    drafts(&pool, &dev, harbor_id, 20).await;
    let left = || async {
        let days: Vec<i32> =
            sqlx::query_scalar("select extract(day from now() - planned_at)::int from request where state = 'draft' order by 1")
                .fetch_all(&pool)
                .await
                .unwrap();
        days
    };
    let mut conn = pool.acquire().await.unwrap();
    restores::rows::drop_drafts_over(&mut conn, dev.account_id, 18).await.unwrap();
    assert_eq!(left().await, (0..18).collect::<Vec<i32>>(), "the oldest make room");
    sqlx::query("insert into request_plan (request_id, plan_hash, plan, planned_at) select request_id, plan_hash, plan, planned_at from request where state = 'draft'")
        .execute(&mut *conn)
        .await
        .unwrap();
    drop(conn);
    restores::sweep_drafts(&state).await.unwrap();
    assert_eq!(left().await, (0..14).collect::<Vec<i32>>());
    let open: i64 = sqlx::query_scalar("select count(*) from request where state = 'waiting'").fetch_one(&pool).await.unwrap();
    assert_eq!(open, 1, "nothing else is swept");
}

/// What lists say in SQL is what one row is judged by.
#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn lists_and_inboxes_are_what_each_request_says_of_itself(pool: PgPool) {
    let fleet = Fleet::new(pool.clone()).await;
    // Another project, another risk, and a vote.
    sqlx::query("update request set target_project = 'payments', project = 'payments' where request_id % 3 = 0")
        .execute(&pool)
        .await
        .unwrap();
    sqlx::query("update request set risk = 4 where request_id % 4 = 0").execute(&pool).await.unwrap();
    sqlx::query(
        "insert into vote (request_id, account_id, approve, comment, plan_hash)
         select request_id, account.account_id, true, '', plan_hash from request, account where login = 'app' and request_id % 2 = 0",
    )
    .execute(&pool)
    .await
    .unwrap();
    let all: Vec<(i64, String)> =
        sqlx::query_as("select request_id, state from request order by request_id desc").fetch_all(&pool).await.unwrap();
    let voted: Vec<i64> = sqlx::query_scalar("select request_id from vote").fetch_all(&pool).await.unwrap();
    for (login, ..) in PEOPLE {
        let caller = fleet.person(login);
        let (mut seen, mut mine, mut team, mut done) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for (id, state) in &all {
            let Ok(one) = restores::get(&fleet.state, caller, *id).await else { continue };
            seen.push(*id);
            let open = matches!(state.as_str(), "waiting" | "reapproval");
            let own_vote = login == "app" && voted.contains(id);
            if open && one.may.iter().any(|may| may == "vote") {
                mine.push(*id);
            } else if open {
                team.push(*id);
            }
            if own_vote {
                done.push(*id);
            }
        }
        let list = restores::list(&fleet.state, caller, RequestFilter::default()).await.unwrap();
        assert_eq!(list.items.iter().map(|r| r.id).collect::<Vec<_>>(), seen, "{login} sees");
        for (tab, expected) in [("mine", &mine), ("team", &team), ("done", &done)] {
            let filter = InboxFilter { tab: Some(tab.to_owned()), after: None };
            let page = restores::approvals(&fleet.state, caller, &filter).await.unwrap();
            assert_eq!(&page.items.iter().map(|r| r.id).collect::<Vec<_>>(), expected, "{login} {tab}");
            assert_eq!(page.total, Some(i64::try_from(expected.len()).unwrap()));
        }
        assert_eq!(
            crate::session::shell::counts(&fleet.state.pool, caller).await.unwrap().waiting,
            i64::try_from(mine.len()).unwrap(),
            "{login}"
        );
    }
}

/// An inbox is one's own however many requests of others are newer, and has pages.
#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn an_inbox_is_not_crowded_out_by_other_projects(pool: PgPool) {
    let state = state(pool.clone());
    let harbor_id = harbor(&pool, "prod").await;
    let dev = person(&state, "dev", &[], "requester prod/shop").await;
    let lead = person(&state, "lead", &[], "approver prod/shop").await;
    let (old, _) = request(&pool, &dev, harbor_id, 1, 1).await;
    sqlx::query(
        "insert into request (state, account_id, harbor_id, project, snapshot_id, target_project, form, plan, plan_hash, planned_at, risk, votes_needed, rule,
                              submitted_at, decide_before, effects)
         select state, account_id, harbor_id, p, snapshot_id, p, form, plan, plan_hash, planned_at, risk, votes_needed, rule, submitted_at, decide_before, effects
           from request, (select 'other' from generate_series(1, 300) union all select 'shop' from generate_series(1, 60)) of_project (p)
          where request_id = $1",
    )
    .bind(old)
    .execute(&pool)
    .await
    .unwrap();
    let page = |after: Option<String>| {
        let (state, lead) = (state.clone(), lead.clone());
        async move { restores::approvals(&state, &lead, &InboxFilter { tab: None, after }).await.unwrap() }
    };
    let first = page(None).await;
    assert_eq!((first.items.len(), first.total), (50, Some(61)));
    let second = page(first.next).await;
    assert_eq!((second.items.len(), second.next.is_none(), second.items.last().unwrap().id), (11, true, old));
    assert_eq!(crate::session::shell::counts(&state.pool, &lead).await.unwrap().waiting, 61);
}

/// S-81.
#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn a_search_of_the_history_counts_only_so_far_and_one_person_searches_once_at_a_time(pool: PgPool) {
    let state = state(pool.clone());
    let auditor = person(&state, "aud", &[Duty::Auditor], "").await;
    sqlx::query("select audit_append(convert_to(json_build_object('actor', json_build_object('type', 'system', 'name', 'test'), 'action', 'system.start', 'outcome', json_build_object('result', 'success'),
                    'object', json_build_object('type', 'system', 'name', n::text), 'sentence', 'x', 'time', '2026-11-23T09:30:00.000000Z')::text, 'UTF8')) from generate_series(1, 10050) n")
        .execute(&pool)
        .await
        .unwrap();
    let all = audit::list(&state, &auditor, &origin(), AuditFilter::default()).await.unwrap();
    assert_eq!((all.matching, all.matching_more), (10_000, true));
    let one = AuditFilter { action: Some("user.create".to_owned()), ..AuditFilter::default() };
    let found = audit::list(&state, &auditor, &origin(), one).await.unwrap();
    assert_eq!((found.matching, found.matching_more), (1, false));
    assert_eq!(recorded(&pool, "audit.query").await, 2);
    // While one goes on, the next waits for it.
    let turn = state.turns.try_take(auditor.account_id, Turn::Audit).unwrap();
    let next = tokio::spawn({
        let (state, auditor) = (state.clone(), auditor.clone());
        async move { audit::list(&state, &auditor, &origin(), AuditFilter::default()).await.map(|page| page.matching) }
    });
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    assert!(!next.is_finished());
    drop(turn);
    assert_eq!(next.await.unwrap().unwrap(), 10_000);
}

/// A search that takes too long is said to be too broad, and its transaction goes no further.
#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn a_search_that_takes_too_long_ends(pool: PgPool) {
    let state = state(pool.clone());
    let auditor = person(&state, "aud", &[Duty::Auditor], "").await;
    // The table is slow to read: whoever reads it waits for longer than a search may take.
    sqlx::query("alter table audit_record rename to audit_record_kept").execute(&pool).await.unwrap();
    sqlx::query("create view audit_record as select a.* from audit_record_kept a, (select pg_sleep(20)) slow")
        .execute(&pool)
        .await
        .unwrap();
    let refused = audit::list(&state, &auditor, &origin(), AuditFilter::default()).await.unwrap_err().into_api(None);
    assert_eq!((refused.kind, refused.code.as_str()), (ErrorKind::Invalid, "too_broad"));
}

/// Pages of projects follow each other by bytes, whatever order the database's language has: none is left out and none comes twice.
#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn pages_of_projects_have_each_once(pool: PgPool) {
    let state = state(pool.clone());
    let harbor_id = harbor(&pool, "prod").await;
    sqlx::query(
        "insert into harbor_project (harbor_id, project, foreign_id, repositories, proxy_cache, seen_at)
         select $1, case n % 4 when 0 then 'a-' || n when 1 then 'a' || n || 'b' when 2 then 'a.' || n else 'a_' || n end, n, 1, false, now()
           from generate_series(1, 230) n",
    )
    .bind(harbor_id)
    .execute(&pool)
    .await
    .unwrap();
    let operator = person(&state, "ops", &[Duty::Operator], "").await;
    let viewer = person(&state, "vic", &[], "viewer prod/a-4").await;
    for wanted in [None, Some("unprotected".to_owned())] {
        let (mut names, mut after, mut pages) = (Vec::new(), None, 0);
        loop {
            let filter = ProjectFilter { state: wanted.clone(), after, ..ProjectFilter::default() };
            let page = projects::list(&state, &operator, filter).await.unwrap();
            assert_eq!(page.total, Some(230), "{wanted:?}");
            names.extend(page.items.into_iter().map(|p| p.project));
            (after, pages) = (page.next, pages + 1);
            if after.is_none() {
                break;
            }
        }
        assert_eq!((names.len(), pages), (230, 3), "{wanted:?}");
        assert!(names.is_sorted_by(|one, next| one < next), "{wanted:?}: {names:?}");
        let filter = ProjectFilter { state: wanted, ..ProjectFilter::default() };
        let page = projects::list(&state, &viewer, filter).await.unwrap();
        assert_eq!((page.items.len(), page.total, page.next), (1, Some(1), None));
    }
}

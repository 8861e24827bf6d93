//! Sessions and accounts: ended means ended, on the next request (I-31, S-20..S-24).

use app::accounts::types::{ChangeRoles, Duty};
use app::error::ErrorKind;
use sqlx::PgPool;
use tower_sessions::SessionStore as _;
use tower_sessions::session::{Id, Record};

use super::world::{harbor, origin, person, state};
use crate::accounts;
use crate::session::store::PgStore;

fn record(account: i64) -> Record {
    let mut record =
        Record { id: Id::default(), data: Default::default(), expiry_date: time::OffsetDateTime::now_utc() + time::Duration::hours(1) };
    record.data.insert("account_id".to_owned(), account.into());
    record.data.insert("account_version".to_owned(), 1.into());
    record
}

/// S-23.
#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn a_slow_request_cannot_bring_a_logged_out_session_back(pool: PgPool) {
    let state = state(pool.clone());
    let dev = person(&state, "dev", &[], "").await;
    let store = PgStore::new(pool.clone());
    let mut session = record(dev.account_id);
    store.create(&mut session).await.unwrap();
    let slow = store.load(&session.id).await.unwrap().unwrap();
    store.delete(&session.id).await.unwrap();
    store.save(&slow).await.unwrap();
    assert!(store.load(&session.id).await.unwrap().is_none());
}

/// S-23.
#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn the_id_in_the_cookie_is_nowhere_in_the_database(pool: PgPool) {
    let state = state(pool.clone());
    let dev = person(&state, "dev", &[], "").await;
    let store = PgStore::new(pool.clone());
    let mut session = record(dev.account_id);
    store.create(&mut session).await.unwrap();
    let row: String = sqlx::query_scalar("select s::text from session s").fetch_one(&pool).await.unwrap();
    assert!(!row.contains(&session.id.to_string()));
}

/// S-25.
#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn a_session_ends_by_idleness_and_by_age_in_the_databases_time(pool: PgPool) {
    let state = state(pool.clone());
    let dev = person(&state, "dev", &[], "").await;
    let store = PgStore::new(pool.clone());
    for sql in [
        "update session set seen_at = now() - interval '31 minutes'",
        "update session set seen_at = now(), expires_at = now() - interval '1 second'",
    ] {
        let mut session = record(dev.account_id);
        store.create(&mut session).await.unwrap();
        assert!(store.load(&session.id).await.unwrap().is_some());
        sqlx::query(sql).execute(&pool).await.unwrap();
        assert!(store.load(&session.id).await.unwrap().is_none(), "{sql}");
    }
}

/// S-24.
#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn changed_roles_and_disabled_accounts_end_sessions_and_tokens_at_once(pool: PgPool) {
    let state = state(pool.clone());
    harbor(&pool, "prod").await;
    let admin = person(&state, "sec", &[Duty::Secadmin], "").await;
    let dev = person(&state, "dev", &[], "requester prod/shop").await;
    let form = app::accounts::types::NewToken {
        name: "t".to_owned(),
        scope: app::accounts::types::TokenScope::Write,
        days: 1,
        ..app::accounts::types::NewToken::default()
    };
    let token = accounts::create_token(&state, &dev, &origin(), form).await.unwrap().secret;
    assert!(accounts::caller_of_account(&pool, dev.account_id, 1).await.unwrap().is_some());
    let change = ChangeRoles { user_id: dev.account_id, duties: vec![], grants: String::new(), reason: "moved to another team".to_owned() };
    accounts::change_roles(&state, &admin, &origin(), change).await.unwrap();
    assert!(accounts::caller_of_account(&pool, dev.account_id, 1).await.unwrap().is_none(), "the old session is dead");
    assert!(
        accounts::caller_of_token(&pool, &token, &origin()).await.unwrap().unwrap().roles.is_empty(),
        "the token has the owner's rights of now"
    );
    accounts::set_disabled(&state, &admin, &origin(), dev.account_id, true).await.unwrap();
    assert!(accounts::caller_of_token(&pool, &token, &origin()).await.unwrap().is_none());
}

/// S-8.
#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn nobody_raises_themselves_and_the_last_holder_of_a_duty_stays(pool: PgPool) {
    let state = state(pool.clone());
    let admin = person(&state, "sec", &[Duty::Secadmin], "").await;
    let operator = person(&state, "ops", &[Duty::Operator], "").await;
    let own = ChangeRoles {
        user_id: admin.account_id,
        duties: vec![Duty::Operator],
        grants: String::new(),
        reason: "I would like that".to_owned(),
    };
    let kind = |error: crate::error::Error| error.into_api(None).kind;
    assert_eq!(kind(accounts::change_roles(&state, &admin, &origin(), own).await.unwrap_err()), ErrorKind::Forbidden);
    let last = ChangeRoles { user_id: operator.account_id, duties: vec![], grants: String::new(), reason: "nobody else can".to_owned() };
    assert_eq!(kind(accounts::change_roles(&state, &admin, &origin(), last).await.unwrap_err()), ErrorKind::Conflict);
    assert_eq!(kind(accounts::set_disabled(&state, &admin, &origin(), operator.account_id, true).await.unwrap_err()), ErrorKind::Conflict);
}

/// S8: each sees the other still holding the duty, unless one waits for the other.
#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn two_who_take_each_others_duty_away_at_once_do_not_both_succeed(pool: PgPool) {
    let state = state(pool.clone());
    let one = person(&state, "sec1", &[Duty::Secadmin], "").await;
    let two = person(&state, "sec2", &[Duty::Secadmin], "").await;
    let strip = |by: crate::access::Caller, whom: i64| {
        let state = state.clone();
        tokio::spawn(async move {
            let form = ChangeRoles { user_id: whom, duties: vec![], grants: String::new(), reason: "no longer needed here".to_owned() };
            accounts::change_roles(&state, &by, &origin(), form).await.is_ok()
        })
    };
    let (first, second) = (strip(one.clone(), two.account_id), strip(two.clone(), one.account_id));
    assert!(!(first.await.unwrap() && second.await.unwrap()));
    let left: i64 = sqlx::query_scalar("select count(*) from account_duty where duty = 'secadmin'").fetch_one(&pool).await.unwrap();
    assert_eq!(left, 1);
    let auditor = person(&state, "aud", &[Duty::Auditor], "").await;
    let holder = if crate::tests::world::again(&state, &one).await.unwrap().has(Duty::Secadmin) { one } else { two };
    let last = accounts::set_disabled(&state, &holder, &origin(), auditor.account_id, true).await.unwrap_err();
    assert_eq!(last.into_api(None).code, "last_holder", "the last auditor stays too");
}

/// S-24, S-26.
#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn a_reset_password_works_once_and_gives_nobody_a_vote(pool: PgPool) {
    let state = state(pool.clone());
    let harbor_id = harbor(&pool, "prod").await;
    let admin = person(&state, "sec", &[Duty::Secadmin], "").await;
    let lead = person(&state, "lead", &[], "approver prod/shop").await;
    let dev = person(&state, "dev", &[], "requester prod/shop").await;
    let (request, hash) = super::world::request(&pool, &dev, harbor_id, 1, 2).await;
    let vote = |version| app::restores::types::CastVote {
        request_id: request,
        plan_hash: hash.hex(),
        version,
        decision: "approve".to_owned(),
        comment: String::new(),
    };
    crate::restores::cast(&state, &lead, &origin(), vote(1)).await.unwrap();
    let form = app::accounts::types::NewToken {
        name: "t".to_owned(),
        scope: app::accounts::types::TokenScope::Write,
        days: 1,
        ..app::accounts::types::NewToken::default()
    };
    let token = accounts::create_token(&state, &lead, &origin(), form).await.unwrap().secret;

    let code = |error: crate::error::Error| error.into_api(None).code;
    assert_eq!(code(accounts::reset_password(&state, &admin, &origin(), admin.account_id).await.unwrap_err()), "own_account");
    let by_token = crate::access::Caller { via: crate::access::Via::Token { id: 1, write: true }, fresh: false, ..admin.clone() };
    assert_eq!(code(accounts::reset_password(&state, &by_token, &origin(), lead.account_id).await.unwrap_err()), "forbidden");
    let stale = crate::access::Caller { fresh: false, ..admin.clone() };
    assert_eq!(code(accounts::reset_password(&state, &stale, &origin(), lead.account_id).await.unwrap_err()), "step_up");

    let made = accounts::reset_password(&state, &admin, &origin(), lead.account_id).await.unwrap();
    assert!(made.password.len() >= 20);
    assert!(accounts::caller_of_token(&pool, &token, &origin()).await.unwrap().is_none(), "tokens end");
    assert!(accounts::caller_of_account(&pool, lead.account_id, 1).await.unwrap().is_none(), "sessions end");
    let void: Option<String> = sqlx::query_scalar("select void_reason->>'code' from vote").fetch_one(&pool).await.unwrap();
    assert_eq!(void.as_deref(), Some("password_reset"), "the vote is void");
    let lead = super::world::again(&state, &lead).await.unwrap();
    assert!(lead.must_change);
    let version: i64 = sqlx::query_scalar("select version from request").fetch_one(&pool).await.unwrap();
    assert_eq!(code(crate::restores::cast(&state, &lead, &origin(), vote(version)).await.unwrap_err()), "no_vote_yet");
    sqlx::query("update account set no_vote_until = now()").execute(&pool).await.unwrap();
    crate::restores::cast(&state, &lead, &origin(), vote(version)).await.unwrap();
    let rows: Vec<String> = sqlx::query_scalar("select convert_from(record, 'UTF8') from audit_record").fetch_all(&pool).await.unwrap();
    assert!(rows.iter().all(|row| !row.contains(&made.password)), "the password is in no record");
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn a_token_that_reads_ends_no_token_and_checks_no_chain(pool: PgPool) {
    let state = state(pool.clone());
    let auditor = person(&state, "aud", &[Duty::Auditor], "").await;
    let form = app::accounts::types::NewToken {
        name: "t".to_owned(),
        scope: app::accounts::types::TokenScope::Read,
        days: 1,
        ..app::accounts::types::NewToken::default()
    };
    let made = accounts::create_token(&state, &auditor, &origin(), form).await.unwrap();
    let by_token = accounts::caller_of_token(&pool, &made.secret, &origin()).await.unwrap().unwrap();
    let code = |error: crate::error::Error| error.into_api(None).code;
    assert_eq!(code(accounts::revoke_token(&state, &by_token, &origin(), made.token.id).await.unwrap_err()), "session_needed");
    assert_eq!(code(crate::audit::verify(&state, &by_token, &origin()).await.unwrap_err()), "read_token");
}

/// S-33: counted before the password is looked at, so that many at once are no way round it.
#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn guessing_is_slowed_and_nobody_is_locked_out_by_a_stranger(pool: PgPool) {
    use crate::session::throttle::{admit, forget};
    let (home, proxy) = (Some("198.51.100.1".parse().unwrap()), Some("203.0.113.1".parse().unwrap()));
    let together = (0..20).map(|_| {
        let pool = pool.clone();
        tokio::spawn(async move { admit(&pool, "lead", home).await.is_ok() })
    });
    let mut admitted = 0;
    for one in together.collect::<Vec<_>>() {
        admitted += usize::from(one.await.unwrap());
    }
    assert_eq!(admitted, 5, "five tries are free, however they come");
    assert!(admit(&pool, "lead", proxy).await.is_ok(), "from another address the name still signs in");
    forget(&mut pool.acquire().await.unwrap(), "lead", proxy).await.unwrap();
    // Somebody behind the same proxy tries name after name.
    let mut free = 0;
    for n in 0..60 {
        free += usize::from(admit(&pool, &format!("name{n}"), proxy).await.is_ok());
    }
    assert!((25..=31).contains(&free), "{free} of 60 names could be tried from one address in a minute");
    assert!(admit(&pool, "lead", proxy).await.is_ok(), "who signed in from there before still does");
    assert!(admit(&pool, "dev", proxy).await.is_err(), "who never did waits");
    let names: Vec<String> = sqlx::query_scalar("select subject from sign_in_throttle").fetch_all(&pool).await.unwrap();
    assert!(names.iter().all(|subject| !subject.contains("lead")), "no name is kept in clear: {names:?}");
}

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

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn changed_roles_and_disabled_accounts_end_sessions_and_tokens_at_once(pool: PgPool) {
    let state = state(pool.clone());
    harbor(&pool, "prod").await;
    let admin = person(&state, "sec", &[Duty::Secadmin], "").await;
    let dev = person(&state, "dev", &[], "requester prod/shop").await;
    let form = app::accounts::types::NewToken { name: "t".to_owned(), scope: app::accounts::types::TokenScope::Write, days: 1 };
    let token = accounts::create_token(&state, &dev, &origin(), form).await.unwrap().secret;
    assert!(accounts::caller_of_account(&pool, dev.account_id, 1).await.unwrap().is_some());
    let change = ChangeRoles { user_id: dev.account_id, duties: vec![], grants: String::new(), reason: "moved to another team".to_owned() };
    accounts::change_roles(&state, &admin, &origin(), change).await.unwrap();
    assert!(accounts::caller_of_account(&pool, dev.account_id, 1).await.unwrap().is_none(), "the old session is dead");
    assert!(accounts::caller_of_token(&pool, &token).await.unwrap().unwrap().roles.is_empty(), "the token has the owner's rights of now");
    accounts::set_disabled(&state, &admin, &origin(), dev.account_id, true).await.unwrap();
    assert!(accounts::caller_of_token(&pool, &token).await.unwrap().is_none());
}

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

//! The chain on Postgres: nothing is changed in place, and what a superuser changes is found (I-22..I-25, F-52, F-53).

use sqlx::PgPool;

use super::world::{harbor, origin, person, state};
use crate::audit::{self, Actor, Event};

async fn events(pool: &PgPool, count: usize) {
    for n in 0..count {
        audit::record_alone(pool, &Actor::command_line(), Event::new("a.b", "thing", n.to_string(), "did it")).await.unwrap();
    }
}

async fn broken(pool: &PgPool) -> Option<i64> {
    audit::verify_pool(pool, &Actor::command_line()).await.unwrap().broken.map(|b| b.0)
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn records_cannot_be_changed_deleted_or_truncated(pool: PgPool) {
    events(&pool, 2).await;
    for sql in [
        "update audit_record set sentence = 'x'",
        "delete from audit_record",
        "truncate audit_record",
        "delete from audit_head",
        "truncate audit_head",
    ] {
        assert!(sqlx::query(sql).execute(&pool).await.is_err(), "{sql}");
    }
    assert_eq!(broken(&pool).await, None);
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn what_is_changed_behind_the_triggers_is_found(pool: PgPool) {
    events(&pool, 5).await;
    assert_eq!(broken(&pool).await, None);
    sqlx::query("alter table audit_record disable trigger user").execute(&pool).await.unwrap();
    sqlx::query("update audit_record set record = convert_to('{}', 'UTF8') where seq = 3").execute(&pool).await.unwrap();
    assert_eq!(broken(&pool).await, Some(3));
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn a_removed_record_and_a_cut_tail_are_found(pool: PgPool) {
    events(&pool, 5).await;
    sqlx::query("alter table audit_record disable trigger user").execute(&pool).await.unwrap();
    sqlx::query("delete from audit_record where seq = 5").execute(&pool).await.unwrap();
    assert_eq!(broken(&pool).await, Some(5));
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn a_change_whose_record_cannot_be_written_does_not_happen(pool: PgPool) {
    let state = state(pool.clone());
    harbor(&pool, "prod").await;
    let admin = person(&state, "sec", &[app::accounts::types::Duty::Secadmin], "").await;
    sqlx::query("create function refuse() returns trigger language plpgsql as $$ begin raise exception 'disk full'; end $$")
        .execute(&pool)
        .await
        .unwrap();
    sqlx::query("create trigger refuse before insert on audit_record for each row execute function refuse()").execute(&pool).await.unwrap();
    let form = app::accounts::types::NewUser {
        login: "new".to_owned(),
        display_name: String::new(),
        password: super::world::PASSWORD.to_owned(),
        duties: vec![],
        grants: String::new(),
    };
    assert!(crate::accounts::create_user(&state, &admin, &origin(), form).await.is_err());
    let there: bool = sqlx::query_scalar("select exists (select 1 from account where login = 'new')").fetch_one(&pool).await.unwrap();
    assert!(!there);
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn fifty_writers_at_once_make_one_chain(pool: PgPool) {
    let writers = (0..50).map(|_| {
        let pool = pool.clone();
        tokio::spawn(async move { events(&pool, 2).await })
    });
    for writer in writers.collect::<Vec<_>>() {
        writer.await.unwrap();
    }
    assert_eq!(broken(&pool).await, None);
    let count: i64 = sqlx::query_scalar("select count(*) from audit_record where action = 'a.b'").fetch_one(&pool).await.unwrap();
    assert_eq!(count, 100);
}

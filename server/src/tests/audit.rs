//! The chain on Postgres: nothing is changed in place, and what a superuser changes is found (I-22..I-25, F-52, F-53).

use app::audit::events::SystemEvent;
use app::sentence::{Said, Sentence as _};
use app::text::Lang;
use sqlx::PgPool;

use super::world::{harbor, origin, person, state};
use crate::audit::{self, Actor, Event};

fn did_it() -> SystemEvent {
    SystemEvent::Refused { operation: "it".to_owned() }
}

async fn events(pool: &PgPool, count: usize) {
    for n in 0..count {
        audit::record_alone(pool, &Actor::command_line(), Event::new("a.b", "thing", n.to_string(), did_it())).await.unwrap();
    }
}

async fn broken(pool: &PgPool) -> Option<i64> {
    audit::verify_pool(pool, &Actor::command_line()).await.unwrap().broken.map(|b| b.0)
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn records_cannot_be_changed_deleted_or_truncated(pool: PgPool) {
    events(&pool, 2).await;
    for sql in [
        "update audit_record set object = 'x'",
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

/// A record as the first form had it, to the byte.
const OLD: &str = r#"{"action":"plan.create","actor":{"id":"","name":"command line","type":"bootstrap"},"app_version":"0.1.0","id":"019ab6a4-5b0e-7d10-8d52-8f0c1d2e3f40","object":{"name":"nightly","project":null,"type":"plan"},"outcome":{"reason_code":null,"result":"success"},"request_id":null,"sentence":"made the plan nightly","source":{"interface":"cli","ip":null},"time":"2026-11-23T09:30:00.123456Z","v":1}"#;

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn a_record_of_before_is_as_it_was_said_then_and_one_of_now_is_in_the_readers_language_and_both_are_in_the_chain(pool: PgPool) {
    let state = state(pool.clone());
    let auditor = person(&state, "aud", &[app::accounts::types::Duty::Auditor], "").await;
    let old: i64 = sqlx::query_scalar("select audit_append($1)").bind(OLD.as_bytes()).fetch_one(&pool).await.unwrap();
    let what = app::audit::events::PlanEvent::PlanPaused { plan: "nightly".to_owned(), days: 1 };
    let new = audit::record_alone(&pool, &Actor::command_line(), Event::new("plan.pause", "plan", "nightly", what)).await.unwrap();
    assert_eq!(broken(&pool).await, None);

    let at = audit::get(&state, &auditor, &origin(), old).await.unwrap();
    assert_eq!((at.event.sentence, at.record.as_str(), at.intact), (Said::Then("made the plan nightly".to_owned()), OLD, true));
    let at = audit::get(&state, &auditor, &origin(), new).await.unwrap();
    assert!(at.intact && at.record.contains(r#""event":{"code":"plan_paused","days":1,"plan":"nightly"}"#), "{}", at.record);
    assert_eq!(at.event.sentence.say(Lang::En), "paused the plan nightly for 1 day");
    assert_eq!(at.event.sentence.say(Lang::ZhCn), "暂停备份计划 nightly，共 1 天");
    let listed = audit::list(&state, &auditor, &origin(), app::audit::types::AuditFilter::default()).await.unwrap();
    let said = |seq| listed.events.iter().find(|event| event.seq == seq).unwrap().sentence.to_string();
    assert_eq!((said(old).as_str(), said(new).as_str()), ("made the plan nightly", "paused the plan nightly for 1 day"));
}

/// What is shown is what is hashed: there is nothing beside it that could be changed.
#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn another_code_or_figure_in_a_record_is_found(pool: PgPool) {
    let state = state(pool.clone());
    let auditor = person(&state, "aud", &[app::accounts::types::Duty::Auditor], "").await;
    let what = |days| app::audit::events::PlanEvent::PlanPaused { plan: "nightly".to_owned(), days };
    let mut seqs = Vec::new();
    for days in [7, 7] {
        seqs.push(
            audit::record_alone(&pool, &Actor::command_line(), Event::new("plan.pause", "plan", "nightly", what(days))).await.unwrap(),
        );
    }
    sqlx::query("alter table audit_record disable trigger user").execute(&pool).await.unwrap();
    for (from, to) in [(r#""days":7"#, r#""days":70"#), ("plan_paused", "plan_resumed")] {
        let edit = "update audit_record set record = convert_to(replace(convert_from(record, 'UTF8'), $2, $3), 'UTF8') where seq = $1";
        sqlx::query(edit).bind(seqs[1]).bind(from).bind(to).execute(&pool).await.unwrap();
        assert_eq!(broken(&pool).await, Some(seqs[1]), "{from}");
        assert!(!audit::get(&state, &auditor, &origin(), seqs[1]).await.unwrap().intact);
        sqlx::query(edit).bind(seqs[1]).bind(to).bind(from).execute(&pool).await.unwrap();
        assert_eq!(broken(&pool).await, None);
    }
    // What is no record any more is shown as it lies there.
    sqlx::query("update audit_record set record = 'not a record' where seq = $1").bind(seqs[0]).execute(&pool).await.unwrap();
    let shown = audit::get(&state, &auditor, &origin(), seqs[0]).await.unwrap();
    assert_eq!((shown.event.sentence, shown.intact), (Said::Then("not a record".to_owned()), false));
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

async fn sees(state: &crate::state::AppState, caller: &crate::access::Caller) -> Vec<String> {
    let page = audit::list(state, caller, &origin(), app::audit::types::AuditFilter::default()).await.unwrap();
    page.events.into_iter().filter(|event| event.action.starts_with("t.") || event.object == "thing").map(|event| event.object).collect()
}

/// console.md §3.2, the two lines of the audit history.
#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn each_sees_of_the_history_what_the_matrix_says(pool: PgPool) {
    use app::accounts::types::Duty;
    let state = state(pool.clone());
    harbor(&pool, "prod").await;
    let event = |action, project: Option<&str>| {
        let event = Event::new(action, "thing", "thing", did_it());
        match project {
            Some(project) => event.project("prod", project),
            None => event,
        }
    };
    for event in [event("t.one", Some("shop")), event("t.two", Some("payments")), event("harbor.test", None), event("role.grant", None)] {
        audit::record_alone(&pool, &Actor::command_line(), event).await.unwrap();
    }
    for (name, duties, grants, expected) in [
        ("vic", &[][..], "viewer prod/shop", 0),
        ("req", &[], "requester prod/shop", 0),
        ("app", &[], "approver prod/shop", 1),
        ("own", &[], "owner prod/shop", 1),
        ("ops", &[Duty::Operator], "", 1),
        ("sec", &[Duty::Secadmin], "", 1),
        ("aud", &[Duty::Auditor], "", 4),
    ] {
        let caller = person(&state, name, duties, grants).await;
        let things = sees(&state, &caller).await.into_iter().filter(|object| object == "thing").count();
        assert_eq!(things, expected, "{name}");
        audit::record_alone(&pool, &Actor::caller(&caller, &origin()), Event::new("t.own", "own act", name, did_it())).await.unwrap();
        assert_eq!(sees(&state, &caller).await.contains(&name.to_owned()), name != "vic", "{name} and what they did");
    }
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn whatever_part_of_the_history_is_read_is_recorded(pool: PgPool) {
    use app::audit::types::AuditFilter;
    let state = state(pool.clone());
    let auditor = person(&state, "aud", &[app::accounts::types::Duty::Auditor], "").await;
    let read = || super::world::recorded(&pool, "audit.query");
    for after in [None, Some(i64::MAX.to_string()), Some("1".to_owned())] {
        let before = read().await;
        audit::list(&state, &auditor, &origin(), AuditFilter { after, ..AuditFilter::default() }).await.unwrap();
        assert_eq!(read().await, before + 1);
    }
    let before = read().await;
    audit::get(&state, &auditor, &origin(), 1).await.unwrap();
    assert_eq!(read().await, before + 1, "the opening of an event");
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn a_record_stays_small_whatever_somebody_types(pool: PgPool) {
    let long = "x".repeat(200_000);
    let many: Vec<String> = (0..5_000).map(|n| n.to_string()).collect();
    let event = Event::new("t.long", "thing", &long, SystemEvent::Refused { operation: long.clone() })
        .with("reason", long.as_str())
        .with("after", serde_json::json!({ "grants": many, "why": { "deep": long } }));
    let seq = audit::record_alone(&pool, &Actor::command_line(), event).await.unwrap();
    let size: i32 =
        sqlx::query_scalar("select octet_length(record) from audit_record where seq = $1").bind(seq).fetch_one(&pool).await.unwrap();
    assert!(size < 16 * 1024, "{size} bytes");
    assert_eq!(broken(&pool).await, None);
}

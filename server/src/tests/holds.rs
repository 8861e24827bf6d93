//! Holds: who sets and releases them, and when they end.

use app::accounts::types::Duty;
use app::error::ErrorKind;
use app::projects::types::HoldForm;
use sqlx::PgPool;
use time::macros::datetime;

use super::catalogue::World;
use super::world::{origin, person, recorded, state};
use crate::access::Caller;
use crate::projects::holds;

fn form(until: &str) -> HoldForm {
    HoldForm { reason: "the auditors asked".to_owned(), until: until.to_owned() }
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn a_hold_is_released_by_who_set_it_an_owner_or_an_operator_and_ends_by_itself(pool: PgPool) {
    let world = World::new(pool.clone()).await;
    let state = state(pool.clone());
    let at = datetime!(2026-11-20 03:00 UTC);
    let snapshot = world.enter(world.snapshot(at, &[("shop/web", &[("1", "a")])], &[]).await).await.snapshot_id;
    let mut people = std::collections::BTreeMap::new();
    for (login, duties, grants) in [
        ("dev", vec![], "requester prod/shop"),
        ("dev2", vec![], "requester prod/shop"),
        ("see", vec![], "viewer prod/shop"),
        ("own", vec![], "owner prod/shop"),
        ("out", vec![], "owner prod/other"),
        ("ops", vec![Duty::Operator], ""),
        ("sec", vec![Duty::Secadmin], ""),
    ] {
        people.insert(login, person(&state, login, &duties, grants).await);
    }
    let set =
        async |who: &Caller, id: i64, until: &str| holds::set(&state, who, &origin(), id, form(until)).await.map_err(|e| e.into_api(None));
    let release =
        async |who: &Caller, id: i64| holds::release(&state, who, &origin(), id, "not needed any more").await.map_err(|e| e.into_api(None));
    // One of a project that is not seen is as absent as one that is nowhere.
    assert_eq!(set(&people["out"], snapshot, "").await, set(&people["out"], snapshot + 77, "").await);
    assert_eq!(set(&people["out"], snapshot, "").await.unwrap_err().kind, ErrorKind::NotFound);
    assert_eq!(set(&people["see"], snapshot, "").await.unwrap_err().kind, ErrorKind::Forbidden);
    assert!(set(&people["dev"], snapshot, "2020-01-01").await.unwrap_err().of_field("until").is_some());
    for (by, released_by, kind) in [
        ("dev", "out", Some(ErrorKind::NotFound)),
        ("dev", "see", Some(ErrorKind::Forbidden)),
        ("dev", "dev2", Some(ErrorKind::Forbidden)),
        ("dev", "sec", Some(ErrorKind::Forbidden)),
        ("dev", "dev", None),
        ("dev", "own", None),
        ("own", "ops", None),
        ("sec", "sec", None),
    ] {
        set(&people[by], snapshot, "").await.unwrap();
        let hold = holds::list(&state, &people["see"], "prod", "shop").await.unwrap().pop().unwrap().hold;
        assert_eq!((hold.by.as_str(), hold.until), (by, None));
        let done = release(&people[released_by], hold.id).await;
        assert_eq!(done.err().map(|error| error.kind), kind, "{by} {released_by}");
        if kind.is_some() {
            release(&people["ops"], hold.id).await.unwrap();
        }
        assert_eq!(release(&people["ops"], hold.id).await.unwrap_err().kind, ErrorKind::NotFound, "once");
    }
    assert_eq!(release(&people["out"], 1).await, release(&people["out"], 9_999).await);
    assert_eq!(recorded(&pool, "snapshot.hold.set").await, 8);
    assert_eq!(recorded(&pool, "snapshot.hold.release").await, 8);
    let reasons: i64 =
        sqlx::query_scalar("select count(*) from hold where released_reason = 'not needed any more' and released_by is not null")
            .fetch_one(&pool)
            .await
            .unwrap();
    assert_eq!(reasons, 8);
    // An end that has come.
    set(&people["dev"], snapshot, "2999-12-31").await.unwrap_err();
    set(&people["dev"], snapshot, "2099-12-31").await.unwrap();
    assert_eq!(holds::list(&state, &people["see"], "prod", "shop").await.unwrap().len(), 1);
    sqlx::query("update hold set until = now() - interval '1 second' where until is not null").execute(&pool).await.unwrap();
    assert_eq!(holds::list(&state, &people["see"], "prod", "shop").await.unwrap(), []);
}

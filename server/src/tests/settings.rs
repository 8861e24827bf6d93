//! Settings of a project through time: what changed last, and who may look.

use app::accounts::types::Duty;
use app::error::ErrorKind;
use app::projects::types::SettingsQuery;
use harbor_sim::images;
use sqlx::PgPool;
use vocab::ProjectName;

use super::capture::Estate;
use super::world::person;
use crate::harbors::{self, Access};
use crate::projects;

fn query() -> SettingsQuery {
    SettingsQuery { harbor: "sim".to_owned(), project: "shop".to_owned(), ..SettingsQuery::default() }
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn the_last_change_is_found_behind_snapshots_without_one(pool: PgPool) {
    let estate = Estate::new(pool.clone(), &["shop"]).await;
    let operator = person(&estate.state, "olga", &[Duty::Operator], "").await;
    estate.run().await;
    let first = projects::settings(&estate.state, &operator, query()).await.unwrap();
    assert!(first.captured && first.before.is_none() && first.changes == 0);
    assert!(first.parts.iter().any(|part| part.name == "members" && !part.lines.is_empty()));
    assert!(first.parts.iter().any(|part| part.of_harbor), "an operator sees the Harbor's own");

    let reach = harbors::queries::reach(&mut pool.acquire().await.unwrap(), estate.harbor_id).await.unwrap().unwrap();
    let client = harbors::client(&estate.state, &reach, Access::Read).unwrap();
    let name: ProjectName = "shop".parse().unwrap();
    let project = client.project(&name).await.unwrap().unwrap();
    client.create_label(&project, "gold", "#FFD700", "good").await.unwrap();
    estate.full().await;
    estate.push("shop/web", "2").await;
    estate.full().await;
    let last = projects::settings(&estate.state, &operator, query()).await.unwrap();
    assert_eq!(last.before, Some(first.at));
    assert!(last.since.is_some_and(|since| since > first.at && since < last.at), "the snapshot that had it first");
    let different: Vec<_> =
        last.parts.iter().flat_map(|part| &part.lines).filter(|line| line.was != line.is).map(|line| line.name.as_str()).collect();
    assert_eq!(different, ["gold · color", "gold · description", "gold · name"]);
    // Backwards, as whoever wants to know what was lost asks.
    let backwards = SettingsQuery { at: Some(first.at), against: Some(last.at), ..query() };
    let then = projects::settings(&estate.state, &operator, backwards).await.unwrap();
    assert_eq!((then.changes, then.since), (3, None));
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn who_answers_for_a_project_sees_its_settings_and_not_the_harbors(pool: PgPool) {
    let estate = Estate::new(pool, &["shop"]).await;
    estate.run().await;
    let owner = person(&estate.state, "oda", &[], "owner sim/shop").await;
    let seen = projects::settings(&estate.state, &owner, query()).await.unwrap();
    assert!(!seen.parts.is_empty() && seen.parts.iter().all(|part| !part.of_harbor));
    for (login, grants, kind) in [("dev", "requester sim/shop", ErrorKind::Forbidden), ("far", "owner sim/other", ErrorKind::NotFound)] {
        let caller = person(&estate.state, login, &[], grants).await;
        let refused = projects::settings(&estate.state, &caller, query()).await.unwrap_err().into_api(None);
        assert_eq!(refused.kind, kind, "{login}");
    }
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn two_moments_differ_by_what_came_went_and_moved(pool: PgPool) {
    let estate = Estate::new(pool.clone(), &["shop"]).await;
    let auditor = person(&estate.state, "ana", &[Duty::Auditor], "").await;
    estate.run().await;
    let between = |from, to| projects::changes(&estate.state, &auditor, "sim", "shop", (from, to));
    let alone = between(None, None).await.unwrap_err().into_api(None);
    assert_eq!(alone.kind, ErrorKind::NotFound, "there is no moment before the first");
    estate.sim.push_image("shop/web", "1", &images::simple("moved", &[7])).await.unwrap();
    estate.sim.push_image("shop/web", "2", &images::simple("new", &[5])).await.unwrap();
    estate.full().await;
    let changes = between(None, None).await.unwrap();
    assert_eq!((changes.added, changes.removed, changes.moved), (1, 0, 1));
    let tags: Vec<_> = changes.tags.iter().map(|tag| (tag.tag.as_str(), tag.was.is_some(), tag.is.is_some())).collect();
    assert_eq!(tags, [("1", true, true), ("2", false, true)]);
    let swapped = between(Some(changes.to), Some(changes.from)).await.unwrap();
    assert_eq!(swapped, changes, "whichever is named first");
    let same = between(Some(changes.to), Some(changes.to)).await.unwrap();
    assert!(same.tags.is_empty() && same.added == 0);
}

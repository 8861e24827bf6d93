//! What plans say, held against what Harbor does: retention and undo.

use engine::effect::OnConflict;
use harbor_sim::images;
use registry::Reference;

use crate::harness::Live;
use crate::{dry_run, push};

/// A project that keeps the three artifacts pushed last: old tags that come back are the newest, and the plan names what goes for them.
#[tokio::test]
async fn a_plan_names_what_harbors_own_dry_run_names_after_the_restore() {
    let Some(live) = Live::new().await else { return };
    let app = push::repository(&live.name("live/app"));
    for version in 1..=6 {
        let tag = format!("v{version}");
        push::image(&live.client, app.as_str(), Some(&tag), &images::simple(&format!("{}{tag}", live.project), &[100])).await;
    }
    let snapshot = live.backup(None).await.digest;
    for tag in ["v1", "v2", "v3"] {
        live.client.delete_artifact(&app, &Reference::Tag(push::tag(tag))).await.unwrap();
    }
    let variable = |name: &str| std::env::var(name).unwrap();
    let ask = dry_run::Retention { url: variable("HARBOR_URL"), user: variable("HARBOR_USER"), password: variable("HARBOR_PASSWORD") };
    let policy = ask.set(&live.client, &live.project, "latestPushedK", 3, false).await;
    assert!(ask.deletes(policy).await.is_empty());
    let plan = live.plan(snapshot, &live.project, OnConflict::Leave).await;
    let told = dry_run::warned(&plan, "retention_takes_live");
    println!("{:?}", plan.warnings);
    live.execute(&plan).await;
    assert_eq!(told, ask.deletes(policy).await, "what the plan said is what Harbor says");
    assert_eq!(told.into_iter().collect::<Vec<_>>(), ["live/app:v4", "live/app:v5", "live/app:v6"]);
    live.remove(&live.project).await;
}

/// A tag moved by a restore away from an image that no snapshot has, which lost every tag: undo gives it back by its digest.
#[tokio::test]
async fn undo_gives_a_tag_back_to_an_image_that_was_never_captured() {
    let Some(live) = Live::new().await else { return };
    let web = push::repository(&live.name("web"));
    push::image(&live.client, web.as_str(), Some("1.0"), &images::simple(&format!("{}good", live.project), &[50])).await;
    let snapshot = live.backup(None).await.digest;
    let over = push::image(&live.client, web.as_str(), Some("1.0"), &images::simple(&format!("{}over", live.project), &[60])).await;
    let plan = live.plan(snapshot, &live.project, OnConflict::Move).await;
    let report = live.execute(&plan).await;
    live.client.delete_tag(&web, &push::tag("1.0-before")).await.unwrap();
    assert!(live.client.artifact(&web, &Reference::Digest(over)).await.unwrap().unwrap().tags.is_empty());
    let undo = live.undo(&plan, &report, snapshot).await;
    println!("{:#?}", undo.items);
    live.execute(&undo).await;
    let now = live.client.manifest_head(&web, &Reference::Tag(push::tag("1.0"))).await.unwrap().unwrap();
    assert_eq!(now.digest, Some(over));

    // And once Harbor has removed it, it is said that it cannot be.
    let back = live.undo(&undo, &live.execute(&undo).await, snapshot).await;
    println!("{:#?}", back.items.iter().map(|item| &item.effect).collect::<Vec<_>>());
    live.client.delete_artifact(&web, &Reference::Digest(over)).await.unwrap();
    let gone = live.undo(&plan, &report, snapshot).await;
    assert!(!gone.writes(), "{:#?}", gone.items);
    live.remove(&live.project).await;
}

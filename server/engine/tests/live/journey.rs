//! What was deleted comes back, by whoever may do it.

use engine::effect::OnConflict;
use harbor_sim::images;
use registry::{Reference, RobotSpec};
use vocab::ProjectName;

use crate::harness::Live;
use crate::push;

/// Tags of the repository that is only many.
const MANY_TAGS: usize = 200;

#[tokio::test]
async fn on_a_real_harbor_what_was_deleted_comes_back_and_can_be_pulled() {
    let Some(mut live) = Live::new().await else { return };
    let rich = push::rich(&live.client, &live.name("web"), "live").await;
    push::rich(&live.client, &live.name("team/api"), "live").await;
    for number in 0..MANY_TAGS {
        let image = images::simple(&format!("live-{number}"), &[20_000]);
        push::image(&live.client, &live.name("many"), Some(&format!("v{number}")), &image).await;
    }
    live.label(&rich.plain).await;
    let admin = live.client.clone();
    let reader = admin.create_robot(&RobotSpec::least_privilege_backup(&format!("{}-read", live.project))).await.unwrap();
    let writer = admin.create_robot(&RobotSpec::least_privilege_restore(&format!("{}-write", live.project))).await.unwrap();
    live.client = live.login(&reader);
    let first = live.backup(None).await;
    live.check_label(&first, &rich.plain).await;
    let second = live.backup(Some(first.digest)).await;
    assert_eq!(first.index.repositories, second.index.repositories);
    assert_eq!(second.stats.blobs_new, 0);
    assert!(second.stats.requests <= 5, "{} requests", second.stats.requests);
    let before = live.state(&live.project).await;

    for repository in admin.repositories(&live.project).await.unwrap() {
        admin.delete_repository(&repository.name).await.unwrap();
    }
    live.client = live.login(&writer);
    let plan = live.plan(second.digest, &live.project, OnConflict::Leave).await;
    assert_eq!(plan.estimate.bytes_to_send, 0, "Harbor still has the blobs");
    let report = live.execute(&plan).await;
    assert_eq!((report.bytes_sent, report.blobs_mounted), (0, 0));
    assert_eq!(live.state(&live.project).await, before);
    for digest in rich.all() {
        assert!(live.client.artifact(&push::repository(&live.name("web")), &digest.into()).await.unwrap().is_some(), "{digest}");
    }
    live.pull(&push::repository(&live.name("web")), "1.0").await;
    live.pull(&push::repository(&live.name("many")), "v7").await;
    assert!(!live.plan(second.digest, &live.project, OnConflict::Leave).await.writes());

    let bad = push::image(&live.client, &live.name("web"), Some("1.0"), &images::simple("live-bad", &[9])).await;
    let plan = live.plan(second.digest, &live.project, OnConflict::Move).await;
    assert_eq!(plan.counts().moves, 1);
    let report = live.execute(&plan).await;
    let kept = live.client.manifest_head(&push::repository(&live.name("web")), &Reference::Tag(push::tag("1.0-before"))).await.unwrap();
    assert_eq!(kept.unwrap().digest, Some(bad));
    let undo = live.undo(&plan, &report, second.digest).await;
    live.execute(&undo).await;
    let now = live.client.manifest_head(&push::repository(&live.name("web")), &Reference::Tag(push::tag("1.0"))).await.unwrap();
    assert_eq!(now.unwrap().digest, Some(bad));

    let other: ProjectName = format!("{}x", live.project).parse().unwrap();
    let plan = live.plan(second.digest, &other, OnConflict::Leave).await;
    assert!(plan.creates_project);
    let report = live.execute(&plan).await;
    assert_eq!(report.bytes_sent, 0, "everything was mounted");
    assert_eq!(live.state(&other).await, before);
    live.client = admin;
    live.remove(&other).await;
    live.remove(&live.project).await;
    for robot in [reader, writer] {
        live.client.delete_robot(robot.id).await.unwrap();
    }
}

#[tokio::test]
async fn on_a_real_harbor_the_least_robots_back_up_a_project_and_bring_it_back_after_its_deletion() {
    let Some(mut live) = Live::new().await else { return };
    let admin = live.client.clone();
    push::rich(&admin, &live.name("web"), "gone").await;
    let before = live.state(&live.project).await;
    let reader = admin.create_robot(&RobotSpec::least_privilege_backup(&format!("{}-read", live.project))).await.unwrap();
    let writer = admin.create_robot(&RobotSpec::least_privilege_restore(&format!("{}-write", live.project))).await.unwrap();
    live.client = live.login(&reader);
    let snapshot = live.backup(None).await;
    live.client = admin.clone();
    live.remove(&live.project).await;
    live.client = live.login(&reader);
    assert!(live.gone().await, "the least login tells a deleted project from a forbidden one");
    live.client = live.login(&writer);
    let plan = live.plan(snapshot.digest, &live.project, OnConflict::Leave).await;
    let report = live.execute(&plan).await;
    assert!(report.created_project);
    assert_eq!(report.bytes_sent, 0);
    assert_eq!(live.state(&live.project).await, before);
    push::image(&admin, &live.name("web"), Some("1.0"), &images::simple("bad", &[9])).await;
    let plan = live.plan(snapshot.digest, &live.project, OnConflict::Move).await;
    assert_eq!(plan.counts().moves, 1, "{:?}", plan.warnings);
    live.execute(&plan).await;
    live.client = admin;
    live.remove(&live.project).await;
    for robot in [reader, writer] {
        live.client.delete_robot(robot.id).await.unwrap();
    }
}

//! Images that a policy blocks.

use std::collections::BTreeMap;
use std::sync::Arc;

use engine::Silent;
use engine::backup::{self, Reconcile};
use harbor_sim::images;
use registry::{Client, Reference, RobotSpec};
use vocab::{Digest, ProjectName, RepositoryName};

use crate::harness::Live;
use crate::push;

/// What Harbor counts and dates of an image and its repository, moved by pulls.
async fn pulls(admin: &Client, project: &ProjectName, digest: &Digest) -> serde_json::Value {
    let artifact = admin.setting(&format!("/projects/{project}/repositories/web/artifacts/{digest}"), "read an artifact").await.unwrap();
    let repository = admin.setting(&format!("/projects/{project}/repositories/web"), "read a repository").await.unwrap();
    let tags: Vec<_> = artifact["tags"].as_array().into_iter().flatten().map(|tag| tag["pull_time"].clone()).collect();
    serde_json::json!([artifact["pull_time"], tags, repository["pull_count"], repository["update_time"]])
}

#[tokio::test]
async fn on_a_real_harbor_images_that_content_trust_blocks_are_read_through_a_staging_project_and_count_no_pull() {
    use engine::backup::staging::{Session, Staging, contents, remove};
    let Some(mut live) = Live::new().await else { return };
    let admin = live.client.clone();
    let rich = push::rich(&admin, &live.name("web"), "staged").await;
    let many: Vec<Digest> = {
        let mut many = Vec::new();
        for number in 0..16 {
            let image = images::simple(&format!("staged-{number}"), &[20_000]);
            many.push(push::image(&admin, &live.name("web"), Some(&format!("v{number}")), &image).await);
        }
        many
    };
    let metadata = BTreeMap::from([("enable_content_trust_cosign".to_owned(), "true".to_owned())]);
    admin.update_project_metadata(&live.project, &metadata).await.unwrap();
    let before =
        (live.state(&live.project).await, pulls(&admin, &live.project, &rich.index).await, pulls(&admin, &live.project, &many[0]).await);

    let staging: ProjectName = format!("{}{}", registry::STAGING_PREFIX, live.project).parse().unwrap();
    admin.create_project(&staging, false).await.unwrap();
    let reader = admin.create_robot(&RobotSpec::least_privilege_backup(&format!("{}-read", live.project))).await.unwrap();
    let stager = admin.create_robot(&RobotSpec::least_privilege_staging(&format!("{}-stage", live.project), &staging)).await.unwrap();
    assert_eq!(stager.left_out, [], "this version knows each right");
    let robot = live.login(&stager);
    let row = robot.project(&staging).await.unwrap().unwrap();
    robot.mark_staging_project(&row).await.unwrap();
    let others = live.login(&reader).projects().await.unwrap();
    let checks = robot.check_staging(&staging, &others).await;
    live.client = live.login(&reader);
    assert!(live.client.is_staging_project(&row).await.unwrap(), "the backup robot sees the mark");

    let gaps = backup::project(&live.backup_context(), &live.project, None).await.unwrap().index.gaps;
    let session = Session { job: 1, epoch: 1 };
    let mut cx = live.backup_context();
    cx.reconcile = Reconcile::Full;
    cx.staging = Some(Staging { client: robot.clone(), project: staging.clone(), session, gate: Arc::new(Silent), unusable: None });
    let (started, requests) = (std::time::Instant::now(), robot.counters().requests);
    let outcome = backup::project(&cx, &live.project, None).await.unwrap();
    println!("staged {} images in {:?}, {} requests for it", outcome.stats.staged, started.elapsed(), robot.counters().requests - requests);
    let after =
        (live.state(&live.project).await, pulls(&admin, &live.project, &rich.index).await, pulls(&admin, &live.project, &many[0]).await);
    let left = contents(&robot, &staging).await.unwrap();

    // What a crash leaves: a copy that nobody removes, until somebody looks.
    robot.copy_artifact(&push::repository(&live.name("web")), &many[0], &session.repository(&staging, &many[0])).await.unwrap();
    let crashed = contents(&robot, &staging).await.unwrap();
    let names: Vec<RepositoryName> = crashed.copies.iter().map(|(name, _)| name.clone()).collect();
    let removed = remove(&robot, &names).await;
    // What does not fit.
    admin.set_project_quota(&row, Some(1_000)).await.unwrap();
    let refused = robot.copy_artifact(&push::repository(&live.name("web")), &many[0], &session.repository(&staging, &many[0])).await;
    let elsewhere: RepositoryName = live.name("stolen").parse().unwrap();
    let stolen = robot.copy_artifact(&push::repository(&live.name("web")), &many[0], &elsewhere).await;
    let pushed = robot.manifest_put(&elsewhere, &Reference::Tag(push::tag("1")), vocab::media::OCI_MANIFEST, "{}".into()).await;
    let deleted = robot.delete_repository(&push::repository(&live.name("web"))).await;
    let gone = robot.delete_project(&staging).await;

    live.client = admin;
    live.remove(&live.project).await;
    for robot in [reader, stager] {
        live.client.delete_robot(robot.id).await.unwrap();
    }
    println!("{checks:#?}");
    assert!(checks.iter().all(|check| check.outcome == registry::Outcome::Pass));
    assert!(gaps.len() >= 17 && gaps.iter().all(|gap| gap.kind == backup::gap::BLOCKED_BY_POLICY), "{gaps:?}");
    assert_eq!(outcome.index.gaps, []);
    assert_eq!(engine::verify::snapshot_to(&live.vault, &outcome.digest, engine::finding::Depth::Bytes).await, []);
    assert!(outcome.stats.staged >= 18);
    assert_eq!(after, before, "the source shows nothing of it");
    assert_eq!((left.copies, left.foreign), (vec![], vec![]));
    assert_eq!(crashed.copies.iter().map(|(_, whose)| *whose).collect::<Vec<_>>(), [session]);
    assert!(matches!(removed, (1, None)), "{removed:?}");
    assert!(matches!(refused, Err(registry::RegistryError::QuotaExceeded { .. })), "{refused:?}");
    for (what, refused) in [("copy", stolen), ("push", pushed), ("delete", deleted)] {
        assert!(matches!(refused, Err(registry::RegistryError::Forbidden { .. })), "{what}: {refused:?}");
    }
    gone.unwrap();
}

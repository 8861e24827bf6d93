//! Effect plans and what comes of them.

use engine::Silent;
use engine::effect::{BlockReason, Effect, OnConflict, PlanContext, SkipReason};
use engine::report::Outcome;
use engine::select::{Selection, Wanted, What};
use harbor_sim::{Action, Class, Match, images};
use http::Method;
use registry::RobotSpec;
use secrecy::ExposeSecret;
use vocab::ProjectName;

use crate::harness::{Harness, only, policy, shop};
use crate::push;

#[tokio::test]
async fn a_deleted_image_comes_back_with_signature_and_sbom_and_no_blob_is_sent_before_garbage_collection() {
    let h = Harness::new().await;
    let rich = push::rich(&h.client, "shop/web", "a").await;
    let snapshot = h.backup(None).await;
    let before = h.state("shop").await;
    h.delete("shop/web").await;
    let plan = h.plan(&snapshot.digest, &Selection::Project, &policy(OnConflict::Leave)).await;
    assert_eq!((plan.counts().creates, plan.counts().accessories), (3, 3), "1.0 and stable name the same accessories, which come once");
    assert_eq!(plan.estimate.bytes_to_send, 0);
    assert!(plan.estimate.bytes_present > 0);
    assert!(plan.warnings.contains(&engine::effect::Warning::BytesStillThere), "{:?}", plan.warnings);
    assert_eq!(plan.risk(), 4, "a whole project");
    h.sim.control().reset_counts();
    let report = h.execute(&plan, &Silent).await;
    assert!(report.is_clean(), "{report:#?}");
    assert_eq!((report.bytes_sent, report.blobs_sent, report.blobs_mounted), (0, 0, 0));
    assert_eq!(h.sim.control().count(&Method::HEAD, Class::Blob), 0, "Harbor was asked by the manifest itself");
    assert_eq!(h.sim.control().pulls(), 0, "reading back counts as no pull");
    assert_eq!(h.state("shop").await, before);
    assert_eq!(h.accessories("shop/web", &rich.plain).await.len(), 2);
    let again = h.plan(&snapshot.digest, &Selection::Project, &policy(OnConflict::Leave)).await;
    assert!(!again.writes(), "{:#?}", again.items);
    assert_eq!(again.risk(), 0);
    let requests = h.client.counters().requests;
    h.plan(&snapshot.digest, &Selection::Project, &policy(OnConflict::Leave)).await;
    assert!(h.client.counters().requests - requests <= 32);
}

#[tokio::test]
async fn after_garbage_collection_every_blob_is_sent_once() {
    let h = Harness::new().await;
    push::rich(&h.client, "shop/web", "a").await;
    let snapshot = h.backup(None).await;
    let before = h.state("shop").await;
    h.delete("shop/web").await;
    h.collect_garbage().await;
    let plan = h.plan(&snapshot.digest, &Selection::Project, &policy(OnConflict::Leave)).await;
    assert_eq!(plan.estimate.bytes_present, 0);
    let report = h.execute(&plan, &Silent).await;
    assert!(report.is_clean(), "{report:#?}");
    assert_eq!(report.bytes_sent, plan.estimate.bytes_to_send);
    assert_eq!(h.state("shop").await, before);
    let twice = h.execute(&plan, &Silent).await;
    assert!(twice.is_clean() && twice.bytes_sent == 0, "{twice:#?}");
    assert_eq!(h.state("shop").await, before, "restored twice is restored once");
}

#[tokio::test]
async fn another_project_gets_its_blobs_by_mounting() {
    let h = Harness::new().await;
    let rich = push::rich(&h.client, "shop/web", "a").await;
    let snapshot = h.backup(None).await;
    let target: ProjectName = "quarantine".parse().unwrap();
    let plan = h.plan_into(&snapshot.digest, &only("shop/web", "multi"), &target, &policy(OnConflict::Leave)).await;
    assert!(plan.creates_project);
    assert_eq!(plan.risk(), 2);
    let report = h.execute(&plan, &Silent).await;
    assert!(report.is_clean() && report.created_project, "{report:#?}");
    assert_eq!(report.bytes_sent, 0);
    assert_eq!(report.blobs_mounted, 4);
    assert_eq!(h.points_to("quarantine/web", "multi").await, Some(rich.index));
}

#[tokio::test]
async fn a_tag_that_moved_is_left_moved_back_or_restored_under_another_name() {
    let h = Harness::new().await;
    let rich = push::rich(&h.client, "shop/web", "a").await;
    let snapshot = h.backup(None).await;
    let bad = push::image(&h.client, "shop/web", Some("1.0"), &images::simple("bad", &[77])).await;
    let desired = only("shop/web", "1.0");

    let left = h.plan(&snapshot.digest, &desired, &policy(OnConflict::Leave)).await;
    assert_eq!(left.items[0].effect, Effect::Skip { reason: SkipReason::Left });
    let outcome = &h.execute(&left, &Silent).await.items[0].outcome;
    assert!(matches!(outcome, Outcome::Left { reason } if *reason == SkipReason::Left.to_string()), "{outcome:?}");
    assert_eq!(h.points_to("shop/web", "1.0").await, Some(bad));

    let renamed = h.plan(&snapshot.digest, &desired, &policy(OnConflict::Rename)).await;
    assert_eq!((renamed.items[0].effect.clone(), renamed.risk()), (Effect::Create, 1));
    assert!(h.execute(&renamed, &Silent).await.is_clean());
    assert_eq!(h.points_to("shop/web", "1.0-restored-1").await, Some(rich.plain));
    assert_eq!(h.points_to("shop/web", "1.0").await, Some(bad));

    let moved = h.plan(&snapshot.digest, &desired, &policy(OnConflict::Move)).await;
    assert_eq!((moved.counts().moves, moved.risk()), (1, 3));
    let report = h.execute(&moved, &Silent).await;
    assert!(report.is_clean(), "{report:#?}");
    assert_eq!(report.items[0].previous, Some(bad));
    assert_eq!(h.points_to("shop/web", "1.0").await, Some(rich.plain));
    assert_eq!(h.points_to("shop/web", "1.0-before-restore-1").await, Some(bad));

    let undo = h.undo(&moved, &report, &snapshot.digest, &[]).await;
    assert_eq!(undo.counts().moves, 1);
    let undone = h.execute(&undo, &Silent).await;
    assert!(undone.is_clean(), "{undone:#?}");
    assert_eq!(h.points_to("shop/web", "1.0").await, Some(bad), "moved back to what was never backed up");
}

#[tokio::test]
async fn an_immutable_tag_is_blocked_and_a_missing_one_that_becomes_immutable_is_class_four() {
    let h = Harness::new().await;
    push::rich(&h.client, "shop/web", "a").await;
    let snapshot = h.backup(None).await;
    let bad = push::image(&h.client, "shop/web", Some("1.0"), &images::simple("bad", &[77])).await;
    h.client.delete_tag(&push::repository("shop/web"), &push::tag("stable")).await.unwrap();
    h.client.create_immutable_rule(&shop(), "{1.0,stable}").await.unwrap();
    let plan = h.plan(&snapshot.digest, &only("shop/web", "1.0"), &policy(OnConflict::Move)).await;
    assert!(matches!(&plan.items[0].effect, Effect::Blocked { reason: BlockReason::Immutable, .. }), "{:?}", plan.items);
    assert_eq!(plan.risk(), 0, "nothing is written");
    assert!(h.execute(&plan, &Silent).await.is_clean());
    assert_eq!(h.points_to("shop/web", "1.0").await, Some(bad));
    let plan = h.plan(&snapshot.digest, &only("shop/web", "stable"), &policy(OnConflict::Leave)).await;
    assert_eq!(plan.items[0].effect, Effect::Create);
    assert_eq!(plan.risk(), 4);
    assert!(plan.warnings.iter().any(|w| matches!(w, engine::effect::Warning::BecomesImmutable { .. })));
    assert!(h.execute(&plan, &Silent).await.is_clean());
}

#[tokio::test]
async fn read_only_proxy_and_quota_block_before_anything_is_written() {
    let h = Harness::new().await;
    push::rich(&h.client, "shop/web", "a").await;
    let snapshot = h.backup(None).await;
    h.delete("shop/web").await;
    h.collect_garbage().await;
    let reason = |plan: &engine::effect::EffectPlan| match &plan.items[0].effect {
        Effect::Blocked { reason, .. } => reason.code(),
        _ => "not blocked",
    };
    h.client.set_read_only(true).await.unwrap();
    let plan = h.plan(&snapshot.digest, &Selection::Project, &policy(OnConflict::Leave)).await;
    assert_eq!(reason(&plan), "read_only");
    h.client.set_read_only(false).await.unwrap();
    let project = h.client.project(&shop()).await.unwrap().unwrap();
    h.client.set_project_quota(&project, Some(1_000)).await.unwrap();
    let plan = h.plan(&snapshot.digest, &Selection::Project, &policy(OnConflict::Leave)).await;
    assert_eq!(reason(&plan), "quota");
    h.client.set_project_quota(&project, None).await.unwrap();
    let plan = h.plan(&snapshot.digest, &Selection::Project, &policy(OnConflict::Leave)).await;
    assert_eq!(reason(&plan), "not blocked");
}

#[tokio::test]
async fn the_hash_changes_exactly_when_the_effect_does() {
    let h = Harness::new().await;
    push::rich(&h.client, "shop/web", "a").await;
    let snapshot = h.backup(None).await;
    h.delete("shop/web").await;
    let desired = Selection::Items(vec![Wanted { repository: push::repository("shop/web"), what: What::AllTags }]);
    let first = h.plan(&snapshot.digest, &desired, &policy(OnConflict::Leave)).await;
    h.collect_garbage().await;
    let later = h.plan(&snapshot.digest, &desired, &policy(OnConflict::Leave)).await;
    assert_ne!(first.estimate, later.estimate);
    assert_eq!(first.hash(), later.hash(), "bytes to send are no effect");
    push::image(&h.client, "shop/web", Some("1.0"), &images::simple("bad", &[77])).await;
    let changed = h.plan(&snapshot.digest, &desired, &policy(OnConflict::Leave)).await;
    assert_ne!(first.hash(), changed.hash());
    assert!(!first.covers(&changed));
    let stored: engine::effect::EffectPlan = serde_json::from_str(&serde_json::to_string(&first).unwrap()).unwrap();
    assert_eq!((stored.hash(), &stored), (first.hash(), &first), "a stored plan is the same plan");
}

#[tokio::test]
async fn a_tag_that_moves_between_plan_and_restore_is_not_overwritten() {
    let h = Harness::new().await;
    push::rich(&h.client, "shop/web", "a").await;
    let snapshot = h.backup(None).await;
    h.client.delete_tag(&push::repository("shop/web"), &push::tag("1.0")).await.unwrap();
    let create = h.plan(&snapshot.digest, &only("shop/web", "1.0"), &policy(OnConflict::Leave)).await;
    let theirs = push::image(&h.client, "shop/web", Some("1.0"), &images::simple("theirs", &[5])).await;
    let report = h.execute(&create, &Silent).await;
    assert!(matches!(&report.items[0].outcome, Outcome::Failed { code, .. } if code == "moved_meanwhile"), "{report:#?}");
    let back = h.plan(&snapshot.digest, &only("shop/web", "1.0"), &policy(OnConflict::Move)).await;
    let newer = push::image(&h.client, "shop/web", Some("1.0"), &images::simple("newer", &[6])).await;
    assert_ne!(theirs, newer);
    let report = h.execute(&back, &Silent).await;
    assert!(matches!(&report.items[0].outcome, Outcome::Failed { code, .. } if code == "moved_meanwhile"), "{report:#?}");
    assert_eq!(h.points_to("shop/web", "1.0").await, Some(newer));
}

#[tokio::test]
async fn a_deleted_project_comes_back_by_its_manifests() {
    let h = Harness::new().await;
    push::rich(&h.client, "shop/web", "a").await;
    push::rich(&h.client, "shop/team/api", "b").await;
    let snapshot = h.backup(None).await;
    let before = h.state("shop").await;
    h.delete("shop/web").await;
    h.delete("shop/team/api").await;
    h.client.delete_project(&shop()).await.unwrap();
    let plan = h.plan(&snapshot.digest, &Selection::Project, &policy(OnConflict::Leave)).await;
    assert!(plan.creates_project && !plan.project_public);
    let report = h.execute(&plan, &Silent).await;
    assert!(report.is_clean() && report.created_project, "{report:#?}");
    assert_eq!(report.bytes_sent, 0, "Harbor still had the blobs");
    assert_eq!(h.state("shop").await, before);
}

#[tokio::test]
async fn only_missing_accessories_are_added_to_an_image_that_is_there() {
    let h = Harness::new().await;
    let rich = push::rich(&h.client, "shop/web", "a").await;
    let snapshot = h.backup(None).await;
    h.client.delete_artifact(&push::repository("shop/web"), &rich.sbom.into()).await.unwrap();
    let plan = h.plan(&snapshot.digest, &only("shop/web", "1.0"), &policy(OnConflict::Leave)).await;
    assert_eq!(plan.items[0].effect, Effect::Skip { reason: SkipReason::Same });
    assert_eq!(plan.counts().accessories, 2, "the SBOM and what is about it");
    h.sim.control().reset_counts();
    let report = h.execute(&plan, &Silent).await;
    assert!(report.is_clean(), "{report:#?}");
    assert_eq!(h.sim.control().count(&Method::PUT, Class::Manifest), 2);
    assert!(h.accessories("shop/web", &rich.plain).await.contains_key(&rich.sbom));
    assert!(h.accessories("shop/web", &rich.sbom).await.contains_key(&rich.deep));
}

#[tokio::test]
async fn an_artifact_without_a_tag_comes_back_by_its_digest() {
    let h = Harness::new().await;
    let rich = push::rich(&h.client, "shop/web", "a").await;
    let snapshot = h.backup(None).await;
    h.delete("shop/web").await;
    let what = What::Artifact(rich.children[0]);
    let desired = Selection::Items(vec![Wanted { repository: push::repository("shop/web"), what }]);
    let plan = h.plan(&snapshot.digest, &desired, &policy(OnConflict::Leave)).await;
    assert_eq!(plan.items[0].reference(), rich.children[0].to_string());
    assert!(h.execute(&plan, &Silent).await.is_clean());
    assert!(h.client.artifact(&push::repository("shop/web"), &rich.children[0].into()).await.unwrap().is_some());
}

#[tokio::test]
async fn what_the_snapshot_does_not_have_and_what_the_vault_lost_are_told_before_anything_is_written() {
    let h = Harness::new().await;
    let rich = push::rich(&h.client, "shop/web", "a").await;
    let snapshot = h.backup(None).await;
    let cx = PlanContext { client: h.client.clone(), vault: h.vault.clone(), harbor: "harbor".parse().unwrap() };
    let error =
        engine::effect::plan(&cx, &snapshot.digest, &only("shop/web", "9.9"), &shop(), &policy(OnConflict::Leave)).await.unwrap_err();
    assert_eq!((error.code(), error.to_string()), ("not_in_snapshot", "the snapshot does not have shop/web:9.9".to_owned()));
    h.delete("shop/web").await;
    let manifest = h.vault.get_bytes(&rich.plain, 1 << 20).await.unwrap();
    let manifest = vocab::Manifest::parse(vocab::media::OCI_MANIFEST, &manifest).unwrap();
    let layer = manifest.blobs[1].sha256().unwrap();
    std::fs::remove_file(h.object(&layer)).unwrap();
    let plan = h.plan(&snapshot.digest, &only("shop/web", "1.0"), &policy(OnConflict::Leave)).await;
    let blocked = Effect::Blocked {
        reason: BlockReason::Damaged { object: layer },
        remedy: "choose an earlier snapshot, and run the plan again to heal the vault".to_owned(),
    };
    assert_eq!(plan.items[0].effect, blocked);
    let findings = engine::verify::snapshot(&h.vault, &snapshot.digest).await;
    assert_eq!(findings.len(), 1, "{findings:#?}");
    assert_eq!((findings[0].kind.as_str(), findings[0].object), ("missing", layer));
}

#[tokio::test]
async fn a_login_that_may_not_push_is_blocked_and_one_without_the_api_right_for_tags_puts_them_by_manifest() {
    let h = Harness::new().await;
    let rich = push::rich(&h.client, "shop/web", "a").await;
    let snapshot = h.backup(None).await;
    h.delete("shop/web").await;
    let robot = h.client.create_robot(&RobotSpec::least_privilege_backup("reader")).await.unwrap();
    let reader = push::client(&h.sim.url(), &robot.name, robot.secret.expose_secret());
    let cx = PlanContext { client: reader, vault: h.vault.clone(), harbor: "harbor".parse().unwrap() };
    let plan = engine::effect::plan(&cx, &snapshot.digest, &only("shop/web", "1.0"), &shop(), &policy(OnConflict::Leave)).await.unwrap();
    assert!(matches!(&plan.items[0].effect, Effect::Blocked { reason: BlockReason::NoPushRight, .. }), "{:?}", plan.items);
    let plan = h.plan(&snapshot.digest, &only("shop/web", "1.0"), &policy(OnConflict::Leave)).await;
    let denied = Action::Status(403, "FORBIDDEN".to_owned(), "forbidden".to_owned());
    let fault = h.sim.control().fail(Match::new(Method::POST, "/tags"), denied);
    let report = h.execute(&plan, &Silent).await;
    assert!(report.is_clean() && report.items[0].written, "{report:#?}");
    assert_eq!(fault.fired(), 1);
    assert_eq!(h.points_to("shop/web", "1.0").await, Some(rich.plain));
}

#[tokio::test]
async fn an_older_signature_comes_back_beside_a_newer_one_that_keeps_the_tag() {
    let h = Harness::new().await;
    let rich = push::rich(&h.client, "shop/web", "a").await;
    let snapshot = h.backup(None).await;
    let name = images::cosign_tag(&rich.plain.to_string());
    h.client.delete_artifact(&push::repository("shop/web"), &rich.signature.into()).await.unwrap();
    let newer = images::cosign_signature("shop/web", &rich.plain.to_string(), "newer");
    let newer = push::image(&h.client, "shop/web", Some(&name), &newer).await;
    let plan = h.plan(&snapshot.digest, &only("shop/web", "1.0"), &policy(OnConflict::Leave)).await;
    assert!(h.execute(&plan, &Silent).await.is_clean());
    let signatures = h.accessories("shop/web", &rich.plain).await;
    assert!(signatures.contains_key(&rich.signature) && signatures.contains_key(&newer), "{signatures:?}");
    assert_eq!(h.points_to("shop/web", &name).await, Some(newer));
}

//! The order of a restore, and what the target itself must say before a line counts as done.

use engine::Silent;
use engine::effect::{Effect, OnConflict, Warning};
use engine::report::{Ending, Outcome};
use engine::select::{Selection, Wanted, What};
use harbor_sim::{Action, Match, images};
use http::Method;
use time::OffsetDateTime;
use vault::Pointer;
use vault::tree::SnapshotIndex;

use crate::harness::{Harness, only, policy, shop};
use crate::push;

/// Builds pushed one after another, each in a millisecond of its own: finer Harbor does not tell.
async fn builds(h: &Harness, repository: &str, names: &[&str]) {
    for name in names {
        let image = images::simple(&format!("{repository} {name}"), &[500]);
        push::image(&h.client, repository, Some(name), &image).await;
        let pushed = OffsetDateTime::now_utc();
        while (OffsetDateTime::now_utc() - pushed).whole_milliseconds() < 2 {
            tokio::task::yield_now().await;
        }
    }
}

/// Tags by the push time of their artifact, and by their own.
async fn by_push_time(h: &Harness, repository: &str, names: &[&str]) -> [Vec<String>; 2] {
    let mut found = Vec::new();
    for name in names {
        let tag = push::tag(name);
        let artifact = h.client.artifact(&push::repository(repository), &tag.clone().into()).await.unwrap().unwrap();
        let tagged = artifact.tags.iter().find(|one| one.name == tag).unwrap().push_time;
        found.push((artifact.push_time, tagged, artifact.id, (*name).to_owned()));
    }
    let mut of_artifacts = found.clone();
    of_artifacts.sort_by_key(|(artifact, _, id, _)| (*artifact, *id));
    let mut of_tags = found;
    of_tags.sort_by_key(|(_, tag, id, _)| (*tag, *id));
    [of_artifacts, of_tags].map(|sorted| sorted.into_iter().map(|(.., name)| name).collect())
}

fn all_of(repository: &str) -> Selection {
    Selection::Items(vec![Wanted { repository: push::repository(repository), what: What::AllTags }])
}

#[tokio::test]
async fn what_was_pushed_first_is_pushed_first_again() {
    let names = ["b3", "b1", "b12", "b2", "a", "z", "b4", "b11", "m", "c", "b10", "b5"];
    for collected in [false, true] {
        let h = Harness::new().await;
        builds(&h, "shop/app", &names).await;
        let snapshot = h.backup(None).await;
        h.delete("shop/app").await;
        if collected {
            h.collect_garbage().await;
        }
        let plan = h.plan(&snapshot.digest, &all_of("shop/app"), &policy(OnConflict::Leave)).await;
        assert_eq!(plan.items.iter().map(|item| item.reference()).collect::<Vec<_>>(), names, "the plan shows the order");
        assert!(plan.warnings.iter().all(|w| *w != Warning::OrderUnknown));
        let report = h.execute(&plan, &Silent).await;
        assert_eq!(report.ending(), Ending::Done, "{report:#?}");
        let [of_artifacts, of_tags] = by_push_time(&h, "shop/app", &names).await;
        assert_eq!(of_artifacts, names, "garbage collected: {collected}");
        assert_eq!(of_tags, names, "garbage collected: {collected}");
    }
}

#[tokio::test]
async fn push_times_are_one_object_while_nothing_is_pushed_and_change_no_repository() {
    let h = Harness::new().await;
    builds(&h, "shop/app", &["1", "2"]).await;
    let first = h.backup(None).await;
    let again = h.backup(Some(first.digest)).await;
    assert_eq!(first.index.pushed, again.index.pushed);
    assert_eq!(first.index.repositories, again.index.repositories);
    let times = h.vault.push_times(&first.index.pushed.clone().unwrap().digest).await.unwrap();
    let of = &times.repositories[&push::repository("shop/app")];
    assert!(of.tags[&push::tag("1")] < of.tags[&push::tag("2")]);
    assert_eq!(of.artifacts.len(), 2);
    // Their loss is found.
    std::fs::remove_file(h.object(&first.index.pushed.clone().unwrap().digest)).unwrap();
    let findings = engine::verify::snapshot(&h.vault, &first.digest).await;
    assert_eq!(findings.iter().map(|f| f.kind.as_str()).collect::<Vec<_>>(), ["missing"]);
}

#[tokio::test]
async fn a_snapshot_without_push_times_is_restored_with_a_warning() {
    let h = Harness::new().await;
    builds(&h, "shop/app", &["1", "2", "3"]).await;
    let snapshot = h.backup(None).await;
    let older = SnapshotIndex { pushed: None, ..snapshot.index.clone() };
    let descriptor = h.vault.put_snapshot(&older).await.unwrap();
    let pointer = Pointer {
        harbor: older.harbor.clone(),
        project: shop(),
        moment: older.started,
        id: uuid::Uuid::now_v7(),
        snapshot: descriptor.clone(),
        signature: None,
    };
    h.vault.put_pointer(&pointer).await.unwrap();
    h.delete("shop/app").await;
    let plan = h.plan(&descriptor.digest, &all_of("shop/app"), &policy(OnConflict::Leave)).await;
    assert!(plan.warnings.contains(&Warning::OrderUnknown), "{:?}", plan.warnings);
    assert_eq!(plan.hash(), h.plan(&descriptor.digest, &all_of("shop/app"), &policy(OnConflict::Leave)).await.hash(), "a stable order");
    assert_eq!(h.execute(&plan, &Silent).await.ending(), Ending::Done);
}

#[tokio::test]
async fn a_tag_that_harbor_took_and_does_not_have_is_not_done() {
    let h = Harness::new().await;
    builds(&h, "shop/app", &["1", "2"]).await;
    let snapshot = h.backup(None).await;
    h.delete("shop/app").await;
    let plan = h.plan(&snapshot.digest, &all_of("shop/app"), &policy(OnConflict::Leave)).await;
    let swallowed = Action::Status(201, String::new(), String::new());
    h.sim.control().fail(Match::new(Method::POST, "/tags"), swallowed);
    let report = h.execute(&plan, &Silent).await;
    let failed: Vec<_> =
        report.items.iter().filter(|i| matches!(&i.outcome, Outcome::Failed { code, .. } if code == "read_back_differs")).collect();
    assert!(!failed.is_empty() && report.ending() != Ending::Done, "{report:#?}");
    let Outcome::Failed { detail, .. } = &failed[0].outcome else { panic!("it failed") };
    assert!(detail.contains("is not there"), "{detail}");
}

#[tokio::test]
async fn a_signature_that_harbor_took_and_does_not_link_is_not_done() {
    let h = Harness::new().await;
    let rich = push::rich(&h.client, "shop/web", "a").await;
    let snapshot = h.backup(None).await;
    h.client.delete_artifact(&push::repository("shop/web"), &rich.signature.into()).await.unwrap();
    let plan = h.plan(&snapshot.digest, &only("shop/web", "1.0"), &policy(OnConflict::Leave)).await;
    // The manifest and its tag are there, put in a way that links nothing.
    let signature = images::cosign_signature("shop/web", &rich.plain.to_string(), "a");
    push::image(&h.client, "shop/web", None, &signature).await;
    let name = images::cosign_tag(&rich.plain.to_string());
    h.client.create_tag(&push::repository("shop/web"), &rich.signature, &push::tag(&name)).await.unwrap();
    h.sim.control().fail(Match::new(Method::PUT, name), Action::Status(201, String::new(), String::new()));
    let report = h.execute(&plan, &Silent).await;
    let place = plan.items.iter().position(|item| item.then == rich.signature).unwrap();
    let outcome = &report.items[place].outcome;
    assert!(matches!(outcome, Outcome::Failed { detail, .. } if detail.contains("accessory of")), "{outcome:#?}");
    assert_ne!(report.ending(), Ending::Done);
}

#[tokio::test]
async fn blocked_lines_are_another_ending_than_done() {
    let h = Harness::new().await;
    builds(&h, "shop/app", &["1", "2"]).await;
    let snapshot = h.backup(None).await;
    h.client.delete_tag(&push::repository("shop/app"), &push::tag("2")).await.unwrap();
    push::image(&h.client, "shop/app", Some("1"), &images::simple("bad", &[77])).await;
    h.client.create_immutable_rule(&shop(), "1").await.unwrap();
    let plan = h.plan(&snapshot.digest, &all_of("shop/app"), &policy(OnConflict::Move)).await;
    assert_eq!(plan.items.iter().filter(|item| matches!(item.effect, Effect::Blocked { .. })).count(), 1);
    let report = h.execute(&plan, &Silent).await;
    assert_eq!((report.ending(), report.done(), report.is_clean()), (Ending::Partly, 1, true), "{report:#?}");
}

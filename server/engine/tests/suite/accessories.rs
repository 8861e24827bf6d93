//! Signatures, SBOMs and the like as things to restore.

use engine::Silent;
use engine::effect::{BlockReason, Effect, EffectPlan, OnConflict, SkipReason};
use engine::report::{Ending, ItemResult, Outcome, Report};
use engine::select::{Selection, Wanted, What};
use harbor_sim::images::{self, Image};
use harbor_sim::{Action, Class, Match};
use http::Method;
use registry::Client;
use vocab::{Digest, Tag};

use crate::harness::{Harness, only, policy, shop};
use crate::push;

fn digest_only(repository: &str, digest: Digest) -> Selection {
    Selection::Items(vec![Wanted { repository: push::repository(repository), what: What::Artifact(digest) }])
}

fn sig(digest: &Digest) -> String {
    images::cosign_tag(&digest.to_string())
}

async fn sign(client: &Client, name: &str, subject: &Digest, seed: &str) -> Digest {
    let signature = images::cosign_signature(name, &subject.to_string(), seed);
    push::image(client, name, Some(&sig(subject)), &signature).await
}

fn line<'a>(plan: &'a EffectPlan, report: &'a Report, digest: &Digest) -> &'a ItemResult {
    let place = plan.items.iter().position(|item| item.then == *digest).unwrap();
    report.items.iter().find(|result| result.item == place).unwrap()
}

#[tokio::test]
async fn a_lost_signature_of_a_living_image_is_something_to_restore() {
    let h = Harness::new().await;
    let rich = push::rich(&h.client, "shop/web", "a").await;
    let snapshot = h.backup(None).await;
    let before = h.state("shop").await;
    h.client.delete_artifact(&push::repository("shop/web"), &rich.signature.into()).await.unwrap();
    for selection in
        [Selection::Project, only("shop/web", "1.0"), only("shop/web", &sig(&rich.plain)), digest_only("shop/web", rich.signature)]
    {
        let plan = h.plan(&snapshot.digest, &selection, &policy(OnConflict::Leave)).await;
        assert!(plan.writes(), "{selection:?}");
        assert_eq!((plan.counts().accessories, plan.counts().writes(), plan.risk() > 0), (1, 1, true), "{:#?}", plan.items);
    }
    let plan = h.plan(&snapshot.digest, &only("shop/web", &sig(&rich.plain)), &policy(OnConflict::Leave)).await;
    assert_eq!(plan.items.len(), 1, "its image is there");
    assert_eq!(plan.items[0].accessory.as_ref().map(|accessory| accessory.subject), Some(rich.plain));
    let report = h.execute(&plan, &Silent).await;
    assert_eq!(report.ending(), Ending::Done, "{report:#?}");
    assert!(h.accessories("shop/web", &rich.plain).await.contains_key(&rich.signature), "linked, not a plain tag");
    assert_eq!(h.state("shop").await, before);
    let again = h.plan(&snapshot.digest, &Selection::Project, &policy(OnConflict::Leave)).await;
    assert!(!again.writes(), "{:#?}", again.items);
}

#[tokio::test]
async fn a_signature_that_is_a_plain_tag_only_is_linked_again() {
    let h = Harness::new().await;
    let rich = push::rich(&h.client, "shop/web", "a").await;
    let snapshot = h.backup(None).await;
    let repository = push::repository("shop/web");
    h.client.delete_artifact(&repository, &rich.signature.into()).await.unwrap();
    let signature = images::cosign_signature("shop/web", &rich.plain.to_string(), "a");
    assert_eq!(push::image(&h.client, "shop/web", None, &signature).await, rich.signature);
    h.client.create_tag(&repository, &rich.signature, &push::tag(&sig(&rich.plain))).await.unwrap();
    assert!(!h.accessories("shop/web", &rich.plain).await.contains_key(&rich.signature), "Harbor links by a put alone");
    let plan = h.plan(&snapshot.digest, &only("shop/web", "1.0"), &policy(OnConflict::Leave)).await;
    assert_eq!(plan.counts().accessories, 1);
    assert_eq!(h.execute(&plan, &Silent).await.ending(), Ending::Done);
    assert!(h.accessories("shop/web", &rich.plain).await.contains_key(&rich.signature));
}

#[tokio::test]
async fn a_signature_asked_for_brings_the_image_it_is_about() {
    let h = Harness::new().await;
    let rich = push::rich(&h.client, "shop/web", "a").await;
    let snapshot = h.backup(None).await;
    h.client.delete_artifact(&push::repository("shop/web"), &rich.plain.into()).await.unwrap();
    let desired = only("shop/web", &sig(&rich.plain));
    let plan = h.plan(&snapshot.digest, &desired, &policy(OnConflict::Leave)).await;
    let brought: Vec<_> = plan.items.iter().filter(|item| item.brought_for == Some(rich.signature)).map(|i| i.reference()).collect();
    assert_eq!(brought, ["1.0", "stable"], "under the tags it had");
    assert_eq!((plan.counts().creates, plan.counts().accessories), (2, 1));
    assert_eq!(h.execute(&plan, &Silent).await.ending(), Ending::Done);
    assert!(h.accessories("shop/web", &rich.plain).await.contains_key(&rich.signature));
    assert_eq!(h.points_to("shop/web", "1.0").await, Some(rich.plain));
    // Names that are taken by now are left alone.
    h.client.delete_artifact(&push::repository("shop/web"), &rich.plain.into()).await.unwrap();
    let other = push::image(&h.client, "shop/web", Some("1.0"), &images::simple("other", &[9])).await;
    let plan = h.plan(&snapshot.digest, &desired, &policy(OnConflict::Move)).await;
    assert_eq!(h.execute(&plan, &Silent).await.ending(), Ending::Done, "{plan:#?}");
    assert_eq!(h.points_to("shop/web", "1.0").await, Some(other));
    assert_eq!(h.points_to("shop/web", "stable").await, Some(rich.plain));
}

#[tokio::test]
async fn of_two_signatures_under_one_tag_the_newest_ends_up_with_it() {
    let h = Harness::new().await;
    let image = push::image(&h.client, "shop/web", Some("v1"), &images::simple("twice", &[100])).await;
    let older = sign(&h.client, "shop/web", &image, "first").await;
    let newest = sign(&h.client, "shop/web", &image, "second").await;
    let snapshot = h.backup(None).await;
    let before = h.state("shop").await;
    h.client.delete_artifact(&push::repository("shop/web"), &image.into()).await.unwrap();
    h.collect_garbage().await;
    let plan = h.plan(&snapshot.digest, &only("shop/web", "v1"), &policy(OnConflict::Leave)).await;
    assert_eq!(plan.counts().accessories, 2);
    let report = h.execute(&plan, &Silent).await;
    assert_eq!(report.ending(), Ending::Done, "{report:#?}");
    assert_eq!(h.accessories("shop/web", &image).await.into_keys().collect::<Vec<_>>().len(), 2);
    assert_eq!(h.points_to("shop/web", &sig(&image)).await, Some(newest));
    assert_eq!(h.state("shop").await, before);
    // The newest is lost alone: it takes its tag back from nobody, and the older one stays linked.
    h.client.delete_artifact(&push::repository("shop/web"), &newest.into()).await.unwrap();
    let plan = h.plan(&snapshot.digest, &Selection::Project, &policy(OnConflict::Leave)).await;
    assert_eq!(h.execute(&plan, &Silent).await.ending(), Ending::Done);
    assert_eq!(h.state("shop").await, before);
    // The older is lost alone: it is linked again, and the newest keeps the tag.
    h.client.delete_artifact(&push::repository("shop/web"), &older.into()).await.unwrap();
    let plan = h.plan(&snapshot.digest, &Selection::Project, &policy(OnConflict::Leave)).await;
    assert_eq!(h.execute(&plan, &Silent).await.ending(), Ending::Done);
    assert_eq!(h.state("shop").await, before);
}

#[tokio::test]
async fn where_a_rule_keeps_the_tag_the_plan_says_which_signature_cannot_be_linked_and_the_image_comes_first() {
    let h = Harness::new().await;
    let image = push::image(&h.client, "shop/web", Some("v1"), &images::simple("twice", &[100])).await;
    let older = sign(&h.client, "shop/web", &image, "first").await;
    let newest = sign(&h.client, "shop/web", &image, "second").await;
    let snapshot = h.backup(None).await;
    h.client.delete_artifact(&push::repository("shop/web"), &image.into()).await.unwrap();
    h.collect_garbage().await;
    h.sim.make_immutable("shop", "**");
    let plan = h.plan(&snapshot.digest, &only("shop/web", "v1"), &policy(OnConflict::Leave)).await;
    let blocked: Vec<_> = plan.items.iter().filter(|item| matches!(item.effect, Effect::Blocked { .. })).collect();
    assert_eq!(blocked.iter().map(|item| item.then).collect::<Vec<_>>(), [older]);
    assert!(matches!(&blocked[0].effect, Effect::Blocked { reason: BlockReason::CannotLink { tag }, .. } if *tag == sig(&image)));
    let report = h.execute(&plan, &Silent).await;
    assert_eq!((report.ending(), report.done(), report.failed()), (Ending::Partly, 2, 0), "{report:#?}");
    assert_eq!(h.points_to("shop/web", "v1").await, Some(image));
    assert_eq!(h.points_to("shop/web", &sig(&image)).await, Some(newest));
    assert_eq!(h.accessories("shop/web", &image).await.into_keys().collect::<Vec<_>>(), [newest]);
}

#[tokio::test]
async fn an_accessory_that_fails_leaves_the_image_done() {
    let h = Harness::new().await;
    let rich = push::rich(&h.client, "shop/web", "a").await;
    let snapshot = h.backup(None).await;
    h.delete("shop/web").await;
    let refused = Action::Status(400, "MANIFEST_INVALID".to_owned(), "no".to_owned());
    h.sim.control().fail(Match::new(Method::PUT, rich.sbom.to_string()), refused);
    let plan = h.plan(&snapshot.digest, &only("shop/web", "1.0"), &policy(OnConflict::Leave)).await;
    let report = h.execute(&plan, &Silent).await;
    assert_eq!((report.ending(), report.done(), report.failed()), (Ending::Partly, 2, 2), "{report:#?}");
    assert!(line(&plan, &report, &rich.plain).outcome.is_done());
    assert!(line(&plan, &report, &rich.signature).outcome.is_done());
    assert!(matches!(&line(&plan, &report, &rich.deep).outcome, Outcome::Failed { code, .. } if code == "subject_failed"));
    assert_eq!(h.points_to("shop/web", "1.0").await, Some(rich.plain));
}

#[tokio::test]
async fn an_image_that_fails_does_not_send_what_is_about_it() {
    let h = Harness::new().await;
    let rich = push::rich(&h.client, "shop/web", "a").await;
    let snapshot = h.backup(None).await;
    h.delete("shop/web").await;
    let refused = Action::Status(400, "MANIFEST_INVALID".to_owned(), "no".to_owned());
    h.sim.control().fail(Match::new(Method::PUT, rich.plain.to_string()), refused);
    let plan = h.plan(&snapshot.digest, &only("shop/web", "1.0"), &policy(OnConflict::Leave)).await;
    let report = h.execute(&plan, &Silent).await;
    assert_eq!((report.ending(), report.failed()), (Ending::Failed, 4), "{report:#?}");
    assert_eq!(report.manifests_put, 0);
}

#[tokio::test]
async fn what_only_a_name_ties_to_its_image_comes_with_it_and_alone() {
    let h = Harness::new().await;
    let image = push::image(&h.client, "shop/web", Some("v1"), &images::simple("attested", &[100])).await;
    let att = sig(&image).replace(".sig", ".att");
    let attestation: Image = images::simple("attestation", &[10]);
    let digest = push::image(&h.client, "shop/web", Some(&att), &attestation).await;
    let snapshot = h.backup(None).await;
    let before = h.state("shop").await;
    h.client.delete_artifact(&push::repository("shop/web"), &digest.into()).await.unwrap();
    for selection in [only("shop/web", "v1"), only("shop/web", &att), Selection::Project] {
        let plan = h.plan(&snapshot.digest, &selection, &policy(OnConflict::Leave)).await;
        assert_eq!((plan.counts().accessories, plan.counts().creates), (1, 0), "{selection:?} {:#?}", plan.items);
    }
    let plan = h.plan(&snapshot.digest, &only("shop/web", &att), &policy(OnConflict::Leave)).await;
    assert_eq!(h.execute(&plan, &Silent).await.ending(), Ending::Done);
    assert_eq!(h.state("shop").await, before);
}

#[tokio::test]
async fn one_image_with_many_tags_and_many_referrers_has_each_of_them_once() {
    const TAGS: usize = 40;
    const REFERRERS: usize = 30;
    let h = Harness::new().await;
    let image = images::simple("many", &[100]);
    let root = push::image(&h.client, "shop/web", Some("t0"), &image).await;
    for tag in 1..TAGS {
        push::manifest(&h.client, "shop/web", Some(&format!("t{tag}")), &image.manifest).await;
    }
    for number in 0..REFERRERS {
        let referrer = images::referrer(&image.manifest, images::SPDX, &format!("{{\"number\":{number}}}"));
        push::image(&h.client, "shop/web", None, &referrer).await;
    }
    let snapshot = h.backup(None).await;
    let before = h.state("shop").await;
    h.delete("shop/web").await;
    let desired = Selection::Items(vec![Wanted { repository: push::repository("shop/web"), what: What::AllTags }]);
    let plan = h.plan(&snapshot.digest, &desired, &policy(OnConflict::Leave)).await;
    assert_eq!(plan.items.len(), TAGS + REFERRERS);
    assert_eq!((plan.counts().creates, plan.counts().accessories), (TAGS as u64, REFERRERS as u64));
    h.sim.control().reset_counts();
    let report = h.execute(&plan, &Silent).await;
    assert_eq!(report.ending(), Ending::Done, "{report:#?}");
    assert_eq!(h.sim.control().count(&Method::PUT, Class::Manifest), 1 + REFERRERS as u64);
    assert!(h.sim.control().total() < 5 * (TAGS + REFERRERS) as u64, "{}", h.sim.control().total());
    assert_eq!(h.state("shop").await, before);
    assert_eq!(h.points_to("shop/web", "t7").await, Some(root));
}

#[tokio::test]
async fn names_that_keep_or_replace_a_tag_are_never_the_name_of_another() {
    let h = Harness::new().await;
    push::image(&h.client, "shop/web", Some("v1"), &images::simple("one", &[10])).await;
    let two = push::image(&h.client, "shop/web", Some("v1-restored-1"), &images::simple("two", &[20])).await;
    let long: Vec<Tag> = ["b", "c"].iter().map(|end| push::tag(&format!("{}{end}", "a".repeat(127)))).collect();
    for (tag, seed) in long.iter().zip(["b", "c"]) {
        push::image(&h.client, "shop/web", Some(tag.as_str()), &images::simple(seed, &[30])).await;
    }
    let snapshot = h.backup(None).await;
    let bad = images::simple("bad", &[77]);
    for tag in ["v1", long[0].as_str(), long[1].as_str()] {
        push::image(&h.client, "shop/web", Some(tag), &bad).await;
    }
    h.client.delete_artifact(&push::repository("shop/web"), &two.into()).await.unwrap();
    let desired = Selection::Items(vec![Wanted { repository: push::repository("shop/web"), what: What::AllTags }]);
    let plan = h.plan_into(&snapshot.digest, &desired, &shop(), &policy(OnConflict::Rename)).await;
    let taken: Vec<_> = plan.items.iter().filter(|i| matches!(i.effect, Effect::Blocked { .. })).map(|i| i.source_tag.clone()).collect();
    assert_eq!(taken, [Some(push::tag("v1"))], "{:#?}", plan.items);
    let names: std::collections::BTreeSet<_> = plan.items.iter().filter(|i| i.writes()).map(|i| i.tag.clone()).collect();
    assert_eq!(names.len(), 3, "two long tags get two names");
    let report = h.execute(&plan, &Silent).await;
    assert_eq!((report.ending(), report.done()), (Ending::Partly, 3), "{report:#?}");
    assert_eq!(h.points_to("shop/web", "v1-restored-1").await, Some(two));
}

#[tokio::test]
async fn an_image_that_is_left_as_it_is_has_its_accessories_left_too() {
    let h = Harness::new().await;
    let rich = push::rich(&h.client, "shop/web", "a").await;
    let snapshot = h.backup(None).await;
    h.client.delete_artifact(&push::repository("shop/web"), &rich.plain.into()).await.unwrap();
    push::image(&h.client, "shop/web", Some("1.0"), &images::simple("bad", &[77])).await;
    let plan = h.plan(&snapshot.digest, &only("shop/web", "1.0"), &policy(OnConflict::Leave)).await;
    assert_eq!(plan.items.len(), 1, "{:#?}", plan.items);
    assert_eq!(plan.items[0].effect, Effect::Skip { reason: SkipReason::Left });
    assert_eq!(h.execute(&plan, &Silent).await.ending(), Ending::Done, "it is left, as the plan said");
}

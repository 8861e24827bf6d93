//! What Harbor's listings hide: referrers and signatures whose subject is elsewhere, gone, or never was.

use engine::backup::hidden::{ASKED_IN_PART, HIDDEN_UNTAGGED};
use engine::backup::{self, Reconcile, SnapshotOutcome};
use engine::effect::{Effect, OnConflict};
use engine::select::Selection;
use harbor_sim::images::{self, Image};
use vault::tree::{RepositoryIndex, RepositoryMember, Role};
use vocab::Digest;

use crate::harness::{Harness, only, policy, shop};
use crate::push;

const BUNDLE: &str = "application/vnd.dev.sigstore.bundle.v0.3+json";

/// An image in `shop/app/web`, and what is about it in repositories of their own, as `COSIGN_REPOSITORY` puts it.
struct Apart {
    h: Harness,
    image: Image,
    /// In `shop/signatures`, by cosign's tag.
    signature: Digest,
    /// In `shop/referrers`, with the tag `web-v1-sbom`.
    sbom: Digest,
    /// In `shop/referrers`, without a tag.
    bundle: Digest,
}

impl Apart {
    async fn new() -> Self {
        let h = Harness::new().await;
        let image = images::simple("signed elsewhere", &[900]);
        push::image(&h.client, "shop/app/web", Some("v1"), &image).await;
        let signature = images::cosign_signature("shop/app/web", &image.manifest.digest, "k");
        let sbom = images::referrer(&image.manifest, images::SPDX, "{}");
        let bundle = images::referrer(&image.manifest, BUNDLE, "{\"mediaType\":\"bundle\"}");
        Self {
            signature: push::image(&h.client, "shop/signatures", Some(&images::cosign_tag(&image.manifest.digest)), &signature).await,
            sbom: push::image(&h.client, "shop/referrers", Some("web-v1-sbom"), &sbom).await,
            bundle: push::image(&h.client, "shop/referrers", None, &bundle).await,
            h,
            image,
        }
    }
}

async fn repository(h: &Harness, outcome: &SnapshotOutcome, name: &str) -> RepositoryIndex {
    let found = outcome.index.repositories.iter().find(|(repository, _)| repository.as_str() == name);
    h.vault.repository(&found.unwrap_or_else(|| panic!("{name} is in the snapshot")).1.digest).await.unwrap()
}

fn member<'a>(index: &'a RepositoryIndex, digest: &Digest) -> Option<&'a RepositoryMember> {
    index.members.iter().find(|member| member.descriptor.digest == *digest)
}

async fn full(h: &Harness, previous: &SnapshotOutcome) -> SnapshotOutcome {
    backup::project(&h.backup_context(Reconcile::Full), &shop(), Some(previous.digest)).await.unwrap()
}

#[tokio::test]
async fn signatures_kept_in_a_repository_of_their_own_are_captured_and_come_back_after_collection() {
    let Apart { h, image, signature, sbom, bundle } = Apart::new().await;
    for name in ["signatures", "referrers"] {
        let row = h.client.repository(&push::repository(&format!("shop/{name}"))).await.unwrap().unwrap();
        assert_eq!(row.artifact_count, 0, "Harbor counts none of them");
    }
    let outcome = h.backup(None).await;
    let signatures = repository(&h, &outcome, "shop/signatures").await;
    let referrers = repository(&h, &outcome, "shop/referrers").await;
    let tag = |text: &str| Some(push::tag(text));
    let found = |index, digest| member(index, digest).map(|m| (m.role.clone(), m.tag.clone()));
    assert_eq!(found(&signatures, &signature), Some((Role::Root, tag(&images::cosign_tag(&image.manifest.digest)))));
    assert_eq!(found(&referrers, &sbom), Some((Role::Root, tag("web-v1-sbom"))));
    assert_eq!(found(&referrers, &bundle), Some((Role::Root, None)), "found as a referrer of an image of another repository");
    let limits: Vec<(&str, &str)> = outcome.index.limits.iter().map(|l| (l.kind.as_str(), l.subject.as_str())).collect();
    assert_eq!(limits, [(HIDDEN_UNTAGGED, "shop/referrers"), (HIDDEN_UNTAGGED, "shop/signatures")], "and what may be left is said");

    let before = h.state("shop").await;
    for (name, digest) in [("shop/signatures", signature), ("shop/referrers", sbom), ("shop/referrers", bundle)] {
        h.client.delete_artifact(&push::repository(name), &digest.into()).await.unwrap();
    }
    for name in ["shop/app/web", "shop/signatures", "shop/referrers"] {
        h.delete(name).await;
    }
    h.collect_garbage().await;
    let plan = h.plan(&outcome.digest, &Selection::Project, &policy(OnConflict::Leave)).await;
    let report = h.execute(&plan, &engine::Silent).await;
    assert!(report.is_clean(), "{report:?}");
    assert_eq!(h.state("shop").await, before, "what Harbor did not list it does not list now");
    for (name, digest) in [("shop/signatures", signature), ("shop/referrers", sbom), ("shop/referrers", bundle)] {
        assert!(h.client.manifest_get(&push::repository(name), &digest).await.is_ok(), "{name}@{digest}");
    }
    let subject = push::digest(&image.manifest);
    let referrers = h.client.referrers(&push::repository("shop/referrers"), &subject).await.unwrap();
    assert_eq!(referrers.len(), 2, "the registry has them under their subject again");
}

/// Harbor deletes with a repository what it lists there, and keeps the rest where no tag reaches it.
#[tokio::test]
async fn what_a_deleted_repository_left_behind_is_named_before_the_vote_and_comes_back_once_it_is_deleted() {
    let Apart { h, signature, sbom, bundle, .. } = Apart::new().await;
    let outcome = h.backup(None).await;
    let before = h.state("shop").await;
    for name in ["shop/signatures", "shop/referrers"] {
        h.delete(name).await;
    }
    h.collect_garbage().await;
    let plan = h.plan(&outcome.digest, &Selection::Project, &policy(OnConflict::Leave)).await;
    let blocked: Vec<_> = plan.items.iter().filter(|item| matches!(item.effect, Effect::Blocked { .. })).collect();
    let mut named: Vec<Digest> = blocked.iter().map(|item| item.then).collect();
    named.sort();
    let mut tagged = vec![signature, sbom];
    tagged.sort();
    assert_eq!(named, tagged, "what had a tag");
    for item in &blocked {
        let Effect::Blocked { reason, remedy } = &item.effect else { continue };
        assert_eq!(reason.code(), "left_over");
        assert!(remedy.contains("repositories/") && remedy.contains(&item.then.to_string()), "{remedy}");
    }
    assert!(!plan.writes(), "the image is there, and so is what has no tag: {:#?}", plan.items);
    let empty = h.client.repositories(&shop()).await.unwrap();
    assert_eq!(empty.len(), 1, "nothing was made");

    for (name, digest) in [("shop/signatures", signature), ("shop/referrers", sbom), ("shop/referrers", bundle)] {
        h.client.delete_artifact(&push::repository(name), &digest.into()).await.unwrap();
    }
    let plan = h.plan(&outcome.digest, &Selection::Project, &policy(OnConflict::Leave)).await;
    let report = h.execute(&plan, &engine::Silent).await;
    assert_eq!(report.ending(), engine::report::Ending::Done, "{report:#?}");
    assert_eq!(h.state("shop").await, before);
}

#[tokio::test]
async fn among_images_what_has_a_tag_is_found_by_the_first_run_that_sees_the_repository() {
    let h = Harness::new().await;
    let never = images::simple("never pushed", &[10]);
    let pushed = async |name: &str| {
        push::image(&h.client, name, Some("1"), &images::simple(name, &[100])).await;
        push::image(&h.client, name, Some("about-nothing"), &images::referrer(&never.manifest, images::SPDX, name)).await
    };
    let early = pushed("shop/web").await;
    let first = h.backup(None).await;
    assert!(member(&repository(&h, &first, "shop/web").await, &early).is_some());
    let late = pushed("shop/api").await;
    let second = h.backup(Some(first.digest)).await;
    assert!(member(&repository(&h, &second, "shop/api").await, &late).is_some(), "in a repository that came later too");
    assert!(member(&repository(&h, &second, "shop/web").await, &early).is_some());
}

#[tokio::test]
async fn what_was_found_is_kept_while_it_is_there_and_let_go_of_when_it_is_not() {
    let Apart { h, bundle, sbom, .. } = Apart::new().await;
    let first = h.backup(None).await;
    h.sim.control().reset_counts();
    let second = h.backup(Some(first.digest)).await;
    assert_eq!(second.index.repositories, first.index.repositories, "nothing flickers from run to run");
    // The five of any project, each repository that lists nothing for its tags, and each thing for itself; and no referrers of images known before.
    let hidden = 2 + 3;
    assert!(h.sim.control().total() <= 5 + hidden + 3, "{:?}", h.sim.control().seen());
    assert_eq!(full(&h, &second).await.index.repositories, first.index.repositories);
    h.client.delete_artifact(&push::repository("shop/referrers"), &registry::Reference::Digest(bundle)).await.unwrap();
    let third = h.backup(Some(second.digest)).await;
    let referrers = repository(&h, &third, "shop/referrers").await;
    assert!(member(&referrers, &bundle).is_none() && member(&referrers, &sbom).is_some());
}

#[tokio::test]
async fn a_signature_repository_that_comes_later_is_searched_and_so_is_what_comes_into_it() {
    let h = Harness::new().await;
    let image = images::simple("old", &[300]);
    push::image(&h.client, "shop/app", Some("1"), &image).await;
    let first = h.backup(None).await;
    let bundle = push::image(&h.client, "shop/apart", None, &images::referrer(&image.manifest, BUNDLE, "{}")).await;
    let second = h.backup(Some(first.digest)).await;
    assert!(member(&repository(&h, &second, "shop/apart").await, &bundle).is_some(), "a new repository is asked about every image");
    let newer = images::simple("new", &[400]);
    push::image(&h.client, "shop/app", Some("2"), &newer).await;
    let with_it = push::image(&h.client, "shop/apart", None, &images::referrer(&newer.manifest, BUNDLE, "{}")).await;
    let late = push::image(&h.client, "shop/apart", None, &images::referrer(&image.manifest, BUNDLE, "{\"late\":1}")).await;
    let third = h.backup(Some(second.digest)).await;
    let apart = repository(&h, &third, "shop/apart").await;
    assert!(member(&apart, &with_it).is_some(), "a known one about every new image");
    assert!(member(&apart, &late).is_some(), "and about what is known to be signed there");
}

#[tokio::test]
async fn a_referrer_of_something_that_nobody_knows_is_found_where_the_audit_log_tells_of_it() {
    for version in [harbor_sim::Version::V2_12_4, harbor_sim::Version::V2_15_2] {
        let h = Harness::with(harbor_sim::Config { version, ..harbor_sim::Config::default() }).await;
        let nowhere = images::simple("never pushed", &[10]);
        let bundle = push::image(&h.client, "shop/apart", None, &images::referrer(&nowhere.manifest, BUNDLE, "{}")).await;
        push::image(&h.client, "shop/apart/too", Some("1"), &images::simple("beside", &[10])).await;
        let outcome = h.backup(None).await;
        assert_eq!(member(&repository(&h, &outcome, "shop/apart").await, &bundle).map(|m| m.role.clone()), Some(Role::Root), "{version:?}");
        h.sim.purge_audit(|_, _| true);
        let blind = backup::project(&h.backup_context(Reconcile::Full), &shop(), None).await.unwrap();
        assert!(member(&repository(&h, &blind, "shop/apart").await, &bundle).is_none(), "without the log nobody can know of it");
        assert_eq!(blind.index.limits.len(), 1, "which the snapshot says");
    }
}

#[tokio::test]
async fn signatures_kept_apart_beside_their_attestations_are_found_by_the_names_of_those() {
    let Apart { h, image, signature, .. } = Apart::new().await;
    let first = h.backup(None).await;
    let attestation = images::cosign_tag(&image.manifest.digest).replace(".sig", ".att");
    push::image(&h.client, "shop/signatures", Some(&attestation), &images::simple("att", &[10])).await;
    let newer = images::simple("newer", &[20]);
    push::image(&h.client, "shop/app/web", Some("v2"), &newer).await;
    let bundle = push::image(&h.client, "shop/signatures", None, &images::referrer(&newer.manifest, BUNDLE, "{}")).await;
    let second = h.backup(Some(first.digest)).await;
    let signatures = repository(&h, &second, "shop/signatures").await;
    assert!(member(&signatures, &signature).is_some() && member(&signatures, &bundle).is_some());
    assert_eq!(signatures.members.len(), 3, "{:#?}", signatures.members);
}

#[tokio::test]
async fn among_images_what_is_hidden_is_found_by_a_full_run_and_stays_found() {
    let h = Harness::new().await;
    push::image(&h.client, "shop/web", Some("1"), &images::simple("a", &[100])).await;
    let first = h.backup(None).await;
    assert_eq!(first.index.limits, [], "where everything is listed there is nothing to say");
    let nowhere = images::simple("never pushed", &[10]);
    let tagged = push::image(&h.client, "shop/web", Some("orphan"), &images::referrer(&nowhere.manifest, images::SPDX, "{}")).await;
    let beside = push::image(&h.client, "shop/web", None, &images::referrer(&nowhere.manifest, BUNDLE, "{}")).await;
    let second = full(&h, &first).await;
    let web = repository(&h, &second, "shop/web").await;
    assert_eq!(member(&web, &tagged).map(|m| m.role.clone()), Some(Role::Root), "its subject is in no repository");
    assert!(member(&web, &beside).is_some(), "what is about the same has no tag, and is found through it");
    assert_eq!(second.index.limits.len(), 1);
    let third = h.backup(Some(second.digest)).await;
    assert_eq!(third.index.repositories, second.index.repositories);
    let plan = h.plan(&third.digest, &only("shop/web", "orphan"), &policy(OnConflict::Leave)).await;
    assert!(matches!(plan.items[0].effect, Effect::Skip { .. }), "it is there: {:?}", plan.items[0].effect);
}

#[tokio::test]
async fn a_referrer_pushed_before_its_subject_becomes_its_accessory_when_that_comes() {
    let h = Harness::new().await;
    let image = images::simple("later", &[100]);
    let early = push::image(&h.client, "shop/web", Some("early"), &images::referrer(&image.manifest, images::SPDX, "{}")).await;
    let first = h.backup(None).await;
    let web = repository(&h, &first, "shop/web").await;
    assert_eq!(member(&web, &early).map(|m| m.role.clone()), Some(Role::Root));
    push::image(&h.client, "shop/web", Some("1"), &image).await;
    let second = h.backup(Some(first.digest)).await;
    let web = repository(&h, &second, "shop/web").await;
    let early = member(&web, &early).unwrap();
    assert!(matches!(&early.role, Role::Accessory { subject, .. } if *subject == push::digest(&image.manifest)));
    assert_eq!(early.tag, Some(push::tag("early")));
    assert_eq!(second.index.limits, []);
}

#[tokio::test]
async fn hundreds_are_found_with_something_about_one_of_them_and_an_index_among_them() {
    let h = Harness::new().await;
    let mut wanted = Vec::new();
    for number in 0..120 {
        let image = images::simple(&format!("image {number}"), &[10]);
        push::image(&h.client, "shop/app", Some(&format!("v{number}")), &image).await;
        let signature = images::cosign_signature("shop/app", &image.manifest.digest, "k");
        wanted.push(push::image(&h.client, "shop/apart", Some(&images::cosign_tag(&image.manifest.digest)), &signature).await);
        wanted.push(push::image(&h.client, "shop/apart", None, &images::referrer(&image.manifest, BUNDLE, "{}")).await);
    }
    let parts = [images::simple("one", &[20]), images::simple("two", &[20])];
    let mut listed = images::index(&[&parts[0], &parts[1]]);
    let mut document: serde_json::Value = serde_json::from_slice(&listed.bytes).unwrap();
    document["subject"] = images::simple("image 0", &[10]).manifest.descriptor();
    listed = images::Blob::new(&listed.media_type, document.to_string());
    for part in &parts {
        wanted.push(push::image(&h.client, "shop/apart", None, part).await);
    }
    let index = push::manifest(&h.client, "shop/apart", None, &listed).await;
    let signed = h.client.manifest_get(&push::repository("shop/apart"), &wanted[1]).await.unwrap();
    let over = images::referrer(&images::Blob::new(&signed.media_type, signed.bytes), images::SPDX, "{}");
    let over = push::image(&h.client, "shop/apart", None, &over).await;
    let outcome = backup::project(&h.backup_context(Reconcile::Full), &shop(), None).await.unwrap();
    assert_eq!(outcome.index.gaps, []);
    let apart = repository(&h, &outcome, "shop/apart").await;
    assert!(wanted.iter().chain([&index, &over]).all(|digest| member(&apart, digest).is_some()));
    assert_eq!(member(&apart, &over).map(|m| matches!(m.role, Role::Accessory { .. })), Some(true), "about something that is here");
    assert!(outcome.index.limits.iter().all(|limit| limit.kind != ASKED_IN_PART));
}

#[tokio::test]
async fn attestations_and_boms_by_tag_come_back_with_their_image() {
    let h = Harness::new().await;
    let image = images::simple("attested", &[700]);
    let digest = push::image(&h.client, "shop/web", Some("1"), &image).await;
    let named = |ending: &str| format!("sha256-{}{ending}", digest.hex());
    push::image(&h.client, "shop/web", Some(&named(".att")), &images::simple("att", &[30])).await;
    push::image(&h.client, "shop/web", Some(&named(".sbom")), &images::simple("sbom", &[30])).await;
    let elsewhere = Digest::of(b"gone");
    push::image(&h.client, "shop/web", Some(&format!("sha256-{}.att", elsewhere.hex())), &images::simple("lone", &[30])).await;
    let outcome = h.backup(None).await;
    assert_eq!(outcome.index.limits, [], "beside an image nothing is thought to be hidden");
    let before = h.state("shop").await;
    h.client.delete_artifact(&push::repository("shop/web"), &push::tag("1").into()).await.unwrap();
    for ending in [".att", ".sbom"] {
        h.client.delete_artifact(&push::repository("shop/web"), &push::tag(&named(ending)).into()).await.unwrap();
    }
    let plan = h.plan(&outcome.digest, &only("shop/web", "1"), &policy(OnConflict::Leave)).await;
    h.execute(&plan, &engine::Silent).await;
    assert_eq!(h.state("shop").await, before, "asked for by the image's tag alone");
    let again = h.plan(&outcome.digest, &only("shop/web", "1"), &policy(OnConflict::Leave)).await;
    assert!(again.items.iter().all(|item| matches!(item.effect, Effect::Skip { .. })), "nothing is left to bring: {:?}", again.items);
}

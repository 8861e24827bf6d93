//! Images that Harbor lists and cannot give back whole: asked for by name, they are no longer "the same".

use engine::Silent;
use engine::effect::{BlockReason, Effect, OnConflict, SkipReason};
use engine::planned::Deviation;
use engine::report::Outcome;
use engine::restore::Fault;
use harbor_sim::Class;
use harbor_sim::images::{self, Image};
use registry::RegistryError;

use crate::harness::{Harness, only, policy};
use crate::push;

/// Whether a client gets the manifest and every blob, hashed.
async fn pulls(h: &Harness, repository: &str, image: &Image) -> Result<(), RegistryError> {
    let repository = push::repository(repository);
    h.client.manifest_get(&repository, &push::digest(&image.manifest)).await?;
    for blob in &image.blobs {
        let bytes = h.client.blob_get(&repository, &push::digest(blob), None);
        futures::TryStreamExt::try_collect::<Vec<_>>(bytes).await?;
    }
    Ok(())
}

#[tokio::test]
async fn what_harbor_lost_of_an_image_that_is_still_there_is_sent_again() {
    let h = Harness::new().await;
    let image = images::simple("lost", &[700, 800]);
    push::image(&h.client, "shop/web", Some("1.0"), &image).await;
    let snapshot = h.backup(None).await;
    for part in image.blobs.iter().chain([&image.manifest]) {
        let plan = h.plan(&snapshot.digest, &only("shop/web", "1.0"), &policy(OnConflict::Leave)).await;
        assert_eq!(plan.items[0].effect, Effect::Skip { reason: SkipReason::Same });
        h.sim.lose(&part.digest).await.unwrap();
        pulls(&h, "shop/web", &image).await.unwrap_err();
        let plan = h.plan(&snapshot.digest, &only("shop/web", "1.0"), &policy(OnConflict::Leave)).await;
        assert_eq!((plan.items.len(), &plan.items[0].effect, plan.counts().mends), (1, &Effect::Mend, 1), "{}", part.media_type);
        let report = h.execute(&plan, &Silent).await;
        assert!(matches!(report.items[0].outcome, Outcome::Done { .. }), "{}: {:?}", part.media_type, report.items[0].outcome);
        assert_eq!((report.items[0].previous, report.items[0].written), (None, false), "no tag was written");
        pulls(&h, "shop/web", &image).await.unwrap();
        let again = h.plan(&snapshot.digest, &only("shop/web", "1.0"), &policy(OnConflict::Leave)).await;
        assert!(plan.covers(&again), "a restore that broke off after it goes on");
    }
}

#[tokio::test]
async fn a_lost_child_of_an_index_is_sent_again() {
    let h = Harness::new().await;
    let (amd, arm) = (images::simple("amd64", &[300]), images::simple("arm64", &[400]));
    for image in [&amd, &arm] {
        push::image(&h.client, "shop/web", None, image).await;
    }
    push::manifest(&h.client, "shop/web", Some("all"), &images::index(&[&amd, &arm])).await;
    let snapshot = h.backup(None).await;
    h.sim.lose(&arm.manifest.digest).await.unwrap();
    h.sim.lose(&arm.blobs[1].digest).await.unwrap();
    let plan = h.plan(&snapshot.digest, &only("shop/web", "all"), &policy(OnConflict::Leave)).await;
    assert_eq!(plan.items[0].effect, Effect::Mend);
    let report = h.execute(&plan, &Silent).await;
    assert!(matches!(report.items[0].outcome, Outcome::Done { .. }), "{:?}", report.items[0].outcome);
    pulls(&h, "shop/web", &arm).await.unwrap();
}

#[tokio::test]
async fn other_bytes_under_a_name_are_said_with_what_helps_and_nothing_is_called_done() {
    let h = Harness::new().await;
    let image = images::simple("spoilt", &[700]);
    push::image(&h.client, "shop/web", Some("1.0"), &image).await;
    let snapshot = h.backup(None).await;
    h.sim.spoil(&image.blobs[1].digest, b"cut");
    let plan = h.plan(&snapshot.digest, &only("shop/web", "1.0"), &policy(OnConflict::Leave)).await;
    let object = push::digest(&image.blobs[1]);
    let said = matches!(&plan.items[0].effect, Effect::Blocked { reason: BlockReason::Spoilt { object: found }, .. } if *found == object);
    assert!(said, "{:?}", plan.items[0].effect);
    // What helps does help.
    h.delete("shop/web").await;
    h.collect_garbage().await;
    let plan = h.plan(&snapshot.digest, &only("shop/web", "1.0"), &policy(OnConflict::Leave)).await;
    let report = h.execute(&plan, &Silent).await;
    assert!(matches!(report.items[0].outcome, Outcome::Done { .. }), "{:?}", report.items[0].outcome);
    pulls(&h, "shop/web", &image).await.unwrap();
}

#[tokio::test]
async fn harbor_is_not_blamed_for_what_the_vault_has_cut_short() {
    let h = Harness::new().await;
    let image = images::simple("cut", &[700]);
    push::image(&h.client, "shop/web", Some("1.0"), &image).await;
    let snapshot = h.backup(None).await;
    std::fs::write(h.object(&push::digest(&image.blobs[1])), b"cut").unwrap();
    let plan = h.plan(&snapshot.digest, &only("shop/web", "1.0"), &policy(OnConflict::Leave)).await;
    assert_eq!(plan.items[0].effect, Effect::Skip { reason: SkipReason::Same }, "nobody is told to delete good images");
}

#[tokio::test]
async fn an_image_that_names_very_much_is_asked_about_only_so_far() {
    let h = Harness::new().await;
    let image = images::simple("wide", &[10; 2_500]);
    push::image(&h.client, "shop/web", Some("1.0"), &image).await;
    let snapshot = h.backup(None).await;
    let asked = || h.sim.control().seen().iter().filter(|seen| seen.class == Class::Blob).count();
    h.sim.control().reset_counts();
    let plan = h.plan(&snapshot.digest, &only("shop/web", "1.0"), &policy(OnConflict::Leave)).await;
    assert_eq!(plan.items[0].effect, Effect::Skip { reason: SkipReason::Same });
    assert!((1_000..=2_000).contains(&asked()), "{} of 2,501 blobs", asked());
}

/// Why a line failed that is not as planned.
fn deviations(outcome: &Outcome) -> Vec<Deviation> {
    let Outcome::Failed { fault, .. } = outcome else { panic!("{outcome:?}") };
    let Fault::NotAsPlanned { deviations } = &**fault else { panic!("{fault:?}") };
    deviations.clone()
}

/// An image that was deleted, and of which Harbor still has the blobs until it collects its garbage.
async fn deleted(h: &Harness, image: &Image) -> engine::effect::EffectPlan {
    push::image(&h.client, "shop/web", Some("1.0"), image).await;
    // Its blobs stay in use, so that Harbor keeps them whatever is collected.
    push::image(&h.client, "shop/other", Some("1.0"), image).await;
    let snapshot = h.backup(None).await;
    h.delete("shop/web").await;
    h.plan(&snapshot.digest, &only("shop/web", "1.0"), &policy(OnConflict::Leave)).await
}

#[tokio::test]
async fn what_a_restore_relied_on_is_given_out_by_harbor_or_the_line_is_not_done() {
    let big = 100_000;
    // A layer cut short, one that goes on, a configuration of the same length: what a push is answered 201 for.
    for (part, other) in [(1, b"cut".to_vec()), (1, vec![7; 2 * big]), (0, Vec::new())] {
        let h = Harness::new().await;
        let image = images::simple("relied", &[big]);
        let plan = deleted(&h, &image).await;
        let blob = &image.blobs[part];
        let other = if other.is_empty() { String::from_utf8_lossy(&blob.bytes).replace("amd64", "arm46").into_bytes() } else { other };
        h.sim.spoil(&blob.digest, &other);
        let report = h.execute(&plan, &Silent).await;
        let found = deviations(&report.items[0].outcome);
        let digest = push::digest(blob);
        let said = |found: &Deviation| match found {
            Deviation::OtherSize { blob, found_bytes, .. } => *blob == digest && *found_bytes == other.len() as u64,
            Deviation::Spoilt { blob } => *blob == digest && other.len() == image.blobs[part].bytes.len(),
            _ => false,
        };
        assert!(matches!(found.as_slice(), [one] if said(one)), "{found:?}");
        pulls(&h, "shop/web", &image).await.unwrap_err();
    }
}

#[tokio::test]
async fn a_registry_that_remembers_what_its_storage_lost_is_not_believed() {
    // Alive and deleted, a large layer and a small one: lost of each.
    for (alive, size) in [(true, 200_000), (true, 700), (false, 200_000), (false, 700)] {
        let h = Harness::new().await;
        h.sim.remember_sizes();
        let image = images::simple("remembered", &[size]);
        let plan = if alive {
            push::image(&h.client, "shop/web", Some("1.0"), &image).await;
            let snapshot = h.backup(None).await;
            h.sim.lose(&image.blobs[1].digest).await.unwrap();
            let plan = h.plan(&snapshot.digest, &only("shop/web", "1.0"), &policy(OnConflict::Leave)).await;
            assert_eq!(plan.items[0].effect, Effect::Mend);
            plan
        } else {
            let plan = deleted(&h, &image).await;
            h.sim.lose(&image.blobs[1].digest).await.unwrap();
            plan
        };
        let head = h.client.blob_head(&push::repository("shop/web"), &push::digest(&image.blobs[1])).await;
        assert_eq!(head.unwrap().and_then(|head| head.size_bytes), Some(image.blobs[1].bytes.len() as u64), "it says that it is there");
        let report = h.execute(&plan, &Silent).await;
        assert!(matches!(report.items[0].outcome, Outcome::Done { .. }), "{:?}", report.items[0].outcome);
        pulls(&h, "shop/web", &image).await.unwrap();
    }
}

#[tokio::test]
async fn a_manifest_that_a_remembering_registry_does_not_write_again_comes_back_as_a_blob() {
    let h = Harness::new().await;
    h.sim.remember_sizes();
    let (amd, arm) = (images::simple("amd64", &[300]), images::simple("arm64", &[400]));
    for image in [&amd, &arm] {
        push::image(&h.client, "shop/web", None, image).await;
    }
    let index = images::index(&[&amd, &arm]);
    push::manifest(&h.client, "shop/web", Some("all"), &index).await;
    let snapshot = h.backup(None).await;
    for lost in [&arm.manifest, &index] {
        h.sim.lose(&lost.digest).await.unwrap();
        let plan = h.plan(&snapshot.digest, &only("shop/web", "all"), &policy(OnConflict::Leave)).await;
        assert_eq!(plan.items[0].effect, Effect::Mend);
        let report = h.execute(&plan, &Silent).await;
        assert!(matches!(report.items[0].outcome, Outcome::Done { .. }), "{:?}", report.items[0].outcome);
        h.client.manifest_get(&push::repository("shop/web"), &push::digest(lost)).await.unwrap();
    }
}

#[tokio::test]
async fn what_a_remembering_registry_keeps_out_is_said_with_what_helps() {
    let h = Harness::new().await;
    h.sim.remember_sizes();
    let image = images::simple("kept out", &[200_000]);
    push::image(&h.client, "shop/web", Some("1.0"), &image).await;
    let snapshot = h.backup(None).await;
    let (wanted, policy) = (only("shop/web", "1.0"), policy(OnConflict::Leave));
    let plan = || h.plan(&snapshot.digest, &wanted, &policy);
    let layer = &image.blobs[1];
    h.sim.spoil(&layer.digest, b"cut");
    let effect = plan().await.items[0].effect.clone();
    assert!(
        matches!(effect, Effect::Blocked { reason: BlockReason::Spoilt { object }, .. } if object == push::digest(layer)),
        "{effect:?}"
    );
    // Nothing is left of it, and its name is taken all the same: only sending it tells.
    h.sim.spoil(&layer.digest, b"");
    let plan = plan().await;
    assert_eq!(plan.items[0].effect, Effect::Mend);
    let report = h.execute(&plan, &Silent).await;
    assert_eq!(deviations(&report.items[0].outcome), [Deviation::Spoilt { blob: push::digest(layer) }]);
}

#[tokio::test]
async fn of_a_large_restore_so_much_is_asked_for_and_no_more() {
    let h = Harness::new().await;
    let images: Vec<Image> = (0..40).map(|n| images::simple(&format!("many {n}"), &[20; 10])).collect();
    for (n, image) in images.iter().enumerate() {
        push::image(&h.client, "shop/web", Some(&format!("v{n}")), image).await;
    }
    let snapshot = h.backup(None).await;
    h.delete("shop/web").await;
    let plan = h.plan(&snapshot.digest, &engine::select::Selection::Project, &policy(OnConflict::Leave)).await;
    h.sim.control().reset_counts();
    let report = h.execute(&plan, &Silent).await;
    assert!(report.items.iter().all(|item| matches!(item.outcome, Outcome::Done { .. })));
    let read = h.sim.control().seen().iter().filter(|seen| seen.class == Class::Blob && seen.method == http::Method::GET).count();
    assert_eq!(read, 256, "of 440 blobs");
}

//! Images that Harbor lists and cannot give back whole: asked for by name, they are no longer "the same".

use engine::Silent;
use engine::effect::{BlockReason, Effect, OnConflict, SkipReason};
use engine::report::Outcome;
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

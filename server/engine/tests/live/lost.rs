//! What a real Harbor lists and its storage lost.

use std::path::Path;

use engine::effect::{BlockReason, Effect, OnConflict};
use harbor_sim::images;

use crate::harness::{COLLECTING, Live};
use crate::push;

/// `HARBOR_STORAGE` is the root of a registry that keeps files; parts of an image of this test are removed there.
#[tokio::test]
async fn on_a_real_harbor_what_storage_lost_of_a_living_image_is_sent_again() {
    let Ok(storage) = std::env::var("HARBOR_STORAGE") else { return };
    let Some(live) = Live::new().await else { return };
    let _collecting = COLLECTING.lock().await;
    let name = live.name("web");
    let image = images::simple(&name, &[3_000, 5_000]);
    push::image(&live.client, &name, Some("1.0"), &image).await;
    let snapshot = live.backup(None).await.digest;
    let file = |part: &images::Blob| {
        let hex = push::digest(part).hex();
        Path::new(&storage).join("docker/registry/v2/blobs/sha256").join(&hex[..2]).join(&hex).join("data")
    };
    for part in image.blobs.iter().chain([&image.manifest]) {
        std::fs::remove_file(file(part)).unwrap();
        let plan = live.plan(snapshot, &live.project, OnConflict::Leave).await;
        assert_eq!((plan.items.len(), &plan.items[0].effect), (1, &Effect::Mend), "{}", part.media_type);
        live.execute(&plan).await;
        live.pull(&push::repository(&name), "1.0").await;
    }
    // What is cut short is not replaced by a push, and said so, whether the registry looks or remembers.
    std::fs::write(file(&image.blobs[1]), b"cut").unwrap();
    let plan = live.plan(snapshot, &live.project, OnConflict::Leave).await;
    assert!(matches!(plan.items[0].effect, Effect::Blocked { reason: BlockReason::Spoilt { .. }, .. }), "{:?}", plan.items[0].effect);
    // Deleted and not collected, Harbor takes its manifest all the same: the line is not done.
    live.client.delete_repository(&push::repository(&name)).await.unwrap();
    let plan = live.plan(snapshot, &live.project, OnConflict::Leave).await;
    let report = live.try_execute(&plan).await;
    assert_eq!((report.done(), report.failed()), (0, 1), "{report:#?}");
    live.remove(&live.project).await;
}

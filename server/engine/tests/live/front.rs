//! A proxy before Harbor that caps bodies: `HARBOR_FRONT` is its address. It leads to the Harbor of `HARBOR_URL`.

use engine::effect::OnConflict;
use harbor_sim::images;
use registry::CheckKind;

use crate::harness::{COLLECTING, Live};
use crate::push;

/// Larger than what caps bodies in practice lets pass.
const LAYER_BYTES: usize = 6 * 1024 * 1024;

#[tokio::test]
async fn through_a_proxy_that_caps_bodies_large_layers_come_back_and_the_connection_test_says_so() {
    let Ok(front) = std::env::var("HARBOR_FRONT") else { return };
    let _alone = COLLECTING.lock().await;
    let Some(mut live) = Live::new().await else { return };
    let straight = live.client.clone();
    let image = images::simple(&format!("{} front", live.project), &[LAYER_BYTES, 100]);
    push::image(&straight, &live.name("big/app"), Some("v1"), &image).await;
    live.client = push::client(&front, &std::env::var("HARBOR_USER").unwrap(), &std::env::var("HARBOR_PASSWORD").unwrap());
    let checks = live.client.check_list(CheckKind::Restore).await;
    println!("{checks:#?}");
    let snapshot = live.backup(None).await;
    let before = live.state(&live.project).await;
    straight.delete_repository(&push::repository(&live.name("big/app"))).await.unwrap();
    live.collect().await;
    // Whoever restores has not asked first.
    live.client = push::client(&front, &std::env::var("HARBOR_USER").unwrap(), &std::env::var("HARBOR_PASSWORD").unwrap());
    let plan = live.plan(snapshot.digest, &live.project, OnConflict::Leave).await;
    let report = live.execute(&plan).await;
    assert!(report.bytes_sent as usize > LAYER_BYTES, "{report:?}");
    assert_eq!(live.state(&live.project).await, before);
    live.pull(&push::repository(&live.name("big/app")), "v1").await;
    live.client = straight;
    live.pull(&push::repository(&live.name("big/app")), "v1").await;
    live.remove(&live.project).await;
}

//! What Harbor lists and its storage lost: what is asked says so, and a push of it brings it back.

use harbor_sim::images;
use http::Method;
use serde_json::json;

use crate::harness::topic;

#[tokio::test]
async fn what_storage_lost_is_missing_to_whoever_asks_and_comes_back_with_a_push() {
    topic(|h| async move {
        let (name, _) = h.project("p", json!({})).await;
        let repository = format!("{name}/r");
        let image = images::simple(&h.prefix, &[900]);
        h.push(&repository, "v1", &image).await;
        let (layer, manifest) = (&image.blobs[1], &image.manifest);
        if !h.damage(&layer.digest, None).await {
            eprintln!("skipped: set HARBOR_STORAGE to the root of the registry's files");
            return;
        }
        let listed = format!("/projects/{name}/repositories/r/artifacts/v1");
        h.get(&listed).await.expect(200);
        h.head_blob(&repository, &layer.digest).await.expect(404);
        h.v2(Method::GET, &format!("{repository}/blobs/{}", layer.digest)).await.expect(404);
        h.manifest(&repository, "v1").await.expect(200);
        h.put_manifest(&repository, &manifest.digest, manifest).await.refuse(400, "MANIFEST_BLOB_UNKNOWN");
        h.upload_again(&repository, layer).await.expect(201);
        h.head_blob(&repository, &layer.digest).await.expect(200);

        assert!(h.damage(&manifest.digest, None).await);
        h.get(&listed).await.expect(200);
        h.manifest(&repository, "v1").await.expect(404);
        h.put_manifest(&repository, &manifest.digest, manifest).await.expect(201);
        assert_eq!(h.manifest(&repository, "v1").await.expect(200).bytes, manifest.bytes);
    })
    .await;
}

#[tokio::test]
async fn other_bytes_under_a_blobs_name_are_given_out_and_no_push_replaces_them() {
    topic(|h| async move {
        let (name, _) = h.project("p", json!({})).await;
        let repository = format!("{name}/r");
        let image = images::simple(&h.prefix, &[901]);
        h.push(&repository, "v1", &image).await;
        let layer = &image.blobs[1];
        if !h.damage(&layer.digest, Some(b"cut")).await {
            eprintln!("skipped: set HARBOR_STORAGE to the root of the registry's files");
            return;
        }
        let size = |got: &crate::harness::Got| got.header("content-length").map(str::to_owned);
        assert_eq!(size(&h.head_blob(&repository, &layer.digest).await.expect(200)).as_deref(), Some("3"));
        h.upload_again(&repository, layer).await.expect(201);
        assert_eq!(size(&h.head_blob(&repository, &layer.digest).await.expect(200)).as_deref(), Some("3"), "an upload changes nothing");
        h.put_manifest(&repository, "v2", &image.manifest).await.expect(201);
    })
    .await;
}

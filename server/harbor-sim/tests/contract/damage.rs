//! What Harbor lists and its storage lost: a registry that looks says so, one that remembers sizes, as Harbor's installer sets it up, says that it is
//! there and breaks off; a push of it brings it back in both.

use harbor_sim::images::{self, Blob};
use http::Method;
use serde_json::json;

use crate::harness::{As, Harbor, topic};

/// Whether its registry remembers sizes; the simulator is told to.
async fn remembers(h: &Harbor, repository: &str, lost: &Blob) -> bool {
    h.head_blob(repository, &lost.digest).await.status == 200
}

/// Bytes that come of a blob from there on, as many as are told, or `None` where it breaks off.
async fn comes(h: &Harbor, repository: &str, blob: &Blob, range: &str) -> Option<usize> {
    let path = format!("{repository}/blobs/{}", blob.digest);
    h.try_send(&As::Admin, Method::GET, &format!("/v2/{path}"), &[("range", range)], Vec::new()).await.map(|got| got.bytes.len())
}

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
        if remembers(&h, &repository, layer).await {
            eprintln!("skipped: this registry remembers");
            return;
        }
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
        if h.head_blob(&repository, &layer.digest).await.header("content-length") != Some("3") {
            eprintln!("skipped: this registry remembers");
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

#[tokio::test]
async fn a_registry_that_remembers_says_that_lost_and_cut_blobs_are_there_and_takes_manifests_with_them() {
    topic(|h| async move {
        let (name, _) = h.project("p", json!({})).await;
        let repository = format!("{name}/r");
        if let Some(sim) = &h.sim {
            sim.remember_sizes();
        }
        let image = images::simple(&h.prefix, &[90_000]);
        h.push(&repository, "v1", &image).await;
        let layer = &image.blobs[1];
        let size = layer.bytes.len();
        let (whole, end) = ("bytes=0-", format!("bytes={}-", size - 1));
        assert_eq!((comes(&h, &repository, layer, whole).await, comes(&h, &repository, layer, &end).await), (Some(size), Some(1)));
        if !h.damage(&layer.digest, None).await {
            eprintln!("skipped: set HARBOR_STORAGE to the root of the registry's files");
            return;
        }
        if !remembers(&h, &repository, layer).await {
            assert!(h.sim.is_none(), "the simulator remembers");
            eprintln!("skipped: this registry looks");
            return;
        }
        let says = |got: crate::harness::Got| got.expect(200).header("content-length").map(str::to_owned);
        assert_eq!(says(h.head_blob(&repository, &layer.digest).await).as_deref(), Some(size.to_string().as_str()));
        assert_eq!((comes(&h, &repository, layer, whole).await, comes(&h, &repository, layer, &end).await), (None, None));
        h.put_manifest(&repository, "v2", &image.manifest).await.expect(201);
        h.upload_again(&repository, layer).await.expect(201);
        assert_eq!(comes(&h, &repository, layer, whole).await, Some(size), "an upload brings it back");

        assert!(h.damage(&layer.digest, Some(b"cut")).await);
        assert_eq!(says(h.head_blob(&repository, &layer.digest).await).as_deref(), Some(size.to_string().as_str()));
        assert_eq!((comes(&h, &repository, layer, whole).await, comes(&h, &repository, layer, &end).await), (None, None));
        h.upload_again(&repository, layer).await.expect(201);
        assert_eq!(comes(&h, &repository, layer, whole).await, None, "an upload changes nothing");

        // A lost manifest is taken and not written: its bytes come back as a blob's.
        let manifest = &image.manifest;
        assert!(h.damage(&manifest.digest, None).await);
        h.put_manifest(&repository, &manifest.digest, manifest).await.expect(201);
        h.manifest(&repository, "v1").await.expect(404);
        h.upload_again(&repository, manifest).await.expect(201);
        assert_eq!(h.manifest(&repository, "v1").await.expect(200).bytes, manifest.bytes);
    })
    .await;
}

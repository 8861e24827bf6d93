//! Deleting, undeleting by manifest, garbage collection, projects that go and come back.

use reqwest::Method;
use serde_json::json;
use sha2::{Digest as _, Sha512};

use crate::harness::{Harbor, texts, topic};
use harbor_sim::images::{self, Image};

async fn gone(h: &Harbor, repository: &str, image: &Image) {
    h.manifest(repository, &image.manifest.digest).await.refuse(404, "NOT_FOUND");
}

#[tokio::test]
async fn a_deleted_artifact_comes_back_by_its_manifest_alone() {
    topic(|h| async move {
        let (name, _) = h.project("p", json!({})).await;
        let repository = format!("{name}/app/web");
        let image = images::simple(&h.prefix, &[800]);
        h.push(&repository, "v1", &image).await;
        let base = format!("/projects/{name}/repositories/app%252Fweb/artifacts");
        let before = h.get(&format!("{base}/v1")).await.expect(200).json();
        let used = h.get(&format!("/projects/{name}/summary")).await.json()["quota"]["used"]["storage"].clone();
        h.delete(&format!("{base}/v1")).await.expect(200);
        gone(&h, &repository, &image).await;
        for blob in &image.blobs {
            h.head_blob(&repository, &blob.digest).await.expect(200);
            h.v2(Method::GET, &format!("{repository}/blobs/{}", blob.digest)).await.expect(200);
        }
        h.put_manifest(&repository, "v1", &image.manifest).await.expect(201);
        let after = h.get(&format!("{base}/v1")).await.expect(200).json();
        assert_eq!(after["digest"], before["digest"]);
        assert_ne!(after["id"], before["id"], "a new row");
        assert!(after["pull_time"].as_str().unwrap().starts_with("0001"));
        let again = h.get(&format!("/projects/{name}/summary")).await.json()["quota"]["used"]["storage"].clone();
        assert_eq!(again, used, "the quota is counted again");
    })
    .await;
}

#[tokio::test]
async fn deleting_takes_tags_signatures_and_referrers_along() {
    topic(|h| async move {
        let (name, _) = h.project("p", json!({})).await;
        let repository = format!("{name}/r");
        let image = images::simple(&h.prefix, &[300]);
        let digest = &image.manifest.digest;
        h.push(&repository, "v1", &image).await;
        h.put_manifest(&repository, "latest", &image.manifest).await.expect(201);
        let signature = images::cosign_signature(&repository, digest, "k");
        h.push(&repository, &images::cosign_tag(digest), &signature).await;
        let bill = images::referrer(&image.manifest, images::SPDX, "{}");
        h.push(&repository, &bill.manifest.digest.clone(), &bill).await;
        let both = [images::simple("x1", &[90]), images::simple("x2", &[90])];
        for child in &both {
            h.push(&repository, &child.manifest.digest.clone(), child).await;
        }
        h.put_manifest(&repository, "multi", &images::index(&[&both[0], &both[1]])).await.expect(201);
        let base = format!("/projects/{name}/repositories/r/artifacts");
        let child = &both[0].manifest.digest;
        h.delete(&format!("{base}/{child}")).await.refuse(412, "VIOLATE_FOREIGN_KEY_CONSTRAINT");

        h.delete(&format!("{base}/{digest}/tags/latest")).await.expect(200);
        h.post(&format!("{base}/{digest}/tags"), json!({"name": "latest"})).await.expect(201);
        h.post(&format!("{base}/multi/tags"), json!({"name": "latest"})).await.refuse(409, "CONFLICT");
        h.delete(&format!("{base}/{digest}")).await.expect(200);
        let tags = h.v2(Method::GET, &format!("{repository}/tags/list")).await.expect(200).json();
        assert_eq!(tags["tags"], json!(["multi"]));
        gone(&h, &repository, &signature).await;
        gone(&h, &repository, &bill).await;
        h.delete(&format!("{base}/multi")).await.expect(200);
        gone(&h, &repository, &both[0]).await;
        let left = h.get(&format!("{base}?q=base%3D*")).await.expect(200);
        assert_eq!(left.total(), 0);

        h.put_manifest(&repository, "v1", &image.manifest).await.expect(201);
        h.put_manifest(&repository, &bill.manifest.digest, &bill.manifest).await.expect(201);
        h.put_manifest(&repository, &images::cosign_tag(digest), &signature.manifest).await.expect(201);
        let rows = h.get(&format!("{base}/{digest}/accessories")).await.expect(200);
        assert_eq!(rows.total(), 2, "they come back the same way");
    })
    .await;
}

#[tokio::test]
async fn a_moved_tag_leaves_its_old_artifact_untagged() {
    topic(|h| async move {
        let (name, _) = h.project("p", json!({})).await;
        let repository = format!("{name}/r");
        let (old, new) = (images::simple("old", &[100]), images::simple("new", &[100]));
        h.push(&repository, "v1", &old).await;
        h.push(&repository, "v1", &new).await;
        let base = format!("/projects/{name}/repositories/r/artifacts");
        let shown = h.get(&format!("{base}/{}", old.manifest.digest)).await.expect(200).json();
        assert!(shown["tags"].is_null());
        h.manifest(&repository, &old.manifest.digest).await.expect(200);
        assert_eq!(h.get(&format!("{base}/v1")).await.json()["digest"], json!(new.manifest.digest));
        h.v2(Method::DELETE, &format!("{repository}/manifests/{}", old.manifest.digest)).await.expect(202);
        gone(&h, &repository, &old).await;
    })
    .await;
}

#[tokio::test]
async fn a_project_goes_empty_and_its_name_comes_back_with_its_blobs() {
    topic(|h| async move {
        let (name, id) = h.project("p", json!({})).await;
        let repository = format!("{name}/x");
        let image = images::simple(&h.prefix, &[640]);
        h.push(&repository, "1", &image).await;
        let path = format!("/projects/{name}");
        let answer = h.get(&format!("{path}/_deletable")).await.expect(200).json();
        assert_ne!(answer["deletable"], json!(true));
        h.delete(&path).await.refuse(412, "PRECONDITION");
        h.delete(&format!("{path}/repositories/x")).await.expect(200);
        h.get(&format!("{path}/repositories/x")).await.refuse(404, "NOT_FOUND");
        h.delete(&path).await.expect(200);
        h.get(&path).await.refuse(404, "NOT_FOUND");
        let made = h.post("/projects", json!({"project_name": name})).await.expect(201);
        assert_ne!(made.header("location"), Some(format!("/api/v2.0/projects/{id}").as_str()), "a new id");
        for blob in &image.blobs {
            h.head_blob(&repository, &blob.digest).await.expect(200);
        }
        h.put_manifest(&repository, "1", &image.manifest).await.expect(201);
        let elsewhere = h.put_manifest(&format!("{name}/y"), "1", &image.manifest).await;
        let elsewhere = elsewhere.refuse(400, "MANIFEST_BLOB_UNKNOWN");
        assert_eq!(elsewhere.codes().len(), image.blobs.len());
    })
    .await;
}

/// Starts a collection and waits for its end; gives the window in hours it used.
async fn collect(h: &Harbor, delete_untagged: bool, dry_run: bool) -> i64 {
    let parameters = json!({"delete_untagged": delete_untagged, "dry_run": dry_run, "workers": 1});
    let body = json!({"schedule": {"type": "Manual"}, "parameters": parameters});
    let started = h.post("/system/gc/schedule", body).await.expect(201);
    let id: i64 = started.header("location").unwrap().rsplit('/').next().unwrap().parse().unwrap();
    let run = h
        .eventually("the collection", &format!("/system/gc/{id}"), |run| {
            matches!(run["job_status"].as_str(), Some("Success" | "Error" | "Stopped"))
        })
        .await;
    assert_eq!(run["job_status"], "Success");
    let parameters: serde_json::Value = serde_json::from_str(run["job_parameters"].as_str().unwrap()).unwrap();
    parameters["time_window"].as_i64().unwrap_or(2)
}

#[tokio::test]
async fn collection_removes_what_nothing_uses_and_only_then_blobs_must_be_sent_again() {
    topic(|h| async move {
        if !h.may_collect() {
            eprintln!("skipped: set HARBOR_GC=1 to allow garbage collection on this Harbor");
            return;
        }
        let (name, _) = h.project("p", json!({})).await;
        let repository = format!("{name}/r");
        let (image, kept) = (images::simple(&h.prefix, &[410]), images::simple("kept", &[120]));
        h.push(&repository, "v1", &image).await;
        h.push(&repository, "kept", &kept).await;
        h.delete(&format!("/projects/{name}/repositories/r/artifacts/v1")).await.expect(200);
        collect(&h, false, true).await;
        h.v2(Method::GET, &format!("{repository}/blobs/{}", image.blobs[1].digest)).await.expect(200);
        if collect(&h, false, false).await > 0 {
            eprintln!("skipped in part: this Harbor spares young blobs");
            return;
        }
        h.head_blob(&repository, &image.blobs[1].digest).await.expect(404);
        h.head_blob(&repository, &kept.blobs[1].digest).await.expect(200);
        let put = h.put_manifest(&repository, "v1", &image.manifest).await.refuse(400, "MANIFEST_BLOB_UNKNOWN");
        assert_eq!(texts(&put.json()["errors"], "detail").len(), image.blobs.len());
        h.push(&repository, "v1", &image).await;
        let run = h.get("/system/gc?page_size=1&sort=-id").await.expect(200).json();
        assert_eq!(run[0]["job_status"], "Success");
    })
    .await;
}

#[tokio::test]
async fn collection_takes_blobs_named_by_another_algorithm_from_under_their_image() {
    topic(|h| async move {
        let (name, _) = h.project("p", json!({})).await;
        let repository = format!("{name}/r");
        let layer = images::Blob::new("application/octet-stream", format!("{} by sha512", h.prefix));
        let wide = images::Blob { digest: format!("sha512:{}", hex::encode(Sha512::digest(&layer.bytes))), ..layer.clone() };
        let config = images::Blob::new(images::OCI_EMPTY, "{}");
        h.upload(&repository, &config).await;
        h.upload_again(&repository, &wide).await.expect(201);
        h.head_blob(&repository, &wide.digest).await.expect(404);
        h.head_blob(&repository, &layer.digest).await.expect(200);
        let document =
            json!({"schemaVersion": 2, "mediaType": images::OCI_MANIFEST, "config": config.descriptor(), "layers": [wide.descriptor()]});
        let manifest = images::Blob::new(images::OCI_MANIFEST, document.to_string());
        h.put_manifest(&repository, "v1", &manifest).await.expect(201);
        h.head_blob(&repository, &wide.digest).await.expect(200);
        if !h.may_collect() {
            eprintln!("skipped in part: set HARBOR_GC=1 to allow garbage collection on this Harbor");
            return;
        }
        if collect(&h, false, false).await > 0 {
            eprintln!("skipped in part: this Harbor spares young blobs");
            return;
        }
        h.manifest(&repository, "v1").await.expect(200);
        h.head_blob(&repository, &config.digest).await.expect(200);
        for digest in [&wide.digest, &layer.digest] {
            h.head_blob(&repository, digest).await.expect(404);
            h.v2(Method::GET, &format!("{repository}/blobs/{digest}")).await.expect(404);
        }
        h.put_manifest(&repository, "v1", &manifest).await.refuse(400, "MANIFEST_BLOB_UNKNOWN");
    })
    .await;
}

#[tokio::test]
async fn collection_of_untagged_spares_children_accessories_and_orphans() {
    topic(|h| async move {
        if !h.may_collect() {
            eprintln!("skipped: set HARBOR_GC=1 to allow garbage collection on this Harbor");
            return;
        }
        let (name, _) = h.project("p", json!({})).await;
        let repository = format!("{name}/r");
        let (untagged, tagged) = (images::simple("untagged", &[50]), images::simple("tagged", &[50]));
        h.push(&repository, &untagged.manifest.digest.clone(), &untagged).await;
        h.push(&repository, "v1", &tagged).await;
        let child = images::simple("child", &[50]);
        h.push(&repository, &child.manifest.digest.clone(), &child).await;
        h.put_manifest(&repository, "multi", &images::index(&[&child])).await.expect(201);
        let bill = images::referrer(&tagged.manifest, images::SPDX, "{}");
        h.push(&repository, &bill.manifest.digest.clone(), &bill).await;
        let absent = images::simple("absent", &[50]);
        let orphan = images::referrer(&absent.manifest, images::SPDX, "{\"o\":1}");
        h.push(&repository, &orphan.manifest.digest.clone(), &orphan).await;
        collect(&h, true, true).await;
        h.manifest(&repository, &untagged.manifest.digest).await.expect(200);
        collect(&h, true, false).await;
        gone(&h, &repository, &untagged).await;
        for image in [&tagged, &child, &bill, &orphan] {
            h.manifest(&repository, &image.manifest.digest).await.expect(200);
        }
    })
    .await;
}

#[tokio::test]
async fn what_is_about_something_elsewhere_outlives_its_repository_by_digest_and_takes_no_tag_until_it_is_deleted() {
    topic(|h| async move {
        let (name, _) = h.project("p", json!({})).await;
        let repository = format!("{name}/apart");
        let base = format!("/projects/{name}/repositories/apart");
        let never = images::simple(&h.prefix, &[10]);
        let [tagged, bare] = ["tagged", "bare"].map(|what| images::referrer(&never.manifest, images::SPDX, what));
        let [about, listed] = [images::referrer(&tagged.manifest, images::SPDX, "about it"), images::simple("listed", &[10])];
        h.push(&repository, "bill", &tagged).await;
        h.push(&repository, &bare.manifest.digest, &bare).await;
        h.push(&repository, &about.manifest.digest, &about).await;
        h.push(&repository, "v1", &listed).await;
        h.delete(&base).await.expect(200);
        gone(&h, &repository, &listed).await;
        h.get(&base).await.expect(404);
        h.manifest(&repository, "bill").await.expect(404);
        for image in [&tagged, &bare, &about] {
            h.manifest(&repository, &image.manifest.digest).await.expect(200);
        }
        let path = format!("{repository}/referrers/{}", never.manifest.digest);
        let referrers = || async { h.v2(Method::GET, &path).await.expect(200).json()["manifests"].as_array().map_or(0, Vec::len) };
        assert_eq!(referrers().await, 2);

        h.push(&repository, "v2", &images::simple("later", &[10])).await;
        h.put_manifest(&repository, &tagged.manifest.digest, &tagged.manifest).await.expect(201);
        let artifact = format!("{base}/artifacts/{}", tagged.manifest.digest);
        let id = |json: serde_json::Value, key: &str| json[key].as_i64().unwrap();
        let (now, then) = (id(h.get(&base).await.expect(200).json(), "id"), id(h.get(&artifact).await.expect(200).json(), "repository_id"));
        assert_ne!(now, then, "it is of the repository that was");
        h.post(&format!("{artifact}/tags"), json!({"name": "bill"})).await.refuse(409, "CONFLICT");
        h.post(&format!("{artifact}/tags"), json!({"name": "other"})).await.expect(201);
        h.manifest(&repository, "other").await.expect(404);
        h.put_manifest(&repository, "bill", &tagged.manifest).await.refuse(404, "NOT_FOUND");
        h.manifest(&repository, "bill").await.expect(404);

        h.delete(&artifact).await.expect(200);
        gone(&h, &repository, &tagged).await;
        gone(&h, &repository, &about).await;
        assert_eq!(referrers().await, 1);
        h.put_manifest(&repository, "bill", &tagged.manifest).await.expect(201);
        h.manifest(&repository, "bill").await.expect(200);
        assert_eq!(referrers().await, 2);
    })
    .await;
}

#[tokio::test]
async fn an_image_takes_its_signature_along_and_leaves_what_only_a_tag_says_is_about_it() {
    topic(|h| async move {
        let (name, _) = h.project("p", json!({})).await;
        let repository = format!("{name}/r");
        let image = images::simple(&h.prefix, &[300]);
        let named = |ending: &str| images::cosign_tag(&image.manifest.digest).replace(".sig", ending);
        h.push(&repository, "v1", &image).await;
        h.push(&repository, &named(".sig"), &images::cosign_signature(&repository, &image.manifest.digest, "k")).await;
        h.push(&repository, &named(".att"), &images::simple("att", &[30])).await;
        h.push(&repository, &named(".sbom"), &images::simple("sbom", &[30])).await;
        let base = format!("/projects/{name}/repositories/r/artifacts");
        assert_eq!(h.get(&format!("{base}?q=base%3D*")).await.expect(200).total(), 3, "attestation and bill are listed like images");
        h.delete(&format!("{base}/v1")).await.expect(200);
        let tags = h.v2(Method::GET, &format!("{repository}/tags/list")).await.expect(200).json();
        let mut left = vec![named(".att"), named(".sbom")];
        left.sort();
        assert_eq!(tags["tags"], json!(left));
    })
    .await;
}

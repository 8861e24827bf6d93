//! Pushes of every kind, upload shapes, mounts, pull counting, order of signatures.

use reqwest::Method;
use serde_json::json;

use crate::harness::{ALL_MANIFESTS, As, SILENT, texts, topic};
use harbor_sim::images::{self, Blob};

#[tokio::test]
async fn manifests_are_checked_before_they_are_taken() {
    topic(|h| async move {
        let (name, _) = h.project("p", json!({})).await;
        let repository = format!("{name}/r");
        let image = images::simple(&h.prefix, &[400, 500]);
        let missing = h.put_manifest(&repository, "v1", &image.manifest).await.refuse(400, "MANIFEST_BLOB_UNKNOWN");
        let mut details = texts(&missing.json()["errors"], "detail");
        let mut wanted: Vec<String> = image.blobs.iter().map(|blob| blob.digest.clone()).collect();
        details.sort();
        wanted.sort();
        assert_eq!(details, wanted, "one error per missing blob");
        h.push(&repository, "v1", &image).await;
        let child = images::simple("never pushed", &[10]);
        let index = images::index(&[&child]);
        let refused = h.put_manifest(&repository, "multi", &index).await.refuse(400, "MANIFEST_BLOB_UNKNOWN");
        assert_eq!(texts(&refused.json()["errors"], "detail"), [child.manifest.digest]);
        let wrong = format!("sha256:{}", "0".repeat(64));
        h.put_manifest(&repository, &wrong, &image.manifest).await.refuse(400, "DIGEST_INVALID");
        let hollow = Blob::new(images::OCI_MANIFEST, r#"{"schemaVersion":2}"#);
        h.put_manifest(&repository, "junk", &hollow).await.refuse(400, "DIGEST_INVALID");
        let odd = Blob::new("application/vnd.oci.artifact.manifest.v1+json", r#"{"artifactType":"x/y","blobs":[]}"#);
        h.put_manifest(&repository, "odd", &odd).await.refuse(400, "MANIFEST_INVALID");
        let bad = h.put_manifest(&repository, "bad%20tag", &image.manifest).await;
        assert!(matches!(bad.status, 400 | 404), "{}", bad.status);
    })
    .await;
}

/// Seen on 2.12.4 and 2.15.2: what Go reads is taken, and a blob with addresses is not demanded, whatever its type.
#[tokio::test]
async fn a_manifest_is_taken_as_go_reads_it() {
    topic(|h| async move {
        let (name, _) = h.project("p", json!({})).await;
        let repository = format!("{name}/odd");
        let image = images::simple(&h.prefix, &[400]);
        h.push(&repository, "plain", &image).await;
        let (config, layer) = (image.blobs[0].descriptor().to_string(), image.blobs[1].descriptor().to_string());
        let nowhere = format!("sha256:{}", "7".repeat(64));
        let away = |kind: &str, urls: &str| format!(r#"{{"mediaType":"{kind}","digest":"{nowhere}","size":9{urls}}}"#);
        let urls = r#","urls":["https://layers.example.invalid/x"]"#;
        let foreign = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip";
        let image_of = |members: &str| format!(r#"{{"schemaVersion":2,"config":{config},{members}}}"#);
        for (tag, members) in [
            ("null", r#""layers":null"#.to_owned()),
            ("absent", r#""annotations":{"a":null}"#.to_owned()),
            ("twice", format!(r#""layers":[{}],"layers":[{layer}]"#, away("x", ""))),
            ("case", format!(r#""LAYERS":[{layer}]"#)),
            ("fold", format!("\"layer\u{17f}\":[{layer}]")),
            ("negative", format!(r#""layers":[{{"digest":"{}","size":-1}}]"#, image.blobs[1].digest)),
            ("foreign", format!(r#""layers":[{}]"#, away(foreign, urls))),
            ("ordinary", format!(r#""layers":[{}]"#, away(images::OCI_LAYER, urls))),
        ] {
            h.put_manifest(&repository, tag, &Blob::new(images::OCI_MANIFEST, image_of(&members))).await.expect(201);
            let back = h.manifest(&repository, tag).await.expect(200);
            assert_eq!(&back.bytes[..], image_of(&members).as_bytes(), "{tag}");
        }
        let stripped = image_of(&format!(r#""layers":[{}]"#, away("application/vnd.oci.image.layer.nondistributable.v1.tar", "")));
        h.put_manifest(&repository, "stripped", &Blob::new(images::OCI_MANIFEST, stripped)).await.refuse(400, "MANIFEST_BLOB_UNKNOWN");
        for (tag, members) in [("number", r#""annotations":{"a":1}"#), ("two", r#""layers":[],"manifests":[]"#), ("kind", r#""layers":{}"#)]
        {
            let document = Blob::new(images::OCI_MANIFEST, image_of(members));
            h.put_manifest(&repository, tag, &document).await.refuse(400, "MANIFEST_INVALID");
        }
        let child =
            json!({"mediaType": images::DOCKER_MANIFEST, "digest": image.manifest.digest, "size": 1, "platform": null, "urls": null});
        let index = json!({"schemaVersion": 2, "mediaType": images::OCI_INDEX, "manifests": [child], "annotations": null});
        h.put_manifest(&repository, "index", &Blob::new(images::OCI_INDEX, index.to_string())).await.expect(201);
        let served = h.manifest(&repository, &image.manifest.digest).await.expect(200);
        assert_eq!(served.header("content-type"), Some(images::OCI_MANIFEST), "the child's own type");
    })
    .await;
}

#[tokio::test]
async fn a_manifest_over_four_mebibytes_is_too_large() {
    topic(|h| async move {
        let (name, _) = h.project("p", json!({})).await;
        let text = json!({"schemaVersion": 2, "annotations": {"x": "y".repeat(4 * 1024 * 1024)}}).to_string();
        let got = h.put_manifest(&format!("{name}/r"), "big", &Blob::new(images::OCI_MANIFEST, text)).await;
        assert!(matches!(got.status, 400 | 413), "{}", got.status);
        let code = got.codes().first().cloned().unwrap_or_default();
        assert!(["MANIFEST_INVALID", "REQUEST_ENTITY_TOO_LARGE"].contains(&code.as_str()), "{code}");
    })
    .await;
}

#[tokio::test]
async fn what_is_read_back_is_what_was_pushed() {
    topic(|h| async move {
        let (name, _) = h.project("p", json!({})).await;
        let repository = format!("{name}/app/web");
        let image = images::simple(&h.prefix, &[2_000]);
        h.push(&repository, "v1", &image).await;
        let digest = &image.manifest.digest;
        let got = h.manifest(&repository, digest).await.expect(200);
        assert_eq!(got.bytes, image.manifest.bytes);
        assert_eq!(got.header("content-type"), Some(images::OCI_MANIFEST));
        assert_eq!(got.header("etag"), Some(format!("\"{digest}\"").as_str()));
        let head = h.v2(Method::HEAD, &format!("{repository}/manifests/v1")).await.expect(200);
        assert_eq!(head.header("docker-content-digest"), Some(digest.as_str()));
        assert_eq!(head.header("content-length"), Some(image.manifest.bytes.len().to_string().as_str()));
        let layer = &image.blobs[1];
        let blob = h.v2(Method::GET, &format!("{repository}/blobs/{}", layer.digest)).await.expect(200);
        assert_eq!(blob.bytes, layer.bytes);
        let path = format!("/v2/{repository}/blobs/{}", layer.digest);
        let part = h.send(&As::Admin, Method::GET, &path, &[("range", "bytes=10-19")], Vec::new()).await.expect(206);
        assert_eq!(part.bytes, layer.bytes[10..20]);
        assert_eq!(part.header("content-range"), Some(format!("bytes 10-19/{}", layer.bytes.len()).as_str()));
        let unknown = format!("{repository}/blobs/sha256:{}", "2".repeat(64));
        h.v2(Method::GET, &unknown).await.refuse(404, "BLOB_UNKNOWN");
        h.v2(Method::GET, &format!("{repository}/manifests/nope")).await.refuse(404, "NOT_FOUND");
        h.v2(Method::GET, &format!("{name}/nope/manifests/v1")).await.refuse(404, "NOT_FOUND");
        let path = format!("/v2/{repository}/manifests/{digest}");
        let without = h.send(&As::Admin, Method::GET, &path, &[], Vec::new()).await;
        without.refuse(404, "MANIFEST_UNKNOWN");
        for tag in [digest.clone(), format!("\"{digest}\"")] {
            let headers = [("accept", ALL_MANIFESTS), ("if-none-match", tag.as_str())];
            h.send(&As::Admin, Method::GET, &path, &headers, Vec::new()).await.expect(304);
        }
    })
    .await;
}

#[tokio::test]
async fn only_an_ordinary_manifest_get_counts_as_a_pull() {
    topic(|h| async move {
        let (name, _) = h.project("p", json!({})).await;
        let repository = format!("{name}/r");
        let image = images::simple(&h.prefix, &[300]);
        h.push(&repository, "v1", &image).await;
        let path = format!("/v2/{repository}/manifests/v1");
        h.v2(Method::HEAD, &format!("{repository}/manifests/v1")).await.expect(200);
        h.v2(Method::GET, &format!("{repository}/blobs/{}", image.blobs[1].digest)).await.expect(200);
        h.manifest(&repository, &image.manifest.digest).await.expect(200);
        let headers = [("accept", ALL_MANIFESTS), ("if-none-match", image.manifest.digest.as_str())];
        h.send(&As::Admin, Method::GET, &path, &headers, Vec::new()).await.expect(304);
        let almost = format!("{SILENT}/1.0");
        let headers = [("accept", ALL_MANIFESTS), ("user-agent", almost.as_str())];
        h.send(&As::Admin, Method::GET, &path, &headers, Vec::new()).await.expect(200);
        let place = format!("/projects/{name}/repositories/r");
        let shown = h.eventually("the pull", &place, |repo| repo["pull_count"].as_i64().is_some_and(|count| count > 0)).await;
        assert_eq!(shown["pull_count"], 1, "only the GET whose agent is not exactly Harbor's own");
        let pulled = |artifact: &serde_json::Value| artifact["pull_time"].as_str().is_some_and(|time| !time.starts_with("0001"));
        h.eventually("the time of the pull", &format!("{place}/artifacts/v1"), pulled).await;
    })
    .await;
}

#[tokio::test]
async fn an_upload_in_chunks_counts_whole() {
    topic(|h| async move {
        let (name, id) = h.project("p", json!({})).await;
        let repository = format!("{name}/r");
        let octets = [("content-type", "application/octet-stream")];
        let bytes: Vec<u8> = (0..150_000_u32).map(|n| (n % 251) as u8).collect();
        let blob = Blob::new("application/octet-stream", bytes.clone());
        let place = h.start_upload(&repository).await;
        let first = h
            .send(&As::Admin, Method::PATCH, &place, &[octets[0], ("content-range", "0-99999")], bytes[..100_000].to_vec())
            .await
            .expect(202);
        assert_eq!(first.header("range"), Some("0-99999"));
        let place = h.place(first.header("location").unwrap());
        let second = h
            .send(&As::Admin, Method::PATCH, &place, &[octets[0], ("content-range", "100000-149999")], bytes[100_000..].to_vec())
            .await
            .expect(202);
        let place = format!("{}&digest={}", h.place(second.header("location").unwrap()), blob.digest);
        let done = h.send(&As::Admin, Method::PUT, &place, &[], Vec::new()).await.expect(201);
        assert_eq!(done.header("docker-content-digest"), Some(blob.digest.as_str()));
        let head = h.head_blob(&repository, &blob.digest).await.expect(200);
        assert_eq!(head.header("content-length"), Some("150000"));
        let summary = h.get(&format!("/projects/{id}/summary")).await.expect(200).json();
        assert_eq!(summary["quota"]["used"]["storage"], 150_000);
    })
    .await;
}

#[tokio::test]
async fn an_upload_says_how_far_it_came_and_an_old_location_of_it_is_no_use() {
    topic(|h| async move {
        let (name, _) = h.project("p", json!({})).await;
        let repository = format!("{name}/r");
        let octets = [("content-type", "application/octet-stream")];
        let begun = h.start_upload(&repository).await;
        let piece = h.send(&As::Admin, Method::PATCH, &begun, &octets, vec![1; 70_000]).await.expect(202);
        let place = h.place(piece.header("location").unwrap());
        let said = h.send(&As::Admin, Method::GET, &place, &[], Vec::new()).await.expect(204);
        assert_eq!(said.header("range"), Some("0-69999"));
        let place = h.place(said.header("location").unwrap());
        h.send(&As::Admin, Method::PATCH, &place, &octets, vec![2; 30_000]).await.expect(202);
        h.send(&As::Admin, Method::GET, &place, &[], Vec::new()).await.refuse(404, "BLOB_UPLOAD_INVALID");
        h.send(&As::Admin, Method::PATCH, &place, &octets, vec![2; 10]).await.refuse(404, "BLOB_UPLOAD_INVALID");
    })
    .await;
}

/// What the connection test sends to find out how large a body reaches Harbor.
#[tokio::test]
async fn a_piece_of_an_upload_that_was_never_begun_is_refused_by_its_address() {
    topic(|h| async move {
        let (name, _) = h.project("p", json!({})).await;
        let octets = [("content-type", "application/octet-stream")];
        let place = format!("/v2/{name}/r/blobs/uploads/00000000-0000-4000-8000-000000000000");
        h.send(&As::Admin, Method::PATCH, &place, &octets, vec![0; 1_000]).await.refuse(404, "BLOB_UPLOAD_INVALID");
        h.get(&format!("/projects/{name}/repositories/r")).await.expect(404);
    })
    .await;
}

#[tokio::test]
async fn a_wrong_digest_and_a_single_post_store_nothing() {
    topic(|h| async move {
        let (name, _) = h.project("p", json!({})).await;
        let repository = format!("{name}/r");
        let octets = [("content-type", "application/octet-stream")];
        let bytes = [7_u8; 100];
        let wrong = format!("sha256:{}", "4".repeat(64));
        let place = format!("{}&digest={wrong}", h.start_upload(&repository).await);
        h.send(&As::Admin, Method::PUT, &place, &octets, bytes[..10].to_vec()).await.refuse(400, "DIGEST_INVALID");
        h.head_blob(&repository, &wrong).await.expect(404);
        let small = Blob::new("application/octet-stream", bytes[..77].to_vec());
        let path = format!("/v2/{repository}/blobs/uploads/?digest={}", small.digest);
        h.send(&As::Admin, Method::POST, &path, &octets, small.bytes.to_vec()).await.expect(202);
        h.head_blob(&repository, &small.digest).await.expect(404);
    })
    .await;
}

#[tokio::test]
async fn blobs_mount_across_projects() {
    topic(|h| async move {
        let (source, _) = h.project("s", json!({})).await;
        let (target, _) = h.project("t", json!({})).await;
        let image = images::simple(&h.prefix, &[1_500]);
        h.push(&format!("{source}/a/b"), "v1", &image).await;
        let digest = &image.blobs[1].digest;
        h.head_blob(&format!("{target}/m"), digest).await.expect(404);
        let mount = |digest: &str, from: &str| format!("{target}/m/blobs/uploads/?mount={digest}&from={from}");
        let done = h.v2(Method::POST, &mount(digest, &format!("{source}/a/b"))).await.expect(201);
        assert_eq!(done.header("docker-content-digest"), Some(digest.as_str()));
        h.head_blob(&format!("{target}/m"), digest).await.expect(200);
        h.v2(Method::POST, &mount(&format!("sha256:{}", "3".repeat(64)), &format!("{source}/a/b"))).await.expect(202);
        let config = &image.blobs[0].digest;
        h.v2(Method::POST, &format!("{target}/m/blobs/uploads/?mount={config}")).await.expect(202);
        h.v2(Method::POST, &mount(config, &format!("{}nope/x", h.prefix))).await.refuse(401, "UNAUTHORIZED");
        h.put_manifest(&format!("{target}/m"), "v1", &image.manifest).await.refuse(400, "MANIFEST_BLOB_UNKNOWN");
        h.v2(Method::POST, &mount(config, &format!("{source}/a/b"))).await.expect(201);
        h.put_manifest(&format!("{target}/m"), "v1", &image.manifest).await.expect(201);
    })
    .await;
}

#[tokio::test]
async fn signatures_and_referrers_may_come_before_their_subject() {
    topic(|h| async move {
        let (name, _) = h.project("p", json!({})).await;
        let repository = format!("{name}/r");
        let image = images::simple(&h.prefix, &[250]);
        let digest = &image.manifest.digest;
        let bill = images::referrer(&image.manifest, images::SPDX, "{\"early\":true}");
        let put = h.push(&repository, &bill.manifest.digest.clone(), &bill).await;
        assert_eq!(put.header("oci-subject"), Some(digest.as_str()));
        let first = images::cosign_signature(&repository, digest, "first");
        h.push(&repository, &images::cosign_tag(digest), &first).await;
        let listed = h.get(&format!("/projects/{name}/artifacts?q=base%3D*")).await;
        assert_eq!(listed.expect(200).total(), 0, "orphans are listed nowhere");
        let orphans = h.v2(Method::GET, &format!("{repository}/referrers/{digest}")).await.expect(200).json();
        assert_eq!(orphans["manifests"].as_array().unwrap().len(), 2, "but among the referrers");
        h.push(&repository, "v1", &image).await;
        let second = images::cosign_signature(&repository, digest, "second");
        h.push(&repository, &images::cosign_tag(digest), &second).await;
        h.put_manifest(&repository, &images::cosign_tag(digest), &second.manifest).await.expect(201);
        let path = format!("/projects/{name}/repositories/r/artifacts/{digest}/accessories?page_size=100");
        let rows = h.get(&path).await.expect(200);
        assert_eq!(rows.total(), 3, "the older signature stays linked, a repeated one is not linked twice");
        let mut kinds = texts(&rows.json(), "type");
        kinds.sort();
        assert_eq!(kinds, ["signature.cosign", "signature.cosign", "subject.accessory"]);
        let plain = images::simple("not a signature", &[20]);
        let other = images::simple("another subject", &[20]);
        h.push(&repository, &images::cosign_tag(&other.manifest.digest), &plain).await;
        let listed = h.get(&format!("/projects/{name}/artifacts?q=base%3D*")).await.expect(200);
        assert_eq!(listed.total(), 2, "a .sig tag without cosign's layer is an ordinary artifact");
    })
    .await;
}

#[tokio::test]
async fn a_signature_is_linked_by_a_put_of_its_tag_and_by_nothing_else() {
    topic(|h| async move {
        let (name, _) = h.project("p", json!({})).await;
        let repository = format!("{name}/r");
        let base = format!("/projects/{name}/repositories/r/artifacts");
        let image = images::simple(&h.prefix, &[300]);
        let digest = &image.manifest.digest;
        h.push(&repository, "v1", &image).await;
        let [first, second] = ["first", "second"].map(|who| images::cosign_signature(&repository, digest, who));
        let tag = images::cosign_tag(digest);
        let linked = || async { texts(&h.get(&format!("{base}/{digest}/accessories")).await.expect(200).json(), "digest") };

        h.push(&repository, &first.manifest.digest, &first).await;
        assert!(linked().await.is_empty(), "put by its digest it is an artifact of its own");
        h.post(&format!("{base}/{}/tags", first.manifest.digest), json!({"name": tag})).await.expect(201);
        assert!(linked().await.is_empty(), "and its tag by the API does not change that");
        h.put_manifest(&repository, &tag, &first.manifest).await.expect(201);
        assert_eq!(linked().await, std::slice::from_ref(&first.manifest.digest));

        h.push(&repository, &tag, &second).await;
        let mut both = linked().await;
        both.sort();
        let mut wanted = vec![first.manifest.digest.clone(), second.manifest.digest.clone()];
        wanted.sort();
        assert_eq!(both, wanted, "the older one stays linked without its tag");
        assert_eq!(h.get(&format!("{base}/{tag}")).await.expect(200).json()["digest"], json!(second.manifest.digest));

        let rule = json!({
            "disabled": false, "action": "immutable", "template": "immutable_template",
            "tag_selectors": [{"kind": "doublestar", "decoration": "matches", "pattern": "sha256-*"}],
            "scope_selectors": {"repository": [{"kind": "doublestar", "decoration": "repoMatches", "pattern": "**"}]},
        });
        let place = h.post(&format!("/projects/{name}/immutabletagrules"), rule).await.expect(201).header("location").unwrap().to_owned();
        for signature in [&first, &second] {
            h.put_manifest(&repository, &tag, &signature.manifest).await.refuse(412, "PRECONDITION");
        }
        h.delete(place.trim_start_matches("/api/v2.0")).await.expect(200);
    })
    .await;
}

//! What a push or pull can be refused with: immutability, quota, read-only, content trust; and the copy that is not.

use reqwest::Method;
use serde_json::json;

use crate::harness::{ALL_MANIFESTS, As, SILENT, topic};
use harbor_sim::images;

#[tokio::test]
async fn an_immutable_tag_refuses_every_push_and_delete() {
    topic(|h| async move {
        let (name, _) = h.project("p", json!({})).await;
        let repository = format!("{name}/svc/api");
        let (image, other) = (images::simple("first", &[100]), images::simple("other", &[100]));
        h.push(&repository, "rel-1", &image).await;
        h.push(&repository, "u1", &other).await;
        let rules = format!("/projects/{name}/immutabletagrules");
        let rule = json!({
            "disabled": false, "action": "immutable", "template": "immutable_template",
            "tag_selectors": [{"kind": "doublestar", "decoration": "matches", "pattern": "rel-*"}],
            "scope_selectors": {"repository": [{"kind": "doublestar", "decoration": "repoMatches", "pattern": "**"}]},
        });
        let place = h.post(&rules, rule).await.expect(201).header("location").unwrap().to_owned();
        for manifest in [&image.manifest, &other.manifest] {
            h.put_manifest(&repository, "rel-1", manifest).await.refuse(412, "PRECONDITION");
        }
        h.put_manifest(&repository, "rel-2", &other.manifest).await.expect(201);
        let base = format!("/projects/{name}/repositories/svc%252Fapi");
        h.delete(&format!("{base}/artifacts/{}/tags/rel-1", image.manifest.digest)).await.refuse(412, "PRECONDITION");
        h.delete(&format!("{base}/artifacts/{}", image.manifest.digest)).await.refuse(412, "PRECONDITION");
        h.delete(&base).await.refuse(412, "PRECONDITION");
        let shown = h.get(&format!("{base}/artifacts/rel-1?with_immutable_status=true")).await.expect(200).json();
        assert_eq!(shown["tags"][0]["immutable"], json!(true));
        assert_eq!(h.get(&rules).await.expect(200).total(), 1);
        let id = place.rsplit('/').next().unwrap();
        h.delete(&format!("{rules}/{id}")).await.expect(200);
        h.put_manifest(&repository, "rel-1", &other.manifest).await.expect(201);
    })
    .await;
}

#[tokio::test]
async fn a_full_quota_refuses_blobs_and_mounts() {
    topic(|h| async move {
        let (name, id) = h.project("p", json!({})).await;
        let (source, _) = h.project("s", json!({})).await;
        let repository = format!("{name}/r");
        h.push(&repository, "v1", &images::simple("small", &[1_000])).await;
        let big = images::simple("big", &[50_000]);
        h.push(&format!("{source}/b"), "v1", &big).await;
        let quota = h.get(&format!("/quotas?reference=project&reference_id={id}")).await.expect(200).json();
        let used = quota[0]["used"]["storage"].as_i64().unwrap();
        assert!(used > 1_000);
        let limit = json!({"hard": {"storage": used + 1_000}});
        h.put(&format!("/quotas/{}", quota[0]["id"]), limit).await.expect(200);
        let refused = h.upload_again(&repository, &big.blobs[1]).await.refuse(403, "DENIED");
        assert!(refused.message().contains("will exceed the configured upper limit"), "{}", refused.message());
        let mount = format!("{repository}/blobs/uploads/?mount={}&from={source}/b", big.blobs[1].digest);
        h.v2(Method::POST, &mount).await.refuse(403, "DENIED");
        let limit = json!({"hard": {"storage": -1}});
        h.put(&format!("/quotas/{}", quota[0]["id"]), limit).await.expect(200);
        h.v2(Method::POST, &mount).await.expect(201);
    })
    .await;
}

#[tokio::test]
async fn read_only_stops_every_change_but_itself() {
    topic(|h| async move {
        let (name, _) = h.project("p", json!({})).await;
        let repository = format!("{name}/r");
        let image = images::simple(&h.prefix, &[100]);
        h.push(&repository, "v1", &image).await;
        h.read_only(true).await;
        let refused = h.put_manifest(&repository, "v2", &image.manifest).await.refuse(403, "DENIED");
        assert!(refused.message().contains("read only"));
        h.post("/projects", json!({"project_name": format!("{}ro", h.prefix)})).await.refuse(403, "DENIED");
        assert_eq!(h.get("/systeminfo").await.json()["read_only"], json!(true));
        h.manifest(&repository, "v1").await.expect(200);
        h.read_only(false).await;
        h.put_manifest(&repository, "v2", &image.manifest).await.expect(201);
    })
    .await;
}

#[tokio::test]
async fn content_trust_hides_the_unsigned_and_a_server_side_copy_does_not_ask() {
    topic(|h| async move {
        let (name, _) = h.project("p", json!({})).await;
        let (staging, _) = h.project("t", json!({})).await;
        let repository = format!("{name}/svc/api");
        let (unsigned, signed) = (images::simple("unsigned", &[100]), images::simple("signed", &[100]));
        h.push(&repository, "u1", &unsigned).await;
        h.push(&repository, "s1", &signed).await;
        let signature = images::cosign_signature(&repository, &signed.manifest.digest, "k");
        h.push(&repository, &images::cosign_tag(&signed.manifest.digest), &signature).await;
        let on = json!({"metadata": {"enable_content_trust_cosign": "true"}});
        h.put(&format!("/projects/{name}"), on).await.expect(200);
        h.v2(Method::HEAD, &format!("{repository}/manifests/u1")).await.expect(412);
        let path = format!("/v2/{repository}/manifests/u1");
        for agent in [SILENT, "someone/1"] {
            let headers = [("accept", ALL_MANIFESTS), ("user-agent", agent)];
            let refused = h.send(&As::Admin, Method::GET, &path, &headers, Vec::new()).await;
            refused.refuse(412, "PROJECTPOLICYVIOLATION");
        }
        h.v2(Method::GET, &format!("{repository}/blobs/{}", unsigned.blobs[1].digest)).await.expect(200);
        h.manifest(&repository, "s1").await.expect(200);
        h.manifest(&repository, &signature.manifest.digest).await.expect(200);
        let digest = &unsigned.manifest.digest;
        let copy = format!("/projects/{staging}/repositories/api/artifacts?from={repository}@{digest}");
        let copied = h.api_as(&As::Admin, Method::POST, &copy, None).await.expect(201);
        assert!(copied.header("location").unwrap().ends_with(digest.as_str()));
        h.manifest(&format!("{staging}/api"), digest).await.expect(200);
        let tags = h.get(&format!("/projects/{staging}/repositories/api/artifacts/{digest}/tags")).await.expect(200);
        assert_eq!(tags.json()[0]["name"], "u1", "tags are copied along");
    })
    .await;
}

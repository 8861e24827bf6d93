//! What a push or pull can be refused with: immutability, quota, read-only, content trust; and the copy that is not.

use reqwest::Method;
use serde_json::json;

use crate::harness::{ALL_MANIFESTS, As, Harbor, SILENT, topic};
use harbor_sim::images::{self, Blob, Image};

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

/// A private project's index with a signed first child, all under content trust; and an empty project to copy into.
struct Blocked {
    source: String,
    repository: String,
    staging: String,
    index: Blob,
    children: [Image; 2],
    signature: Image,
    note: Image,
}

impl Blocked {
    async fn new(h: &Harbor) -> Self {
        let (source, _) = h.project("p", json!({})).await;
        let (staging, _) = h.project("t", json!({})).await;
        let repository = format!("{source}/svc/api");
        let children = [images::simple("one", &[100]), images::simple("two", &[200])];
        for child in &children {
            h.push(&repository, &child.manifest.digest, child).await;
        }
        let index = images::index(&[&children[0], &children[1]]);
        h.put_manifest(&repository, "multi", &index).await.expect(201);
        h.put_manifest(&repository, "latest", &index).await.expect(201);
        let child = &children[0].manifest.digest;
        let signature = images::cosign_signature(&repository, child, "k");
        h.push(&repository, &images::cosign_tag(child), &signature).await;
        let note = images::referrer(&signature.manifest, "application/vnd.example.note+json", "{}");
        h.push(&repository, &note.manifest.digest, &note).await;
        let on = json!({"metadata": {"enable_content_trust_cosign": "true"}});
        h.put(&format!("/projects/{source}"), on).await.expect(200);
        Self { source, repository, staging, index, children, signature, note }
    }

    fn copy_to(&self, target: &str, digest: &str) -> String {
        format!("{target}/artifacts?from={}@{digest}", self.repository)
    }
}

#[tokio::test]
async fn a_copied_index_brings_children_and_their_signatures_and_one_deletion_takes_all_of_it() {
    topic(|h| async move {
        let b = Blocked::new(&h).await;
        let counters = || async {
            let shown = h.get(&format!("/projects/{}/repositories/svc%252Fapi", b.source)).await.expect(200).json();
            let artifact = h.get(&format!("/projects/{}/repositories/svc%252Fapi/artifacts/multi", b.source)).await.expect(200).json();
            json!([
                shown["pull_count"],
                shown["update_time"],
                shown["artifact_count"],
                artifact["pull_time"],
                artifact["tags"][0]["pull_time"]
            ])
        };
        let before = counters().await;
        for digest in [&b.index.digest, &b.children[1].manifest.digest, &b.note.manifest.digest] {
            h.manifest(&b.repository, digest).await.refuse(412, "PROJECTPOLICYVIOLATION");
            h.v2(Method::HEAD, &format!("{}/manifests/{digest}", b.repository)).await.expect(412);
        }
        h.manifest(&b.repository, &b.children[0].manifest.digest).await.expect(200);
        let repositories = format!("/projects/{}/repositories", b.staging);
        let folder = format!("{repositories}/j1-1%252F{}", "0".repeat(64));
        let copied = format!("{}/j1-1/{}", b.staging, "0".repeat(64));
        h.api_as(&As::Admin, Method::POST, &b.copy_to(&folder, &b.index.digest), None).await.expect(201);
        let [one, two] = &b.children;
        for digest in [&b.index.digest, &one.manifest.digest, &two.manifest.digest, &b.signature.manifest.digest, &b.note.manifest.digest] {
            let got = h.manifest(&copied, digest).await.expect(200);
            assert_eq!(&Blob::new("", got.bytes).digest, digest, "bytes as they were");
        }
        let again = h.api_as(&As::Admin, Method::POST, &b.copy_to(&folder, &b.index.digest), None).await;
        assert!(matches!(again.status, 201 | 409), "a copy that is there: {}", again.status);
        // A child alone can be copied as well, and an accessory alone cannot.
        let (other, child) = (format!("{repositories}/j1-1%252Fother"), &b.children[1].manifest.digest);
        h.api_as(&As::Admin, Method::POST, &b.copy_to(&other, child), None).await.expect(201);
        h.manifest(&format!("{}/j1-1/other", b.staging), child).await.expect(200);
        h.delete(&other).await.expect(200);
        for accessory in [&b.signature.manifest.digest, &b.note.manifest.digest] {
            h.api_as(&As::Admin, Method::POST, &b.copy_to(&other, accessory), None).await.refuse(403, "DENIED");
        }
        h.delete(&other).await.refuse(404, "NOT_FOUND");
        h.delete(&folder).await.expect(200);
        h.delete(&folder).await.refuse(404, "NOT_FOUND");
        assert_eq!(h.get(&repositories).await.expect(200).total(), 0, "nothing stays, so the project can be deleted");
        assert_eq!(counters().await, before, "the source counts nothing of it");
        h.delete(&format!("/projects/{}", b.staging)).await.expect(200);
    })
    .await;
}

#[tokio::test]
async fn a_robot_that_stages_can_do_nothing_elsewhere() {
    topic(|h| async move {
        let b = Blocked::new(&h).await;
        let (other, _) = h.project("o", json!({})).await;
        let free = images::simple("free", &[100]);
        h.push(&format!("{other}/app"), "1", &free).await;
        let rights = |pairs: &[(&str, &str)]| pairs.iter().map(|(r, a)| json!({"resource": r, "action": a})).collect::<Vec<_>>();
        let inside = rights(&[
            ("project", "read"),
            ("project", "delete"),
            ("repository", "list"),
            ("repository", "pull"),
            ("repository", "delete"),
            ("artifact", "create"),
            ("artifact", "read"),
            ("label", "list"),
            ("label", "create"),
            ("quota", "read"),
        ]);
        let robot = json!({
            "name": format!("{}stage", h.prefix), "duration": 1, "level": "system", "permissions": [
                {"kind": "project", "namespace": "*", "access": rights(&[("artifact", "read")])},
                {"kind": "project", "namespace": b.staging, "access": inside},
            ],
        });
        let (_, robot) = h.robot(robot).await;
        let folder = format!("/projects/{}/repositories/j1-1%252Fx", b.staging);
        h.api_as(&robot, Method::POST, &b.copy_to(&folder, &b.index.digest), None).await.expect(201);
        let read = format!("/v2/{}/j1-1/x/manifests/{}", b.staging, b.index.digest);
        h.send(&robot, Method::GET, &read, &[("accept", ALL_MANIFESTS), ("user-agent", SILENT)], Vec::new()).await.expect(200);
        assert_eq!(h.api_as(&robot, Method::GET, &format!("/projects/{}/repositories", b.staging), None).await.expect(200).total(), 1);
        let quota = h.api_as(&robot, Method::GET, &format!("/projects/{}/summary", b.staging), None).await.expect(200).json();
        assert!(quota["quota"]["hard"]["storage"].is_i64(), "{quota}");

        let elsewhere = format!("/projects/{other}/repositories/copied");
        h.api_as(&robot, Method::POST, &b.copy_to(&elsewhere, &b.index.digest), None).await.refuse(403, "FORBIDDEN");
        for place in [format!("/projects/{other}/repositories/app"), format!("/projects/{other}/repositories/app/artifacts/1")] {
            h.api_as(&robot, Method::DELETE, &place, None).await.refuse(403, "FORBIDDEN");
        }
        h.api_as(&robot, Method::DELETE, &format!("/projects/{other}"), None).await.refuse(403, "FORBIDDEN");
        h.api_as(&robot, Method::PUT, &format!("/projects/{other}"), Some(json!({"metadata": {"public": "true"}})))
            .await
            .refuse(403, "FORBIDDEN");
        let made = json!({"project_name": format!("{}made", h.prefix)});
        h.remember_project(&format!("{}made", h.prefix));
        // Every robot of the system may, where everyone may; what it makes it cannot touch.
        assert!(matches!(h.api_as(&robot, Method::POST, "/projects", Some(made)).await.status, 201 | 403));
        h.api_as(&robot, Method::DELETE, &format!("/projects/{}made", h.prefix), None).await.refuse(403, "FORBIDDEN");
        for name in [format!("{other}/app"), format!("{}/j1-1/x", b.staging)] {
            h.put_manifest_as(&robot, &name, "2", &free.manifest).await.expect(401);
            h.send(&robot, Method::POST, &format!("/v2/{name}/blobs/uploads/"), &[], Vec::new()).await.expect(401);
        }
        let pulled = format!("/v2/{other}/app/manifests/1");
        h.send(&robot, Method::GET, &pulled, &[("accept", ALL_MANIFESTS)], Vec::new()).await.expect(401);

        h.api_as(&robot, Method::DELETE, &folder, None).await.expect(200);
        h.api_as(&robot, Method::DELETE, &format!("/projects/{}", b.staging), None).await.expect(200);
    })
    .await;
}

#[tokio::test]
async fn a_copy_that_does_not_fit_is_refused_and_leaves_nothing() {
    topic(|h| async move {
        let (source, _) = h.project("p", json!({})).await;
        let (staging, id) = h.project("t", json!({})).await;
        let repository = format!("{source}/big");
        let big = images::simple("big", &[50_000]);
        h.push(&repository, "1", &big).await;
        let quota = h.get(&format!("/quotas?reference=project&reference_id={id}")).await.expect(200).json();
        h.put(&format!("/quotas/{}", quota[0]["id"]), json!({"hard": {"storage": 10_000}})).await.expect(200);
        let copy = format!("/projects/{staging}/repositories/j1-1%252Fx/artifacts?from={repository}@{}", big.manifest.digest);
        let refused = h.api_as(&As::Admin, Method::POST, &copy, None).await.refuse(403, "DENIED");
        assert!(refused.message().contains("will exceed the configured upper limit"), "{}", refused.message());
        let listed = format!("/projects/{staging}/repositories");
        assert_eq!(h.get(&listed).await.expect(200).total(), 0);
        h.put(&format!("/quotas/{}", quota[0]["id"]), json!({"hard": {"storage": -1}})).await.expect(200);
        h.api_as(&As::Admin, Method::POST, &copy, None).await.expect(201);
    })
    .await;
}

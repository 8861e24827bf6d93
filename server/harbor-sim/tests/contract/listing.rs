//! Listings: keyed paging, `base=*`, hidden accessories, filters, refusals.

use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{Harbor, texts, topic};
use harbor_sim::images;

fn digests(list: &Value) -> Vec<String> {
    texts(list, "digest")
}

#[tokio::test]
async fn projects_page_by_key() {
    topic(|h| async move {
        let mut ids = Vec::new();
        for word in ["a", "b", "c"] {
            ids.push(h.project(word, json!({})).await.1);
        }
        let path = format!("/projects?sort=project_id&page_size=100&q=project_id%3D%5B{}~%5D", ids[1]);
        let list = h.get(&path).await.expect(200);
        let seen: Vec<i64> = list.json().as_array().unwrap().iter().map(|row| row["project_id"].as_i64().unwrap()).collect();
        assert!(!seen.contains(&ids[0]) && seen.contains(&ids[1]) && seen.contains(&ids[2]));
        assert!(seen.is_sorted());
        h.get("/projects?page_size=101").await.refuse(422, "UNPROCESSABLE_ENTITY");
        let all = h.get("/projects?page_size=-1").await.expect(200);
        assert_eq!(all.json().as_array().unwrap().len() as i64, all.total());
        let exact = h.get(&format!("/projects?q=name%3D{}a", h.prefix)).await.expect(200);
        assert_eq!(exact.total(), 1);
        let fuzzy = h.get(&format!("/projects?name={}", h.prefix)).await.expect(200);
        assert_eq!(fuzzy.total(), 3);
        let ignored = h.get(&format!("/projects?name={}&q=no_such_key%3Dx", h.prefix)).await.expect(200);
        assert_eq!(ignored.total(), 3, "unknown keys are silently ignored");
        h.api_as(&crate::harness::As::Admin, Method::HEAD, &format!("/projects?project_name={}a", h.prefix), None).await.expect(200);
        h.api_as(&crate::harness::As::Admin, Method::HEAD, &format!("/projects?project_name={}z", h.prefix), None).await.expect(404);
        h.get(&format!("/projects/{}z", h.prefix)).await.refuse(404, "NOT_FOUND");
        h.post("/projects", json!({"project_name": format!("{}a", h.prefix)})).await.refuse(409, "CONFLICT");
        h.post("/projects", json!({"project_name": "Bad Name"})).await.refuse(400, "BAD_REQUEST");
    })
    .await;
}

/// A repository with one of everything: tag, docker image, index, signature, referrer with a signature of its own.
async fn everything(h: &Harbor, repository: &str) -> (String, String) {
    let signed = images::simple(&h.prefix, &[600]);
    h.push(repository, "v1", &signed).await;
    h.push(repository, "docker", &images::simple_docker(&h.prefix, &[600])).await;
    let both = [images::simple("one", &[300]), images::simple("two", &[300])];
    for image in &both {
        h.push(repository, &image.manifest.digest.clone(), image).await;
    }
    let index = images::index(&[&both[0], &both[1]]);
    h.put_manifest(repository, "multi", &index).await.expect(201);
    let signature = images::cosign_signature(repository, &signed.manifest.digest, "k1");
    h.push(repository, &images::cosign_tag(&signed.manifest.digest), &signature).await;
    let bill = images::referrer(&signed.manifest, images::SPDX, "{}");
    h.push(repository, &bill.manifest.digest.clone(), &bill).await;
    let over = images::cosign_signature(repository, &bill.manifest.digest, "k2");
    h.push(repository, &images::cosign_tag(&bill.manifest.digest), &over).await;
    (signed.manifest.digest, bill.manifest.digest)
}

#[tokio::test]
async fn artifacts_list_by_key_with_children_and_never_accessories() {
    topic(|h| async move {
        let (name, _) = h.project("p", json!({})).await;
        let repository = format!("{name}/app/web");
        let (signed, bill) = everything(&h, &repository).await;
        let base = format!("/projects/{name}/repositories/app%252Fweb/artifacts");
        let with = "with_tag=true&with_label=true&with_accessory=true";
        let plain = h.get(&format!("{base}?page_size=100&{with}")).await.expect(200);
        assert_eq!(plain.total(), 3);
        let all = h.get(&format!("{base}?page_size=100&sort=id&q=base%3D*&{with}")).await.expect(200);
        assert_eq!(all.total(), 5, "children too, accessories never");
        let rows = all.json();
        let ids: Vec<i64> = rows.as_array().unwrap().iter().map(|row| row["id"].as_i64().unwrap()).collect();
        assert!(ids.is_sorted());
        let row = rows.as_array().unwrap().iter().find(|row| row["digest"] == json!(signed)).unwrap();
        assert_eq!(texts(&row["accessories"], "type"), ["signature.cosign", "subject.accessory"]);
        assert_eq!(texts(&row["tags"], "name"), ["v1"]);
        assert!(!digests(&rows).contains(&bill));

        let project = h.get(&format!("/projects/{name}/artifacts?page_size=100&sort=id&q=base%3D*&{with}")).await.expect(200);
        assert_eq!(digests(&project.json()), digests(&rows));
        assert_eq!(project.json()[0]["repository_name"], json!(repository));
        for (filter, count) in [("tags%3D*", 3), ("tags%3Dnil", 0), ("tags%3Dv1", 1), ("tags%3D~oc", 1), ("type%3DIMAGE", 3)] {
            assert_eq!(h.get(&format!("{base}?q={filter}")).await.expect(200).total(), count, "{filter}");
        }
    })
    .await;
}

#[tokio::test]
async fn paging_artifacts_by_key_finds_each_once() {
    topic(|h| async move {
        let (name, _) = h.project("p", json!({})).await;
        everything(&h, &format!("{name}/app/web")).await;
        let base = format!("/projects/{name}/repositories/app%252Fweb/artifacts");
        let all = h.get(&format!("{base}?page_size=100&sort=id&q=base%3D*")).await.expect(200).json();
        let ids: Vec<i64> = all.as_array().unwrap().iter().map(|row| row["id"].as_i64().unwrap()).collect();
        assert!(ids.is_sorted());
        let mut seen = Vec::new();
        let mut last = 0;
        loop {
            let page = h.get(&format!("{base}?page_size=2&sort=id&q=base%3D*,id%3D%5B{}~%5D", last + 1)).await.expect(200).json();
            let page = page.as_array().unwrap().clone();
            let Some(end) = page.last() else { break };
            last = end["id"].as_i64().unwrap();
            seen.extend(page.iter().map(|row| row["id"].as_i64().unwrap()));
        }
        assert_eq!(seen, ids, "paging by key finds each once");
        h.get(&format!("{base}?page_size=101")).await.refuse(422, "UNPROCESSABLE_ENTITY");
        let unlimited = h.get(&format!("{base}?page_size=-1&q=base%3D*")).await.expect(200);
        assert_eq!(unlimited.json().as_array().unwrap().len(), 5);
    })
    .await;
}

#[tokio::test]
async fn one_artifact_shows_its_accessories() {
    topic(|h| async move {
        let (name, _) = h.project("p", json!({})).await;
        let (signed, bill) = everything(&h, &format!("{name}/app/web")).await;
        let base = format!("/projects/{name}/repositories/app%252Fweb/artifacts");
        let one = h.get(&format!("{base}/{bill}?with_accessory=true&with_tag=true")).await.expect(200).json();
        assert_eq!(one["accessories"][0]["type"], "signature.cosign");
        assert_eq!(one["type"], "UNKNOWN");
        assert_eq!(one["artifact_type"], images::SPDX);
        let attached = h.get(&format!("{base}/{signed}/accessories?page_size=100")).await.expect(200);
        assert_eq!(attached.total(), 2);
        assert_eq!(attached.json()[0]["subject_artifact_digest"], json!(signed));
        h.get(&format!("{base}/nope")).await.refuse(404, "NOT_FOUND");
    })
    .await;
}

#[tokio::test]
async fn tags_and_referrers_list_what_artifact_listings_hide() {
    topic(|h| async move {
        let (name, _) = h.project("p", json!({})).await;
        let repository = format!("{name}/app/web");
        let (signed, bill) = everything(&h, &repository).await;
        let tags = h.v2(Method::GET, &format!("{repository}/tags/list")).await.expect(200).json();
        let mut wanted = vec!["docker".to_owned(), "multi".into(), images::cosign_tag(&signed), images::cosign_tag(&bill), "v1".into()];
        wanted.sort();
        assert_eq!(tags, json!({"name": repository, "tags": wanted}));
        let page = h.v2(Method::GET, &format!("{repository}/tags/list?n=2")).await.expect(200);
        assert_eq!(page.json()["tags"], json!(["docker", "multi"]));
        assert!(page.header("link").unwrap().contains("last=multi"));
        let next = h.v2(Method::GET, &format!("{repository}/tags/list?n=10&last=multi")).await.expect(200).json();
        assert_eq!(next["tags"].as_array().unwrap().len(), 3);

        let list = h.v2(Method::GET, &format!("{repository}/referrers/{signed}")).await.expect(200);
        assert_eq!(list.header("content-type"), Some(images::OCI_INDEX));
        assert_eq!(list.json()["manifests"].as_array().unwrap().len(), 2);
        let path = format!("{repository}/referrers/{signed}?artifactType={}", images::SPDX.replace('+', "%2B"));
        let list = h.v2(Method::GET, &path).await.expect(200);
        assert_eq!(list.header("oci-filters-applied"), Some("artifactType"));
        assert_eq!(texts(&list.json()["manifests"], "digest"), [bill]);
        let nothing = h.v2(Method::GET, &format!("{repository}/referrers/sha256:{}", "1".repeat(64))).await.expect(200);
        assert_eq!(nothing.json()["manifests"], json!([]));
    })
    .await;
}

#[tokio::test]
async fn repositories_list_and_find_blobs() {
    topic(|h| async move {
        let (name, _) = h.project("p", json!({})).await;
        let image = images::simple(&h.prefix, &[900]);
        h.push(&format!("{name}/app/web"), "v1", &image).await;
        h.push(&format!("{name}/zeta"), "v1", &images::simple("other", &[100])).await;
        let list = h.get(&format!("/projects/{name}/repositories?page_size=100")).await.expect(200);
        assert_eq!(list.total(), 2);
        let path = format!("/projects/{name}/repositories?q=blob_digest%3D{}", image.blobs[1].digest);
        let found = h.get(&path).await.expect(200).json();
        assert_eq!(texts(&found, "name"), [format!("{name}/app/web")]);
        let one = h.get(&format!("/projects/{name}/repositories/app%252Fweb")).await.expect(200).json();
        assert_eq!(one["artifact_count"], 1);
        h.get(&format!("/projects/{name}/repositories/nope")).await.refuse(404, "NOT_FOUND");
        let described = json!({"description": "a <b> & \"c\""});
        h.put(&format!("/projects/{name}/repositories/zeta"), described).await.expect(200);
        let one = h.get(&format!("/projects/{name}/repositories/zeta")).await.expect(200).json();
        assert_eq!(one["description"], "a &lt;b&gt; &amp; &#34;c&#34;", "escaped on write");
    })
    .await;
}

#[tokio::test]
async fn the_audit_tail_tells_pushes_tags_and_deletes() {
    topic(|h| async move {
        let (name, _) = h.project("p", json!({})).await;
        let repository = format!("{name}/r");
        let image = images::simple(&h.prefix, &[200]);
        h.push(&repository, "v1", &image).await;
        let base = format!("/projects/{name}/repositories/r/artifacts");
        h.post(&format!("{base}/v1/tags"), json!({"name": "extra"})).await.expect(201);
        h.delete(&format!("{base}/v1/tags/extra")).await.expect(200);
        h.delete(&format!("{base}/v1")).await.expect(200);
        let log = if h.version().await >= (2, 13) { "auditlog-exts" } else { "logs" };
        let path = format!("/projects/{name}/{log}?sort=id&page_size=100");
        let rows = h.eventually("the audit tail", &path, |rows| rows.as_array().is_some_and(|rows| rows.len() >= 5)).await;
        let told: Vec<String> = rows
            .as_array()
            .unwrap()
            .iter()
            .map(|row| {
                format!(
                    "{} {} {}",
                    row["operation"].as_str().unwrap(),
                    row["resource_type"].as_str().unwrap(),
                    row["resource"].as_str().unwrap()
                )
            })
            .collect();
        let digest = &image.manifest.digest;
        for wanted in [
            format!("create project {name}"),
            format!("create artifact {repository}:v1"),
            format!("create tag {repository}:extra"),
            format!("delete tag {repository}:extra"),
            format!("delete artifact {repository}@{digest}"),
        ] {
            assert!(told.contains(&wanted), "{wanted} in {told:?}");
        }
        let first = rows[0]["id"].as_i64().unwrap();
        let later = h.get(&format!("/projects/{name}/{log}?sort=id&page_size=100&q=id%3D%5B{}~%5D", first + 1)).await.expect(200);
        assert_eq!(later.json().as_array().unwrap().len(), told.len() - 1);
    })
    .await;
}

#[tokio::test]
async fn the_audit_log_numbers_its_rows_one_by_one_and_finds_changes_among_pulls() {
    topic(|h| async move {
        let (name, _) = h.project("p", json!({})).await;
        let repository = format!("{name}/r");
        let log = if h.version().await >= (2, 13) { "auditlog-exts" } else { "audit-logs" };
        let newest = format!("/{log}?sort=-id&page=1&page_size=100&q=id%3D%5B1~%5D");
        let created = |rows: &Value| rows.as_array().is_some_and(|rows| rows.iter().any(|row| row["resource"] == name.as_str()));
        let from = h.eventually("the row of the project", &newest, created).await[0]["id"].as_i64().unwrap();
        h.push(&repository, "v1", &images::simple(&h.prefix, &[200])).await;
        for _ in 0..3 {
            h.v2(Method::GET, &format!("{repository}/manifests/v1")).await.expect(200);
        }
        let since = format!("/{log}?sort=-id&page=1&page_size=100&q=id%3D%5B{from}~%5D");
        let of = |rows: &Value, operation: &str| {
            let ours = |row: &&Value| row["operation"] == operation && row["resource"] == format!("{repository}:v1").as_str();
            rows.as_array().map_or(0, |rows| rows.iter().filter(ours).count())
        };
        let rows =
            h.eventually("the rows of a push and three pulls", &since, |rows| of(rows, "pull") == 3 && of(rows, "create") == 1).await;
        let ids: Vec<i64> = rows.as_array().unwrap().iter().map(|row| row["id"].as_i64().unwrap()).collect();
        assert!(ids.windows(2).all(|pair| pair[0] == pair[1] + 1), "newest first, none missing: {ids:?}");
        assert_eq!(ids.last(), Some(&from), "a range begins with its first number");
        let count = h.get(&format!("/{log}?page_size=1&q=id%3D%5B{from}~{}%5D", ids[0])).await.expect(200).total();
        assert_eq!(count, i64::try_from(ids.len()).unwrap());
        let changes = format!("/{log}?sort=id&page_size=100&q=operation%3D%7Bcreate%20delete%20update%7D,id%3D%5B{from}~%5D");
        let changes = h.get(&changes).await.expect(200).json();
        assert_eq!((of(&changes, "create"), of(&changes, "pull")), (1, 0), "{changes}");
        let access = json!([{"resource": "project", "action": "list"}]);
        let permissions = json!([{"kind": "system", "namespace": "/", "access": access}]);
        let (_, robot) =
            h.robot(json!({"name": format!("{}blind", h.prefix), "duration": -1, "level": "system", "permissions": permissions})).await;
        let blind = h.api_as(&robot, Method::GET, &since, None).await.expect(200);
        assert_eq!((blind.total(), blind.json().as_array().map_or(0, Vec::len)), (0, 0), "no right, no row, no refusal");
    })
    .await;
}

#[tokio::test]
async fn what_is_about_something_elsewhere_is_counted_and_listed_nowhere_and_found_by_tag_subject_digest_and_log() {
    topic(|h| async move {
        let (name, _) = h.project("p", json!({})).await;
        let image = images::simple(&h.prefix, &[500]);
        h.push(&format!("{name}/app"), "v1", &image).await;
        let apart = format!("{name}/apart");
        let tagged = images::referrer(&image.manifest, images::SPDX, "{\"a\":1}");
        h.push(&apart, "bill", &tagged).await;
        let untagged = images::referrer(&image.manifest, "application/vnd.example.note+json", "{\"b\":1}");
        h.push(&apart, &untagged.manifest.digest.clone(), &untagged).await;
        let signature = images::cosign_signature(&apart, &image.manifest.digest, "k");
        h.push(&apart, &images::cosign_tag(&image.manifest.digest), &signature).await;
        let repository = h.get(&format!("/projects/{name}/repositories/apart")).await.expect(200).json();
        assert_eq!(repository["artifact_count"], 0);
        let base = format!("/projects/{name}/repositories/apart/artifacts");
        assert_eq!(h.get(&format!("{base}?q=base%3D*&with_accessory=true")).await.expect(200).total(), 0);
        let tags = h.v2(Method::GET, &format!("{apart}/tags/list")).await.expect(200).json();
        assert_eq!(tags["tags"].as_array().unwrap().len(), 2);
        let by_tag = h.get(&format!("{base}/bill?with_tag=true&with_accessory=true")).await.expect(200).json();
        assert_eq!((&by_tag["digest"], texts(&by_tag["tags"], "name")), (&json!(tagged.manifest.digest), vec!["bill".to_owned()]));
        let by_digest = h.get(&format!("{base}/{}?with_tag=true", untagged.manifest.digest)).await.expect(200).json();
        assert_eq!(by_digest["tags"], Value::Null);
        let list = h.v2(Method::GET, &format!("{apart}/referrers/{}", image.manifest.digest)).await.expect(200).json();
        assert_eq!(list["manifests"].as_array().unwrap().len(), 3);
        let log = if h.version().await >= (2, 13) { "auditlog-exts" } else { "audit-logs" };
        let path = format!(
            "/{log}?page_size=100&sort=-id&q=operation%3Dcreate,resource%3D~{}",
            format!("{apart}@").replace('/', "%2F").replace('@', "%40")
        );
        let wanted = format!("{apart}@{}", untagged.manifest.digest);
        let rows = h.eventually("the row of a push by digest", &path, |rows| texts(rows, "resource").contains(&wanted)).await;
        assert_eq!(texts(&rows, "resource"), [wanted], "and of no push by tag");

        // In the subject's own repository the order of arrival does not matter.
        let late = images::simple("late", &[100]);
        let web = format!("{name}/web");
        let early = images::referrer(&late.manifest, images::SPDX, "{\"c\":1}");
        h.push(&web, "early", &early).await;
        let count = h.get(&format!("/projects/{name}/repositories/web")).await.expect(200).json();
        assert_eq!(count["artifact_count"], 0);
        h.push(&web, "1", &late).await;
        let rows = h.get(&format!("/projects/{name}/repositories/web/artifacts?q=base%3D*&with_accessory=true")).await.expect(200);
        assert_eq!(rows.total(), 1);
        assert_eq!(digests(&rows.json()[0]["accessories"]), [early.manifest.digest]);
    })
    .await;
}

#[tokio::test]
async fn a_row_of_the_audit_log_is_found_by_its_number() {
    topic(|h| async move {
        let (name, _) = h.project("p", json!({})).await;
        let log = if h.version().await >= (2, 13) { "auditlog-exts" } else { "audit-logs" };
        let newest = format!("/{log}?sort=-id&page=1&page_size=100");
        let created = |rows: &Value| rows.as_array().is_some_and(|rows| rows.iter().any(|row| row["resource"] == name.as_str()));
        let rows = h.eventually("the row of the project", &newest, created).await;
        let row = rows.as_array().unwrap().iter().find(|row| row["resource"] == name.as_str()).unwrap().clone();
        let one = h.get(&format!("{newest}&q=id%3D%5B{}~{}%5D", row["id"], row["id"])).await.expect(200);
        assert_eq!((one.total(), &one.json()[0]["op_time"]), (1, &row["op_time"]), "and its time is the same each time");
    })
    .await;
}

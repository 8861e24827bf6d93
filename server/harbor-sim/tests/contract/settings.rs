//! What a project is set to: members, labels, retention, metadata, quota at creation.

use serde_json::json;

use crate::harness::topic;
use harbor_sim::images;

#[tokio::test]
async fn labels_belong_to_projects_and_stick_to_artifacts() {
    topic(|h| async move {
        let (name, id) = h.project("p", json!({})).await;
        let image = images::simple(&h.prefix, &[100]);
        h.push(&format!("{name}/app"), "v1", &image).await;
        let label = json!({"name": "prod", "color": "#00ff00", "description": "x", "scope": "p", "project_id": id});
        let made = h.post("/labels", label.clone()).await.expect(201);
        let label_id: i64 = made.header("location").unwrap().rsplit('/').next().unwrap().parse().unwrap();
        h.post("/labels", label).await.refuse(409, "CONFLICT");
        let base = format!("/projects/{name}/repositories/app/artifacts");
        let digest = &image.manifest.digest;
        h.post(&format!("{base}/{digest}/labels"), json!({"id": label_id})).await.expect(200);
        h.post(&format!("{base}/{digest}/labels"), json!({"id": label_id})).await.refuse(409, "CONFLICT");
        let shown = h.get(&format!("{base}/v1?with_label=true")).await.expect(200).json();
        assert_eq!(shown["labels"][0]["name"], "prod");
        let found = h.get(&format!("{base}?q=labels%3D({label_id})")).await.expect(200);
        assert_eq!(found.total(), 1);
        assert_eq!(h.get(&format!("/labels?scope=p&project_id={id}")).await.expect(200).total(), 1);
        h.delete(&format!("{base}/{digest}/labels/{label_id}")).await.expect(200);
        h.delete(&format!("/labels/{label_id}")).await.expect(200);
    })
    .await;
}

#[tokio::test]
async fn a_project_keeps_its_settings() {
    topic(|h| async move {
        let body = json!({
            "metadata": {"public": "false", "auto_scan": "true", "severity": "high"}, "storage_limit": 1_000_000_000,
            "cve_allowlist": {"items": [{"cve_id": "CVE-2020-1"}]},
        });
        let (name, id) = h.project("p", body).await;
        let path = format!("/projects/{name}");
        let shown = h.get(&path).await.expect(200).json();
        assert_eq!(shown["cve_allowlist"]["items"], json!([]), "ignored at creation");
        assert_eq!(shown["metadata"]["auto_scan"], "true");
        assert_eq!(shown["project_id"], json!(id));
        let allow = json!({"cve_allowlist": {"items": [{"cve_id": "CVE-2020-1"}], "expires_at": 1_893_456_000}});
        h.put(&path, allow).await.expect(200);
        let shown = h.get(&path).await.expect(200).json();
        assert_eq!(shown["cve_allowlist"]["items"][0]["cve_id"], "CVE-2020-1");
        let summary = h.get(&format!("{path}/summary")).await.expect(200).json();
        assert_eq!(summary["quota"]["hard"]["storage"], 1_000_000_000);
        assert_eq!(summary["project_admin_count"], 1);
        let members = h.get(&format!("{path}/members?page_size=100")).await.expect(200);
        assert_eq!(members.json()[0]["role_name"], "projectAdmin");
        let nobody = json!({"role_id": 2, "member_user": {"username": format!("{}nobody", h.prefix)}});
        h.post(&format!("{path}/members"), nobody).await.refuse(404, "NOT_FOUND");
        let taken = json!({"project_name": format!("{}x", h.prefix), "metadata": {"retention_id": "3"}});
        h.post("/projects", taken).await.refuse(400, "BAD_REQUEST");
    })
    .await;
}

#[tokio::test]
async fn a_project_has_at_most_one_retention_policy() {
    topic(|h| async move {
        let (name, id) = h.project("p", json!({})).await;
        let policy = json!({
            "algorithm": "or", "scope": {"level": "project", "ref": id},
            "trigger": {"kind": "Schedule", "settings": {"cron": ""}},
            "rules": [{
                "disabled": false, "action": "retain", "template": "latestPushedK", "params": {"latestPushedK": 10},
                "tag_selectors": [{"kind": "doublestar", "decoration": "matches", "pattern": "**",
                                   "extras": "{\"untagged\":true}"}],
                "scope_selectors": {"repository": [{"kind": "doublestar", "decoration": "repoMatches", "pattern": "**"}]},
            }],
        });
        let made = h.post("/retentions", policy.clone()).await.expect(201);
        let retention = made.header("location").unwrap().rsplit('/').next().unwrap().to_owned();
        h.post("/retentions", policy).await.refuse(400, "BAD_REQUEST");
        let shown = h.get(&format!("/retentions/{retention}")).await.expect(200).json();
        assert_eq!(shown["rules"][0]["params"]["latestPushedK"], 10);
        let project = h.get(&format!("/projects/{name}")).await.expect(200).json();
        assert_eq!(project["metadata"]["retention_id"], json!(retention));
    })
    .await;
}

#[tokio::test]
async fn what_a_backup_reads_of_a_harbor_is_there_for_its_robot_and_not_for_others() {
    topic(|h| async move {
        let (name, _) = h.project("p", json!({})).await;
        let hook = json!({
            "name": "ci", "enabled": true, "event_types": ["PUSH_ARTIFACT"],
            "targets": [{"type": "http", "address": "https://ci.example/x", "auth_header": "Bearer x", "skip_cert_verify": true}],
        });
        h.post(&format!("/projects/{name}/webhook/policies"), hook).await.expect(201);
        let hooks = h.get(&format!("/projects/{name}/webhook/policies?page_size=100&page=1")).await.expect(200);
        assert_eq!(hooks.total(), 1);
        assert_eq!(hooks.json()[0]["targets"][0]["payload_format"], "Default", "what it is when nobody says");
        assert_eq!(hooks.json()[0]["targets"][0]["auth_header"], "Bearer x", "in the clear");
        for path in ["/registries", "/replication/policies", "/scanners", "/p2p/preheat/instances", "/usergroups"] {
            let got = h.get(&format!("{path}?page_size=100&page=1")).await.expect(200);
            assert!(got.json().is_array(), "{path}");
            assert_eq!(got.total(), 0, "{path}");
        }
        for path in ["/system/gc/schedule", "/system/purgeaudit/schedule", &format!("/projects/{name}/scanner")] {
            assert_eq!(h.get(path).await.expect(200).bytes, b"", "{path}: none is an empty answer");
        }
        h.get("/system/scanAll/schedule").await.refuse(412, "PRECONDITION");
    })
    .await;
}

#[tokio::test]
async fn repositories_of_all_projects_come_by_the_time_of_their_last_change() {
    topic(|h| async move {
        let (name, _) = h.project("p", json!({})).await;
        for repository in ["a", "b"] {
            h.push(&format!("{name}/{repository}"), "v1", &images::simple(&format!("{}{repository}", h.prefix), &[100])).await;
        }
        let listed = || async { h.get("/repositories?sort=-update_time&page_size=100&page=1").await.expect(200) };
        let times = |rows: &serde_json::Value| -> Vec<String> {
            rows.as_array().unwrap().iter().map(|row| row["update_time"].as_str().unwrap().to_owned()).collect()
        };
        let found = listed().await;
        let rows = found.json();
        let order = times(&rows);
        assert!(order.is_sorted_by(|a, b| a >= b), "{order:?}");
        let counted = h.get("/projects?page_size=100").await.expect(200).json();
        let counted: i64 = counted.as_array().unwrap().iter().map(|project| project["repo_count"].as_i64().unwrap_or(0)).sum();
        assert_eq!(found.total(), counted, "as many as the projects have together");
        if h.version().await >= (2, 15) {
            assert_eq!(rows[0]["name"], format!("{name}/b"));
            let digest = images::simple(&format!("{}a", h.prefix), &[100]).manifest.digest;
            h.post(&format!("/projects/{name}/repositories/a/artifacts/{digest}/tags"), json!({"name": "v2"})).await.expect(201);
            assert_eq!(listed().await.json()[0]["name"], format!("{name}/a"), "a tag moves the time");
        }
    })
    .await;
}

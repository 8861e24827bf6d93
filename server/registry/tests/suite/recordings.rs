//! Exchanges recorded from live Harbors of three versions, read through the client.

use std::collections::BTreeMap;

use futures::TryStreamExt;
use registry::{HarborVersion, Reference};
use serde::Deserialize;

use crate::stub::{Stub, answer};
use crate::support::{repository, robot};

#[derive(Deserialize, Clone)]
struct Exchange {
    note: Option<String>,
    method: String,
    path: String,
    status: u16,
    headers: BTreeMap<String, String>,
    body: serde_json::Value,
}

const VERSIONS: [(&str, &str); 3] = [
    ("v2.12.4", include_str!("../fixtures/harbor_2_12_4.json")),
    ("v2.15.2", include_str!("../fixtures/harbor_2_15_2.json")),
    ("v2.16.0", include_str!("../fixtures/harbor_2_16_dev.json")),
];

fn find(exchanges: &[Exchange], fits: impl Fn(&Exchange) -> bool) -> Exchange {
    exchanges.iter().find(|e| fits(e)).unwrap_or_else(|| panic!("the recording lacks an exchange")).clone()
}

/// Answers every request with the recorded exchange.
async fn replay(exchange: Exchange) -> Stub {
    let text = match &exchange.body {
        serde_json::Value::Null => String::new(),
        serde_json::Value::Object(map) if map.len() == 1 && map.contains_key("raw") => map["raw"].as_str().unwrap().to_owned(),
        other => other.to_string(),
    };
    Stub::start(move |_, _| {
        let headers: Vec<_> = exchange.headers.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        answer(exchange.status, &headers, text.clone())
    })
    .await
}

fn project_of(exchange: &Exchange) -> String {
    exchange.path.split(['/', '?']).find(|p| p.starts_with("alpha") || p.starts_with("gamma") || p.starts_with("rich")).unwrap().to_owned()
}

#[tokio::test]
async fn artifacts_with_tags_children_and_accessories_are_read() {
    for (version, text) in VERSIONS {
        let exchanges: Vec<Exchange> = serde_json::from_str(text).unwrap();
        let listed = find(&exchanges, |e| {
            e.path.contains("/artifacts?page_size=100&sort=id&q=base%3D*&with_tag") && !e.path.contains("/repositories/")
        });
        let project = project_of(&listed).parse().unwrap();
        let server = replay(listed).await;
        let artifacts: Vec<_> = robot(&server.url).artifacts(&project, Some(10)).try_collect().await.unwrap();
        assert_eq!(artifacts.len(), 8, "{version}");
        let index = artifacts.iter().find(|a| !a.children.is_empty()).unwrap();
        assert_eq!((index.children.len(), index.tags[0].name.as_str()), (2, "multi"), "{version}");
        let signed = artifacts.iter().find(|a| a.accessories.len() == 3).unwrap();
        assert!(
            signed.accessories.iter().any(|a| a.kind == "signature.cosign")
                && signed.accessories.iter().any(|a| a.kind == "subject.accessory"),
            "{version}"
        );
        assert!(artifacts.iter().any(|a| a.kind == "CHART" && a.repository.within_project() == "charts/app"), "{version}");
        assert!(
            artifacts.windows(2).all(|w| w[0].id < w[1].id) && artifacts.iter().all(|a| a.push_time.is_some() && a.size_bytes > 0),
            "{version}"
        );
        let asked = &server.asked().last().unwrap().query.clone();
        assert!(asked.contains("q=base%3D*") && asked.contains("with_accessory=true") && asked.contains("sort=id"), "{asked}");
    }
}

#[tokio::test]
async fn projects_repositories_accessories_and_referrers_are_read() {
    for (version, text) in VERSIONS {
        let exchanges: Vec<Exchange> = serde_json::from_str(text).unwrap();
        let server = replay(find(&exchanges, |e| e.path.contains("/projects?sort=project_id"))).await;
        let projects = robot(&server.url).projects().await.unwrap();
        assert_eq!(projects.len(), 2, "{version}");
        assert!(!projects[0].public() && projects[1].public() && projects[0].created.is_some() && !projects[0].is_proxy_cache());

        let listed = find(&exchanges, |e| e.note.as_deref() == Some("repositories"));
        let project = project_of(&listed).parse().unwrap();
        // Recorded with Harbor's default order; the client asks for order by id.
        let mut sorted = listed.clone();
        sorted.body.as_array_mut().unwrap().sort_by_key(|r| r["id"].as_i64());
        let server = replay(sorted).await;
        let repositories = robot(&server.url).repositories(&project).await.unwrap();
        assert_eq!(repositories.iter().map(|r| r.artifact_count).collect::<Vec<_>>(), [5, 1], "{version}");

        let accessories = find(&exchanges, |e| e.note.as_deref() == Some("accessories"));
        let server = replay(accessories).await;
        let digest = vocab::Digest::of(b"any");
        let found = robot(&server.url).accessories(&repository("alpha/app/web"), &digest).await.unwrap();
        assert_eq!(found.len(), 3, "{version}");
        assert!(server.asked()[0].path.contains("/repositories/app%252Fweb/artifacts/"), "the slash is encoded twice");

        let server = replay(find(&exchanges, |e| e.note.as_deref() == Some("one accessory artifact by digest"))).await;
        let one = robot(&server.url).artifact(&repository("alpha/app/web"), &Reference::Digest(digest)).await.unwrap().unwrap();
        assert_eq!(one.accessories.len(), 1, "{version}: accessories have accessories");

        let server = replay(find(&exchanges, |e| e.note.as_deref() == Some("referrers"))).await;
        let referrers = robot(&server.url).referrers(&repository("alpha/app/web"), &digest).await.unwrap();
        assert!(referrers.iter().any(|r| r.artifact_type.as_deref() == Some("application/spdx+json")), "{version}");

        let server = replay(find(&exchanges, |e| e.note.as_deref() == Some("tags/list"))).await;
        assert!(
            robot(&server.url).tag_names(&repository("alpha/app/web")).await.unwrap().iter().any(|t| t.as_str().ends_with(".sig")),
            "{version}"
        );
    }
}

#[tokio::test]
async fn versions_quotas_audit_retention_and_rights_are_read() {
    for (version, text) in VERSIONS {
        let exchanges: Vec<Exchange> = serde_json::from_str(text).unwrap();
        let server = replay(find(&exchanges, |e| e.note.as_deref() == Some("systeminfo as admin"))).await;
        let info = robot(&server.url).system_info().await.unwrap();
        assert_eq!(info.version.unwrap().to_string(), version);
        assert!(info.current_time.is_some() && !info.read_only);
        let server = replay(find(&exchanges, |e| e.note.as_deref() == Some("systeminfo as anonymous"))).await;
        let anonymous = robot(&server.url).system_info().await.unwrap();
        assert_eq!(
            (anonymous.current_time, anonymous.version.is_some()),
            (None, info.version < Some(HarborVersion::new(2, 13, 0))),
            "{version}"
        );

        let server = replay(find(&exchanges, |e| e.note.as_deref() == Some("summary"))).await;
        let quota = robot(&server.url).project_quota(&"p".parse().unwrap()).await.unwrap().unwrap();
        assert_eq!((quota.hard_bytes, quota.used_bytes), (None, 0));

        let server = replay(find(&exchanges, |e| e.path.starts_with("/api/v2.0/retentions/"))).await;
        let mut project = serde_json::json!({ "project_id": 1, "name": "p", "metadata": { "retention_id": "1" } });
        let with: registry::Project = serde_json::from_value(project.clone()).unwrap();
        let retention = robot(&server.url).retention(&with).await.unwrap().unwrap();
        assert_eq!(retention.rules.len(), 1, "{version}");
        assert!(!retention.rules[0].template.is_empty() && retention.rules[0].repositories[0].pattern == "**", "{version}");
        project["metadata"] = serde_json::Value::Null;
        let without: registry::Project = serde_json::from_value(project).unwrap();
        assert_eq!(robot(&server.url).retention(&without).await.unwrap(), None);

        let server =
            replay(find(&exchanges, |e| e.path.contains("permissions?scope=/project/") && e.body.as_array().is_some_and(|b| b.len() > 5)))
                .await;
        let rights = robot(&server.url).permissions("/project/5").await.unwrap();
        assert!(
            rights.contains(&registry::Permission::new("project", "read"))
                && rights.contains(&registry::Permission::new("repository", "pull")),
            "{version}"
        );

        let server = replay(find(&exchanges, |e| e.note.as_deref() == Some("GC history"))).await;
        let runs = robot(&server.url).gc_history().await.unwrap();
        assert!(runs[0].is_over() && runs[0].status == "Success", "{version}");
    }
}

#[tokio::test]
async fn the_audit_log_is_read_where_the_version_keeps_it() {
    for (version, text) in VERSIONS {
        let exchanges: Vec<Exchange> = serde_json::from_str(text).unwrap();
        let version = registry::HarborVersion::parse(version).unwrap();
        for log in [registry::AuditLog::Extended, registry::AuditLog::Old] {
            let exchange = exchanges.iter().find(|e| e.path.starts_with(&format!("/api/v2.0/{log}"))).unwrap().clone();
            let rows = exchange.body.as_array().map_or(0, Vec::len).to_string();
            // Recorded by a page of fewer; what was on it is all there is.
            let server = Stub::start(move |_, _| {
                let headers = [("content-type", "application/json"), ("x-total-count", rows.as_str())];
                answer(exchange.status, &headers, exchange.body.to_string())
            })
            .await;
            let newest = robot(&server.url).newest_audit(log, 0).await;
            match (log == registry::AuditLog::of(version), newest) {
                (true, Ok(Some(newest))) => {
                    assert!(newest.rows.iter().all(|r| !r.operation.is_empty() && r.time.is_some()), "{version}");
                    assert!(!newest.rows.is_empty() && !newest.is_cut(), "{version}");
                }
                (false, Ok(Some(newest))) => assert!(newest.rows.is_empty(), "{version}: nothing new is in the old log"),
                (false, Err(error)) => assert_eq!(error.code(), "not_found", "{version}"),
                (wanted, other) => panic!("{version}: {wanted} {other:?}"),
            }
        }
    }
}

#[tokio::test]
async fn settings_of_a_project_are_read() {
    for (version, text) in VERSIONS {
        let exchanges: Vec<Exchange> = serde_json::from_str(text).unwrap();
        let Some(found) = exchanges.iter().find(|e| e.path.contains("/members?")) else { continue };
        let project = project_of(found).parse().unwrap();
        let server = replay(found.clone()).await;
        let members = robot(&server.url).members(&project).await.unwrap();
        assert_eq!(members.iter().map(|m| m.role_id).collect::<Vec<_>>(), [1, 2], "{version}");
        let server = replay(find(&exchanges, |e| e.path.contains("immutabletagrules") && e.method == "GET")).await;
        let rules = robot(&server.url).immutable_rules(&project).await.unwrap();
        assert_eq!((rules[0].tags[0].pattern.as_str(), rules[0].disabled), ("v*", false), "{version}");
        let server = replay(find(&exchanges, |e| e.path.contains("/labels?scope=p"))).await;
        let with: registry::Project = serde_json::from_value(serde_json::json!({ "project_id": 1, "name": "p" })).unwrap();
        assert_eq!(robot(&server.url).labels(Some(&with)).await.unwrap()[0].color, "#00ff00", "{version}");
    }
}

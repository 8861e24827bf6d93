//! A project with one of each setting, and what a snapshot keeps of it: the same on every Harbor and on the simulator.

use registry::Client;
use serde_json::{Value, json};
use vocab::ProjectName;

/// Who may make settings.
pub struct Admin {
    pub url: String,
    pub user: String,
    pub password: String,
}

impl Admin {
    async fn post(&self, path: &str, body: Value) {
        let url = format!("{}/api/v2.0{path}", self.url.trim_end_matches('/'));
        let answer = reqwest::Client::new().post(url).basic_auth(&self.user, Some(&self.password)).json(&body).send().await.unwrap();
        assert_eq!(answer.status(), 201, "{path}: {}", answer.text().await.unwrap_or_default());
    }

    /// Makes one of each setting.
    pub async fn arrange(&self, client: &Client, name: &ProjectName) {
        let project = client.project(name).await.unwrap().unwrap();
        client.create_label(&project, "gold", "#FFD700", "good").await.unwrap();
        client.create_immutable_rule(name, "v*").await.unwrap();
        let hook = json!({
            "name": "ci", "enabled": true, "event_types": ["PUSH_ARTIFACT", "DELETE_ARTIFACT"],
            "targets": [{"type": "http", "address": "https://ci.example/x", "auth_header": "Bearer canary-71d", "skip_cert_verify": true}],
        });
        self.post(&format!("/projects/{name}/webhook/policies"), hook).await;
        let access = json!([{"resource": "repository", "action": "push"}, {"resource": "repository", "action": "pull"}]);
        let robot = json!({
            "name": "ci", "duration": -1, "level": "project", "description": "builds",
            "permissions": [{"kind": "project", "namespace": name, "access": access}],
        });
        self.post("/robots", robot).await;
        let rule = json!({
            "disabled": false, "action": "retain", "template": "latestPushedK", "params": {"latestPushedK": 10},
            "tag_selectors": [{"kind": "doublestar", "decoration": "matches", "pattern": "**", "extras": "{\"untagged\":true}"}],
            "scope_selectors": {"repository": [{"kind": "doublestar", "decoration": "repoMatches", "pattern": "**"}]},
        });
        let retention = json!({
            "algorithm": "or", "rules": [rule], "trigger": {"kind": "Schedule", "settings": {"cron": "0 0 0 * * *"}},
            "scope": {"level": "project", "ref": project.id},
        });
        self.post("/retentions", retention).await;
    }
}

/// What is kept of it, with a sealer that shows the place.
pub fn expected(harbor: &str, name: &ProjectName) -> Value {
    json!({
        "version": 2,
        "unreadable": {},
        "project": {
            "name": name, "owner": "admin", "proxy_cache": false, "metadata": {"public": "false"},
            "cve_allowlist": {"items": [], "expires_at": null},
        },
        "labels": [{"name": "gold", "color": "#FFD700", "description": "good"}],
        "members": [{"name": "admin", "kind": "u", "role": 1}],
        "robots": [{
            "name": "ci", "login": format!("robot${name}+ci"), "description": "builds", "duration": -1, "expires_at": -1,
            "permissions": [{"kind": "project", "namespace": name, "access": [
                {"action": "pull", "resource": "repository"}, {"action": "push", "resource": "repository"},
            ]}],
        }],
        "immutable_rules": [{
            "template": "immutable_template", "action": "immutable",
            "tags": [{"kind": "doublestar", "decoration": "matches", "pattern": "v*"}],
            "repositories": [{"kind": "doublestar", "decoration": "repoMatches", "pattern": "**"}],
        }],
        "retention": {"algorithm": "or", "cron": "0 0 0 * * *", "rules": [{
            "action": "retain", "template": "latestPushedK", "params": {"latestPushedK": 10},
            "tags": [{"kind": "doublestar", "decoration": "matches", "pattern": "**", "extras": {"untagged": true}}],
            "repositories": [{"kind": "doublestar", "decoration": "repoMatches", "pattern": "**"}],
        }]},
        "webhooks": [{"name": "ci", "enabled": true, "event_types": ["DELETE_ARTIFACT", "PUSH_ARTIFACT"], "targets": [{
            "type": "http", "address": "https://ci.example/x", "skip_cert_verify": true, "payload_format": "Default",
            "auth_header": {"sealed": format!("17 bytes for {harbor}/{name}/webhook/ci/https://ci.example/x")},
        }]}],
        "preheat": [],
        "scanner": null,
        "quota": {"hard_bytes": null},
    })
}

//! Harbor's own word on what its tag retention deletes next: a policy is made, run dry, and its logs are read.

use std::collections::BTreeSet;
use std::time::Duration;

use engine::effect::Warning;
use registry::Client;
use serde_json::{Value, json};
use vocab::ProjectName;

/// How often the end of a run is looked for; a real Harbor runs it in its job service.
const POLLS_MAX: u32 = 120;
const POLL_EVERY: Duration = Duration::from_millis(500);

/// Who may make policies.
pub struct Retention {
    pub url: String,
    pub user: String,
    pub password: String,
}

impl Retention {
    async fn call(&self, method: reqwest::Method, path: &str, body: Option<Value>) -> reqwest::Response {
        let url = format!("{}/api/v2.0{path}", self.url.trim_end_matches('/'));
        let mut request = reqwest::Client::new().request(method, url).basic_auth(&self.user, Some(&self.password));
        if let Some(body) = body {
            request = request.json(&body);
        }
        request.send().await.unwrap().error_for_status().unwrap()
    }

    async fn json(&self, path: &str) -> Value {
        self.call(reqwest::Method::GET, path, None).await.json().await.unwrap()
    }

    /// Gives a project a policy of one rule over all repositories and tags, without a schedule. Answers its id.
    pub async fn set(&self, client: &Client, project: &ProjectName, template: &str, figure: i64, untagged: bool) -> i64 {
        let row = client.project(project).await.unwrap().unwrap();
        let rule = json!({
            "disabled": false, "action": "retain", "template": template, "params": {template: figure},
            "tag_selectors": [{"kind": "doublestar", "decoration": "matches", "pattern": "**", "extras": json!({"untagged": untagged}).to_string()}],
            "scope_selectors": {"repository": [{"kind": "doublestar", "decoration": "repoMatches", "pattern": "**"}]},
        });
        let mut policy = json!({
            "algorithm": "or", "rules": [rule], "trigger": {"kind": "Schedule", "settings": {"cron": ""}},
            "scope": {"level": "project", "ref": row.id},
        });
        match row.metadata.get("retention_id").and_then(|id| id.parse::<i64>().ok()) {
            Some(id) => {
                policy["id"] = json!(id);
                self.call(reqwest::Method::PUT, &format!("/retentions/{id}"), Some(policy)).await;
                id
            }
            None => {
                let made = self.call(reqwest::Method::POST, "/retentions", Some(policy)).await;
                made.headers()["location"].to_str().unwrap().rsplit('/').next().unwrap().parse().unwrap()
            }
        }
    }

    /// `repository:tag` of what a dry run would delete, by the name within the project; `repository@digest` of what has no tag.
    pub async fn deletes(&self, policy: i64) -> BTreeSet<String> {
        let made = self.call(reqwest::Method::POST, &format!("/retentions/{policy}/executions"), Some(json!({"dry_run": true}))).await;
        let run: i64 = made.headers()["location"].to_str().unwrap().rsplit('/').next().unwrap().parse().unwrap();
        let mut polls = 0;
        loop {
            let rows = self.json(&format!("/retentions/{policy}/executions?page_size=100&page=1")).await;
            let row = rows.as_array().unwrap().iter().find(|row| row["id"] == run).unwrap();
            if matches!(row["status"].as_str(), Some("Success" | "Succeed")) {
                break;
            }
            polls += 1;
            assert!(polls < POLLS_MAX, "the dry run does not end: {row}");
            tokio::time::sleep(POLL_EVERY).await;
        }
        let mut all = BTreeSet::new();
        for task in self.json(&format!("/retentions/{policy}/executions/{run}/tasks?page_size=100&page=1")).await.as_array().unwrap() {
            let path = format!("/retentions/{policy}/executions/{run}/tasks/{}", task["id"]);
            let log = self.call(reqwest::Method::GET, &path, None).await.text().await.unwrap();
            for line in log.lines().filter(|line| line.starts_with("| sha256:")) {
                let cells: Vec<&str> = line.split('|').map(str::trim).collect();
                let repository = task["repository"].as_str().unwrap();
                match (cells[8], cells[2]) {
                    ("DEL", "") => drop(all.insert(format!("{repository}@{}", cells[1]))),
                    ("DEL", tags) => all.extend(tags.split(',').map(|tag| format!("{repository}:{tag}"))),
                    _ => {}
                }
            }
        }
        all
    }
}

/// What a plan warns of under a code, as `repository:tag` by the name within the project.
pub fn warned(plan: &engine::effect::EffectPlan, code: &str) -> BTreeSet<String> {
    let names = plan.warnings.iter().find_map(|warning| match (warning, code) {
        (Warning::RetentionTakesLive { names, .. }, "retention_takes_live")
        | (Warning::RetentionTakesRestored { names, .. }, "retention_takes_restored") => Some(names.clone()),
        _ => None,
    });
    let project = format!("{}/", plan.target_project);
    names.iter().flatten().filter_map(|name| name.strip_prefix(&project)).map(str::to_owned).collect()
}

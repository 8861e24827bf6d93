//! Runs of tag retention: which artifacts a rule keeps, told by Harbor's own dry run.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::harness::{Harbor, topic};
use harbor_sim::images::{self, Image};

/// A rule over all repositories whose name fits.
fn rule(template: &str, figure: i64, (decoration, pattern, extras): (&str, &str, &str), repositories: &str) -> Value {
    json!({
        "disabled": false, "action": "retain", "template": template, "params": {template: figure},
        "tag_selectors": [{"kind": "doublestar", "decoration": decoration, "pattern": pattern, "extras": extras}],
        "scope_selectors": {"repository": [{"kind": "doublestar", "decoration": "repoMatches", "pattern": repositories}]},
    })
}

fn policy(project_id: i64, rule: &Value) -> Value {
    json!({
        "algorithm": "or", "rules": [rule], "scope": {"level": "project", "ref": project_id},
        "trigger": {"kind": "Schedule", "settings": {"cron": ""}},
    })
}

/// Starts a run and reads, of each repository it looked at, what becomes of each digest.
async fn run(h: &Harbor, retention: &str, dry_run: bool) -> BTreeMap<String, BTreeMap<String, String>> {
    let made = h.post(&format!("/retentions/{retention}/executions"), json!({"dry_run": dry_run})).await.expect(201);
    let id: i64 = made.header("location").unwrap().rsplit('/').next().unwrap().parse().unwrap();
    let executions = format!("/retentions/{retention}/executions?page_size=100&page=1");
    let over = |rows: &Value| {
        let run = rows.as_array().into_iter().flatten().find(|run| run["id"] == id);
        run.is_some_and(|run| run["status"] == "Success" || run["status"] == "Succeed")
    };
    h.eventually("the end of the run", &executions, over).await;
    let tasks = h.get(&format!("/retentions/{retention}/executions/{id}/tasks?page_size=100&page=1")).await.expect(200).json();
    let mut all = BTreeMap::new();
    for task in tasks.as_array().unwrap() {
        let log = h.get(&format!("/retentions/{retention}/executions/{id}/tasks/{}", task["id"])).await.expect(200);
        // A text, and as JSON where JSON is asked for.
        let log = log.json().as_str().unwrap().to_owned();
        let rows = log.lines().filter(|line| line.starts_with("| sha256:")).map(|line| {
            let cells: Vec<&str> = line.split('|').map(str::trim).collect();
            (cells[1].to_owned(), cells[8].to_owned())
        });
        let fates: BTreeMap<String, String> = rows.collect();
        assert_eq!(task["total"], fates.len(), "{log}");
        all.insert(task["repository"].as_str().unwrap().to_owned(), fates);
    }
    all
}

/// Names an artifact through the API in a later second than the last push of the repository: retention counts in seconds, and what is
/// equal to the second stays in the order of the artifacts' pushes.
async fn tag_in_another_second(h: &Harbor, artifacts: &str, digest: &str, tag: &str) {
    let second = |value: &Value| value["push_time"].as_str().unwrap().get(..19).unwrap().to_owned();
    let newest = second(&h.get(&format!("{artifacts}?page_size=1&sort=-push_time")).await.expect(200).json()[0]);
    let tags = format!("{artifacts}/{digest}/tags");
    for _ in 0..crate::harness::POLLS_MAX {
        h.post(&tags, json!({"name": tag})).await.expect(201);
        let rows = h.get(&format!("{tags}?page_size=100")).await.expect(200).json();
        let row = rows.as_array().unwrap().iter().find(|row| row["name"] == tag).unwrap();
        if second(row) > newest {
            return;
        }
        h.delete(&format!("{tags}/{tag}")).await.expect(200);
        tokio::time::sleep(crate::harness::POLL_EVERY).await;
    }
    panic!("the second never ends");
}

#[tokio::test]
async fn retention_keeps_artifacts_by_their_newest_push_and_one_tag_is_enough() {
    topic(|h| async move {
        let (name, id) = h.project("p", json!({})).await;
        let app = format!("{name}/app");
        let image = |word: &str| images::simple(&format!("{}{word}", h.prefix), &[100]);
        let (v1, v2, v3, bare, tool) = (image("v1"), image("v2"), image("v3"), image("bare"), image("tool"));
        for (tag, image) in [("v1", &v1), ("v2", &v2), ("v3", &v3)] {
            h.push(&app, tag, image).await;
        }
        h.push(&app, &bare.manifest.digest.clone(), &bare).await;
        h.push(&format!("{name}/team/tool"), "v1", &tool).await;
        tag_in_another_second(&h, &format!("/projects/{name}/repositories/app/artifacts"), &v1.manifest.digest, "old").await;

        let tagged = "{\"untagged\":false}";
        let first = rule("latestPushedK", 2, ("matches", "**", tagged), "app");
        let made = h.post("/retentions", policy(id, &first)).await.expect(201);
        let retention = made.header("location").unwrap().rsplit('/').next().unwrap().to_owned();
        let set = |rule: Value| {
            let mut body = policy(id, &rule);
            body["id"] = json!(retention.parse::<i64>().unwrap());
            let (h, path) = (h.clone(), format!("/retentions/{retention}"));
            async move { h.put(&path, body).await.expect(200) }
        };
        let gone = |told: &BTreeMap<String, BTreeMap<String, String>>, repository: &str| -> Vec<String> {
            let named: [(&str, &Image); 5] = [("v1", &v1), ("v2", &v2), ("v3", &v3), ("bare", &bare), ("tool", &tool)];
            let fates = &told[repository];
            let is_gone = |image: &Image| fates.get(&image.manifest.digest).is_some_and(|fate| fate == "DEL");
            named.into_iter().filter(|(_, image)| is_gone(image)).map(|(name, _)| name.to_owned()).collect()
        };

        let told = run(&h, &retention, true).await;
        assert_eq!(told.keys().collect::<Vec<_>>(), ["app"], "a repository no rule is about is not looked at");
        assert_eq!(gone(&told, "app"), ["v2", "bare"], "a tag made through the API is a push of its artifact");

        set(rule("nDaysSinceLastPull", 1, ("matches", "**", "{\"untagged\":true}"), "**")).await;
        let told = run(&h, &retention, true).await;
        assert_eq!(gone(&told, "app"), ["v1", "v2", "v3", "bare"], "what was never pulled was not pulled lately");
        assert_eq!(gone(&told, "team/tool"), ["tool"]);

        set(rule("latestPulledN", 1, ("matches", "**", tagged), "app")).await;
        assert_eq!(gone(&run(&h, &retention, true).await, "app"), ["v1", "v2", "bare"], "of those never pulled the last pushed stays");

        h.post(
            &format!("/projects/{name}/immutabletagrules"),
            json!({
                "disabled": false, "action": "immutable", "template": "immutable_template",
                "tag_selectors": [{"kind": "doublestar", "decoration": "matches", "pattern": "v3"}],
                "scope_selectors": {"repository": [{"kind": "doublestar", "decoration": "repoMatches", "pattern": "**"}]},
            }),
        )
        .await
        .expect(201);
        set(rule("latestPushedK", 1, ("matches", "**", tagged), "app")).await;
        let told = run(&h, &retention, true).await;
        assert_eq!(gone(&told, "app"), ["v2", "bare"]);
        assert_eq!(told["app"][&v3.manifest.digest], "IMMUTABLE");

        set(rule("always", 0, ("excludes", "v*", ""), "**")).await;
        let told = run(&h, &retention, true).await;
        assert_eq!(
            gone(&told, "app"),
            ["v2"],
            "one tag outside the pattern keeps v1, and untagged ones are not excluded unless it says so"
        );
        assert_eq!(gone(&told, "team/tool"), ["tool"]);
        run(&h, &retention, false).await;
        let left = h.get(&format!("/projects/{name}/repositories/app/artifacts?page_size=100")).await.expect(200);
        assert_eq!(left.total(), 3, "a run that is no dry run deletes what the dry run said");
        assert_eq!(h.get(&format!("/projects/{name}/repositories/team%252Ftool/artifacts?page_size=100")).await.expect(200).total(), 0);
    })
    .await;
}

//! A run of tag retention: what it keeps, what it would delete, and the log Harbor writes about it.

use std::collections::BTreeSet;

use serde_json::Value;

use super::rule::{glob, is_immutable};
use crate::clock;
use crate::model::{Artifact, Project, Repo};

/// Seconds of a day.
const DAY_S: i64 = 86_400;

/// What a run came to in one repository.
pub struct Swept {
    pub repo: String,
    pub total: usize,
    pub deleted: Vec<String>,
    pub log: String,
}

/// One artifact as retention looks at it; times in seconds, none = never.
struct Seen<'a> {
    artifact: &'a Artifact,
    tags: Vec<&'a str>,
    pushed: i64,
    pulled: Option<i64>,
}

/// Looks at every repository some active rule is about.
pub fn retain(project: &Project, policy: &Value, dry_run: bool) -> Vec<Swept> {
    let active = policy["rules"].as_array().into_iter().flatten().filter(|rule| rule["disabled"] != true);
    let active: Vec<&Value> = active.collect();
    let about = |rule: &Value, repo: &Repo| {
        rule["scope_selectors"]["repository"].as_array().into_iter().flatten().all(|selector| {
            let fits = glob_or_all(selector, &repo.name);
            if selector["decoration"] == "repoExcludes" { !fits } else { fits }
        })
    };
    let mut all = Vec::new();
    for repo in project.repos.values() {
        let rules: Vec<&Value> = active.iter().copied().filter(|rule| about(rule, repo)).collect();
        if !rules.is_empty() {
            all.push(sweep(project, repo, &rules, dry_run));
        }
    }
    all
}

fn sweep(project: &Project, repo: &Repo, rules: &[&Value], dry_run: bool) -> Swept {
    let mut seen: Vec<Seen<'_>> =
        repo.artifacts.values().filter(|artifact| is_candidate(repo, artifact)).map(|artifact| look(repo, artifact)).collect();
    seen.sort_by_key(|one| (-one.artifact.push_time, -one.artifact.id));
    let working: Vec<&&Value> = rules.iter().filter(|rule| rule["tag_selectors"].as_array().is_some_and(|list| !list.is_empty())).collect();
    let mut kept: BTreeSet<&str> = BTreeSet::new();
    for rule in &working {
        let mut chosen: Vec<&Seen<'_>> = seen.iter().filter(|one| selected(rule, one)).collect();
        choose(rule, &mut chosen);
        kept.extend(chosen.iter().map(|one| one.artifact.digest.as_str()));
    }
    let fate = |one: &Seen<'_>| {
        if working.is_empty() || kept.contains(one.artifact.digest.as_str()) {
            "RETAIN"
        } else if one.tags.iter().any(|tag| is_immutable(project, &repo.name, tag)) {
            "IMMUTABLE"
        } else {
            "DEL"
        }
    };
    let deleted = seen.iter().filter(|one| fate(one) == "DEL").map(|one| one.artifact.digest.clone()).collect();
    let full = format!("{}/{}", project.name, repo.name);
    let mut log = format!(
        "{now} [INFO] [src/pkg/retention/job.go:86]: Run retention process.\n Repository: {full} \n Rule Algorithm: or \n Dry Run: {dry_run}\n\
         {now} [INFO] [src/pkg/retention/job.go:101]: Load {} candidates from repository {full}\n\
         {now} [INFO] [src/pkg/retention/job.go:212]: \n\
         | Digest | Tag | Kind | Labels | PushedTime | PulledTime | CreatedTime | Retention |\n\
         |--------|-----|------|--------|------------|------------|-------------|-----------|\n",
        seen.len(),
        now = clock::text_seconds(clock::now_us()),
    );
    for one in &seen {
        let made = table_time(Some(one.artifact.push_time / clock::SECOND_US));
        log.push_str(&format!(
            "| {} | {} | image |  | {} | {} | {made} | {} |\n",
            one.artifact.digest,
            one.tags.join(","),
            table_time(Some(one.pushed)),
            table_time(one.pulled),
            fate(one),
        ));
    }
    Swept { repo: repo.name.clone(), total: seen.len(), deleted, log }
}

/// No accessories, and members of an index only where they have a tag.
fn is_candidate(repo: &Repo, artifact: &Artifact) -> bool {
    let digest = artifact.digest.as_str();
    !repo.is_accessory(digest) && (repo.is_tagged(digest) || !repo.is_child(digest))
}

fn look<'a>(repo: &'a Repo, artifact: &'a Artifact) -> Seen<'a> {
    let rows: Vec<_> = repo.tags.values().filter(|tag| tag.digest == artifact.digest).collect();
    let newest = |own: i64, of_tags: i64| own.max(of_tags) / clock::SECOND_US;
    let pulled = newest(artifact.pull_time, rows.iter().map(|tag| tag.pull_time).max().unwrap_or(0));
    Seen {
        artifact,
        tags: rows.iter().map(|tag| tag.name.as_str()).collect(),
        pushed: newest(artifact.push_time, rows.iter().map(|tag| tag.push_time).max().unwrap_or(0)),
        pulled: (pulled > 0).then_some(pulled),
    }
}

/// Whether every selector of tags takes it. A tag that fits is enough, or for an excluding one a tag that does not.
fn selected(rule: &Value, one: &Seen<'_>) -> bool {
    rule["tag_selectors"].as_array().into_iter().flatten().all(|selector| {
        let excludes = selector["decoration"] == "excludes";
        if !one.tags.is_empty() {
            return one.tags.iter().any(|tag| glob_or_all(selector, tag) != excludes);
        }
        let extras: Option<Value> = selector["extras"].as_str().and_then(|text| serde_json::from_str(text).ok());
        let untagged = extras.map_or(!excludes, |extras| extras["untagged"] == true);
        untagged != excludes
    })
}

fn glob_or_all(selector: &Value, name: &str) -> bool {
    let pattern = selector["pattern"].as_str().unwrap_or_default();
    pattern.is_empty() || glob(pattern, name)
}

/// Leaves those that the rule's template keeps.
fn choose(rule: &Value, chosen: &mut Vec<&Seen<'_>>) {
    let template = rule["template"].as_str().unwrap_or_default();
    let figure = rule["params"][template].as_i64().unwrap_or(0);
    let count = usize::try_from(figure).unwrap_or(0);
    let since = clock::now_s() - figure * DAY_S;
    match template {
        "always" => {}
        "latestPushedK" => {
            chosen.sort_by_key(|one| -one.pushed);
            chosen.truncate(count);
        }
        "latestPulledN" => {
            chosen.sort_by_key(|one| one.pulled.map_or(i64::MAX, |pulled| -pulled));
            chosen.truncate(count);
        }
        "nDaysSinceLastPush" => chosen.retain(|one| one.pushed >= since),
        "nDaysSinceLastPull" => chosen.retain(|one| one.pulled.is_some_and(|pulled| pulled >= since)),
        _ => chosen.clear(),
    }
}

/// `2026/11/23 19:05:25`; nothing for never.
fn table_time(seconds: Option<i64>) -> String {
    let Some(seconds) = seconds else { return String::new() };
    let text = clock::text(seconds * clock::SECOND_US);
    text.get(..19).unwrap_or_default().replace('-', "/").replace('T', " ")
}

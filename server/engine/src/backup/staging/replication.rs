//! Which replication policies would carry copies on to another registry.
//!
//! A copy is a push to Harbor, and a policy on events does not ask whose. Copies bring tags along and no labels.

use registry::Selector;
use serde_json::Value;
use vocab::{Digest, ProjectName};

use super::Session;
use crate::effect::Pattern;

/// Names of the policies, as Harbor lists them, that take what is copied into `staging`.
#[must_use]
pub fn replicated_by(policies: &[Value], staging: &ProjectName) -> Vec<String> {
    let sample = Session { job: 1, epoch: 1 }.repository(staging, &Digest::of(b""));
    let named =
        policies.iter().filter(|policy| takes(policy, sample.as_str())).map(|policy| policy["name"].as_str().unwrap_or("?").to_owned());
    named.collect()
}

fn takes(policy: &Value, repository: &str) -> bool {
    // Events are of this Harbor's own pushes, so only policies that push from here have them.
    let by_event = policy["enabled"] == true && policy["trigger"]["type"] == "event_based";
    by_event && policy["filters"].as_array().into_iter().flatten().all(|filter| lets_pass(filter, repository))
}

/// Whether a filter lets a copy pass; one that is not understood does.
fn lets_pass(filter: &Value, repository: &str) -> bool {
    let decoration = filter["decoration"].as_str().unwrap_or_default();
    match filter["type"].as_str() {
        Some("name") => {
            let pattern = filter["value"].as_str().unwrap_or_default().to_owned();
            Pattern::of(&Selector { kind: "doublestar".to_owned(), decoration: decoration.to_owned(), pattern, extras: String::new() })
                .matches(repository)
        }
        Some("label") => decoration.to_ascii_lowercase().contains("exclude"),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_policy_on_events_takes_copies_unless_a_filter_keeps_them_out() {
        let policy = |name: &str, trigger: &str, filters: Value| json!({"name": name, "enabled": true, "trigger": {"type": trigger}, "filters": filters});
        let filter = |kind: &str, value: Value, decoration: &str| json!({"type": kind, "value": value, "decoration": decoration});
        let mut off = policy("off", "event_based", json!([]));
        off["enabled"] = json!(false);
        let policies = [
            policy("everything", "event_based", json!([])),
            policy("nothing said", "event_based", Value::Null),
            policy("all names", "event_based", json!([filter("name", json!("**"), "")])),
            policy(
                "this one",
                "event_based",
                json!([filter("name", json!("breakwater-*/**"), "matches"), filter("resource", json!("image"), "")]),
            ),
            policy("another", "event_based", json!([filter("name", json!("shop/**"), "")])),
            policy("not ours", "event_based", json!([filter("name", json!("breakwater-staging-*/**"), "excludes")])),
            policy("by label", "event_based", json!([filter("label", json!(["prod"]), "matches")])),
            policy("at night", "scheduled", json!([])),
            off,
        ];
        assert_eq!(
            replicated_by(&policies, &"breakwater-staging-1".parse().unwrap()),
            ["everything", "nothing said", "all names", "this one"]
        );
    }
}

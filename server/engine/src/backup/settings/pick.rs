//! From Harbor's rows to what is kept of them.

use serde_json::{Map, Value, json};

/// The named fields that say something. Harbor's versions differ in whether they write empty ones.
pub(super) fn pick(row: &Value, names: &[&str]) -> Value {
    let kept: Map<String, Value> = names
        .iter()
        .filter_map(|name| row.get(*name).filter(|value| says(value)).map(|value| ((*name).to_owned(), value.clone())))
        .collect();
    Value::Object(kept)
}

fn says(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => false,
        Value::Bool(true) => true,
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::String(text) => !text.is_empty(),
        Value::Array(items) => !items.is_empty(),
        Value::Object(members) => !members.is_empty(),
    }
}

/// Rows have no order of their own; by their text they have one.
pub(super) fn sorted(mut rows: Vec<Value>) -> Value {
    rows.sort_by_key(ToString::to_string);
    Value::Array(rows)
}

/// A rule of retention or immutability with its parameters and patterns.
pub(super) fn rules(row: &Value) -> Value {
    let mut shown = pick(row, &["template", "action", "params", "disabled"]);
    shown["tags"] = selectors(&row["tag_selectors"]);
    shown["repositories"] = selectors(&row["scope_selectors"]["repository"]);
    shown
}

fn selectors(rows: &Value) -> Value {
    let one = |row: &Value| {
        let mut shown = pick(row, &["kind", "decoration", "pattern"]);
        // Whether untagged artifacts count: JSON inside text.
        let extras = row["extras"].as_str().and_then(|text| serde_json::from_str::<Value>(text).ok());
        if let Some(extras) = extras.filter(says) {
            shown["extras"] = extras;
        }
        shown
    };
    json!(rows.as_array().into_iter().flatten().map(one).collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_one_version_leaves_out_and_another_writes_as_empty_is_the_same() {
        let old = json!({ "name": "a", "enabled": true, "id": 1, "update_time": "2026-01-01" });
        let new = json!({ "name": "a", "enabled": true, "id": 7, "description": "", "skip": false, "size": 0, "list": [], "more": {} });
        let names = ["name", "enabled", "description", "skip", "size", "list", "more"];
        assert_eq!(pick(&old, &names), pick(&new, &names));
        assert_eq!(pick(&old, &names), json!({ "name": "a", "enabled": true }));
    }

    #[test]
    fn a_rule_keeps_its_parameters_and_whether_untagged_count() {
        let row = json!({
            "id": 3, "action": "retain", "template": "latestPushedK", "params": { "latestPushedK": 10 }, "disabled": false,
            "tag_selectors": [{ "kind": "doublestar", "decoration": "matches", "pattern": "**", "extras": "{\"untagged\":true}" }],
            "scope_selectors": { "repository": [{ "kind": "doublestar", "decoration": "repoMatches", "pattern": "**" }] },
        });
        let kept = rules(&row);
        assert_eq!(kept["params"]["latestPushedK"], 10);
        assert_eq!(kept["tags"][0]["extras"]["untagged"], true);
        assert_eq!(kept["repositories"][0]["pattern"], "**");
        assert_eq!(kept.get("id"), None);
    }
}

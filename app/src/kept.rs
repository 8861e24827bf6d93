//! What of a form may be kept on the server for a while, to be shown again: where it was refused, or where the session had ended.
//!
//! One table of calls and of their fields that are no secret; what it does not name is never kept.

use std::collections::BTreeMap;

use leptos::server_fn::ServerFn;
use serde::Serialize;

/// Bytes of one field that is kept; a longer one is left out.
const FIELD_BYTES_MAX: usize = 8_000;
/// Bytes of all kept fields together.
const BYTES_MAX: usize = 32_000;

/// Fields of each call that may be shown again. Name no secret.
const FIELDS: &[(&str, &[&str])] = &[
    ("/fn/accounts/create", &["login", "display_name", "duties", "grants"]),
    ("/fn/accounts/roles", &["duties", "grants", "reason"]),
    ("/fn/tokens/create", &["name", "scope", "days", "networks", "projects"]),
    ("/fn/harbors/create", crate::harbors::KEPT),
    ("/fn/harbors/try", crate::harbors::KEPT),
    ("/fn/harbors/change", crate::harbors::KEPT),
    ("/fn/harbors/staging", crate::harbors::KEPT),
    ("/fn/harbors/logins", crate::harbors::KEPT),
    (
        "/fn/plans/save",
        &[
            "name",
            "harbor",
            "vault_id",
            "copies",
            "include",
            "exclude",
            "cron",
            "zone",
            "rpo_hours",
            "full_every_h",
            "keep_last",
            "keep_hourly",
            "keep_daily",
            "keep_weekly",
            "keep_monthly",
            "keep_yearly",
            "keep_within_days",
        ],
    ),
    ("/fn/plans/pause", &["days", "reason"]),
    ("/fn/plans/delete", &["to", "owner", "by_plan"]),
    ("/fn/plans/leave", &["to", "owner", "by_plan"]),
    ("/fn/plans/keep-import", &["owner", "until"]),
    ("/fn/projects/accept", &["gap", "reason", "until"]),
    ("/fn/projects/withdraw", &["reason"]),
    ("/fn/projects/hold", &["reason", "until"]),
    ("/fn/projects/release", &["reason", "hold_id"]),
    ("/fn/restores/preview", &["harbor", "project", "at", "items", "target_project", "on_conflict", "without_accessories", "digest_tag"]),
    ("/fn/restores/submit", &["category", "reason", "ticket"]),
    ("/fn/restores/vote", &["comment"]),
    ("/fn/session/in", &["login", "next"]),
    ("/fn/session/set_up", &["login", "display_name"]),
    ("/fn/vaults/create", crate::vaults::types::KEPT),
    ("/fn/vaults/change-bucket", crate::vaults::types::KEPT),
    ("/fn/vaults/change-scrub", &["days", "mib_s"]),
    ("/fn/vaults/change-lock", &["lock_days", "lock_mode"]),
];

/// The fields of a call that may be kept.
fn fields(call: &str) -> &'static [&'static str] {
    FIELDS.iter().find(|(path, _)| *path == call).map_or(&[], |(_, names)| names)
}

/// What is kept so far.
#[derive(Default)]
struct Kept {
    fields: BTreeMap<String, String>,
    bytes: usize,
}

impl Kept {
    fn add(&mut self, name: String, text: String) {
        let size = name.len() + text.len();
        if text.len() <= FIELD_BYTES_MAX && self.bytes + size <= BYTES_MAX {
            self.bytes += size;
            self.fields.insert(name, text);
        }
    }
}

/// The fields of a form that may be kept, by the values its call was given.
pub fn keep<S: ServerFn>(form: &impl Serialize) -> BTreeMap<String, String> {
    of_values(S::PATH, form)
}

fn of_values(call: &str, form: &impl Serialize) -> BTreeMap<String, String> {
    let mut kept = Kept::default();
    let Ok(serde_json::Value::Object(values)) = serde_json::to_value(form) else { return kept.fields };
    for name in fields(call) {
        match values.get(*name) {
            None => {}
            Some(serde_json::Value::Array(all)) => all.iter().enumerate().for_each(|(i, v)| kept.add(format!("{name}[{i}]"), text_of(v))),
            Some(one) => kept.add((*name).to_owned(), text_of(one)),
        }
    }
    kept.fields
}

fn text_of(value: &serde_json::Value) -> String {
    match value {
        serde_json::Value::String(text) => text.clone(),
        serde_json::Value::Null => String::new(),
        other => other.to_string(),
    }
}

/// The same of a form as it was posted, whose call was never reached.
#[must_use]
pub fn keep_posted(call: &str, posted: impl Iterator<Item = (String, String)>) -> BTreeMap<String, String> {
    let names = fields(call);
    let mut kept = Kept::default();
    for (key, text) in posted {
        if let Some(name) = field_of(names, &key) {
            kept.add(name, text);
        }
    }
    kept.fields
}

/// `reason`, `form[reason]` and `form[duties][0]` are the fields `reason` and `duties[0]`.
fn field_of(names: &[&str], key: &str) -> Option<String> {
    let is_named = |key: &str| names.contains(&key.split('[').next().unwrap_or_default());
    if is_named(key) {
        return Some(key.to_owned());
    }
    let (name, rest) = key.split_once('[')?.1.split_once(']')?;
    is_named(name).then(|| format!("{name}{rest}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_of_a_form_is_what_the_table_names() {
        let form = serde_json::json!({
            "login": "a b", "password": "s3cret", "duties": ["operator"], "display_name": null, "grants": "x".repeat(9_000)
        });
        let kept = of_values("/fn/accounts/create", &form);
        assert_eq!(kept.get("login").map(String::as_str), Some("a b"));
        assert_eq!(kept.get("duties[0]").map(String::as_str), Some("operator"));
        assert!(!kept.contains_key("password") && !kept.contains_key("grants"), "{kept:?}");
        assert!(of_values("/fn/nothing", &form).is_empty());
    }

    #[test]
    fn a_posted_form_keeps_the_same() {
        let posted = [
            ("form[login]", "ada"),
            ("form[duties][0]", "auditor"),
            ("form[password]", "s3cret"),
            ("password", "s3cret"),
            ("login[password]", "plain"),
            ("__err", "x"),
        ];
        let kept = keep_posted("/fn/accounts/create", posted.into_iter().map(|(k, v)| (k.to_owned(), v.to_owned())));
        let expected = [("duties[0]", "auditor"), ("login", "ada"), ("login[password]", "plain")];
        assert_eq!(kept.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect::<Vec<_>>(), expected);
        let plain =
            keep_posted("/fn/plans/pause", [("days".to_owned(), "2".to_owned()), ("plan_id".to_owned(), "1".to_owned())].into_iter());
        assert_eq!(plain.into_iter().collect::<Vec<_>>(), [("days".to_owned(), "2".to_owned())]);
    }

    #[test]
    fn no_secret_is_in_the_table() {
        for (call, names) in FIELDS {
            for name in *names {
                let secret = ["password", "secret", "current", "token"].iter().any(|word| name.contains(word));
                assert!(!secret, "{call}: {name}");
            }
            // Whatever a call keeps is a call there is.
            let known = leptos::server_fn::axum::server_fn_paths().any(|(path, _)| path == *call);
            assert!(known, "{call} is no call");
        }
    }
}

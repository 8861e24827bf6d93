//! What counts as a difference.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::replay::{Exchange, Got, Replay};

/// Headers whose values must agree, once digests and hosts are translated; the others must only be there or not.
const EXACT: [&str; 9] = [
    "content-type",
    "docker-distribution-api-version",
    "www-authenticate",
    "content-range",
    "range",
    "accept-ranges",
    "docker-content-digest",
    "etag",
    "oci-subject",
];
const NAMED: [&str; 13] = [
    "content-type",
    "docker-distribution-api-version",
    "www-authenticate",
    "content-range",
    "range",
    "accept-ranges",
    "docker-content-digest",
    "etag",
    "oci-subject",
    "location",
    "x-total-count",
    "link",
    "docker-upload-uuid",
];
/// Keys that depend on what else was in the Harbor at that time.
const FREE: [&str; 4] = ["metadata.", "extra_attrs.config.", "cve_allowlist.items.", "cve_allowlist.expires_at"];

pub fn differences(replay: &Replay, exchange: &Exchange, got: &Got) -> Vec<String> {
    let mut found = Vec::new();
    if got.status != exchange.status {
        found.push(format!("status {} and not {}: {}", got.status, exchange.status, got.json));
        return found;
    }
    errors(replay, exchange, got, &mut found);
    if let Some(recorded) = &exchange.keys {
        keys(recorded, &got.json, &mut found);
    }
    headers(replay, exchange, got, &mut found);
    found
}

fn errors(replay: &Replay, exchange: &Exchange, got: &Got, found: &mut Vec<String>) {
    let Some(recorded) = &exchange.errors else {
        return;
    };
    let mut wanted: Vec<(String, String)> =
        recorded.iter().map(|(code, message)| (code.clone(), masked(&replay.translate(message)))).collect();
    let ours = got.json["errors"].as_array().cloned().unwrap_or_default();
    let mut have: Vec<(String, String)> = ours
        .iter()
        .map(|error| {
            let text = |key: &str| error[key].as_str().unwrap_or_default().to_owned();
            (text("code"), masked(&text("message")))
        })
        .collect();
    wanted.sort();
    have.sort();
    if wanted != have {
        found.push(format!("errors {have:?} and not {wanted:?}"));
    }
    let mut details: Vec<String> = ours.iter().filter_map(|error| error["detail"].as_str().map(str::to_owned)).collect();
    details.sort();
    let mut wanted: Vec<String> = exchange.details.iter().map(|detail| replay.translate(detail)).collect();
    wanted.sort();
    if details != wanted {
        found.push(format!("details {details:?} and not {wanted:?}"));
    }
}

/// Numbers outside digests depend on ids and sizes.
fn masked(text: &str) -> String {
    let mut out = String::new();
    for word in text.split_inclusive(|c: char| !c.is_ascii_alphanumeric()) {
        let digits = word.trim_end_matches(|c: char| !c.is_ascii_alphanumeric());
        let numeric = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
        if numeric {
            out.push('#')
        } else {
            out.push_str(digits)
        }
        out.push_str(&word[digits.len()..]);
    }
    out
}

fn keys(recorded: &[String], ours: &Value, found: &mut Vec<String>) {
    let mut have = BTreeSet::new();
    gather(ours, "", &mut have);
    let free = |key: &String| FREE.iter().any(|free| key.contains(free));
    let recorded: BTreeSet<&String> = recorded.iter().filter(|key| !free(key)).collect();
    let have: BTreeSet<&String> = have.iter().filter(|key| !free(key)).collect();
    // an empty list has no keys; one side may have been empty
    if recorded.is_empty() || have.is_empty() {
        return;
    }
    if recorded != have {
        let missing: Vec<_> = recorded.difference(&have).collect();
        let extra: Vec<_> = have.difference(&recorded).collect();
        found.push(format!("keys missing {missing:?}, keys too many {extra:?}"));
    }
}

fn gather(value: &Value, path: &str, keys: &mut BTreeSet<String>) {
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                keys.insert(format!("{path}{key}"));
                gather(value, &format!("{path}{key}."), keys);
            }
        }
        Value::Array(list) => list.iter().for_each(|value| gather(value, &format!("{path}[]."), keys)),
        _ => {}
    }
}

fn headers(replay: &Replay, exchange: &Exchange, got: &Got, found: &mut Vec<String>) {
    for name in NAMED {
        let recorded = exchange.headers.get(name).map(|text| replay.translate(text).replace("http://harbor.example", &replay.sim.url()));
        let ours = got.headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let differs = match (&recorded, &ours) {
            (Some(recorded), Some(ours)) if EXACT.contains(&name) => recorded != ours,
            (Some(recorded), Some(ours)) if name == "location" => place(recorded) != place(ours),
            // a Link is there when there is more than a page, which depends on what else was in the Harbor
            _ if name == "link" => false,
            (recorded, ours) => recorded.is_some() != ours.is_some(),
        };
        if differs {
            found.push(format!("header {name} is {ours:?} and not {recorded:?}"));
        }
    }
}

/// A place without what differs from run to run: query, upload ids, numbers.
fn place(text: &str) -> String {
    let path = text.split('?').next().unwrap_or_default();
    let parts = path.split('/').map(|part| {
        let id = part.len() == 36 && part.bytes().filter(|b| *b == b'-').count() == 4;
        if id || (!part.is_empty() && part.bytes().all(|b| b.is_ascii_digit())) { "*" } else { part }
    });
    parts.collect::<Vec<_>>().join("/")
}

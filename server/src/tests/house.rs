//! Rules of the house, checked on the sources: dependencies one way, no SQL in pages, slices keep their queries to themselves.

use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

pub(super) fn sources(folder: &str) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    let mut open = vec![root().join(folder)];
    while let Some(dir) = open.pop() {
        for entry in std::fs::read_dir(&dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|e| e == "rs") {
                let text = std::fs::read_to_string(&path).unwrap();
                found.push((path, text));
            }
        }
    }
    assert!(!found.is_empty(), "{folder} has no sources");
    found
}

fn dependencies(manifest: &str) -> Vec<String> {
    let text = std::fs::read_to_string(root().join(manifest)).unwrap();
    let mut section = String::new();
    let mut names = Vec::new();
    for line in text.lines() {
        if line.starts_with('[') {
            section = line.to_owned();
        } else if section == "[dependencies]"
            && let Some(name) = line.split(['.', ' ', '=']).next().filter(|n| !n.is_empty())
        {
            names.push(name.to_owned());
        }
    }
    names
}

#[test]
fn dependencies_run_one_way() {
    let ours = ["app", "engine", "harbor-sim", "registry", "server", "testkit", "vault", "vocab"];
    let allowed: [(&str, &[&str]); 6] = [
        ("app/Cargo.toml", &[]),
        ("server/Cargo.toml", &["app", "engine", "harbor-sim", "registry", "vault", "vocab"]),
        ("server/engine/Cargo.toml", &["registry", "vault", "vocab"]),
        ("server/registry/Cargo.toml", &["vocab"]),
        ("server/vault/Cargo.toml", &["vocab"]),
        ("server/harbor-sim/Cargo.toml", &[]),
    ];
    for (manifest, may) in allowed {
        for name in dependencies(manifest).iter().filter(|n| ours.contains(&n.as_str())) {
            assert!(may.contains(&name.as_str()), "{manifest} depends on {name}");
        }
    }
    for manifest in ["server/engine/Cargo.toml", "server/registry/Cargo.toml", "server/vault/Cargo.toml", "app/Cargo.toml"] {
        for banned in ["sqlx", "axum", "tower-sessions"] {
            assert!(!dependencies(manifest).iter().any(|n| n == banned), "{manifest} depends on {banned}");
        }
    }
}

#[test]
fn pages_name_no_sql_and_no_feature() {
    for (path, text) in sources("app/src") {
        assert!(!text.contains("sqlx"), "{} names sqlx", path.display());
        assert!(!text.contains("cfg(feature"), "{} has a feature: the app is one thing", path.display());
    }
}

/// S-1.
#[test]
fn routes_are_made_in_two_places_only() {
    for (path, text) in sources("server/src") {
        let name = path.to_string_lossy().into_owned();
        if name.ends_with("http/mod.rs") || name.ends_with("http/rest/mod.rs") || name.contains("/tests/") {
            continue;
        }
        assert!(!text.contains(".route("), "{name} adds a route past the table");
    }
}

#[test]
fn marks_of_unfinished_work_do_not_land() {
    let marks = [["to", "do!("].concat(), ["unimple", "mented!("].concat(), ["FIX", "ME"].concat(), ["XX", "X"].concat()];
    for folder in [
        "app/src",
        "server/src",
        "server/engine/src",
        "server/registry/src",
        "server/vault/src",
        "server/vocab/src",
        "server/harbor-sim/src",
    ] {
        for (path, text) in sources(folder) {
            for mark in &marks {
                assert!(!text.contains(mark.as_str()), "{} has {mark}", path.display());
            }
        }
    }
}

/// A setting with a slip in its name does nothing and says nothing; a grace that is shorter than what is waited for kills jobs.
#[test]
fn what_the_compose_file_sets_is_read_and_what_is_stopped_has_its_time() {
    let read = |path: &str| std::fs::read_to_string(root().join(path)).unwrap();
    let (compose, image, config) = (read("docker-compose.yml"), read("server/Dockerfile"), read("server/src/config.rs"));
    let set = compose.lines().filter_map(|line| line.trim().split_once(':').map(|(name, _)| name));
    let made = image.lines().filter_map(|line| line.strip_prefix("ENV ")?.split_once('=').map(|(name, _)| name));
    let names: Vec<&str> = set.chain(made).filter(|name| name.starts_with("BREAKWATER_") || name.starts_with("DATABASE_")).collect();
    assert!(names.len() > 5, "{names:?}");
    for name in names {
        assert!(config.contains(&format!("\"{name}\"")), "nothing reads {name}");
    }
    let grace = compose.lines().find_map(|line| line.strip_prefix("  stop_grace_period: ")?.strip_suffix('s')?.parse::<u64>().ok());
    let waited = crate::jobs::worker::DRAIN.max(crate::http::serve::DRAIN);
    assert!(grace.is_some_and(|seconds| seconds > waited.as_secs()), "{grace:?} s are not more than {waited:?}");
}

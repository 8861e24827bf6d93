//! Garbage collection (harbor.md §4): untagged artifacts if asked for, then blobs no project uses.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::Value;

use super::release_blobs;
use super::remove::remove_tree;
use crate::clock;
use crate::model::World;

/// What a collection found.
#[derive(Debug, Default)]
pub struct Swept {
    /// Digests whose bytes are to be removed.
    pub digests: Vec<String>,
    pub blobs: i64,
    pub manifests: i64,
    pub freed: i64,
}

/// Collects. A dry run only counts.
pub fn collect(world: &mut World, parameters: &Value, window: Duration) -> Swept {
    let dry = parameters["dry_run"] == Value::Bool(true);
    // the job's default when the parameter is absent is true
    let untagged = parameters["delete_untagged"].as_bool().unwrap_or(true);
    if untagged && !dry {
        delete_untagged(world);
    }
    let dry_or_not = if dry { &mut world.clone() } else { world };
    sweep(dry_or_not, dry, window)
}

fn sweep(world: &mut World, dry: bool, window: Duration) -> Swept {
    let window_us = i64::try_from(window.as_micros()).unwrap_or(i64::MAX);
    let before = clock::now_us().saturating_sub(window_us);
    let old: BTreeSet<String> = world.blobs.iter().filter(|(_, row)| row.updated <= before).map(|(digest, _)| digest.clone()).collect();
    for project in world.projects.values_mut() {
        release_blobs(project, &old);
    }
    let mut swept = Swept::default();
    for (digest, row) in &world.blobs {
        if !old.contains(digest) || world.projects.values().any(|project| project.blobs.contains(digest)) {
            continue;
        }
        swept.digests.push(digest.clone());
        swept.freed += row.size;
        if row.manifest {
            swept.manifests += 1;
        } else {
            swept.blobs += 1;
        }
    }
    if dry {
        swept.digests.clear();
        return swept;
    }
    for digest in &swept.digests {
        world.blobs.remove(digest);
        for links in world.links.values_mut() {
            links.blobs.remove(digest);
            links.manifests.remove(digest);
        }
    }
    world.links.retain(|_, links| !links.blobs.is_empty() || !links.manifests.is_empty());
    swept
}

/// Every untagged artifact that is no child and no accessory goes at once: no window, no event, no audit row.
fn delete_untagged(world: &mut World) {
    let mut doomed = Vec::new();
    for project in world.projects.values() {
        for repo in project.repos.values() {
            let name = format!("{}/{}", project.name, repo.name);
            let lonely =
                repo.artifacts.keys().filter(|digest| !repo.is_tagged(digest) && !repo.is_child(digest) && !repo.is_accessory(digest));
            doomed.extend(lonely.map(|digest| (name.clone(), digest.clone())));
        }
    }
    for (name, digest) in doomed {
        remove_tree(world, &name, &digest);
    }
}

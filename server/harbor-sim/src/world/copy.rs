//! `POST …/artifacts?from=`: copying on the server, which no pull policy looks at (harbor.md §5).

use std::collections::BTreeSet;

use super::audit;
use super::check_quota;
use super::push::{associate, ensure_repo, tag_artifact};
use crate::app::Version;
use crate::clock;
use crate::identity::Who;
use crate::model::{Accessory, Artifact, World};
use crate::reply::Refusal;

/// How deep indexes in indexes, and signatures of signatures, are followed.
const DEPTH_MAX: usize = 16;

/// Copies an artifact with its tags, its children, and everything attached to any of them.
pub fn copy_artifact(world: &mut World, who: &Who, version: Version, source: &str, digest: &str, target: &str) -> Result<(), Refusal> {
    if world.repo(source).is_some_and(|(_, repo)| repo.is_accessory(digest)) {
        return Err(Refusal::denied("the operation isn't supported for an artifact accessory"));
    }
    let mut wanted: Vec<String> = Vec::new();
    gather(world, source, digest, &mut wanted, 0);
    let artifacts: Vec<Artifact> = {
        let (_, repo) = world.repo(source).ok_or_else(|| Refusal::not_found(format!("repository {source} not found")))?;
        wanted.iter().filter_map(|digest| repo.artifacts.get(digest).cloned()).collect()
    };
    let project_name = target.split('/').next().unwrap_or_default();
    let project = world.project(project_name).ok_or_else(|| Refusal::not_found(format!("project {project_name} not found")))?;
    let blobs: BTreeSet<&String> = artifacts.iter().flat_map(|artifact| &artifact.blobs).collect();
    let adding = blobs.iter().filter(|digest| !project.blobs.contains(**digest)).filter_map(|digest| world.blobs.get(*digest));
    check_quota(world, project, adding.map(|row| row.size).sum())?;
    let project_id = project.id;
    ensure_repo(world, target);
    for artifact in artifacts {
        place(world, target, artifact);
    }
    let (tags, accessories) = {
        let Some((_, repo)) = world.repo(source) else {
            return Ok(());
        };
        let tags: Vec<(String, String)> =
            repo.tags.values().filter(|tag| wanted.contains(&tag.digest)).map(|tag| (tag.name.clone(), tag.digest.clone())).collect();
        let rows: Vec<_> = repo.accessories.values().filter(|row| wanted.contains(&row.digest)).cloned().collect();
        (tags, rows)
    };
    attach(world, target, accessories);
    for (tag, digest) in tags {
        tag_artifact(world, version, target, &tag, &digest);
    }
    let resource = format!("{target}@{digest}");
    audit(world, who, project_id, "create", "artifact", &resource, &format!("push artifact: {resource}"));
    Ok(())
}

/// Links copied accessories, each once.
fn attach(world: &mut World, target: &str, accessories: Vec<Accessory>) {
    for mut accessory in accessories {
        let known = world.repo(target).is_some_and(|(_, repo)| {
            repo.accessories.values().any(|row| row.digest == accessory.digest && row.subject == accessory.subject)
        });
        if !known {
            accessory.id = world.ids.next("accessory");
            accessory.created = clock::now_us();
            if let Some(repo) = world.repo_mut(target) {
                repo.accessories.insert(accessory.id, accessory);
            }
        }
    }
}

/// Children first, then the artifact, then what is attached to it.
fn gather(world: &World, name: &str, digest: &str, wanted: &mut Vec<String>, depth: usize) {
    let Some((_, repo)) = world.repo(name) else {
        return;
    };
    if depth > DEPTH_MAX || wanted.iter().any(|have| have == digest) {
        return;
    }
    let Some(artifact) = repo.artifacts.get(digest) else {
        return;
    };
    for child in &artifact.children {
        gather(world, name, &child.digest, wanted, depth + 1);
    }
    wanted.push(digest.to_owned());
    for row in repo.accessories.values().filter(|row| row.subject == digest) {
        gather(world, name, &row.digest, wanted, depth + 1);
    }
}

fn place(world: &mut World, target: &str, mut artifact: Artifact) {
    let links = world.links.entry(target.to_owned()).or_default();
    for digest in &artifact.blobs {
        if *digest == artifact.digest {
            links.manifests.insert(digest.clone(), artifact.manifest_media_type.clone());
        } else {
            links.blobs.insert(digest.clone());
        }
    }
    for digest in &artifact.blobs {
        associate(world, target, digest);
    }
    if world.repo(target).is_some_and(|(_, repo)| repo.artifacts.contains_key(&artifact.digest)) {
        return;
    }
    artifact.id = world.ids.next("artifact");
    artifact.push_time = clock::now_us();
    artifact.pull_time = 0;
    artifact.labels.clear();
    if let Some(repo) = world.repo_mut(target) {
        repo.artifacts.insert(artifact.digest.clone(), artifact);
    }
}

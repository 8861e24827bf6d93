//! Deleting: rows go, bytes stay until garbage collection (harbor.md §4).

use std::collections::{BTreeSet, VecDeque};

use super::push::touch;
use super::{audit, is_immutable, release_blobs};
use crate::app::Version;
use crate::identity::Who;
use crate::model::{Project, Repo, World};
use crate::reply::Refusal;

/// Refuses to touch a tag a rule protects.
fn guard_tags<'a>(project: &Project, repo: &Repo, tags: impl Iterator<Item = &'a String>) -> Result<(), Refusal> {
    for tag in tags {
        if is_immutable(project, &repo.name, tag) {
            return Err(Refusal::precondition(format!("the tag {tag} configured as immutable, cannot be deleted")));
        }
    }
    Ok(())
}

/// Deletes one artifact with its tags, accessories and the children nothing else uses.
pub fn delete_artifact(world: &mut World, who: &Who, version: Version, name: &str, digest: &str) -> Result<(), Refusal> {
    let missing = || Refusal::not_found(format!("artifact {name}@{digest} not found"));
    let (project, repo) = world.holder(name, digest).ok_or_else(missing)?;
    if !repo.artifacts.contains_key(digest) {
        return Err(missing());
    }
    if repo.is_child(digest) {
        return Err(Refusal::new(412, "VIOLATE_FOREIGN_KEY_CONSTRAINT", "the deleting artifact is referenced by others"));
    }
    guard_tags(project, repo, repo.tags.values().filter(|tag| tag.digest == digest).map(|tag| &tag.name))?;
    let project_id = project.id;
    let removed = remove_tree(world, name, digest);
    touch(world, version, name);
    for digest in removed {
        let resource = format!("{name}@{digest}");
        audit(world, who, project_id, "delete", "artifact", &resource, &format!("delete artifact: {resource}"));
    }
    Ok(())
}

/// Takes the rows out and tells which digests an event is due for: the root and its accessories, not the children.
pub(super) fn remove_tree(world: &mut World, name: &str, digest: &str) -> Vec<String> {
    let Some((project, repo_name)) = name.split_once('/') else {
        return Vec::new();
    };
    let Some(project) = world.project_mut(project) else {
        return Vec::new();
    };
    let is_there = project.repos.get(repo_name).is_some_and(|repo| repo.artifacts.contains_key(digest));
    let Some(repo) = (if is_there { project.repos.get_mut(repo_name) } else { project.left.get_mut(repo_name) }) else {
        return Vec::new();
    };
    let mut blobs = BTreeSet::new();
    let mut told = Vec::new();
    let mut queue = VecDeque::from([(digest.to_owned(), true)]);
    while let Some((digest, tell)) = queue.pop_front() {
        let Some(artifact) = repo.artifacts.remove(&digest) else {
            continue;
        };
        blobs.extend(artifact.blobs);
        repo.tags.retain(|_, tag| tag.digest != digest);
        let attached: Vec<String> =
            repo.accessories.values().filter(|accessory| accessory.subject == digest).map(|accessory| accessory.digest.clone()).collect();
        repo.accessories.retain(|_, accessory| accessory.digest != digest && accessory.subject != digest);
        queue.extend(attached.into_iter().map(|digest| (digest, true)));
        for child in artifact.children {
            if !repo.is_tagged(&child.digest) && !repo.is_child(&child.digest) {
                queue.push_back((child.digest, false));
            }
        }
        if tell {
            told.push(digest);
        }
    }
    release_blobs(project, &blobs);
    told
}

/// Deletes one tag; the artifact stays.
pub fn delete_tag(world: &mut World, who: &Who, version: Version, name: &str, tag: &str) -> Result<(), Refusal> {
    let missing = || Refusal::not_found(format!("tag {tag} of repository {name} not found"));
    let (project, repo) = world.repo(name).ok_or_else(missing)?;
    let row = repo.tags.get(tag).ok_or_else(missing)?;
    guard_tags(project, repo, std::iter::once(&row.name))?;
    let project_id = project.id;
    if let Some(repo) = world.repo_mut(name) {
        repo.tags.remove(tag);
    }
    touch(world, version, name);
    let resource = format!("{name}:{tag}");
    audit(world, who, project_id, "delete", "tag", &resource, &format!("delete tag: {resource}"));
    Ok(())
}

/// Deletes a repository with all of it that is listed, and what is about that.
pub fn delete_repository(world: &mut World, who: &Who, name: &str) -> Result<(), Refusal> {
    let (project, repo) = world.repo(name).ok_or_else(|| Refusal::not_found(format!("repository {name} not found")))?;
    guard_tags(project, repo, repo.tags.keys())?;
    let project_id = project.id;
    let repo_name = repo.name.clone();
    // An index goes before what is in it, which then goes for itself if it has a tag.
    let mut roots = Vec::new();
    while let Some(root) = world.repo(name).and_then(|(_, repo)| repo.artifacts.keys().find(|d| !repo.is_accessory(d) && !repo.is_child(d)))
    {
        let root = root.clone();
        remove_tree(world, name, &root);
        roots.push(root);
    }
    if let Some(project) = world.projects.get_mut(&project_id)
        && let Some(repo) = project.repos.remove(&repo_name).filter(|repo| !repo.artifacts.is_empty())
    {
        match project.left.get_mut(&repo_name) {
            Some(left) => {
                left.artifacts.extend(repo.artifacts);
                left.accessories.extend(repo.accessories);
                left.tags.extend(repo.tags);
            }
            None => drop(project.left.insert(repo_name, repo)),
        }
    }
    for digest in roots {
        let resource = format!("{name}@{digest}");
        audit(world, who, project_id, "delete", "artifact", &resource, &format!("delete artifact: {resource}"));
    }
    audit(world, who, project_id, "delete", "repository", name, &format!("delete repository: {name}"));
    Ok(())
}

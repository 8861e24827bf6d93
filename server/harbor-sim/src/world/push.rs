//! A manifest or blob arrives: the checks Harbor and its registry make, in their order, and the rows they write.

use serde_json::{Value, json};

use super::manifest::{Parsed, Reference};
use super::{audit, check_quota, is_immutable};
use crate::app::Version;
use crate::clock;
use crate::identity::Who;
use crate::model::{Accessory, Artifact, BlobRow, Repo, TagRow, World};
use crate::reply::Refusal;
use crate::store::hex_of;

/// The longest tag.
const TAG_MAX: usize = 128;

/// A manifest on its way in.
pub struct Pushed<'a> {
    pub who: &'a Who,
    pub version: Version,
    /// `project/repository`
    pub name: &'a str,
    /// The tag or digest it is pushed by.
    pub reference: &'a str,
    pub digest: &'a str,
    pub size: i64,
    pub manifest: &'a Parsed,
    /// The configuration, where it could be read as JSON.
    pub config: Option<&'a Value>,
}

/// Whether a text is a tag.
pub fn is_tag(text: &str) -> bool {
    let inner = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-');
    (1..=TAG_MAX).contains(&text.len())
        && text.chars().all(inner)
        && text.chars().next().is_some_and(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// The checks before anything is stored: immutability, quota, digest, presence of what it refers to.
pub fn precheck(world: &World, pushed: &Pushed<'_>) -> Result<(), Refusal> {
    let (project_name, repo_name) = pushed.name.split_once('/').unwrap_or((pushed.name, ""));
    let project = world.project(project_name).ok_or_else(|| Refusal::not_found(format!("project {project_name} not found")))?;
    let exists = project.repos.get(repo_name).is_some_and(|repo| repo.tags.contains_key(pushed.reference));
    if exists && is_immutable(project, repo_name, pushed.reference) {
        return Err(Refusal::precondition(format!(
            "Failed to process request due to '{repo_name}:{}' configured as immutable.",
            pushed.reference
        )));
    }
    let own = Reference { digest: pushed.digest.to_owned(), size: pushed.size, foreign: false };
    let children = pushed.manifest.children.iter().map(|(reference, _)| reference);
    let mut missing: std::collections::BTreeMap<&str, i64> = std::collections::BTreeMap::new();
    for reference in pushed.manifest.blobs().chain(children).chain([&own]) {
        if !project.blobs.contains(&reference.digest) {
            let known = world.blobs.get(&reference.digest).map(|row| row.size);
            missing.insert(&reference.digest, known.unwrap_or(reference.size));
        }
    }
    check_quota(world, project, missing.values().fold(0, |sum: i64, size| sum.wrapping_add(*size)))?;
    registry_check(world, pushed)?;
    // Harbor keeps each child of an index once, and what it cannot write down it then does not find (seen on 2.12.4 and 2.15.2).
    let mut children = std::collections::BTreeSet::new();
    if pushed.manifest.children.iter().all(|(child, _)| children.insert(&child.digest)) {
        return Ok(());
    }
    Err(Refusal::not_found(format!("artifact {}@{} not found", pushed.name, pushed.digest)))
}

/// What the registry behind Harbor checks.
fn registry_check(world: &World, pushed: &Pushed<'_>) -> Result<(), Refusal> {
    if pushed.reference.contains(':') && pushed.reference != pushed.digest {
        return Err(digest_invalid());
    }
    if pushed.manifest.schema_version != 2 {
        return Err(Refusal::registry(500, "UNKNOWN", "unknown error", Some(json!({}))));
    }
    if pushed.manifest.hollow {
        let mut refusal = digest_invalid();
        refusal.errors.push(json!({"code": "MANIFEST_BLOB_UNKNOWN", "message": "blob unknown to registry", "detail": ""}));
        return Err(refusal);
    }
    let links = world.links.get(pushed.name);
    let mut refusal = Refusal::registry(400, "MANIFEST_BLOB_UNKNOWN", "blob unknown to registry", None);
    refusal.errors.clear();
    let blobs = pushed.manifest.blobs().map(|reference| (reference, false));
    let children = pushed.manifest.children.iter().map(|(reference, _)| (reference, true));
    for (reference, child) in blobs.chain(children) {
        let there = links.is_some_and(|links| {
            if child { links.manifests.contains_key(&reference.digest) } else { links.blobs.contains(&reference.digest) }
        });
        let own = world.aliases.get(&reference.digest).unwrap_or(&reference.digest);
        let kept = (child || world.blobs.contains_key(own)) && !world.lost.contains(own);
        if !there || !kept || hex_of(own).is_none() {
            refusal
                .errors
                .push(json!({"code": "MANIFEST_BLOB_UNKNOWN", "message": "blob unknown to registry", "detail": reference.digest}));
        }
    }
    if refusal.errors.is_empty() { Ok(()) } else { Err(refusal) }
}

fn digest_invalid() -> Refusal {
    Refusal::registry(400, "DIGEST_INVALID", "provided digest did not match uploaded content", None)
}

/// Notes a blob that is in storage now, and that it is linked in this repository.
pub fn blob_row(world: &mut World, name: &str, digest: &str, size: i64) {
    let updated = clock::now_us();
    world.lost.remove(digest);
    world.links.entry(name.to_owned()).or_default().blobs.insert(digest.to_owned());
    world.blobs.entry(digest.to_owned()).and_modify(|row| row.updated = updated).or_insert(BlobRow { size, manifest: false, updated });
}

/// Makes a blob count towards its project.
pub fn associate(world: &mut World, name: &str, digest: &str) {
    let project = name.split('/').next().unwrap_or_default();
    if let Some(project) = world.project_mut(project)
        && project.blobs.insert(digest.to_owned())
    {
        project.quota.updated = clock::now_us();
    }
}

/// Writes the rows of a pushed manifest, whose bytes are in storage.
pub fn commit(world: &mut World, pushed: &Pushed<'_>) -> Result<(), Refusal> {
    precheck(world, pushed)?;
    world.lost.remove(pushed.digest);
    let now = clock::now_us();
    let Parsed { media_type, children, .. } = pushed.manifest;
    let links = world.links.entry(pushed.name.to_owned()).or_default();
    links.manifests.insert(pushed.digest.to_owned(), media_type.clone());
    let row = BlobRow { size: pushed.size, manifest: true, updated: now };
    world.blobs.insert(pushed.digest.to_owned(), row);
    // What need not be there is kept like any other as long as something names it.
    let there = |digest: &String| world.links.get(pushed.name).is_some_and(|links| links.blobs.contains(digest));
    let named = pushed.manifest.named_blobs().map(|reference| &reference.digest);
    let mut blobs: std::collections::BTreeSet<String> = named.filter(|digest| there(digest)).cloned().collect();
    blobs.insert(pushed.digest.to_owned());
    // By another algorithm a blob gets a row of its own under that name, and only that one is in use: a collection takes the bytes, which are
    // under their SHA-256 (seen on 2.12.4 and 2.15.2).
    for reference in pushed.manifest.named_blobs().filter(|reference| world.aliases.contains_key(&reference.digest)) {
        world.blobs.entry(reference.digest.clone()).or_insert(BlobRow { size: reference.size, manifest: false, updated: now });
    }
    let children_digests: Vec<String> = children.iter().map(|(_, child)| child.digest.clone()).collect();
    for digest in blobs.iter().chain(&children_digests) {
        associate(world, pushed.name, digest);
        if let Some(row) = world.blobs.get_mut(digest) {
            row.updated = now;
        }
    }
    ensure_repo(world, pushed.name);
    if world.left(pushed.name, pushed.digest).is_some() {
        return left_as_it_is(world, pushed);
    }
    let known = world.repo(pushed.name).is_some_and(|(_, repo)| repo.artifacts.contains_key(pushed.digest));
    if !known {
        let artifact = artifact_row(world, pushed, blobs, now);
        if let Some(repo) = world.repo_mut(pushed.name) {
            repo.artifacts.insert(pushed.digest.to_owned(), artifact);
        }
        touch(world, pushed.version, pushed.name);
    }
    accessories(world, pushed);
    let by_tag = !pushed.reference.contains(':');
    if by_tag {
        tag_artifact(world, pushed.version, pushed.name, pushed.reference, pushed.digest);
    }
    let project_id = world.repo(pushed.name).map_or(0, |(project, _)| project.id);
    let resource = if by_tag { format!("{}:{}", pushed.name, pushed.reference) } else { format!("{}@{}", pushed.name, pushed.digest) };
    let what = format!("push artifact: {}@{}", pushed.name, pushed.digest);
    audit(world, pushed.who, project_id, "create", "artifact", &resource, &what);
    Ok(())
}

/// What a deleted repository left behind is known by its digest, and keeps the number of that repository: its tags are seen by nobody.
fn left_as_it_is(world: &mut World, pushed: &Pushed<'_>) -> Result<(), Refusal> {
    if pushed.reference.contains(':') {
        return Ok(());
    }
    tag_artifact(world, pushed.version, pushed.name, pushed.reference, pushed.digest);
    Err(Refusal::not_found(format!("artifact {}:{} not found", pushed.name, pushed.reference)))
}

/// Makes the repository's row, if it is the first push.
pub fn ensure_repo(world: &mut World, name: &str) {
    if world.repo(name).is_some() {
        return;
    }
    let id = world.ids.next("repository");
    let now = clock::now_us();
    let (project, repo_name) = name.split_once('/').unwrap_or((name, ""));
    let repo = Repo {
        id,
        name: repo_name.to_owned(),
        description: String::new(),
        pull_count: 0,
        created: now,
        updated: now,
        artifacts: std::collections::BTreeMap::new(),
        tags: std::collections::BTreeMap::new(),
        accessories: std::collections::BTreeMap::new(),
    };
    if let Some(project) = world.project_mut(project) {
        project.repos.insert(repo_name.to_owned(), repo);
    }
}

fn artifact_row(world: &mut World, pushed: &Pushed<'_>, blobs: std::collections::BTreeSet<String>, now: i64) -> Artifact {
    let id = world.ids.next("artifact");
    let parsed = pushed.manifest;
    let parts: i64 = if parsed.is_index() {
        let repo = world.repo(pushed.name).map(|(_, repo)| repo);
        let size = |digest: &String| repo.and_then(|repo| repo.artifacts.get(digest)).map_or(0, |child| child.size);
        parsed.children.iter().map(|(_, child)| size(&child.digest)).fold(0, i64::wrapping_add)
    } else {
        // Claims, added up as they are.
        parsed.named_blobs().map(|reference| reference.size).fold(0, i64::wrapping_add)
    };
    Artifact {
        id,
        digest: pushed.digest.to_owned(),
        kind: parsed.kind(),
        media_type: parsed.config_media_type.clone(),
        manifest_media_type: parsed.media_type.clone(),
        artifact_type: parsed.shown_artifact_type(),
        size: parts.wrapping_add(pushed.size),
        push_time: now,
        pull_time: 0,
        annotations: parsed.annotations.clone(),
        extra_attrs: parsed.extra_attrs(pushed.config),
        children: parsed.children.iter().map(|(_, child)| child.clone()).collect(),
        blobs,
        labels: Vec::new(),
        scanned: None,
    }
}

/// Records what this manifest belongs to: by `subject`, or by cosign's tag. Either order of arrival works.
fn accessories(world: &mut World, pushed: &Pushed<'_>) {
    let bundles = pushed.version >= Version::V2_15_2;
    let by_subject = pushed.manifest.subject.clone().map(|subject| (subject, pushed.manifest.accessory_kind(bundles)));
    let by_tag = cosign_subject(pushed.reference).filter(|_| pushed.manifest.cosign_layer).map(|subject| (subject, "signature.cosign"));
    for (subject, kind) in by_subject.into_iter().chain(by_tag) {
        let known = world.repo(pushed.name).is_some_and(|(_, repo)| {
            repo.accessories.values().any(|accessory| accessory.digest == pushed.digest && accessory.subject == subject)
        });
        if known {
            continue;
        }
        let id = world.ids.next("accessory");
        let created = clock::now_us();
        if let Some(repo) = world.repo_mut(pushed.name) {
            let row = Accessory { id, digest: pushed.digest.to_owned(), subject, kind: kind.to_owned(), created };
            repo.accessories.insert(id, row);
        }
    }
}

/// The digest a tag of cosign's old convention speaks of: `sha256-<hex>.sig`.
fn cosign_subject(tag: &str) -> Option<String> {
    let hex = tag.strip_prefix("sha256-")?.strip_suffix(".sig")?;
    let digest = format!("sha256:{hex}");
    hex_of(&digest).is_some().then_some(digest)
}

/// Points a tag at an artifact.
pub fn tag_artifact(world: &mut World, version: Version, name: &str, tag: &str, digest: &str) {
    let now = clock::now_us();
    let is_left = world.left(name, digest).is_some();
    let known = world.holder(name, digest).and_then(|(_, repo)| repo.tags.get(tag)).map(|row| row.digest.clone());
    if known.as_deref() == Some(digest) {
        return;
    }
    let id = world.ids.next("tag");
    if let Some(repo) = if is_left { world.left_mut(name) } else { world.repo_mut(name) } {
        let row = TagRow { id, name: tag.to_owned(), digest: digest.to_owned(), push_time: now, pull_time: 0 };
        repo.tags
            .entry(tag.to_owned())
            .and_modify(|old| {
                old.digest = digest.to_owned();
                old.push_time = now;
                old.pull_time = 0;
            })
            .or_insert(row);
    }
    touch(world, version, name);
}

/// A change of content moves a repository's time since 2.15.2; before, it did not (harbor.md §2).
pub fn touch(world: &mut World, version: Version, name: &str) {
    if version >= Version::V2_15_2
        && let Some(repo) = world.repo_mut(name)
    {
        repo.updated = clock::now_us();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_follow_the_distribution_specification() {
        assert!(is_tag("v1.2_3-x"));
        assert!(!is_tag("bad tag"));
        assert!(!is_tag(".hidden"));
        assert!(!is_tag(&"x".repeat(129)));
    }
}

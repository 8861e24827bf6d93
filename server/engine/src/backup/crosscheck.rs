//! Looks for what a listing does not show: tags on accessories, and tags that moved while the backup ran.

use std::collections::HashMap;

use registry::{Client, Reference, RegistryError};
use vocab::{Digest, RepositoryName, Tag};

use super::collect::Nodes;
use super::gap::tag_subject;
use super::listing::{Listed, moved};
use super::{ARTIFACTS_MAX, BackupError, Note};
use crate::source;

/// Tag names that are looked up one by one, per repository; more unknown ones than that means the listing is older than the tags.
const UNKNOWN_TAGS_MAX: usize = 1_000;

/// Asks each repository for all its tag names, which include those on accessories, and looks up the ones nobody has.
pub(crate) async fn tag_names(client: &Client, listed: &Listed, nodes: &mut Nodes) -> Result<Vec<Note>, BackupError> {
    let mut notes = Vec::new();
    for repository in listed.repositories.keys() {
        let unknown: Vec<Tag> =
            client.tag_names(repository).await?.into_iter().filter(|tag| nodes.owner(repository, tag).is_none()).collect();
        for tag in unknown.iter().take(UNKNOWN_TAGS_MAX) {
            let digest = points_to(client, repository, &Reference::Tag(tag.clone())).await?;
            let known = digest.is_some_and(|digest| nodes.contains(repository, &digest) && nodes.claim(repository, tag, &digest));
            if !known {
                notes.push(later(repository, tag));
            }
        }
        if unknown.len() > UNKNOWN_TAGS_MAX {
            let text = format!("{} tags came after the listing; the next run takes them", unknown.len() - UNKNOWN_TAGS_MAX);
            notes.push(Note { code: "tags_later", subject: repository.to_string(), text });
        }
    }
    Ok(notes)
}

/// What a tag points to; Harbor's own record of it where a policy blocks the look.
async fn points_to(client: &Client, repository: &RepositoryName, tag: &Reference) -> Result<Option<Digest>, BackupError> {
    match client.manifest_head(repository, tag).await {
        Ok(head) => Ok(head.and_then(|head| head.digest)),
        Err(RegistryError::BlockedByPolicy { .. }) => Ok(source::artifact(client, repository, tag).await?.map(|seen| seen.digest)),
        Err(error) => Err(error.into()),
    }
}

fn later(repository: &RepositoryName, tag: &Tag) -> Note {
    let text = "the tag came after the listing; the next run takes it".to_owned();
    Note { code: "tag_later", subject: tag_subject(repository, tag), text }
}

/// Lists again after the bytes were read, and notes what moved or went meanwhile. The snapshot keeps what was seen first (I-8).
pub(crate) async fn moves(client: &Client, listed: &Listed) -> Result<Vec<Note>, BackupError> {
    let name = &listed.project.name;
    let repositories = client.repositories(name).await?;
    let Some(now) = source::artifacts(client, name, &repositories, ARTIFACTS_MAX).await? else { return Ok(Vec::new()) };
    let now: HashMap<(&RepositoryName, &Tag), &Digest> =
        now.iter().flat_map(|a| a.tags.iter().map(move |tag| ((&a.repository, tag), &a.digest))).collect();
    let mut notes = Vec::new();
    for artifact in &listed.artifacts {
        for tag in &artifact.tags {
            match now.get(&(&artifact.repository, tag)) {
                Some(digest) if **digest == artifact.digest => {}
                Some(digest) => notes.push(moved(&artifact.repository, tag, &artifact.digest, digest)),
                None => notes.push(Note {
                    code: "tag_gone",
                    subject: tag_subject(&artifact.repository, tag),
                    text: "the tag was removed during the backup; it is recorded as first seen".to_owned(),
                }),
            }
        }
    }
    Ok(notes)
}

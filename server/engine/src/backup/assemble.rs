//! From what was read to repository indexes: what is whole becomes a member, what is not becomes gaps.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use vault::tree::{Gap, RepositoryIndex, RepositoryMember};
use vocab::{Descriptor, Digest, RepositoryName};

use super::DEPTH_MAX;
use super::blobs::Failures;
use super::collect::{Node, Nodes};
use super::gap::{Cause, artifact_subject, tag_subject};
use super::manifests::{Parts, State, States};

/// What is to be sealed.
pub(crate) struct Assembled {
    pub repositories: Vec<RepositoryIndex>,
    pub gaps: Vec<Gap>,
    pub tags: u64,
    pub artifacts: u64,
    /// Artifacts with layers that no registry stores.
    pub foreign: Vec<(RepositoryName, Digest)>,
}

/// Puts the indexes together. What was read is let go of on the way: a large repository is in memory once.
pub(crate) fn assemble(
    repositories: BTreeMap<RepositoryName, Option<String>>,
    nodes: Nodes,
    states: States,
    blobs: &Failures,
) -> Assembled {
    let mut verdicts = judge(&states, blobs);
    let foreign: HashSet<Digest> = states
        .into_iter()
        .filter(|(_, state)| matches!(state, State::Read(parts) if parts.foreign > 0))
        .map(|(digest, _)| digest)
        .collect();
    let mut assembled = Assembled { repositories: Vec::new(), gaps: Vec::new(), tags: 0, artifacts: 0, foreign: Vec::new() };
    let mut listed = repositories;
    let alone = nodes.repositories() == 1;
    for (name, nodes) in nodes.into_repositories() {
        let mut index = RepositoryIndex { description: listed.remove(&name).flatten(), name, members: Vec::new() };
        for (digest, node) in nodes {
            // What no other repository has is moved and not copied.
            let verdict = if alone { verdicts.remove(&digest) } else { verdicts.get(&digest).cloned() };
            match verdict.unwrap_or_else(|| Err(Cause::deep())) {
                Ok(descriptor) => {
                    assembled.artifacts += 1;
                    assembled.tags += node.tags.len() as u64;
                    if foreign.contains(&digest) {
                        assembled.foreign.push((index.name.clone(), digest));
                    }
                    index.members.extend(described(Arc::unwrap_or_clone(descriptor), node));
                }
                Err(cause) => assembled.gaps.extend(subjects(&index.name, &digest, &node).map(|subject| cause.gap(subject))),
            }
        }
        assembled.repositories.push(index);
    }
    // Those in which nothing is.
    assembled.repositories.extend(listed.into_iter().map(|(name, description)| RepositoryIndex { name, description, members: Vec::new() }));
    assembled
}

/// One member per tag, or one without.
fn described(descriptor: Descriptor, node: Node) -> impl Iterator<Item = RepositoryMember> {
    let Node { mut tags, labels, role, .. } = node;
    let last = tags.pop();
    let others: Vec<RepositoryMember> = tags
        .into_iter()
        .map(|tag| RepositoryMember { descriptor: descriptor.clone(), tag: Some(tag), role: role.clone(), labels: labels.clone() })
        .collect();
    others.into_iter().chain([RepositoryMember { descriptor, tag: last, role, labels }])
}

/// A gap per tag: the timeline asks by tag what nobody could see.
fn subjects<'a>(repository: &'a RepositoryName, digest: &'a Digest, node: &'a Node) -> impl Iterator<Item = String> + use<'a> {
    let untagged = node.tags.is_empty().then(|| artifact_subject(repository, digest));
    untagged.into_iter().chain(node.tags.iter().map(|tag| tag_subject(repository, tag)))
}

/// Which manifests are whole: read, with every blob and every child, and not nested deeper than a restore follows.
type Verdicts = HashMap<Digest, Result<Arc<Descriptor>, Cause>>;

/// Decides level by level from the leaves up, so that no chain of indexes, however long, costs stack: after [`DEPTH_MAX`] levels what is
/// left is too deep.
fn judge(states: &States, blobs: &Failures) -> Verdicts {
    let mut verdicts = Verdicts::with_capacity(states.len());
    let mut pending: Vec<(&Digest, &Parts)> = Vec::new();
    for (digest, state) in states {
        let verdict = match state {
            State::Complete(descriptor) => Ok(descriptor.clone()),
            State::Failed(cause) => Err(cause.clone()),
            State::Read(parts) => match parts.blobs.iter().find_map(|(blob, _)| blobs.get(blob).map(|cause| cause.seen_from_above(blob))) {
                Some(cause) => Err(cause),
                None if parts.children.is_empty() => Ok(parts.descriptor.clone()),
                None => {
                    pending.push((digest, parts));
                    continue;
                }
            },
        };
        verdicts.insert(*digest, verdict);
    }
    for _ in 1..DEPTH_MAX {
        let decided: Verdicts =
            pending.iter().filter_map(|(digest, parts)| from_children(parts, &verdicts).map(|v| (**digest, v))).collect();
        if decided.is_empty() {
            break;
        }
        pending.retain(|(digest, _)| !decided.contains_key(*digest));
        verdicts.extend(decided);
    }
    verdicts.extend(pending.into_iter().map(|(digest, _)| (*digest, Err(Cause::deep()))));
    verdicts
}

/// The verdict on an index once all its children have one, or one of them a bad one.
fn from_children(parts: &Parts, verdicts: &Verdicts) -> Option<Result<Arc<Descriptor>, Cause>> {
    let mut all = true;
    for (child, _) in &parts.children {
        match verdicts.get(child) {
            Some(Err(cause)) => return Some(Err(cause.seen_from_above(child))),
            Some(Ok(_)) => {}
            None => all = false,
        }
    }
    all.then(|| Ok(parts.descriptor.clone()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backup::gap;

    fn read(name: &[u8], blobs: &[&[u8]], children: &[&[u8]]) -> (Digest, State) {
        let digest = Digest::of(name);
        let descriptor = Descriptor {
            media_type: vocab::media::OCI_MANIFEST.to_owned(),
            digest,
            size: 1,
            artifact_type: None,
            annotations: BTreeMap::new(),
            platform: None,
            urls: Vec::new(),
        };
        let blobs = blobs.iter().map(|b| (Digest::of(b), Some(1))).collect();
        let children = children.iter().map(|c| (Digest::of(c), String::new())).collect();
        (digest, State::Read(Parts { descriptor: Arc::new(descriptor), blobs, children, subject: None, foreign: 0 }))
    }

    #[test]
    fn an_index_is_whole_only_if_each_child_and_each_blob_is() {
        let states: States =
            [read(b"index", &[], &[b"good", b"bad"]), read(b"good", &[b"1"], &[]), read(b"bad", &[b"1", b"2"], &[])].into();
        let cause = Cause { kind: gap::BLOCKED_BY_POLICY, text: "no".to_owned(), remedy: "sign it" };
        let blobs = Failures::from([(Digest::of(b"2"), cause)]);
        let verdicts = judge(&states, &blobs);
        assert!(verdicts[&Digest::of(b"good")].is_ok());
        assert_eq!(verdicts[&Digest::of(b"bad")].as_ref().unwrap_err().kind, gap::BLOCKED_BY_POLICY);
        assert!(verdicts[&Digest::of(b"index")].is_err());
        assert!(judge(&states, &Failures::new())[&Digest::of(b"index")].is_ok());
    }

    #[test]
    fn a_chain_of_indexes_is_whole_as_deep_as_a_restore_follows() {
        let name = |level: usize| format!("level {level}").into_bytes();
        let levels = 100_000;
        let states: States = (0..levels)
            .map(|level| {
                let below = name(level + 1);
                if level + 1 == levels { read(&name(level), &[], &[]) } else { read(&name(level), &[], &[below.as_slice()]) }
            })
            .collect();
        let verdicts = judge(&states, &Failures::new());
        let whole = (0..levels).filter(|level| verdicts[&Digest::of(&name(*level))].is_ok()).count();
        assert_eq!(whole, DEPTH_MAX);
        assert!(verdicts[&Digest::of(&name(levels - DEPTH_MAX))].is_ok());
    }
}

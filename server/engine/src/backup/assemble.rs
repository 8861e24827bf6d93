//! From what was read to repository indexes: what is whole becomes a member, what is not becomes gaps.

use std::collections::{BTreeMap, HashMap};

use vault::tree::{Gap, RepositoryIndex, RepositoryMember};
use vocab::{Descriptor, Digest, RepositoryName};

use super::blobs::Failures;
use super::collect::{Node, Nodes};
use super::gap::{Cause, artifact_subject, tag_subject};
use super::listing::Listed;
use super::manifests::{Parts, State, States};
use super::DEPTH_MAX;

/// What is to be sealed.
pub(crate) struct Assembled {
    pub repositories: Vec<RepositoryIndex>,
    pub gaps: Vec<Gap>,
    pub tags: u64,
    pub artifacts: u64,
    /// Artifacts with layers that no registry stores.
    pub foreign: Vec<(RepositoryName, Digest)>,
}

/// Puts the indexes together.
pub(crate) fn assemble(listed: &Listed, nodes: &Nodes, states: &States, blobs: &Failures) -> Assembled {
    let mut judge = Judge { states, blobs, verdicts: HashMap::new() };
    let mut members: BTreeMap<&RepositoryName, Vec<RepositoryMember>> = listed.repositories.keys().map(|name| (name, Vec::new())).collect();
    let (mut gaps, mut foreign, mut tags, mut artifacts) = (Vec::new(), Vec::new(), 0, 0);
    for (repository, digest, node) in nodes.iter() {
        match judge.descriptor(digest) {
            Ok(descriptor) => {
                artifacts += 1;
                tags += node.tags.len() as u64;
                if matches!(states.get(digest), Some(State::Read(parts)) if parts.foreign > 0) {
                    foreign.push((repository.clone(), *digest));
                }
                members.entry(repository).or_default().extend(described(&descriptor, node));
            }
            Err(cause) => gaps.extend(subjects(repository, digest, node).map(|subject| cause.gap(subject))),
        }
    }
    let index = |(name, members): (&RepositoryName, Vec<RepositoryMember>)| RepositoryIndex {
        name: name.clone(),
        description: listed.repositories.get(name).cloned().flatten(),
        members,
    };
    Assembled { repositories: members.into_iter().map(index).collect(), gaps, tags, artifacts, foreign }
}

/// One member per tag, or one without.
fn described<'a>(descriptor: &'a Descriptor, node: &'a Node) -> impl Iterator<Item = RepositoryMember> + use<'a> {
    let member = |tag| RepositoryMember { descriptor: descriptor.clone(), tag, role: node.role.clone(), labels: node.labels.clone() };
    let untagged = node.tags.is_empty().then_some(None);
    untagged.into_iter().chain(node.tags.iter().cloned().map(Some)).map(member)
}

/// A gap per tag: the timeline asks by tag what nobody could see.
fn subjects<'a>(repository: &'a RepositoryName, digest: &'a Digest, node: &'a Node) -> impl Iterator<Item = String> + use<'a> {
    let untagged = node.tags.is_empty().then(|| artifact_subject(repository, digest));
    untagged.into_iter().chain(node.tags.iter().map(|tag| tag_subject(repository, tag)))
}

/// Decides which manifests are whole: read, with every blob and every child, and not nested deeper than a restore follows.
struct Judge<'a> {
    states: &'a States,
    blobs: &'a Failures,
    verdicts: HashMap<Digest, Result<Whole, Cause>>,
}

/// A manifest that can be restored.
#[derive(Clone)]
struct Whole {
    descriptor: Descriptor,
    /// Levels of manifests from here down.
    height: usize,
}

impl Judge<'_> {
    fn descriptor(&mut self, digest: &Digest) -> Result<Descriptor, Cause> {
        self.judge(digest, 0).map(|whole| whole.descriptor)
    }

    fn judge(&mut self, digest: &Digest, depth: usize) -> Result<Whole, Cause> {
        if let Some(verdict) = self.verdicts.get(digest) {
            return verdict.clone();
        }
        // Not remembered: from further down the same manifest may be within reach.
        if depth >= DEPTH_MAX {
            return Err(Cause::deep());
        }
        let states = self.states;
        let verdict = match states.get(digest) {
            None => Err(Cause::deep()),
            Some(State::Complete(descriptor)) => Ok(Whole { descriptor: descriptor.clone(), height: 1 }),
            Some(State::Failed(cause)) => Err(cause.clone()),
            Some(State::Read(parts)) => self.parts(parts, depth),
        };
        self.verdicts.insert(*digest, verdict.clone());
        verdict
    }

    fn parts(&mut self, parts: &Parts, depth: usize) -> Result<Whole, Cause> {
        if let Some((blob, cause)) = parts.blobs.iter().find_map(|(blob, _)| self.blobs.get(blob).map(|cause| (blob, cause))) {
            return Err(cause.seen_from_above(blob));
        }
        let mut height = 1;
        for (child, _) in &parts.children {
            let below = self.judge(child, depth + 1).map_err(|cause| cause.seen_from_above(child))?;
            height = height.max(below.height + 1);
        }
        if height > DEPTH_MAX { Err(Cause::deep()) } else { Ok(Whole { descriptor: parts.descriptor.clone(), height }) }
    }
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
        (digest, State::Read(Parts { descriptor, blobs, children, foreign: 0 }))
    }

    #[test]
    fn an_index_is_whole_only_if_each_child_and_each_blob_is() {
        let states: States = [read(b"index", &[], &[b"good", b"bad"]), read(b"good", &[b"1"], &[]), read(b"bad", &[b"1", b"2"], &[])].into();
        let cause = Cause { kind: gap::BLOCKED_BY_POLICY, text: "no".to_owned(), remedy: "sign it" };
        let blobs = Failures::from([(Digest::of(b"2"), cause)]);
        let mut judge = Judge { states: &states, blobs: &blobs, verdicts: HashMap::new() };
        assert!(judge.descriptor(&Digest::of(b"good")).is_ok());
        assert_eq!(judge.descriptor(&Digest::of(b"bad")).unwrap_err().kind, gap::BLOCKED_BY_POLICY);
        assert!(judge.descriptor(&Digest::of(b"index")).is_err());
        let none = Failures::new();
        let mut judge = Judge { states: &states, blobs: &none, verdicts: HashMap::new() };
        assert!(judge.descriptor(&Digest::of(b"index")).is_ok());
    }
}

//! From what was read to repository indexes: what is closed becomes a member, what is not becomes gaps.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use vault::closed::{self, Known, Need};
use vault::tree::{Elsewhere, Gap, RepositoryIndex, RepositoryMember};
use vault::{Lack, Names, Why};
use vocab::{AnyDigest, Demand, Descriptor, Digest, RepositoryName};

use super::blobs::Fetched;
use super::collect::{Node, Nodes};
use super::gap::{Cause, artifact_subject, tag_subject};
use super::manifests::{State, States};

/// Addresses told of one layer, and the longest, in bytes.
const URLS_TOLD_MAX: usize = 2;
const URL_TOLD_BYTES_MAX: usize = 300;

/// What is to be sealed.
pub(crate) struct Assembled {
    pub repositories: Vec<RepositoryIndex>,
    pub gaps: Vec<Gap>,
    pub tags: u64,
    pub artifacts: u64,
    /// Layers that the registry does not have, of images that are kept all the same.
    pub elsewhere: Vec<Elsewhere>,
}

/// What of a manifest is worth keeping once its verdict is known.
#[derive(Default)]
struct Remarks {
    elsewhere: HashMap<Digest, Vec<Need>>,
    names: HashMap<Digest, Names>,
}

impl Remarks {
    fn of(states: &States, fetched: &Fetched) -> Self {
        let mut remarks = Self::default();
        for (digest, state) in states {
            let State::Read(parts) = state else { continue };
            let absent = |need: &&Need| need.demand == Demand::Clients && fetched.absent.contains(&need.digest);
            let elsewhere: Vec<Need> = parts.needs.blobs.iter().filter(absent).cloned().collect();
            if !elsewhere.is_empty() {
                remarks.elsewhere.insert(*digest, elsewhere);
            }
            let others = parts.needs.blobs.iter().filter_map(|need| match &need.digest {
                AnyDigest::Other(name) => Some((name.clone(), *fetched.names.get(name)?)),
                AnyDigest::Sha256(_) => None,
            });
            let names: Names = others.collect();
            if !names.is_empty() {
                remarks.names.insert(*digest, names);
            }
        }
        remarks
    }
}

/// Puts the indexes together. What was read is let go of on the way: a large repository is in memory once.
pub(crate) fn assemble(
    repositories: BTreeMap<RepositoryName, Option<String>>,
    nodes: Nodes,
    states: States,
    fetched: &Fetched,
) -> Assembled {
    let mut verdicts = judge(&states, fetched);
    let remarks = Remarks::of(&states, fetched);
    drop(states);
    let mut assembled = Assembled { repositories: Vec::new(), gaps: Vec::new(), tags: 0, artifacts: 0, elsewhere: Vec::new() };
    let mut listed = repositories;
    let alone = nodes.repositories() == 1;
    for (name, nodes) in nodes.into_repositories() {
        let mut index = RepositoryIndex { description: listed.remove(&name).flatten(), ..empty(name) };
        for (digest, node) in nodes {
            // What no other repository has is moved and not copied.
            let verdict = if alone { verdicts.remove(&digest) } else { verdicts.get(&digest).cloned() };
            match verdict.unwrap_or_else(|| Err(Cause::deep())) {
                Ok(descriptor) => {
                    assembled.artifacts += 1;
                    assembled.tags += node.tags.len() as u64;
                    for need in remarks.elsewhere.get(&digest).into_iter().flatten() {
                        assembled.elsewhere.extend(subjects(&index.name, &digest, &node).map(|subject| told(need, digest, subject)));
                    }
                    index.names.extend(remarks.names.get(&digest).cloned().unwrap_or_default());
                    index.members.extend(described(Arc::unwrap_or_clone(descriptor), node));
                }
                Err(cause) => assembled.gaps.extend(gaps(&cause, &index.name, &digest, &node)),
            }
        }
        assembled.repositories.push(index);
    }
    // Those in which nothing is.
    assembled.repositories.extend(listed.into_iter().map(|(name, description)| RepositoryIndex { description, ..empty(name) }));
    assembled
}

fn empty(name: RepositoryName) -> RepositoryIndex {
    RepositoryIndex { name, description: None, members: Vec::new(), names: Names::new() }
}

fn told(need: &Need, by: Digest, needed_by: String) -> Elsewhere {
    let urls = need.urls.as_deref().unwrap_or_default().iter().filter(|url| url.len() <= URL_TOLD_BYTES_MAX);
    Elsewhere { object: need.digest.clone(), by, needed_by, urls: urls.take(URLS_TOLD_MAX).cloned().collect() }
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

/// The gap of each subject. A tag may point to another image tomorrow, so its gap says to which one it does.
fn gaps<'a>(cause: &'a Cause, repository: &'a RepositoryName, digest: &'a Digest, node: &'a Node) -> impl Iterator<Item = Gap> + use<'a> {
    let digest_of_tag = (!node.tags.is_empty()).then_some(*digest);
    subjects(repository, digest, node).map(move |subject| Gap { digest: digest_of_tag, ..cause.gap(subject) })
}

/// A gap per tag: the timeline asks by tag what nobody could see.
fn subjects<'a>(repository: &'a RepositoryName, digest: &'a Digest, node: &'a Node) -> impl Iterator<Item = String> + use<'a> {
    let untagged = node.tags.is_empty().then(|| artifact_subject(repository, digest));
    untagged.into_iter().chain(node.tags.iter().map(|tag| tag_subject(repository, tag)))
}

/// Which manifests are closed, with what describes them.
type Verdicts = HashMap<Digest, Result<Arc<Descriptor>, Cause>>;

/// Asks [`closed::judge`], and tells a lack by what reading it came to.
fn judge(states: &States, fetched: &Fetched) -> Verdicts {
    let unread = Why::Missing;
    let known = states.iter().map(|(digest, state)| {
        let known = match state {
            State::Complete(_) => Known::Closed,
            State::Read(parts) => Known::Read(&parts.needs),
            State::Failed(_) => Known::Lacking(&unread),
        };
        (*digest, known)
    });
    let verdicts = closed::judge(known, |need| fetched.is_met(need));
    verdicts.into_iter().filter_map(|(digest, verdict)| Some((digest, explained(&digest, verdict, states, fetched)?))).collect()
}

fn explained(digest: &Digest, verdict: Result<(), Lack>, states: &States, fetched: &Fetched) -> Option<Result<Arc<Descriptor>, Cause>> {
    let Lack { object, by, why } = match (verdict, states.get(digest)?) {
        (Ok(()), State::Complete(descriptor)) => return Some(Ok(Arc::clone(descriptor))),
        (Ok(()), State::Read(parts)) => return Some(Ok(Arc::clone(&parts.descriptor))),
        (Ok(()), State::Failed(cause)) => return Some(Err(cause.clone())),
        (Err(lack), _) => lack,
    };
    let read = object.sha256().and_then(|object| match states.get(&object)? {
        State::Failed(cause) => Some(cause),
        State::Complete(_) | State::Read(_) => None,
    });
    let cause = read.or_else(|| fetched.failures.get(&object)).cloned().unwrap_or_else(|| Cause::lack(&why));
    let own = object == AnyDigest::from(*digest);
    Some(Err(if own && by == *digest { cause } else { cause.seen_from_above(&object) }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backup::gap;
    use crate::backup::manifests::Parts;
    use vault::closed::Needs;

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
        let need = |name: &&[u8]| Need { digest: Digest::of(name).into(), demand: Demand::Registry, claim_bytes: None, urls: None };
        let needs = Needs {
            media_type: descriptor.media_type.clone(),
            size_bytes: 1,
            blobs: blobs.iter().map(need).collect(),
            children: children.iter().map(need).collect(),
            unknown: None,
        };
        (digest, State::Read(Parts { descriptor: Arc::new(descriptor), needs, subject: None }))
    }

    #[test]
    fn a_lack_is_told_by_what_reading_the_part_came_to() {
        let states: States =
            [read(b"index", &[], &[b"good", b"bad"]), read(b"good", &[b"1"], &[]), read(b"bad", &[b"1", b"2"], &[])].into();
        let cause = Cause { kind: gap::BLOCKED_BY_POLICY, ..Cause::unreadable("no") };
        let fetched = Fetched { failures: [(Digest::of(b"2").into(), cause)].into(), ..Fetched::default() };
        let verdicts = judge(&states, &fetched);
        assert!(verdicts[&Digest::of(b"good")].is_ok());
        let bad = verdicts[&Digest::of(b"bad")].as_ref().unwrap_err();
        assert_eq!((bad.kind, bad.remedy), (gap::BLOCKED_BY_POLICY, gap::Remedy::NoRegistryTakesIt));
        assert!(bad.reason.to_string().contains(&Digest::of(b"2").short()), "{}", bad.reason);
        assert!(verdicts[&Digest::of(b"index")].is_err());
        assert!(judge(&states, &Fetched::default())[&Digest::of(b"index")].is_ok());
    }
}

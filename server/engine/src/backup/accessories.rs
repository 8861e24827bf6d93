//! Accessories: signatures, SBOMs and whatever else is about an artifact, and what is about those in turn.
//!
//! A listing shows the direct ones without their tags. One that the snapshot before has under the same subject is carried over with its
//! tags and its own accessories; any other is asked for by digest, which costs one request and answers tags and deeper ones at once.

use std::collections::HashSet;

use futures::{StreamExt, stream};
use registry::{Client, Reference};
use vault::tree::{Gap, Role};
use vocab::{Digest, ProjectName, RepositoryName};

use super::collect::Nodes;
use super::gap::{Cause, artifact_subject};
use super::previous::Known;
use super::throttle::{Breaker, Throttle};
use super::{ARTIFACTS_MAX, BackupError, DEPTH_MAX, Reconcile};
use crate::source::{self, Seen};

/// Accessories asked for at a time; the client bounds listing calls further.
const ASKED_AT_ONCE: usize = 8;

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Found {
    repository: RepositoryName,
    subject: Digest,
    digest: Digest,
    kind: String,
}

/// Where the search stands.
pub(crate) struct Search<'a> {
    pub client: &'a Client,
    pub previous: &'a Known,
    pub reconcile: Reconcile,
    pub throttle: &'a Throttle,
    pub breaker: &'a Breaker,
}

impl Search<'_> {
    /// Adds every accessory of what was seen. What cannot be asked for is answered as gaps.
    pub(crate) async fn run(&self, project: &ProjectName, seen: &[Seen], nodes: &mut Nodes) -> Result<Vec<Gap>, BackupError> {
        let mut gaps = Vec::new();
        let mut carried: Vec<(RepositoryName, Digest)> = Vec::new();
        let mut visited: HashSet<(RepositoryName, Digest)> = HashSet::new();
        let mut level: Vec<Found> = seen.iter().flat_map(direct).collect();
        for _ in 0..DEPTH_MAX {
            level.retain(|f| {
                f.subject != f.digest && !nodes.contains(&f.repository, &f.digest) && visited.insert((f.repository.clone(), f.digest))
            });
            if level.is_empty() {
                break;
            }
            if nodes.len() + level.len() > ARTIFACTS_MAX {
                return Err(BackupError::TooMuch { project: project.clone(), what: "artifacts", limit: ARTIFACTS_MAX });
            }
            let (known, fresh): (Vec<Found>, Vec<Found>) = level.drain(..).partition(|f| self.is_known(f));
            let mut next = Vec::new();
            for found in known {
                next.extend(self.carry(&found, nodes));
                carried.push((found.repository, found.digest));
            }
            next.extend(self.ask(fresh, nodes, &mut gaps).await?);
            level = next;
        }
        gaps.extend(level.iter().map(|f| Cause::deep().gap(artifact_subject(&f.repository, &f.digest))));
        self.carry_tags(&carried, nodes);
        Ok(gaps)
    }

    fn is_known(&self, found: &Found) -> bool {
        self.reconcile == Reconcile::Hinted && self.previous.accessory(&found.repository, &found.subject, &found.digest).is_some()
    }

    /// Takes an accessory over from the snapshot before, and answers what was about it.
    fn carry(&self, found: &Found, nodes: &mut Nodes) -> Vec<Found> {
        let members = self.previous.accessory(&found.repository, &found.subject, &found.digest).unwrap_or_default();
        let seen = Seen {
            media_type: members.first().map(|m| m.descriptor.media_type.as_str().into()),
            labels: members.first().map(|m| m.labels.clone()).unwrap_or_default(),
            ..Seen::bare(found.repository.clone(), found.digest)
        };
        nodes.add(&seen, Role::Accessory { subject: found.subject, kind: found.kind.clone() });
        let deeper = self.previous.accessories_of(&found.repository, &found.digest);
        let kind = |digest: &Digest| {
            self.previous.accessory(&found.repository, &found.digest, digest).and_then(|members| match &members.first()?.role {
                Role::Accessory { kind, .. } => Some(kind.clone()),
                Role::Root | Role::Child => None,
            })
        };
        deeper
            .iter()
            .filter_map(|digest| {
                let (repository, subject, digest) = (found.repository.clone(), found.digest, *digest);
                kind(&digest).map(|kind| Found { repository, subject, digest, kind })
            })
            .collect()
    }

    /// Tags of carried ones last: what was seen in this run comes first, and a tag has one owner.
    fn carry_tags(&self, carried: &[(RepositoryName, Digest)], nodes: &mut Nodes) {
        for (repository, digest) in carried {
            let Some(Role::Accessory { subject, .. }) = nodes.get(repository, digest).map(|node| node.role.clone()) else { continue };
            for member in self.previous.accessory(repository, &subject, digest).unwrap_or_default() {
                if let Some(tag) = &member.tag {
                    nodes.claim(repository, tag, digest);
                }
            }
        }
    }

    async fn ask(&self, fresh: Vec<Found>, nodes: &mut Nodes, gaps: &mut Vec<Gap>) -> Result<Vec<Found>, BackupError> {
        let mut answers = stream::iter(fresh)
            .map(|found| async move {
                if let Err(stop) = self.throttle.check().await {
                    return (found, Err(BackupError::Stopped(stop)));
                }
                let answer = source::artifact(self.client, &found.repository, &Reference::Digest(found.digest)).await;
                (found, answer.map_err(BackupError::Registry))
            })
            .buffer_unordered(ASKED_AT_ONCE);
        let mut next = Vec::new();
        while let Some((found, answer)) = answers.next().await {
            let role = Role::Accessory { subject: found.subject, kind: found.kind.clone() };
            match answer {
                Ok(Some(seen)) => {
                    self.breaker.success();
                    next.extend(direct(&seen));
                    nodes.add(&seen, role);
                }
                // Gone since the listing, or lost: its manifest will tell.
                Ok(None) => nodes.add(&Seen::bare(found.repository, found.digest), role),
                Err(BackupError::Registry(error)) => {
                    let error = self.breaker.failure(error)?;
                    gaps.push(Cause::of(&error).gap(artifact_subject(&found.repository, &found.digest)));
                }
                Err(other) => return Err(other),
            }
        }
        Ok(next)
    }
}

fn direct(seen: &Seen) -> Vec<Found> {
    let found = |(digest, kind): &(Digest, String)| Found {
        repository: seen.repository.clone(),
        subject: seen.digest,
        digest: *digest,
        kind: kind.clone(),
    };
    seen.accessories.iter().map(found).collect()
}

//! The snapshot before: what need not be asked or fetched again.
//!
//! It is a help, never a truth: a part that cannot be read is left out, and costs requests only. It is not trusted at all while the
//! vault has a damaged object that was not stored anew, so that the next run finds and heals it (I-5), nor when no pointer keeps it any
//! more: then a sweep that condemned what it alone needed does not wait for this run's hold (I-10).

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use futures::{StreamExt, TryStreamExt, stream};
use vault::tree::{RepositoryDescriptor, RepositoryIndex, RepositoryMember, Role, SnapshotIndex};
use vault::{HarborName, Names, Pointer, Vault, VaultError};
use vocab::{Descriptor, Digest, ProjectName, RepositoryName, media};

use super::collect::Nodes;
use super::listing::Listed;

/// Repository indexes read at a time.
const INDEXES_AT_ONCE: usize = 8;

/// Most repositories of the snapshot before of which those that were not listed are read too.
const OTHERS_MAX: usize = 5_000;

/// One repository of the snapshot before.
pub(crate) struct Before {
    /// Its index.
    pub descriptor: RepositoryDescriptor,
    /// Its accessories by digest, with every tag each had.
    accessories: HashMap<Digest, Vec<RepositoryMember>>,
    /// Accessories by what they are about.
    by_subject: HashMap<Digest, Vec<Digest>>,
    /// What was there for itself or as an accessory, not as a part of something.
    standing: BTreeSet<Digest>,
    /// What was a part of an index.
    parts: Vec<Digest>,
}

/// The snapshot before, as far as it can be used.
#[derive(Default)]
pub(crate) struct Previous {
    repositories: BTreeMap<RepositoryName, RepositoryDescriptor>,
    /// Its pointer, where it is kept, and all of its index but the repositories.
    sealed: Option<(Pointer, SnapshotIndex)>,
    /// Whether it is kept and was found closed, and nothing in the vault is damaged: what it says is complete is.
    trusted: bool,
    /// Images with layers that the registry did not have: it is asked again.
    elsewhere: HashSet<Digest>,
    /// The project's settings.
    pub config: Option<Descriptor>,
    /// The Harbor's settings.
    pub harbor_config: Option<Descriptor>,
}

/// What the snapshot before says of some repositories.
#[derive(Default)]
pub(crate) struct Known {
    repositories: BTreeMap<RepositoryName, Before>,
    /// Images that were complete, by digest, whatever repository they were in.
    complete: HashMap<Digest, Arc<Descriptor>>,
    /// Which objects are stored for digests by another algorithm.
    names: Names,
}

impl Previous {
    pub(crate) async fn load(
        vault: &Vault,
        harbor: &HarborName,
        project: &ProjectName,
        digest: Option<Digest>,
    ) -> Result<Self, VaultError> {
        let Some(digest) = digest else { return Ok(Self::default()) };
        let mut index = match vault.snapshot(&digest).await {
            Ok(index) if index.harbor == *harbor && index.project == *project => index,
            Ok(_) => return Ok(Self::default()),
            Err(error) => return unusable(vault, error).await.map(|()| Self::default()),
        };
        // A snapshot of before the rule left layers out by their types: its images are read again, once.
        let pointer = vault.pointer_to(harbor, project, index.started, &digest).await?;
        let trusted = index.closed && pointer.is_some() && is_whole(vault).await?;
        let elsewhere = index.elsewhere.iter().map(|layer| layer.by).collect();
        let (config, harbor_config) = (index.config.clone(), index.harbor_config.clone());
        let repositories = std::mem::take(&mut index.repositories).into_iter().collect();
        Ok(Self { repositories, sealed: pointer.map(|pointer| (pointer, index)), trusted, elsewhere, config, harbor_config })
    }

    /// The snapshot before, if what was found now is what it holds: all but the times at which it was looked. What a repository index of it
    /// names was looked at in this run, since only one that is there can be found the same.
    pub(crate) fn holds_still(&self, found: &SnapshotIndex) -> Option<(&Pointer, &SnapshotIndex)> {
        let (pointer, sealed) = self.sealed.as_ref().filter(|_| self.trusted)?;
        let as_found = SnapshotIndex {
            started: found.started,
            finished: found.finished,
            listed: found.listed,
            repositories: Vec::new(),
            ..sealed.clone()
        };
        let rest = SnapshotIndex { repositories: Vec::new(), ..found.clone() };
        let same = found.repositories.len() == self.repositories.len()
            && found.repositories.iter().all(|(name, descriptor)| self.repositories.get(name) == Some(descriptor));
        (same && rest == as_found).then_some((pointer, sealed))
    }

    /// Reads what it says of the repositories that were listed. Of a project that is taken in one go also what it says of others: an image
    /// may have come from one that is gone.
    pub(crate) async fn known(&self, vault: &Vault, listed: &Listed) -> Result<Known, VaultError> {
        let all = listed.is_whole() && self.repositories.len() <= OTHERS_MAX;
        let wanted = self.repositories.iter().filter(|(name, _)| all || listed.repositories.contains_key(*name));
        let wanted: Vec<(RepositoryName, RepositoryDescriptor)> = wanted.map(|(name, descriptor)| (name.clone(), *descriptor)).collect();
        let mut known = Known::default();
        let mut reading = stream::iter(wanted)
            .map(|(name, descriptor)| async move {
                match vault.repository(&descriptor.digest).await {
                    Ok(index) => Ok(Some((name, descriptor, index))),
                    Err(error) => unusable(vault, error).await.map(|()| None),
                }
            })
            .buffer_unordered(INDEXES_AT_ONCE);
        while let Some(read) = reading.try_next().await? {
            if let Some((name, descriptor, index)) = read {
                known.add(name, descriptor, index, self);
            }
        }
        Ok(known)
    }
}

impl Known {
    fn add(&mut self, name: RepositoryName, descriptor: RepositoryDescriptor, index: RepositoryIndex, previous: &Previous) {
        // What has names by other algorithms is read again: the index has to say them again.
        let trusted = previous.trusted && index.names.is_empty();
        self.names.extend(index.names);
        let mut before =
            Before { descriptor, accessories: HashMap::new(), by_subject: HashMap::new(), standing: BTreeSet::new(), parts: Vec::new() };
        for member in index.members {
            // An index is cheap to read again, and its children must be looked at anyway.
            let known = trusted && !previous.elsewhere.contains(&member.descriptor.digest);
            if known && !media::is_index(&member.descriptor.media_type) {
                self.complete.entry(member.descriptor.digest).or_insert_with(|| Arc::new(member.descriptor.clone()));
            }
            if member.role == Role::Child {
                before.parts.push(member.descriptor.digest);
            } else {
                before.standing.insert(member.descriptor.digest);
            }
            if let Role::Accessory { subject, .. } = &member.role {
                let digest = member.descriptor.digest;
                let known = before.accessories.entry(digest).or_default();
                if known.is_empty() {
                    before.by_subject.entry(*subject).or_default().push(digest);
                }
                known.push(member);
            }
        }
        self.repositories.insert(name, before);
    }

    /// The indexes that could be read, and nothing else of it.
    pub(crate) fn into_descriptors(self) -> BTreeMap<RepositoryName, RepositoryDescriptor> {
        self.repositories.into_iter().map(|(name, before)| (name, before.descriptor)).collect()
    }

    /// Which objects are stored for digests by another algorithm, as far as the snapshot before can be relied on: they are looked up.
    pub(crate) const fn names(&self) -> &Names {
        &self.names
    }

    /// The manifest of an image of which everything was in the vault.
    pub(crate) fn complete(&self, digest: &Digest) -> Option<&Arc<Descriptor>> {
        self.complete.get(digest)
    }

    /// Whether it had this repository.
    pub(crate) fn has(&self, repository: &RepositoryName) -> bool {
        self.repositories.contains_key(repository)
    }

    /// Everything its repositories had.
    pub(crate) fn digests(&self) -> HashSet<&Digest> {
        self.repositories.values().flat_map(|before| before.standing.iter().chain(&before.parts)).collect()
    }

    /// What a repository had and nobody has seen now.
    pub(crate) fn unlisted(&self, repository: &RepositoryName, nodes: &Nodes) -> Vec<Digest> {
        let standing = self.repositories.get(repository).map(|before| before.standing.iter());
        standing.into_iter().flatten().filter(|digest| !nodes.contains(repository, digest)).copied().collect()
    }

    /// An accessory that this subject had, with each of its tags.
    pub(crate) fn accessory(&self, repository: &RepositoryName, subject: &Digest, digest: &Digest) -> Option<&[RepositoryMember]> {
        let members = self.repositories.get(repository)?.accessories.get(digest)?;
        let same = members.iter().all(|m| matches!(&m.role, Role::Accessory { subject: other, .. } if other == subject));
        same.then_some(members.as_slice())
    }

    /// The accessories something had.
    pub(crate) fn accessories_of(&self, repository: &RepositoryName, subject: &Digest) -> &[Digest] {
        self.repositories.get(repository).and_then(|before| before.by_subject.get(subject)).map_or(&[], Vec::as_slice)
    }
}

/// A part that is lost or damaged is done without, and set aside so that it can be stored anew. A vault that cannot be reached is not.
async fn unusable(vault: &Vault, error: VaultError) -> Result<(), VaultError> {
    match error {
        VaultError::Corrupt { digest, .. } => {
            tracing::warn!(%digest, "an index of the snapshot before is damaged; doing without");
            match vault.quarantine(&digest, "read as part of the snapshot before").await {
                Ok(_) | Err(VaultError::Intact { .. } | VaultError::Missing { .. }) => Ok(()),
                Err(other) => Err(other),
            }
        }
        VaultError::Missing { .. } | VaultError::Tree { .. } | VaultError::TooLarge { .. } => {
            tracing::warn!(code = error.code(), "a part of the snapshot before cannot be used; doing without");
            Ok(())
        }
        other => Err(other),
    }
}

/// Whether every object that was ever quarantined is there again.
pub(crate) async fn is_whole(vault: &Vault) -> Result<bool, VaultError> {
    let listing = vault.quarantined();
    futures::pin_mut!(listing);
    while let Some(damaged) = listing.try_next().await? {
        if vault.size_of(&damaged.digest).await?.is_none() {
            return Ok(false);
        }
    }
    Ok(true)
}

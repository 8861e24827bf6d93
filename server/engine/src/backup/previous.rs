//! The snapshot before: what need not be asked or fetched again.
//!
//! It is a help, never a truth: a part that cannot be read is left out, and costs requests only. It is not trusted at all while the
//! vault has a damaged object that was not stored anew, so that the next run finds and heals it (I-5), nor when no pointer keeps it any
//! more: then a sweep that condemned what it alone needed does not wait for this run's hold (I-10).

use std::collections::{BTreeMap, HashMap};

use futures::{StreamExt, TryStreamExt, stream};
use vault::tree::{RepositoryIndex, RepositoryMember, Role, SnapshotIndex};
use vault::{HarborName, Vault, VaultError};
use vocab::{Descriptor, Digest, ProjectName, RepositoryName, media};

/// Repository indexes read at a time.
const INDEXES_AT_ONCE: usize = 8;

/// One repository of the snapshot before.
pub(crate) struct Before {
    /// Its index.
    pub descriptor: Descriptor,
    /// Its accessories by digest, with every tag each had.
    accessories: HashMap<Digest, Vec<RepositoryMember>>,
    /// Accessories by what they are about.
    by_subject: HashMap<Digest, Vec<Digest>>,
}

/// The snapshot before, as far as it can be used.
#[derive(Default)]
pub(crate) struct Previous {
    repositories: BTreeMap<RepositoryName, Before>,
    /// Images that were complete, by digest, whatever repository they were in.
    complete: HashMap<Digest, Descriptor>,
    /// The project's settings.
    pub config: Option<Descriptor>,
    /// The Harbor's settings.
    pub harbor_config: Option<Descriptor>,
}

impl Previous {
    pub(crate) async fn load(
        vault: &Vault,
        harbor: &HarborName,
        project: &ProjectName,
        digest: Option<Digest>,
    ) -> Result<Self, VaultError> {
        let Some(digest) = digest else { return Ok(Self::default()) };
        let index = match vault.snapshot(&digest).await {
            Ok(index) if index.harbor == *harbor && index.project == *project => index,
            Ok(_) => return Ok(Self::default()),
            Err(error) => return unusable(vault, error).await.map(|()| Self::default()),
        };
        let trusted = vault.keeps(harbor, project, index.started, &digest).await? && is_whole(vault).await?;
        let mut previous = Self { config: index.config.clone(), harbor_config: index.harbor_config.clone(), ..Self::default() };
        for (name, descriptor, repository) in read(vault, index).await? {
            previous.add(name, descriptor, repository, trusted);
        }
        Ok(previous)
    }

    /// The snapshot before, if it is complete and all its indexes are there: then it may be sealed again. As in a run that lists, what they
    /// name is taken to be there too, unless the vault has a damaged object.
    pub(crate) async fn whole(
        vault: &Vault,
        harbor: &HarborName,
        project: &ProjectName,
        digest: &Digest,
    ) -> Result<Option<SnapshotIndex>, VaultError> {
        let index = match vault.snapshot(digest).await {
            Ok(index) if index.harbor == *harbor && index.project == *project && index.is_complete() => index,
            Ok(_) => return Ok(None),
            Err(error) => return unusable(vault, error).await.map(|()| None),
        };
        if !vault.keeps(harbor, project, index.started, digest).await? || !is_whole(vault).await? {
            return Ok(None);
        }
        let parts = index.repositories.iter().map(|(_, descriptor)| descriptor).chain(&index.config).chain(&index.harbor_config);
        let digests: Vec<Digest> = parts.map(|descriptor| descriptor.digest).collect();
        let mut sizes = stream::iter(digests).map(|digest| async move { vault.size_of(&digest).await }).buffer_unordered(INDEXES_AT_ONCE);
        while let Some(size) = sizes.try_next().await? {
            if size.is_none() {
                return Ok(None);
            }
        }
        drop(sizes);
        Ok(Some(index))
    }

    fn add(&mut self, name: RepositoryName, descriptor: Descriptor, index: RepositoryIndex, trusted: bool) {
        let mut before = Before { descriptor, accessories: HashMap::new(), by_subject: HashMap::new() };
        for member in index.members {
            // An index is cheap to read again, and its children must be looked at anyway.
            if trusted && !media::is_index(&member.descriptor.media_type) {
                self.complete.insert(member.descriptor.digest, member.descriptor.clone());
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

    /// The index of a repository.
    pub(crate) fn repository(&self, name: &RepositoryName) -> Option<&Descriptor> {
        self.repositories.get(name).map(|before| &before.descriptor)
    }

    /// The manifest of an image of which everything was in the vault.
    pub(crate) fn complete(&self, digest: &Digest) -> Option<&Descriptor> {
        self.complete.get(digest)
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

async fn read(vault: &Vault, index: SnapshotIndex) -> Result<Vec<(RepositoryName, Descriptor, RepositoryIndex)>, VaultError> {
    let read = stream::iter(index.repositories).map(|(name, descriptor)| async move {
        match vault.repository(&descriptor.digest).await {
            Ok(repository) => Ok(Some((name, descriptor, repository))),
            Err(error) => unusable(vault, error).await.map(|()| None),
        }
    });
    read.buffer_unordered(INDEXES_AT_ONCE).try_filter_map(|found| std::future::ready(Ok(found))).try_collect().await
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
async fn is_whole(vault: &Vault) -> Result<bool, VaultError> {
    let listing = vault.quarantined();
    futures::pin_mut!(listing);
    while let Some(damaged) = listing.try_next().await? {
        if vault.size_of(&damaged.digest).await?.is_none() {
            return Ok(false);
        }
    }
    Ok(true)
}

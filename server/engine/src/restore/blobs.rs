//! One blob into one repository: there already, mounted, or sent. In this order, and never twice in one run.

use std::collections::BTreeSet;

use registry::{Mount, RegistryError};
use vault::VaultError;
use vocab::{AnyDigest, Digest, RepositoryName};

use super::state::{As, State, Trouble, add};
use crate::control::Event;
use crate::planned::Deviation;

/// Repositories of the target project tried as mount sources.
const SOURCES_MAX: usize = 3;
/// From this size on it pays to ask the target project who has a blob; a smaller one is sent faster than asked for.
const ASK_FROM_BYTES: u64 = 64 * 1024;

/// Whether what this run learnt before may be relied on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trust {
    /// What was put there by this run is there.
    Known,
    /// Harbor says it is not: look again (its garbage collection may have run).
    Nothing,
}

impl State<'_> {
    /// Makes sure the repository has the blob. Answers the bytes sent.
    pub(crate) async fn blob(
        &self,
        target: &RepositoryName,
        source: &RepositoryName,
        digest: &Digest,
        trust: Trust,
    ) -> Result<u64, Trouble> {
        let turn = self.turn(target, digest, As::Blob);
        let mut there = turn.lock().await;
        if *there && trust == Trust::Known {
            return Ok(0);
        }
        // Where a source is known, mounting answers in one request what HEAD and mount would in two; a blob that is there already is
        // mounted again without harm.
        if self.mount_from_known(target, source, digest).await? {
            *there = true;
            return Ok(0);
        }
        // HEAD also protects the blob from garbage collection while the manifest is on its way (harbor.md §4).
        let head = self.cx.client.blob_head(target, digest).await?;
        let size_bytes = self.cx.vault.size_of(digest).await?.ok_or(VaultError::Missing { digest: *digest });
        if let Some(head) = head {
            if let Ok(size_bytes) = size_bytes {
                self.witness.heard(target, digest, (head.size_bytes, size_bytes));
            }
            *there = true;
            self.set_home(digest, target);
            return Ok(0);
        }
        let size_bytes = size_bytes?;
        if size_bytes >= ASK_FROM_BYTES && self.mount_from_asked(target, digest).await? {
            *there = true;
            return Ok(0);
        }
        let sent = self.send(target, digest, size_bytes).await?;
        *there = true;
        self.set_home(digest, target);
        Ok(sent)
    }

    async fn mount_from_known(&self, target: &RepositoryName, source: &RepositoryName, digest: &Digest) -> Result<bool, Trouble> {
        let mut sources: Vec<RepositoryName> = self.home(digest).into_iter().collect();
        if self.same_harbor() && !sources.contains(source) {
            sources.push(source.clone());
        }
        for from in &sources {
            if from != target && !self.is_useless(from) && self.mount_from(target, from, digest).await? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Somebody else's repository of the target project may have it: a filter since Harbor 2.3, and no help is no error.
    async fn mount_from_asked(&self, target: &RepositoryName, digest: &Digest) -> Result<bool, Trouble> {
        let known = match self.cx.client.repositories_with_blob(&target.project(), digest).await {
            Ok(known) => known,
            Err(error) => {
                tracing::debug!(code = error.code(), "mount sources could not be looked up");
                return Ok(false);
            }
        };
        for from in known.into_iter().map(|repository| repository.name).filter(|name| name != target).take(SOURCES_MAX) {
            if !self.is_useless(&from) && self.mount_from(target, &from, digest).await? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    async fn mount_from(&self, target: &RepositoryName, from: &RepositoryName, digest: &Digest) -> Result<bool, Trouble> {
        self.may_write(&format!("mount blob {} from {from} into {target}", digest.short())).await?;
        match self.cx.client.blob_mount(target, digest, from).await {
            Ok(Mount::Done) => {
                add(&self.blobs_mounted, 1);
                self.set_home(digest, target);
                Ok(true)
            }
            Ok(Mount::NeedsUpload) => Ok(false),
            // The source project is gone, or this login may not read it: no other blob comes from there either.
            Err(RegistryError::NotFound { .. } | RegistryError::Forbidden { .. } | RegistryError::NotLoggedIn { .. }) => {
                self.set_useless(from);
                Ok(false)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Sends what the target lacks although it accepted what demands it: its storage lost it, and a cache of sizes does not know. Answers the
    /// bytes sent; zero: sending would not mend it.
    pub(crate) async fn send_again(&self, target: &RepositoryName, deviations: &[Deviation]) -> Result<u64, Trouble> {
        let mut lost = BTreeSet::new();
        for deviation in deviations {
            let Deviation::Blob { blob, .. } = deviation else { return Ok(0) };
            let Some(digest) = blob.sha256() else { return Ok(0) };
            lost.insert(digest);
        }
        let mut sent = 0;
        for digest in lost {
            let Some(size_bytes) = self.cx.vault.size_of(&digest).await? else { return Ok(sent) };
            let turn = self.turn(target, &digest, As::Blob);
            let mut there = turn.lock().await;
            sent += self.send(target, &digest, size_bytes).await?;
            *there = true;
        }
        Ok(sent)
    }

    async fn send(&self, target: &RepositoryName, digest: &Digest, size_bytes: u64) -> Result<u64, Trouble> {
        self.send_object(target, &AnyDigest::Sha256(*digest), digest, size_bytes).await
    }

    /// Sends an object under a name by another algorithm. Answers the bytes sent.
    pub(crate) async fn send_as(&self, target: &RepositoryName, name: &AnyDigest, object: &Digest) -> Result<u64, Trouble> {
        let size_bytes = self.cx.vault.size_of(object).await?.ok_or(VaultError::Missing { digest: *object })?;
        self.send_object(target, name, object, size_bytes).await
    }

    async fn send_object(&self, target: &RepositoryName, name: &AnyDigest, object: &Digest, size_bytes: u64) -> Result<u64, Trouble> {
        self.may_write(&format!("send blob {} to {target}", name.short())).await?;
        let (vault, wanted) = (self.cx.vault.clone(), *object);
        match self.cx.client.blob_put_as(target, name, size_bytes, move || vault.get(&wanted)).await {
            Ok(()) => {
                add(&self.blobs_sent, 1);
                add(&self.bytes_sent, size_bytes);
                self.cx.progress.event(Event::Bytes(size_bytes));
                Ok(size_bytes)
            }
            Err(RegistryError::Source { source }) => Err(match source.downcast::<VaultError>() {
                Ok(error) => Trouble::from(*error),
                Err(source) => Trouble::from(RegistryError::Source { source }),
            }),
            Err(error) => Err(error.into()),
        }
    }
}

//! One manifest with everything it needs: blobs, children, the manifest itself, and the look whether it is really there.

use std::collections::HashSet;

use futures::future::BoxFuture;
use futures::{FutureExt, StreamExt, TryStreamExt, stream};
use registry::{Reference, RegistryError};
use vocab::{Digest, RepositoryName};

use super::MISSING_BLOB_ROUNDS_MAX;
use super::blobs::Trust;
use super::origin::Ready;
use super::state::{State, Trouble, add};
use crate::backup::DEPTH_MAX;

/// Blobs of one manifest at a time; the client bounds transfers over all.
const BLOBS_AT_ONCE: usize = 4;

/// How the manifest gets its name.
#[derive(Debug, Clone)]
pub(crate) enum PutBy {
    Digest,
    /// Cosign's old signatures are linked to their subject only when they are put by their tag (harbor.md §5).
    Tag(vocab::Tag),
}

/// A manifest wanted in a repository.
#[derive(Debug, Clone)]
pub(crate) struct Goal {
    pub target: RepositoryName,
    pub source: RepositoryName,
    pub digest: Digest,
    pub media_type: String,
    pub put_by: PutBy,
}

impl Goal {
    fn child(&self, digest: Digest, media_type: String) -> Self {
        Self { digest, media_type, put_by: PutBy::Digest, ..self.clone() }
    }
}

impl State<'_> {
    /// Makes sure the target has the manifest and all it needs, and reads it back. Answers the bytes sent.
    pub(crate) fn image<'b>(&'b self, goal: Goal, depth: usize) -> BoxFuture<'b, Result<u64, Trouble>> {
        async move {
            if depth >= DEPTH_MAX {
                return Err(Trouble::Refused { code: "too_deep", detail: format!("{} is nested too deep", goal.digest.short()) });
            }
            let turn = self.turn(&goal.target, &goal.digest);
            let mut there = turn.lock().await;
            if *there {
                return Ok(0);
            }
            let ready = self.manifest(&goal.source, &goal.digest, &goal.media_type).await?;
            let sent = self.write(&goal, &ready, depth).await?;
            self.read_back(&goal).await?;
            *there = true;
            Ok(sent)
        }
        .boxed()
    }

    async fn write(&self, goal: &Goal, ready: &Ready, depth: usize) -> Result<u64, Trouble> {
        let mut sent = 0;
        for (child, claim) in ready.children() {
            sent += self.image(goal.child(child, claim), depth + 1).await?;
        }
        // In the place it came from Harbor most likely has the blobs still: ask by putting the manifest.
        let hopeful = self.same_harbor() && goal.source == goal.target;
        if !hopeful {
            let blobs = ready.manifest.blob_digests().collect();
            sent += self.blobs(goal, blobs, Trust::Known).await?;
        }
        let mut trust = Trust::Known;
        for round in 0..=MISSING_BLOB_ROUNDS_MAX {
            match self.put(goal, ready).await {
                Ok(()) => return Ok(sent),
                Err(Trouble::Registry(RegistryError::MissingBlobs { digests })) if round < MISSING_BLOB_ROUNDS_MAX => {
                    sent += self.supply(goal, ready, &digests, trust, depth).await?;
                    // Whatever this run believed to be there, Harbor has said otherwise.
                    trust = Trust::Nothing;
                }
                Err(error) => return Err(error),
            }
        }
        let detail = format!("Harbor lost blobs of {} again and again while they were sent", goal.digest.short());
        Err(Trouble::Refused { code: "missing_blobs", detail })
    }

    /// Brings what Harbor says is missing; everything, if it does not say what.
    async fn supply(&self, goal: &Goal, ready: &Ready, named: &[Digest], trust: Trust, depth: usize) -> Result<u64, Trouble> {
        let named: HashSet<Digest> = named.iter().copied().collect();
        let wanted = |digest: &Digest| named.is_empty() || named.contains(digest);
        let mut sent = 0;
        for (child, claim) in ready.children().filter(|(child, _)| wanted(child)) {
            let turn = self.turn(&goal.target, &child);
            *turn.lock().await = false;
            sent += self.image(goal.child(child, claim), depth + 1).await?;
        }
        let blobs = ready.manifest.blob_digests().filter(wanted).collect();
        sent += self.blobs(goal, blobs, trust).await?;
        Ok(sent)
    }

    async fn blobs(&self, goal: &Goal, blobs: Vec<Digest>, trust: Trust) -> Result<u64, Trouble> {
        let each = stream::iter(blobs).map(|digest| async move { self.blob(&goal.target, &goal.source, &digest, trust).await });
        each.buffer_unordered(BLOBS_AT_ONCE).try_fold(0, |sum, sent| std::future::ready(Ok(sum + sent))).await
    }

    async fn put(&self, goal: &Goal, ready: &Ready) -> Result<(), Trouble> {
        let reference = match &goal.put_by {
            PutBy::Digest => Reference::Digest(ready.digest),
            PutBy::Tag(tag) => Reference::Tag(tag.clone()),
        };
        self.put_as(&goal.target, &reference, ready).await
    }

    /// Writes a manifest.
    pub(crate) async fn put_as(&self, repository: &RepositoryName, reference: &Reference, ready: &Ready) -> Result<(), Trouble> {
        self.may_write(&format!("write {repository} {reference}")).await?;
        self.cx.client.manifest_put(repository, reference, &ready.media_type, ready.bytes.clone()).await?;
        add(&self.manifests_put, 1);
        Ok(())
    }

    /// Reads the manifest back by digest; the client hashes what comes. HEAD would not do: it may be answered from a cache.
    async fn read_back(&self, goal: &Goal) -> Result<(), Trouble> {
        let differs = |detail: String| Trouble::Refused { code: "read_back_differs", detail };
        let short = goal.digest.short();
        match self.cx.client.manifest_get(&goal.target, &goal.digest).await {
            Ok(_) => Ok(()),
            Err(RegistryError::WrongDigest { actual, .. }) => Err(differs(format!("Harbor gives {} back for {short}", actual.short()))),
            Err(RegistryError::NotFound { .. }) => Err(differs(format!("Harbor took {short} and does not have it now"))),
            // A policy keeps it from being pulled by anybody, scanned or signed as it is not yet; Harbor's own list has to do.
            Err(RegistryError::BlockedByPolicy { .. }) => {
                match self.cx.client.artifact(&goal.target, &Reference::Digest(goal.digest)).await? {
                    Some(_) => Ok(()),
                    None => Err(differs(format!("Harbor took {short} and does not list it"))),
                }
            }
            Err(error) => Err(error.into()),
        }
    }
}

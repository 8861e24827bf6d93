//! One manifest with everything it needs: blobs, children, the manifest itself, and the look whether it is really there.

use std::collections::HashSet;
use std::sync::atomic::Ordering;

use futures::future::BoxFuture;
use futures::{FutureExt, StreamExt, TryStreamExt, stream};
use registry::{Reference, RegistryError};
use vocab::{Demand, Digest, Named, RepositoryName};

use super::blobs::Trust;
use super::origin::Ready;
use super::state::{As, State, Trouble, add};
use super::{Fault, MISSING_BLOB_ROUNDS_MAX};
use crate::backup::DEPTH_MAX;
use crate::planned::Deviation;

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
    /// A child, whose own bytes say what type it is: what an index says of it is the index's claim.
    fn child(&self, digest: Digest, claim: &str) -> Self {
        Self { digest, media_type: claim.to_owned(), put_by: PutBy::Digest, ..self.clone() }
    }
}

impl State<'_> {
    /// Makes sure the target has the manifest and all it needs, and reads it back. Answers the bytes sent.
    pub(crate) fn image<'b>(&'b self, goal: Goal, depth: usize) -> BoxFuture<'b, Result<u64, Trouble>> {
        async move {
            if depth >= DEPTH_MAX {
                return Err(Fault::TooDeep { object: goal.digest }.into());
            }
            let turn = self.turn(&goal.target, &goal.digest, As::Manifest);
            let mut there = turn.lock().await;
            // What was put by its digest is not linked yet where a tag is what links it.
            if *there && matches!(goal.put_by, PutBy::Digest) {
                return Ok(0);
            }
            let ready = self.manifest(&goal.source, &goal.digest, &goal.media_type).await?;
            let sent = self.parts(&goal, &ready, depth).await? + self.put_whole(&goal, &ready, depth).await?;
            self.read_back(&goal).await?;
            *there = true;
            Ok(sent)
        }
        .boxed()
    }

    /// Puts the manifest of an image of which [`State::parts`] are there. Read it back afterwards. Answers the bytes sent.
    pub(crate) async fn put_root(&self, goal: &Goal, ready: &Ready) -> Result<u64, Trouble> {
        let turn = self.turn(&goal.target, &goal.digest, As::Manifest);
        let mut there = turn.lock().await;
        if *there {
            return Ok(0);
        }
        let sent = self.put_whole(goal, ready, 0).await?;
        *there = true;
        Ok(sent)
    }

    /// What a manifest needs before it is put: its children, and its blobs unless there is hope that Harbor still has them. Answers the bytes sent.
    pub(crate) async fn parts(&self, goal: &Goal, ready: &Ready, depth: usize) -> Result<u64, Trouble> {
        let mut sent = 0;
        for child in &ready.manifest.children {
            if let Some(digest) = self.wanted(child).await? {
                sent += self.image(goal.child(digest, child.stated_type()), depth + 1).await?;
            }
        }
        // In the place it came from Harbor most likely has the blobs still: ask by putting the manifest. Those that it takes a manifest
        // without are looked for: an accepted one proves nothing about them.
        let hopeful = self.same_harbor() && goal.source == goal.target && !self.lost_blobs.load(Ordering::Relaxed);
        let mut blobs = Vec::new();
        for blob in ready.manifest.blobs.iter().filter(|blob| !hopeful || blob.demand != Demand::Registry) {
            blobs.extend(self.wanted(blob).await?);
        }
        if !hopeful {
            sent += self.others(goal, ready).await?;
        }
        Ok(sent + self.blobs(goal, blobs, Trust::Known).await?)
    }

    /// What has to be there: what the registry demands, and of the rest what the vault has. No restore brings what nobody could read.
    async fn wanted(&self, named: &Named) -> Result<Option<Digest>, Trouble> {
        let Some(digest) = named.sha256() else { return Ok(None) };
        let brought = named.demand == Demand::Registry || self.cx.vault.size_of(&digest).await?.is_some();
        Ok(brought.then_some(digest))
    }

    async fn put_whole(&self, goal: &Goal, ready: &Ready, depth: usize) -> Result<u64, Trouble> {
        let mut sent = 0;
        let mut trust = Trust::Known;
        for round in 0..=MISSING_BLOB_ROUNDS_MAX {
            let trouble = match self.put(goal, ready).await {
                Ok(()) => return Ok(sent),
                Err(trouble) => trouble,
            };
            match trouble.of_registry() {
                Some(RegistryError::MissingBlobs { digests }) if round < MISSING_BLOB_ROUNDS_MAX => {
                    // Its garbage was collected: the blobs of what comes next are sent before their turn.
                    self.lost_blobs.store(true, Ordering::Relaxed);
                    sent += self.supply(goal, ready, digests, trust, depth).await?;
                    // Whatever this run believed to be there, Harbor has said otherwise.
                    trust = Trust::Nothing;
                }
                _ => return Err(trouble),
            }
        }
        Err(Fault::LosesBlobs { object: goal.digest }.into())
    }

    /// Brings what Harbor says is missing; everything, if it does not say what.
    async fn supply(&self, goal: &Goal, ready: &Ready, named: &[Digest], trust: Trust, depth: usize) -> Result<u64, Trouble> {
        let named: HashSet<Digest> = named.iter().copied().collect();
        let wanted = |digest: &Digest| named.is_empty() || named.contains(digest);
        let mut sent = 0;
        for child in &ready.manifest.children {
            let Some(digest) = self.wanted(child).await?.filter(wanted) else { continue };
            let turn = self.turn(&goal.target, &digest, As::Manifest);
            *turn.lock().await = false;
            sent += self.image(goal.child(digest, child.stated_type()), depth + 1).await?;
        }
        let mut blobs = Vec::new();
        for blob in &ready.manifest.blobs {
            blobs.extend(self.wanted(blob).await?.filter(wanted));
        }
        sent += self.blobs(goal, blobs, trust).await?;
        // The registry does not say of these that they are missing, in words that are read here.
        sent += self.others(goal, ready).await?;
        Ok(sent)
    }

    /// Sends what the manifest names by other algorithms, under those names: a registry finds it under no other, and says of none that it is there.
    async fn others(&self, goal: &Goal, ready: &Ready) -> Result<u64, Trouble> {
        let mut sent = 0;
        for (name, object) in &ready.others {
            sent += self.send_as(&goal.target, &name.clone().into(), object).await?;
        }
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
        self.witness.put(repository, reference, &ready.media_type, ready.bytes.clone()).await?;
        add(&self.manifests_put, 1);
        Ok(())
    }

    /// Reads the manifest back by digest. One that Harbor took and does not give back was lost by its storage, and a registry that remembers it writes
    /// none anew (seen on 2.15.2); as a blob its bytes are taken, and it is there again.
    pub(crate) async fn read_back(&self, goal: &Goal) -> Result<(), Trouble> {
        let Some(deviation) = self.witness.read_back(&goal.target, &goal.digest).await? else { return Ok(()) };
        let lost = matches!(deviation, Deviation::Manifest(_)) && self.cx.vault.size_of(&goal.digest).await?.is_some();
        let deviation = if lost {
            self.send_as(&goal.target, &goal.digest.into(), &goal.digest).await?;
            self.witness.read_back(&goal.target, &goal.digest).await?
        } else {
            Some(deviation)
        };
        match deviation {
            None => Ok(()),
            Some(deviation) => Err(Fault::NotAsPlanned { deviations: vec![deviation] }.into()),
        }
    }
}

//! *As planned*: whether the target holds what a line of an effect plan says, by the target's own answers and nothing else.
//!
//! A line is as planned when the target gave its manifest back by digest, and every manifest below it; has every blob of them; names it by
//! the line's tag; and, of an accessory, links it to its subject. A manifest that the target accepted shows that Harbor knows the blobs it demands
//! of it, not that its storage gives them out: bytes of so many are asked for, and of all of an image of which something was lost. Those that it takes without asking for (layers of a non-distributable type with addresses of their own) are asked for, those named by
//! another algorithm, which its garbage collection does not see as used, and all of them where nothing was put. Whoever wrote knows nothing that counts here.
//!
//! Only [`Witness::as_planned`] makes a [`Proof`], and without a proof nothing is reported as done.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::Arc;

use futures::{TryStreamExt, pin_mut};
use registry::{Reference, RegistryError};
use serde::Serialize;
use vocab::{Digest, RepositoryName, Tag};

use crate::effect::{BY_NAME, Effect, EffectItem};
pub use crate::served::Deviation;
use crate::served::{Acceptance, Witness};
use crate::source;

/// A page of a listing takes Harbor as long as so many questions for one tag.
const QUESTIONS_OF_PAGE: u64 = 25;
/// Rows of a page.
const PAGE_ROWS: u64 = 100;

/// The target's own word that one line is there as planned. Nothing but [`Witness::as_planned`] makes one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Proof {
    /// Manifests it gave back by digest.
    manifests: u64,
    /// Blobs whose bytes it was asked for.
    blobs_asked: u64,
    /// Whether it named the tag.
    tag: bool,
    /// Whether it showed the accessory under its subject.
    linked: bool,
}

impl Proof {
    /// Manifests the target gave back by digest.
    #[must_use]
    pub const fn manifests(&self) -> u64 {
        self.manifests
    }

    /// Blobs it was asked for.
    #[must_use]
    pub const fn blobs_asked(&self) -> u64 {
        self.blobs_asked
    }

    /// Whether it named the tag.
    #[must_use]
    pub const fn has_tag(&self) -> bool {
        self.tag
    }

    /// Whether it showed the accessory under its subject.
    #[must_use]
    pub const fn is_linked(&self) -> bool {
        self.linked
    }
}

impl fmt::Display for Proof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plural = if self.manifests == 1 { "manifest" } else { "manifests" };
        write!(f, "read back: {} {plural}", self.manifests)?;
        if self.blobs_asked > 0 {
            write!(f, ", {} blobs looked up", self.blobs_asked)?;
        }
        if self.tag {
            f.write_str(", the tag")?;
        }
        if self.linked {
            f.write_str(", linked to its subject")?;
        }
        Ok(())
    }
}

/// What the target says of one line.
#[derive(Debug)]
pub enum Verdict {
    /// It is there as planned.
    AsPlanned(Proof),
    /// It is not: every way in which it is not.
    Deviates(Vec<Deviation>),
}

impl Verdict {
    /// The same where every blob that it lacks was sent just now, and taken: something is there that keeps it out.
    pub(crate) fn after_sending(self) -> Self {
        let Self::Deviates(deviations) = self else { return self };
        let kept_out = |deviation| match deviation {
            Deviation::Blob { blob, manifest } => match blob.sha256() {
                Some(blob) => Deviation::Spoilt { blob },
                None => Deviation::Blob { blob, manifest },
            },
            other => other,
        };
        Self::Deviates(deviations.into_iter().map(kept_out).collect())
    }
}

/// What one look at a repository showed, for many lines at once. What it does not show is asked for by name.
pub(crate) struct Shown<'a> {
    repository: &'a RepositoryName,
    tags: HashMap<Tag, Digest>,
    /// Accessories by their subject.
    links: tokio::sync::Mutex<HashMap<Digest, Arc<HashSet<Digest>>>>,
}

impl<'a> Shown<'a> {
    /// Nothing was looked at: each line asks for itself.
    pub(crate) fn nothing(repository: &'a RepositoryName) -> Self {
        Self { repository, tags: HashMap::new(), links: tokio::sync::Mutex::default() }
    }
}

impl Witness<'_> {
    /// Looks at a repository once for `lines` of it: lists it where that costs less than asking for each.
    pub(crate) async fn look<'b>(&self, repository: &'b RepositoryName, lines: usize) -> Result<Shown<'b>, RegistryError> {
        let mut shown = Shown::nothing(repository);
        if (lines as u64) <= QUESTIONS_OF_PAGE {
            return Ok(shown);
        }
        let Some(found) = self.client.repository(repository).await? else { return Ok(shown) };
        if (found.artifact_count / PAGE_ROWS + 1) * QUESTIONS_OF_PAGE > lines as u64 {
            return Ok(shown);
        }
        let mut links = HashMap::new();
        let artifacts = self.client.repository_artifacts(repository);
        pin_mut!(artifacts);
        while let Some(artifact) = artifacts.try_next().await? {
            let seen = source::Seen::from(artifact);
            shown.tags.extend(seen.tags.into_iter().map(|tag| (tag, seen.digest)));
            links.insert(seen.digest, Arc::new(seen.accessories.into_iter().map(|(digest, _)| digest).collect::<HashSet<_>>()));
        }
        shown.links = tokio::sync::Mutex::new(links);
        Ok(shown)
    }

    /// Whether the target holds what `item` says.
    pub(crate) async fn as_planned(&self, item: &EffectItem, shown: &Shown<'_>) -> Result<Verdict, RegistryError> {
        let acceptance = if item.effect == Effect::Mend { Acceptance::IsNothing } else { Acceptance::Counts };
        let (looked, mut deviations) = self.content(&item.repository, &item.then, acceptance).await?;
        let mut proof = Proof { manifests: looked.manifests, blobs_asked: looked.blobs_asked, tag: false, linked: false };
        if let Some(tag) = &item.tag {
            let found = match shown.tags.get(tag) {
                Some(found) if *found == item.then => Some(*found),
                _ => self.tag(&item.repository, tag).await?,
            };
            proof.tag = found == Some(item.then);
            if !proof.tag {
                deviations.push(Deviation::Tag { tag: tag.clone(), found });
            }
        }
        if let Some(accessory) = item.accessory.as_ref().filter(|accessory| accessory.kind != BY_NAME) {
            proof.linked = self.is_linked(shown, &accessory.subject, &item.then).await?;
            if !proof.linked {
                deviations.push(Deviation::Link { subject: accessory.subject });
            }
        }
        Ok(if deviations.is_empty() { Verdict::AsPlanned(proof) } else { Verdict::Deviates(deviations) })
    }

    /// Whether the target shows an accessory under its subject.
    pub(crate) async fn links(&self, repository: &RepositoryName, subject: &Digest, digest: &Digest) -> Result<bool, RegistryError> {
        self.is_linked(&Shown::nothing(repository), subject, digest).await
    }

    async fn is_linked(&self, shown: &Shown<'_>, subject: &Digest, digest: &Digest) -> Result<bool, RegistryError> {
        // Under the lock, so that side by side nobody asks for the same subject twice.
        let mut links = shown.links.lock().await;
        if links.get(subject).is_some_and(|known| known.contains(digest)) {
            return Ok(true);
        }
        let reference = Reference::Digest(*subject);
        if let Some(found) = source::artifact(self.client, shown.repository, &reference).await? {
            let known: HashSet<Digest> = found.accessories.into_iter().map(|(digest, _)| digest).collect();
            let linked = known.contains(digest);
            links.insert(*subject, Arc::new(known));
            return Ok(linked);
        }
        drop(links);
        // Its subject is not here, as it was not in the snapshot: Harbor tells by the subject's digest alone.
        source::is_referrer(self.client, shown.repository, subject, digest).await
    }
}
